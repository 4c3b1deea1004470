//! What an operator asks of an adapter outside any operation: registrations, statements.

use chrono::{DateTime, Utc};
use tarishi_protocol::Money;

use super::{Outbound, Settings};

/// What an errand is told.
#[derive(Clone, Copy, Debug)]
pub struct Errand<'a> {
    /// The tenant's settings.
    pub settings: &'a Settings,
    /// The access token, for adapters whose actions need one.
    pub access_token: Option<&'a str>,
    /// Our address as the provider sees it, without the last slash.
    pub base_url: &'a str,
    /// Now, by the server's clock.
    pub now: DateTime<Utc>,
    /// The way out.
    pub outbound: &'a Outbound,
}

/// From when, and until when (not included).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Period {
    /// The first moment.
    pub from: DateTime<Utc>,
    /// The first moment after it.
    pub until: DateTime<Utc>,
}

/// One payment by the provider's books.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatementLine {
    /// The provider's receipt.
    pub receipt: String,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// What the payer, or our call, gave as reference.
    pub reference: Option<String>,
}
