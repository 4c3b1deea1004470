//! What happened that a tenant's backend may want to know, and where it is told.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Ms;
use crate::clock::date;

/// Money came in that no operation was told with.
pub const PAYMENT_RECEIVED: &str = "payment.received";
/// A charge was paid, and the money was given back.
pub const PAYMENT_REVERSED: &str = "payment.reversed";
/// Somebody wrote to us.
pub const MESSAGE_RECEIVED: &str = "message.received";
/// The effect exists.
pub const OPERATION_SUCCEEDED: &str = "operation.succeeded";
/// There is and will be no effect: failed, expired or cancelled.
pub const OPERATION_FAILED: &str = "operation.failed";
/// Nobody knows; a human must look.
pub const OPERATION_UNRESOLVED: &str = "operation.unresolved";
/// The effect exists, after it had been told failed.
pub const OPERATION_LATE_SUCCESS: &str = "operation.late_success";
/// A provider failed so often in a row that its breaker opened.
pub const ADAPTER_DEGRADED: &str = "adapter.degraded";
/// It answers again.
pub const ADAPTER_RECOVERED: &str = "adapter.recovered";

/// What notifications of a day are booked at has come near a cap, or to it.
pub const NOTIFICATIONS_BUDGET: &str = "notifications.budget";

/// Every type of event.
pub const EVENT_TYPES: [&str; 10] = [
    OPERATION_SUCCEEDED,
    OPERATION_FAILED,
    OPERATION_UNRESOLVED,
    OPERATION_LATE_SUCCESS,
    PAYMENT_RECEIVED,
    PAYMENT_REVERSED,
    MESSAGE_RECEIVED,
    ADAPTER_DEGRADED,
    ADAPTER_RECOVERED,
    NOTIFICATIONS_BUDGET,
];

/// Hex digits of an event's id.
const ID_DIGITS: usize = 32;

/// One thing that happened. `Debug` shows nothing of what is told.
#[derive(Clone, PartialEq)]
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
    pub data: Value,
    /// When we learnt of it.
    pub at: Ms,
}

impl std::fmt::Debug for EventRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventRow").field("seq", &self.seq).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl EventRow {
    /// Of a payment: one fact by the provider's name for it, however often and by whichever way it is told.
    #[must_use]
    pub fn payment(tenant: &str, adapter: &str, name: &str, mut data: Value, at: Ms) -> Self {
        data["adapter"] = json!(adapter);
        let fact = format!("{adapter}:{PAYMENT_RECEIVED}:{name}");
        Self { seq: 0, tenant: tenant.to_owned(), fact, kind: PAYMENT_RECEIVED.to_owned(), data, at }
    }

    /// What receivers know it by: the same however often the fact is told, and fit for a header.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = Sha256::new().chain_update(&self.tenant).chain_update([0]).chain_update(&self.fact).finalize();
        format!("evt_{}", &hex::encode(digest)[..ID_DIGITS])
    }

    /// As it is told: in the log, and to whoever subscribed.
    #[must_use]
    pub fn told(&self) -> Value {
        json!({
            "id": self.id(), "type": self.kind, "sequence": self.seq, "created_at": date(self.at), "data": self.data,
        })
    }
}

/// A page of the log.
#[derive(Clone, Debug)]
pub struct EventPage {
    /// In the order they happened.
    pub events: Vec<EventRow>,
    /// Where the next page begins.
    pub cursor: String,
    /// The cursor was of another store, ahead of this one, or before what is kept: this is the log's beginning.
    pub reset: bool,
    /// There are more.
    pub more: bool,
}

/// Where a tenant's backend is told of events. `Debug` shows neither address nor secret.
#[derive(Clone, Eq, PartialEq)]
pub struct SubscriptionRow {
    /// Whose.
    pub tenant: String,
    /// Its id.
    pub id: String,
    /// Where.
    pub url: String,
    /// Of which types.
    pub types: Vec<String>,
    /// What signs, sealed.
    pub sealed: Vec<u8>,
    /// Since when.
    pub created_at: Ms,
    /// Since when the receiver is gone, by its own word.
    pub disabled_at: Option<Ms>,
}

impl std::fmt::Debug for SubscriptionRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriptionRow").field("id", &self.id).field("types", &self.types).finish_non_exhaustive()
    }
}
