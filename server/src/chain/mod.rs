//! The notification chain: one message through an ordered list of channels, until one is known to have done it.
//!
//! Everything here is pure. A tenant's decisions about one type of notification are data ([`Route`], [`Texts`]); what follows from
//! where a notification stands is one function ([`step::next`]). The store calls it in the transaction of whatever was learnt
//! (`store/sqlite/chain`), and a step that it decides on is an ordinary operation of the actor `notification`: there is one
//! engine, and everything that holds for operations (once in effect, recovery, lanes, the log) holds for a step.

pub mod caps;
pub mod cost;
pub mod people;
pub mod quiet;
pub mod route;
pub mod step;
pub mod texts;

pub use caps::DailyCaps;
pub use cost::Cost;
pub use people::{Facts, Recipient};
pub use quiet::QuietHours;
pub use route::{Channel, Leg, Priority, Reach, Route, Uncertain};
pub use texts::Texts;

/// The action by which every channel sends.
pub const SEND: &str = "send";
