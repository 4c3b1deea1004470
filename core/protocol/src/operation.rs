//! The envelope of one operation on the wire.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::OperationId;

/// One intent to be carried out once. The payload's bytes are sent as the app's `enqueue` stored them.
///
/// Unknown fields are kept in `extra` and written back: a newer device may say more than this server understands.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Names this utterance.
    pub id: OperationId,
    /// Names the effect; unique in the account.
    pub idempotency_key: String,
    /// Operations that share it run in the order of `enqueue`.
    pub ordering_key: Option<String>,
    /// What a failure does to the operations of the same key accepted behind it.
    pub on_failure: OnFailure,
    /// The provider's adapter: `mpesa`.
    pub adapter: String,
    /// What is asked of it: `charge`.
    pub action: String,
    /// The payload's version.
    pub version: u32,
    /// The payload, verbatim.
    pub payload: Box<RawValue>,
    /// Files that travel apart.
    pub blobs: Vec<BlobRef>,
    /// The operation of the same device that must end first.
    pub after: Option<After>,
    /// The device's wall clock at `enqueue`; shown, never trusted.
    pub created_at: DateTime<Utc>,
    /// How long it has waited on the device, in milliseconds.
    pub age_ms: u64,
    /// `age_ms` is exact (same boot); else it is a lower bound.
    pub age_exact: bool,
    /// The last server time the device had seen when it was enqueued: bounds the age from above.
    pub queued_after: Option<DateTime<Utc>>,
    /// How long it may wait before it begins, in milliseconds from `enqueue`.
    pub ttl_ms: Option<u64>,
    /// The device was told `accepted` by a server that has since been restored: recover it, do not execute it.
    pub held_before: bool,
    /// The operation that this one tries again after a definite failure.
    pub retry_of: Option<OperationId>,
    /// Fields of a newer device.
    pub extra: BTreeMap<String, Box<RawValue>>,
}

impl Operation {
    /// One that waits for nobody and never waited, of version 1: what a server makes itself.
    #[must_use]
    pub fn new(
        id: OperationId,
        idempotency_key: String,
        (adapter, action): (&str, &str),
        payload: Box<RawValue>,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            idempotency_key,
            ordering_key: None,
            on_failure: OnFailure::Continue,
            adapter: adapter.to_owned(),
            action: action.to_owned(),
            version: 1,
            payload,
            blobs: Vec::new(),
            after: None,
            created_at,
            age_ms: 0,
            age_exact: true,
            queued_after: None,
            ttl_ms: None,
            held_before: false,
            retry_of: None,
            extra: BTreeMap::new(),
        }
    }
}

/// What a failure does to the operations behind it in its ordering key.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They go on.
    #[default]
    Continue,
    /// Those already accepted end as `dependency_failed`.
    Halt,
}

/// A file of an operation, stored apart.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlobRef {
    /// Random, of this device.
    pub id: String,
    /// SHA-256 in hex; verifies only.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// The operation that must end first, and how.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct After {
    /// An operation of the same device.
    pub operation_id: OperationId,
    /// The end that lets this one run.
    pub on: AfterOn,
}

/// The end of a parent that lets its dependent run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
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

impl AfterOn {
    /// Does this end of the parent let the dependent run?
    #[must_use]
    pub fn is_met_by(self, parent: crate::State) -> bool {
        match self {
            Self::Succeeded => parent == crate::State::Succeeded,
            Self::Failed => parent == crate::State::Failed,
            Self::Cancelled => parent == crate::State::Cancelled,
            Self::Ended => parent.is_ended(),
        }
    }

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Ended => "ended",
        }
    }

    /// The end of a word that [`AfterOn::as_str`] wrote.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Succeeded, Self::Failed, Self::Cancelled, Self::Ended].into_iter().find(|on| on.as_str() == word)
    }
}

impl OnFailure {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Halt => "halt",
        }
    }

    /// The policy of a word that [`OnFailure::as_str`] wrote.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Continue, Self::Halt].into_iter().find(|policy| policy.as_str() == word)
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("idempotency_key", &self.idempotency_key)?;
        if let Some(key) = &self.ordering_key {
            map.serialize_entry("ordering_key", key)?;
        }
        if self.on_failure != OnFailure::Continue {
            map.serialize_entry("on_failure", &self.on_failure)?;
        }
        map.serialize_entry("adapter", &self.adapter)?;
        map.serialize_entry("action", &self.action)?;
        map.serialize_entry("version", &self.version)?;
        map.serialize_entry("payload", &self.payload)?;
        if !self.blobs.is_empty() {
            map.serialize_entry("blobs", &self.blobs)?;
        }
        if let Some(after) = &self.after {
            map.serialize_entry("after", after)?;
        }
        map.serialize_entry("created_at", &self.created_at)?;
        map.serialize_entry("age_ms", &self.age_ms)?;
        map.serialize_entry("age_exact", &self.age_exact)?;
        if let Some(at) = &self.queued_after {
            map.serialize_entry("queued_after", at)?;
        }
        if let Some(ttl_ms) = &self.ttl_ms {
            map.serialize_entry("ttl_ms", ttl_ms)?;
        }
        if self.held_before {
            map.serialize_entry("held_before", &true)?;
        }
        if let Some(id) = &self.retry_of {
            map.serialize_entry("retry_of", id)?;
        }
        for (name, value) in &self.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = BTreeMap::<String, Box<RawValue>>::deserialize(deserializer)?;
        let fields = &mut fields;
        Ok(Self {
            id: required(fields, "id")?,
            idempotency_key: required(fields, "idempotency_key")?,
            ordering_key: optional(fields, "ordering_key")?,
            on_failure: optional(fields, "on_failure")?.unwrap_or_default(),
            adapter: required(fields, "adapter")?,
            action: required(fields, "action")?,
            version: optional(fields, "version")?.unwrap_or(1),
            payload: fields.remove("payload").ok_or_else(|| de::Error::missing_field("payload"))?,
            blobs: optional(fields, "blobs")?.unwrap_or_default(),
            after: optional(fields, "after")?,
            created_at: required(fields, "created_at")?,
            age_ms: optional(fields, "age_ms")?.unwrap_or(0),
            age_exact: optional(fields, "age_exact")?.unwrap_or(false),
            queued_after: optional(fields, "queued_after")?,
            ttl_ms: optional(fields, "ttl_ms")?,
            held_before: optional(fields, "held_before")?.unwrap_or(false),
            retry_of: optional(fields, "retry_of")?,
            extra: core::mem::take(fields),
        })
    }
}

fn optional<T: DeserializeOwned, E: de::Error>(
    fields: &mut BTreeMap<String, Box<RawValue>>,
    name: &str,
) -> Result<Option<T>, E> {
    let Some(raw) = fields.remove(name) else { return Ok(None) };
    serde_json::from_str(raw.get()).map_err(|error| E::custom(format_args!("{name}: {error}")))
}

fn required<T: DeserializeOwned, E: de::Error>(
    fields: &mut BTreeMap<String, Box<RawValue>>,
    name: &'static str,
) -> Result<T, E> {
    optional(fields, name)?.ok_or_else(|| E::missing_field(name))
}
