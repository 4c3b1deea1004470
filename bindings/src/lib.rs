//! Tarishi for Kotlin and Swift.
//!
//! The only crate that knows uniffi. The core's own types cross the boundary as they are: `values.rs` and `status.rs` mirror
//! them, and a mirror that no longer fits does not compile. [`Client`] runs everything on a runtime of the library's own, so it
//! can be called from any thread and a panic inside reaches the app as [`ClientError::Bug`]. What the app implements, a token
//! source, an event listener, a network monitor, a key store and if it likes the HTTP, is in `foreign.rs`; its log in `log.rs`.

mod client;
mod error;
mod events;
mod foreign;
mod log;
mod network;
mod options;
mod outcome;
mod runtime;
mod status;
mod stop;
mod testkit;
#[cfg(not(feature = "testkit"))]
mod testkit_absent;
mod values;

pub use client::{Client, EnqueueResult, Recovery};
pub use error::ClientError;
pub use events::Subscription;
pub use foreign::{EventListener, HttpHeader, HttpRequest, HttpResponse, HttpTransport, KeyStore, NetworkMonitor, TokenSource};
pub use log::{LogLevel, LogRecord, Logger, set_logger};
pub use network::NetworkSink;
pub use options::{ClientOptions, TlsOptions};
pub use outcome::{FileEntry, GradeEntry, MessageStatus, Money, Outcome, SkippedGrade, read_outcome};
pub use stop::Stop;
pub use testkit::{ScriptedServer, TestClock};

uniffi::setup_scaffolding!();
