//! Mirrors of what protocol and core say about operations, for uniffi's macros; `status.rs` has those about the sync.
//!
//! `#[uniffi::remote]` makes no item of its own: the names are the real types, and a mirror that differs from its type does not
//! compile. The doc comments here are what Kotlin and Swift show.

use std::time::Duration;

use tarishi_core::{CancelOutcome, DeviceState, Filter, NewOperation, OperationRecord, Priority};
use tarishi_protocol::{After, AfterOn, BlobRef, Code, OnFailure, OperationId, Origin, Problem};

use crate::ClientError;

// `custom_type!` wants one identifier; the alias is also the name in Kotlin and Swift.
pub(crate) type Instant = chrono::DateTime<chrono::Utc>;
type Json = serde_json::Value;

uniffi::custom_type!(OperationId, String, {
    remote,
    lower: |id| id.to_string(),
    try_lift: |text| text.parse().map_err(|_| ClientError::fix_input(Code::InvalidValue, "id", "no operation's id").into()),
});
uniffi::custom_type!(Instant, std::time::SystemTime, { remote });
uniffi::custom_type!(Json, String, {
    remote,
    lower: |value| value.to_string(),
    try_lift: |text| {
        serde_json::from_str(&text).map_err(|_| ClientError::fix_input(Code::Malformed, "json", "no JSON").into())
    },
});

/// One intent to be carried out once. Its text form shows the payload: not for logs.
#[uniffi::remote(Record)]
pub struct NewOperation {
    /// The provider's adapter: `mpesa`.
    pub adapter: String,
    /// What is asked of it: `charge`.
    pub action: String,
    /// The payload as JSON text; stored and sent verbatim.
    pub payload: String,
    /// What a failure does to those of the same ordering key behind it.
    pub on_failure: OnFailure,
    /// Chooses among ordering keys on this device.
    pub priority: Priority,
    /// The payload's version.
    #[uniffi(default = 1)]
    pub version: u32,
    /// The idempotency key, named after what is done; `charge` and `refund` need one.
    #[uniffi(default = None)]
    pub key: Option<String>,
    /// Operations that share it run in the order of `enqueue`.
    #[uniffi(default = None)]
    pub ordering_key: Option<String>,
    /// How long it may wait before it begins; 7 days if not said.
    #[uniffi(default = None)]
    pub ttl: Option<Duration>,
    /// The operation of this device that must end first.
    #[uniffi(default = None)]
    pub after: Option<After>,
    /// Files that travel apart.
    #[uniffi(default = [])]
    pub blobs: Vec<BlobRef>,
}

/// What a failure does to the operations behind it in its ordering key.
#[uniffi::remote(Enum)]
pub enum OnFailure {
    /// They go on.
    Continue,
    /// Those already accepted end as `dependency_failed`.
    Halt,
}

/// Chooses among ordering keys on this device.
#[uniffi::remote(Enum)]
pub enum Priority {
    /// Before others, its whole ordering key with it.
    High,
    /// In order of `enqueue`.
    Normal,
}

/// The operation that must end first, and how.
#[uniffi::remote(Record)]
pub struct After {
    /// An operation of the same device.
    pub operation_id: OperationId,
    /// The end that lets this one run.
    pub on: AfterOn,
}

/// The end of an operation that lets its dependent run.
#[uniffi::remote(Enum)]
pub enum AfterOn {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It ended, however.
    Ended,
}

/// A file of an operation, stored apart.
#[uniffi::remote(Record)]
pub struct BlobRef {
    /// Random, of this device.
    pub id: String,
    /// SHA-256 in hex; verifies only.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// An operation as the device knows it. Its text form shows the payload: not for logs.
#[uniffi::remote(Record)]
pub struct OperationRecord {
    /// Names this utterance.
    pub id: OperationId,
    /// Names the effect.
    pub key: String,
    /// The provider's adapter.
    pub adapter: String,
    /// What is asked of it.
    pub action: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Its ordering key.
    pub ordering_key: Option<String>,
    /// The phone's wall clock at `enqueue`.
    pub created_at: Instant,
    /// Its outcome as JSON, or `{"interim": …}` while it waits.
    pub outcome: Option<Json>,
    /// Why it failed, was refused, or must come later.
    pub problem: Option<Problem>,
    /// The payload; absent once forgotten, for what the server made, or when it cannot be read.
    pub payload: Option<String>,
    /// Its place in the order of `enqueue` on this device.
    pub seq: u64,
    /// Who made it.
    pub origin: Origin,
    /// The operation that this one tries again.
    pub retry_of: Option<OperationId>,
    /// The operation that this one replaces.
    pub replaces: Option<OperationId>,
    /// What must end first.
    pub after: Option<After>,
    /// The person asked to cancel it and the server has not answered.
    pub cancel_requested: bool,
}

/// Where an operation stands on the device.
#[uniffi::remote(Enum)]
pub enum DeviceState {
    /// Only here; never sent.
    Pending,
    /// The server may have it.
    InFlight,
    /// Durable at the server.
    Accepted,
    /// The provider has it.
    Waiting,
    /// The outcome is unknown and a human is asked.
    Unresolved,
    /// Ended with the effect.
    Succeeded,
    /// Ended without the effect.
    Failed,
    /// The server will never run it.
    Refused,
    /// Cancelled before anything was done.
    Cancelled,
    /// Too old to begin.
    Expired,
    /// Cannot be sent.
    Dead,
}

/// Who made an operation.
#[uniffi::remote(Enum)]
pub enum Origin {
    /// This device.
    Device,
    /// The server, on the account's behalf.
    Server,
}

/// What went wrong: RFC 9457 with a stable code.
#[uniffi::remote(Record)]
pub struct Problem {
    /// `urn:tarishi:problem:<code>`.
    pub kind: String,
    /// The stable code; decide on this.
    pub code: String,
    /// The HTTP status that goes with the code.
    pub status: u16,
    /// What happened, for a person.
    pub detail: String,
    /// The same request may succeed later.
    pub retryable: bool,
    /// The field at fault, as a path: `payload.to[1]`.
    pub field: Option<String>,
    /// When to try again, in milliseconds from the answer.
    pub retry_after_ms: Option<u64>,
    /// The provider's own code, where it gave one.
    pub provider_code: Option<String>,
}

/// Which operations to list, oldest first.
#[uniffi::remote(Record)]
pub struct Filter {
    /// Only these states; all if empty.
    #[uniffi(default = [])]
    pub states: Vec<DeviceState>,
    /// Only this ordering key.
    #[uniffi(default = None)]
    pub ordering_key: Option<String>,
    /// Only this adapter.
    #[uniffi(default = None)]
    pub adapter: Option<String>,
    /// Only behind this `seq`: the last one of the page before.
    #[uniffi(default = None)]
    pub after: Option<u64>,
    /// At most so many; 100 if not said, 1,000 at most.
    #[uniffi(default = None)]
    pub limit: Option<u32>,
}

/// What a cancel led to.
#[uniffi::remote(Enum)]
pub enum CancelOutcome {
    /// It will never run.
    Cancelled,
    /// The server is asked with every request until it answers; the operation's state tells.
    Requested,
    /// It ended another way already.
    TooLate,
}
