//! What the dispatcher would hand to an adapter.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tarishi_protocol::{OperationId, Payload};
use uuid::Uuid;

use crate::adapters::{
    AdapterError, Call, HealthCall, Hook, Names, Outbound, PushKind, PushTarget, Related, Settings, Targets,
};

/// When the first call is made.
pub(in crate::adapters) fn now() -> DateTime<Utc> {
    "2026-11-24T07:15:00Z".parse().unwrap()
}

/// Everything of a call that lives longer than it.
pub(in crate::adapters) struct Stage {
    pub(in crate::adapters) payload: Payload,
    pub(in crate::adapters) settings: Settings,
    pub(in crate::adapters) related: Option<Related>,
    pub(in crate::adapters) memo: Option<serde_json::Value>,
    pub(in crate::adapters) targets: Targets,
    pub(in crate::adapters) repeats_unknown: bool,
    pub(in crate::adapters) outbound: Outbound,
    pub(in crate::adapters) names: MemoryNames,
    pub(in crate::adapters) attempt_id: Uuid,
    pub(in crate::adapters) polls: u32,
    pub(in crate::adapters) first_opened_at: DateTime<Utc>,
    pub(in crate::adapters) now: DateTime<Utc>,
}

impl Stage {
    pub(in crate::adapters) fn new(payload: Payload, settings: Settings) -> Self {
        let now = now();
        Self {
            payload,
            settings,
            related: None,
            memo: None,
            targets: Targets::new(vec![phone(PushKind::Fcm, "fcm-registration-token-1", now)]),
            repeats_unknown: false,
            outbound: Outbound::new(),
            names: MemoryNames::default(),
            attempt_id: Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001),
            polls: 0,
            first_opened_at: now,
            now,
        }
    }

    /// With a provider at this address.
    pub(in crate::adapters) fn at(base_url: &str, payload: Payload, settings: Settings) -> Self {
        Self::new(payload, settings.with("base_url", base_url))
    }

    /// Puts a setting in, or another in its place.
    pub(in crate::adapters) fn set(&mut self, name: &str, text: &str) {
        self.settings = std::mem::take(&mut self.settings).with(name, text);
    }

    /// A call for health without an access token.
    pub(in crate::adapters) fn health(&self) -> HealthCall<'_> {
        HealthCall { settings: &self.settings, access_token: None, outbound: &self.outbound }
    }

    pub(in crate::adapters) fn call<'a>(&'a self, action: &'a str) -> Call<'a> {
        Call {
            tenant: "default",
            operation_id: OperationId(Uuid::from_u128(7)),
            action,
            payload: &self.payload,
            attempt_id: self.attempt_id,
            effect_key: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            memo: self.memo.as_ref(),
            related: self.related.as_ref(),
            booked: None,
            settings: &self.settings,
            access_token: Some("an-access-token"),
            callback_url: "https://pay.example.org/k/01980000/5f0c9a31b7de44c2",
            first_opened_at: self.first_opened_at,
            polls: self.polls,
            now: self.now,
            names: &self.names,
            notification: None,
            targets: &self.targets,
            repeats_unknown: self.repeats_unknown,
            outbound: &self.outbound,
        }
    }

    pub(in crate::adapters) fn hook<'a>(&'a self, rest: &'a str, body: &'a [u8]) -> Hook<'a> {
        Hook {
            attempt_id: Some(self.attempt_id),
            action: None,
            rest,
            query: "",
            headers: &[],
            peer: Some([196, 201, 212, 69].into()),
            body,
            verified: false,
            settings: &self.settings,
            now: self.now,
        }
    }
}

/// Names that are gone with the test.
#[derive(Default)]
pub(in crate::adapters) struct MemoryNames(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Names for MemoryNames {
    async fn reserve(&self, name: &str, value: &str, instead_of: Option<&str>) -> Result<String, AdapterError> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = names.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        if Some(kept.as_str()) == instead_of {
            value.clone_into(kept);
        }
        Ok(kept.clone())
    }
}

/// A device that takes notifications.
pub(in crate::adapters) fn phone(kind: PushKind, token: &str, registered_at: DateTime<Utc>) -> PushTarget {
    PushTarget { device: format!("phone-of-{token}"), kind, token: token.to_owned(), registered_at }
}
