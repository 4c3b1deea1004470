//! What the suite needs to know of an adapter.

use std::sync::Arc;

use serde_json::Value;
use tarishi_protocol::Payload;

use super::{Script, Seen, Stage};
use crate::adapters::{Adapter, Reference, Related, Settings};

/// One adapter with what the suite needs to know of it.
pub(in crate::adapters) struct Subject {
    pub(in crate::adapters) adapter: Arc<dyn Adapter>,
    /// Complete and good; `base_url` is put in where `speaks_http`.
    pub(in crate::adapters) settings: Settings,
    /// One of every action.
    pub(in crate::adapters) calls: Vec<Sample>,
    pub(in crate::adapters) speaks_http: bool,
    /// Where a request has an effect: its path, or a field of its form where one path serves them all.
    pub(in crate::adapters) effects: &'static [&'static str],
    /// What a poll knows.
    pub(in crate::adapters) known: Reference,
    /// Keeps what the settings name.
    pub(in crate::adapters) folder: Option<tempfile::TempDir>,
}

impl Subject {
    pub(super) fn stage(&self, sample: &Sample, base_url: &str) -> Stage {
        let settings = self.settings.clone();
        let settings = if self.speaks_http { settings.with("base_url", base_url) } else { settings };
        let stage = Stage::new(sample.payload.clone(), settings);
        Stage { related: sample.related.clone(), memo: sample.memo.clone(), ..stage }
    }

    pub(super) fn is_effect(&self, seen: &Seen) -> bool {
        self.effects.iter().any(|mark| seen.path == *mark || seen.body.split('&').any(|field| field == *mark))
    }

    pub(super) fn has_effect(&self, sample: &Sample) -> bool {
        self.adapter.descriptor().action(sample.action).unwrap().has_effect
    }

    /// The calls that have an effect.
    pub(super) fn effect_calls(&self) -> impl Iterator<Item = &Sample> {
        self.calls.iter().filter(|sample| self.has_effect(sample))
    }
}

/// A call of one action; where it is one of several steps, of the step with the effect.
pub(in crate::adapters) struct Sample {
    pub(super) action: &'static str,
    pub(super) payload: Payload,
    pub(super) related: Option<Related>,
    memo: Option<Value>,
    done: Option<&'static str>,
}

impl Sample {
    pub(in crate::adapters) fn new(action: &'static str, payload: Payload) -> Self {
        Self { action, payload, related: None, memo: None, done: None }
    }

    /// About another operation.
    pub(in crate::adapters) fn about(self, related: Related) -> Self {
        Self { related: Some(related), ..self }
    }

    /// After steps that left this.
    pub(in crate::adapters) fn after(self, memo: Value) -> Self {
        Self { memo: Some(memo), ..self }
    }

    /// An odd body that is the provider's own word for success, with 200.
    pub(in crate::adapters) fn done_by(self, body: &'static str) -> Self {
        Self { done: Some(body), ..self }
    }

    pub(super) fn means_success(&self, script: &Script) -> bool {
        matches!(script, Script::Answer { status: 200, body, .. } if self.done == Some(body.as_str()))
    }
}
