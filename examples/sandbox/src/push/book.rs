//! The tokens that are good, and how many were asked for.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

/// How often Apple lets a provider token change.
const TOKEN_CHANGES: TimeDelta = TimeDelta::minutes(20);

#[derive(Default)]
pub(crate) struct Book {
    /// Google's access tokens, with their end.
    access: HashMap<String, DateTime<Utc>>,
    issued: u32,
    /// APNs: the provider token seen last, and when it was made.
    provider: Option<(String, i64)>,
    provider_changes: u32,
}

impl Book {
    pub(super) fn issue(&mut self, token: &str, expires: DateTime<Utc>) {
        self.access.insert(token.to_owned(), expires);
        self.issued += 1;
    }

    pub(super) fn is_good(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.access.get(token).is_some_and(|expires| now < *expires)
    }

    /// Notes a provider token; false if it came too soon after another.
    pub(super) fn provider_token(&mut self, token: &str, made_at: i64) -> bool {
        match &self.provider {
            Some((known, _)) if known == token => true,
            Some((_, before)) if made_at - before < TOKEN_CHANGES.num_seconds() => false,
            Some(_) | None => {
                self.provider = Some((token.to_owned(), made_at));
                self.provider_changes += 1;
                true
            }
        }
    }

    /// Google's access tokens and Apple's provider tokens so far.
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.issued, self.provider_changes)
    }

    /// No access token is good any more.
    pub(crate) fn revoke(&mut self) {
        self.access.clear();
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}
