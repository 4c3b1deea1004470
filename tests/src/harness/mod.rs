//! Servers, phones and providers to test with: real processes or in this one, all on the loopback, all gone when dropped.

mod audit;
mod binaries;
mod eventually;
pub(crate) mod gather;
mod hosted;
mod http1;
mod intent;
mod operator;
mod phone;
mod process;
pub(crate) mod recorder;
mod relay;
mod server;
mod supervisor;
mod tap;

pub use audit::{Audit, States};
pub use binaries::{Binaries, Build, binaries};
pub use eventually::{eventually, within};
pub use gather::{GATHER, Gathering};
pub use hosted::Hosted;
pub use intent::{CANARY_TEXT, Intent, Intents, Mark, PUSH_TOKEN, PUSH_USER, import_file};
pub use operator::{Resolved, resolve_unresolved};
pub use phone::{Phone, Ran, Run, Watch};
pub use process::{Exit, Process};
pub use recorder::Recorder;
pub use server::{Commands, ServerProcess, flutterwave_webhook_url, sms_report_url, whatsapp_webhook_url};
pub use supervisor::{Deaths, Supervisor};
pub use tap::{Tap, Traffic};

/// Anything that can go wrong in a harness; its text is for the reader of a failed test.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result of the harness.
pub type Result<T> = std::result::Result<T, Error>;
