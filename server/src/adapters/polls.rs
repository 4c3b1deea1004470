//! When a provider is asked again how a payment stands: soon at first, then ever less often.

use std::time::Duration;

use super::{AdapterError, Settings};

/// The waits between questions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Polls {
    first: Duration,
    fixed: Option<Duration>,
    growing: &'static [u64],
    slowest: u64,
}

impl Polls {
    /// Waits in seconds, by polls made: those that grow, of which there is at least one, and then always the slowest.
    pub(super) const fn new(growing: &'static [u64], slowest: u64) -> Self {
        Self { first: Duration::from_secs(growing[0]), fixed: None, growing, slowest }
    }

    /// The same, as the settings `first_poll_ms` and `poll_ms` (a fixed wait) say.
    pub(super) fn with(self, settings: &Settings) -> Result<Self, AdapterError> {
        let fixed = settings.get("poll_ms").map(|_| settings.wait("poll", Duration::ZERO)).transpose()?;
        Ok(Self { first: settings.wait("first_poll", self.first)?, fixed, ..self })
    }

    /// The wait before the first question.
    pub(super) fn first(&self) -> Duration {
        self.first
    }

    /// The wait before the next question, after so many.
    pub(super) fn after(&self, polls: u32) -> Duration {
        let growing = || Duration::from_secs(self.growing.get(polls as usize).copied().unwrap_or(self.slowest));
        self.fixed.unwrap_or_else(growing)
    }

    /// The wait between questions about what people decide.
    pub(super) fn slowest(&self) -> Duration {
        self.fixed.unwrap_or(Duration::from_secs(self.slowest))
    }
}
