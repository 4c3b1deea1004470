//! `POST /api/v2/sync`: one exchange, both directions.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Operation, OperationId, Problem, State};

/// What a device says. The server reads it as `SyncRequest<Box<RawValue>>`, so that one malformed operation is refused alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SyncRequest<O = Operation> {
    /// [`crate::PROTOCOL`].
    pub protocol: u32,
    /// Rises strictly with each HTTP attempt of this device; committed before the first byte leaves.
    pub exchange: u64,
    /// The account the device believes it is; must be the token's.
    pub account: String,
    /// The device's wall clock; for logs only.
    pub sent_at: DateTime<Utc>,
    /// Where the device's feed stands; opaque.
    pub cursor: Option<String>,
    /// Per ordering key a gapless prefix of what is unreceipted, in order of `enqueue`.
    #[serde(default = "Vec::<O>::new")]
    pub operations: Vec<O>,
    /// Wishes to cancel, repeated until answered.
    #[serde(default)]
    pub cancellations: Vec<OperationId>,
    /// What happened to notifications on this device.
    #[serde(default)]
    pub notification_receipts: Vec<NotificationReceipt>,
    /// Hold the answer this many seconds until there is a change (foreground only).
    #[serde(default)]
    pub wait_secs: u64,
}

/// A notification was received or opened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NotificationReceipt {
    /// Which.
    pub notification_id: String,
    /// What.
    pub event: NotificationEvent,
    /// How long ago, in milliseconds.
    #[serde(default)]
    pub age_ms: u64,
}

/// What happened to a notification.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotificationEvent {
    /// It reached the device.
    Received,
    /// The person opened it.
    Opened,
}

/// What the server says.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SyncResponse {
    /// The server's clock.
    pub server_time: DateTime<Utc>,
    /// One per operation sent, in order.
    #[serde(default)]
    pub receipts: Vec<Receipt>,
    /// One per cancellation sent.
    #[serde(default)]
    pub cancellations: Vec<Cancellation>,
    /// What is new in the device's feed, oldest first.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Store it in the transaction that stores the changes.
    pub cursor: Option<String>,
    /// The feed begins again: send again what has not ended, with `held_before`.
    #[serde(default)]
    pub reset: bool,
    /// There are more changes: ask again at once.
    #[serde(default)]
    pub more: bool,
    /// What the server takes.
    #[serde(default)]
    pub limits: Limits,
    /// Do not come back before this many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
    /// The next device token, when the server rotates it; the old one stays good for the overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The server's word about one operation of the request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// Which.
    pub id: OperationId,
    /// The device stops resending at anything but `later`.
    pub status: ReceiptStatus,
    /// Where it stands now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Its outcome so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<serde_json::Value>,
    /// Why it was refused, must come later, or how it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// For `later`: not before this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// What a receipt says.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// Durable at the server; the outcome comes by the feed.
    Accepted,
    /// Held already, under this id or this key.
    Duplicate,
    /// Never to be run; final for this id.
    Refused,
    /// Not now; send it again. An unknown word of a newer server reads as this one.
    #[serde(other)]
    Later,
}

/// The answer to one wish to cancel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cancellation {
    /// Which.
    pub id: OperationId,
    /// Granted or not.
    pub result: CancellationResult,
}

/// Was the wish to cancel granted?
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CancellationResult {
    /// It will never run.
    Cancelled,
    /// It runs, ran, or ended another way; the feed tells.
    TooLate,
}

/// One entry of a device's feed: where an operation stands now.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// Its place in this device's feed.
    pub seq: u64,
    /// The id this device used.
    pub id: OperationId,
    /// Who made the operation.
    pub origin: Origin,
    /// Where it stands.
    pub state: State,
    /// Its outcome, or `{"interim": …}` while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<serde_json::Value>,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// When.
    pub at: DateTime<Utc>,
    /// For an operation that the server made: what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// For an operation that the server made: what was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// Who made an operation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A device.
    Device,
    /// The server, for an account of which this device is one.
    #[serde(other)]
    Server,
}

/// What the server takes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Limits {
    /// Operations in a batch.
    pub operations: usize,
    /// Bytes of a compressed body.
    pub bytes: usize,
    /// Operations older than this many milliseconds expire; 0 = no such limit.
    pub max_age_ms: u64,
    /// `adapter:action` patterns that the operator paused.
    pub paused: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: crate::limits::OPERATIONS_MAX,
            bytes: crate::limits::ENCODED_BYTES_MAX,
            max_age_ms: 0,
            paused: Vec::new(),
        }
    }
}
