//! What happened that a tenant's backend may want to know.

use super::Ms;

/// Money came in that no operation asked for.
pub const PAYMENT_RECEIVED: &str = "payment.received";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Its place in the log of all tenants; 0 before it is stored.
    pub seq: u64,
    /// Whose.
    pub tenant: String,
    /// Names the fact: told again, it is the same row.
    pub fact: String,
    /// Its type, as `payment.received`.
    pub kind: String,
    /// What is to be told.
    pub data: serde_json::Value,
    /// When we learnt of it.
    pub at: Ms,
}

/// A page of the log.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// In the order they happened.
    pub events: Vec<EventRow>,
    /// Where the next page begins.
    pub cursor: String,
    /// The cursor was of another store, or ahead of this one: this is the log's beginning.
    pub reset: bool,
    /// There are more.
    pub more: bool,
}
