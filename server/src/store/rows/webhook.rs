//! Webhooks as they came, and the news in them.

use uuid::Uuid;

use super::Ms;
use crate::adapters::News;

/// A verified webhook, as it came.
#[derive(Clone, Debug)]
pub struct WebhookRow {
    /// Whose.
    pub tenant: String,
    /// Of which adapter.
    pub adapter: String,
    /// The attempt whose address it came to.
    pub attempt: Option<Uuid>,
    /// What followed the token in the path.
    pub path: String,
    /// The query, if it told something.
    pub query: String,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// When.
    pub received_at: Ms,
}

/// One piece of news of a webhook.
#[derive(Clone, Debug)]
pub struct WebhookEventRow {
    /// Its row; 0 before it is stored.
    pub id: i64,
    /// Whose.
    pub tenant: String,
    /// Of which adapter.
    pub adapter: String,
    /// The attempt it is about.
    pub attempt: Option<Uuid>,
    /// The reference it is about.
    pub reference: Option<String>,
    /// The provider's id of it.
    pub event_id: Option<String>,
    /// What it may be recognised by.
    pub correlation: Option<String>,
    /// What it says.
    pub news: News,
    /// What it says is on record as a claim; it waits for the end of the operation that it is about.
    pub noted: bool,
    /// When it came.
    pub received_at: Ms,
}

/// What became of a webhook event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventState {
    /// To be settled, or waits for its operation.
    Open,
    /// Settled.
    Done,
    /// Of nothing of ours.
    Dropped,
}
