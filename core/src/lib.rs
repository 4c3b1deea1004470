//! The device side of Tarishi: a durable outbox and its sync.
//!
//! An app calls [`Client::enqueue`]; the operation is on disk when it returns. When there is network the client sends batches
//! to the companion server and brings outcomes back. The promises:
//!
//! 1. *Accepted means durable*: `enqueue` returns after a commit that survives power loss.
//! 2. *At least once on the wire, once in effect*: keys are stored before the first byte leaves and never remade.
//! 3. *The device never guesses*: an operation that may have reached the server is never edited, expired or cancelled here;
//!    its outcome comes from the server.
//!
//! The way through the code: [`Client`] → `outbox` (SQLite, one writer thread) → `sync/batch` (what goes into a request) →
//! `transport` → `sync/apply` (what an answer changes) → [`Event`].

mod client;
mod clock;
mod conditions;
mod error;
mod event;
mod failpoint;
mod inner;
mod logout;
mod operation;
mod options;
mod outbox;
mod registry;
mod report;
mod state;
mod suspend;
mod sync;
pub mod testkit;
pub mod transport;
mod why;

pub use tarishi_protocol as protocol;

pub use client::Client;
pub use clock::{Clock, ManualClock, SystemClock};
pub use conditions::Network;
pub use error::Error;
pub use event::Event;
pub use logout::{Logout, LogoutReport};
pub use operation::{CancelOutcome, Filter, NewOperation, OperationRecord, Priority};
pub use options::{Options, StaticToken, TokenError, TokenSource};
pub use outbox::Recovery;
pub use state::DeviceState;
pub use sync::{Stop, SyncReport};
#[cfg(feature = "http")]
pub use transport::HttpTransport;
pub use transport::{Tls, Transport, TransportError, TransportRequest, TransportResponse};
pub use why::{Why, WhyReason};
