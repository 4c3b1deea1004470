//! What goes into the store and comes out of it.

mod accounts;
mod attempt;
mod chain;
mod event;
mod intake;
mod oauth;
mod operation;
mod settle;
mod upkeep;
mod webhook;

pub use accounts::*;
pub use attempt::*;
pub use chain::*;
pub use event::*;
pub use intake::*;
pub use oauth::*;
pub use operation::*;
pub use settle::*;
pub use upkeep::*;
pub use webhook::*;

/// Milliseconds since 1970 by the server's clock.
pub type Ms = i64;
