//! What an app hands in and gets to see of an operation.

use core::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer, ser::SerializeMap};
use tarishi_protocol::{After, AfterOn, BlobRef, OnFailure, OperationId, Origin, Problem};

use crate::DeviceState;

/// Chooses among ordering keys on this device; not sent to the server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Priority {
    /// Before others, its whole ordering key with it.
    High,
    /// In order of `enqueue`.
    #[default]
    Normal,
}

/// One intent to be carried out once.
#[derive(Clone)]
pub struct NewOperation {
    /// The provider's adapter: `mpesa`.
    pub adapter: String,
    /// What is asked of it: `charge`.
    pub action: String,
    /// The payload's version.
    pub version: u32,
    /// The payload as JSON text; stored and sent verbatim.
    pub payload: String,
    /// The idempotency key, named after what is done; `charge` and `refund` need one.
    pub key: Option<String>,
    /// Operations that share it run in the order of `enqueue`.
    pub ordering_key: Option<String>,
    /// What a failure does to those of the same ordering key behind it.
    pub on_failure: OnFailure,
    /// Chooses among ordering keys on this device.
    pub priority: Priority,
    /// How long it may wait before it begins; 7 days if not said.
    pub ttl: Option<Duration>,
    /// The operation of this device that must end first.
    pub after: Option<After>,
    /// Files that travel apart.
    pub blobs: Vec<BlobRef>,
}

impl NewOperation {
    /// An operation with a JSON payload and no more.
    #[must_use]
    pub fn new(adapter: impl Into<String>, action: impl Into<String>, payload: impl Into<String>) -> Self {
        Self {
            adapter: adapter.into(),
            action: action.into(),
            version: 1,
            payload: payload.into(),
            key: None,
            ordering_key: None,
            on_failure: OnFailure::Continue,
            priority: Priority::Normal,
            ttl: None,
            after: None,
            blobs: Vec::new(),
        }
    }

    /// Names the effect.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Orders it behind those of the same ordering key.
    #[must_use]
    pub fn with_ordering_key(mut self, key: impl Into<String>) -> Self {
        self.ordering_key = Some(key.into());
        self
    }

    /// Says what its failure does to those behind it.
    #[must_use]
    pub fn with_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Gives it a priority.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Gives it a time to live.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Lets it wait for another operation of this device.
    #[must_use]
    pub fn with_after(mut self, operation_id: OperationId, on: AfterOn) -> Self {
        self.after = Some(After { operation_id, on });
        self
    }

    /// Gives the payload's version.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Names files that travel apart.
    #[must_use]
    pub fn with_blobs(mut self, blobs: Vec<BlobRef>) -> Self {
        self.blobs = blobs;
        self
    }
}

impl fmt::Debug for NewOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format_args!("{}.{}", self.adapter, self.action);
        f.debug_struct("NewOperation").field("name", &name).field("after", &self.after).finish_non_exhaustive()
    }
}

/// An operation as the device knows it.
#[derive(Clone, PartialEq)]
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
    pub created_at: DateTime<Utc>,
    /// Its outcome, or `{"interim": …}` while it waits.
    pub outcome: Option<serde_json::Value>,
    /// Why it failed, was refused, or must come later.
    pub problem: Option<Problem>,
    /// The payload; `None` once forgotten, for what the server made, or when it cannot be read.
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

/// As `list --json` shows it: no payload.
impl Serialize for OperationRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("key", &self.key)?;
        map.serialize_entry("adapter", &self.adapter)?;
        map.serialize_entry("action", &self.action)?;
        map.serialize_entry("state", &self.state)?;
        map.serialize_entry("ordering_key", &self.ordering_key)?;
        map.serialize_entry("created_at", &self.created_at)?;
        map.serialize_entry("outcome", &self.outcome)?;
        map.serialize_entry("problem", &self.problem)?;
        map.serialize_entry("seq", &self.seq)?;
        map.serialize_entry("origin", &self.origin)?;
        if let Some(id) = &self.retry_of {
            map.serialize_entry("retry_of", id)?;
        }
        if let Some(id) = &self.replaces {
            map.serialize_entry("replaces", id)?;
        }
        map.end()
    }
}

impl fmt::Debug for OperationRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format_args!("{}.{}", self.adapter, self.action);
        f.debug_struct("OperationRecord")
            .field("id", &self.id)
            .field("name", &name)
            .field("state", &self.state)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

/// Which operations to list, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these states; all if empty.
    pub states: Vec<DeviceState>,
    /// Only this ordering key.
    pub ordering_key: Option<String>,
    /// Only this adapter.
    pub adapter: Option<String>,
    /// Only behind this `seq`: the last one of the page before.
    pub after: Option<u64>,
    /// At most so many; 100 if not said, 1,000 at most.
    pub limit: Option<u32>,
}

/// What a cancel led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelOutcome {
    /// It will never run.
    Cancelled,
    /// The server is asked with every request until it answers; the operation's state tells.
    Requested,
    /// It ended another way already.
    TooLate,
}
