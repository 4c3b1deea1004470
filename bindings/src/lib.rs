//! Tarishi for Kotlin and Swift.
//!
//! The only crate that knows uniffi. The core's own types cross the boundary as they are: `values.rs` and `status.rs` mirror
//! them, and a mirror that no longer fits does not compile. [`Client`] runs everything on a runtime of its own, so it can be
//! called from any thread and a panic inside reaches the app as [`ClientError::Bug`]. What the app implements, a token source,
//! an event listener and if it likes the HTTP, is in `foreign.rs`.

mod client;
mod error;
mod events;
mod foreign;
mod options;
mod status;
mod stop;
mod values;

pub use client::{Client, EnqueueResult, Recovery};
pub use error::ClientError;
pub use events::Subscription;
pub use foreign::{EventListener, HttpHeader, HttpRequest, HttpResponse, TokenSource, Transport};
pub use options::ClientOptions;
pub use stop::Stop;

uniffi::setup_scaffolding!();
