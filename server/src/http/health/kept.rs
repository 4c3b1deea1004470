//! What providers said of themselves, kept for a moment: however often monitors ask, a provider is asked seldom.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};

use crate::{adapters::Settings, store::Ms};

/// How long an answer is kept.
pub const HEALTH_KEPT_MS: Ms = 10_000;
/// Answers kept, at most; more, and all are asked for again.
const KEPT_MAX: usize = 10_000;

/// What was learnt by asking a provider.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `ok`, `degraded` or `down`.
    pub(super) status: &'static str,
    pub(super) message: String,
    pub(super) latency_ms: Ms,
    pub(super) checked_at: DateTime<Utc>,
}

/// The answers of a moment, by tenant and adapter.
#[derive(Default)]
pub struct Healths(Mutex<HashMap<(String, String), Kept>>);

/// An answer, and the settings that it is about: with others it means nothing.
struct Kept {
    settings: Settings,
    until: Ms,
    asked: Asked,
}

impl fmt::Debug for Healths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Healths")
    }
}

impl Healths {
    pub(super) fn get(&self, tenant: &str, adapter: &str, settings: &Settings, now: Ms) -> Option<Asked> {
        let map = self.map();
        let kept = map.get(&(tenant.to_owned(), adapter.to_owned()))?;
        (now < kept.until && kept.settings.0 == settings.0).then(|| kept.asked.clone())
    }

    pub(super) fn put(&self, tenant: &str, adapter: &str, settings: Settings, asked: Asked) {
        let mut map = self.map();
        if map.len() >= KEPT_MAX {
            map.clear();
        }
        let until = asked.checked_at.timestamp_millis() + HEALTH_KEPT_MS;
        map.insert((tenant.to_owned(), adapter.to_owned()), Kept { settings, until, asked });
    }

    fn map(&self) -> MutexGuard<'_, HashMap<(String, String), Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_answers_are_kept_than_the_limit() {
        let healths = Healths::default();
        let asked = Asked { status: "ok", message: String::new(), latency_ms: 1, checked_at: DateTime::default() };
        for tenant in 0..=KEPT_MAX {
            healths.put(&tenant.to_string(), "sms", Settings::default(), asked.clone());
            assert!(healths.map().len() <= KEPT_MAX);
        }
        assert_eq!(healths.map().len(), 1);
    }
}
