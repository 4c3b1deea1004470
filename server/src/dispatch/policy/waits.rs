//! How long to wait: between tries, and while a lane's breaker is open.

use serde::Deserialize;

use crate::store::Ms;

/// Failures in a row after which a lane closes.
pub const BREAKER_FAILURES: u32 = 5;
/// The first time a breaker keeps a lane closed, in milliseconds; doubled with each further failure.
pub const BREAKER_BASE_MS: Ms = 5_000;
/// The longest time a breaker keeps a lane closed, in milliseconds.
pub const BREAKER_CAP_MS: Ms = 300_000;

/// The first time a rate limit without a wait of its own keeps a lane closed, in milliseconds; doubled with each further one.
pub const LIMIT_BASE_MS: Ms = 1_000;
/// The longest time such a limit keeps a lane closed, in milliseconds.
pub const LIMIT_CAP_MS: Ms = 600_000;

/// Retries of a call that certainly did nothing. They say nothing of a call of unknown outcome: what follows that one is the
/// action's [`Recovery`](crate::adapters::Recovery), which no setting changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// How waits grow.
    pub strategy: Growth,
    /// Calls in all, at most.
    pub attempts_max: u32,
    /// The first wait, in milliseconds.
    pub base_ms: u64,
    /// With [`Growth::Exponential`] each wait is this many times the one before.
    pub factor: f64,
    /// The longest wait, in milliseconds.
    pub cap_ms: u64,
    /// The part of a wait that chance decides, 0 to 1: with 0.5 a wait is between half of its step and all of it.
    pub jitter: f64,
}

/// How waits grow from one try to the next.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Growth {
    /// `base`, `base × factor`, `base × factor²` …
    Exponential,
    /// `base`, `2 × base`, `3 × base` …
    Linear,
    /// Always `base`.
    Fixed,
}

impl Growth {
    /// Every strategy.
    pub const ALL: [Self; 3] = [Self::Exponential, Self::Linear, Self::Fixed];
}

impl Default for Retry {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Retry {
    /// Eight calls within about two hours.
    pub const DEFAULT: Self =
        Self { strategy: Growth::Exponential, attempts_max: 8, base_ms: 5_000, factor: 3.0, cap_ms: 3_600_000, jitter: 0.5 };

    /// Ten tries to tell a backend of an event, within 42 to 84 hours.
    pub const EVENTS: Self = Self { attempts_max: 10, factor: 6.0, cap_ms: 24 * 3_600_000, ..Self::DEFAULT };

    /// The wait after this many calls, with `chance` in 0..1.
    #[must_use]
    pub fn wait_ms(&self, attempts: u32, chance: f64) -> Ms {
        let earlier = attempts.saturating_sub(1);
        let base = self.base_ms as f64;
        let step = match self.strategy {
            Growth::Exponential => base * self.factor.powi(i32::try_from(earlier).unwrap_or(i32::MAX).min(64)),
            Growth::Linear => base * (f64::from(earlier) + 1.0),
            Growth::Fixed => base,
        };
        (step.min(self.cap_ms as f64) * (1.0 - self.jitter + self.jitter * chance)) as Ms
    }
}

/// How long a breaker keeps a lane closed after this many failures in a row, in milliseconds; 0 = open for business.
#[must_use]
pub fn breaker_ms(failures: u32) -> Ms {
    let over = failures.saturating_sub(BREAKER_FAILURES - 1);
    if over == 0 { 0 } else { (BREAKER_BASE_MS << (over - 1).min(10)).min(BREAKER_CAP_MS) }
}

/// How long a lane stays closed after this many rate limits in a row that named no time, in milliseconds, with `chance` in 0..1:
/// between half of its step and all of it.
#[must_use]
pub fn limit_ms(limits: u32, chance: f64) -> Ms {
    let step = (LIMIT_BASE_MS << limits.saturating_sub(1).min(16)).min(LIMIT_CAP_MS);
    (step as f64 * (0.5 + 0.5 * chance)) as Ms
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps(strategy: Growth) -> Vec<Ms> {
        let retry = Retry { strategy, attempts_max: 9, base_ms: 100, factor: 3.0, cap_ms: 1_000, jitter: 0.0 };
        (1..=4).map(|attempts| retry.wait_ms(attempts, 0.9)).collect()
    }

    #[test]
    fn waits_grow_as_the_strategy_says_up_to_the_cap() {
        assert_eq!(steps(Growth::Exponential), [100, 300, 900, 1_000]);
        assert_eq!(steps(Growth::Linear), [100, 200, 300, 400]);
        assert_eq!(steps(Growth::Fixed), [100, 100, 100, 100]);
    }

    #[test]
    fn jitter_is_the_part_that_chance_decides() {
        let retry = |jitter: f64| Retry { strategy: Growth::Fixed, base_ms: 1_000, jitter, ..Retry::DEFAULT };
        assert_eq!((retry(0.0).wait_ms(1, 0.0), retry(0.0).wait_ms(1, 1.0)), (1_000, 1_000));
        assert_eq!((retry(0.5).wait_ms(1, 0.0), retry(0.5).wait_ms(1, 1.0)), (500, 1_000));
        assert_eq!((retry(1.0).wait_ms(1, 0.0), retry(1.0).wait_ms(1, 1.0)), (0, 1_000));
    }

    #[test]
    fn a_backend_is_told_of_an_event_for_two_days_or_more() {
        let hours = |chance: f64| {
            (1..Retry::EVENTS.attempts_max).map(|tries| Retry::EVENTS.wait_ms(tries, chance)).sum::<Ms>() / 3_600_000
        };
        assert_eq!((hours(0.0), hours(1.0)), (42, 84));
    }

    #[test]
    fn rate_limits_in_a_row_close_a_lane_for_longer_each_time_up_to_ten_minutes() {
        let all: Vec<Ms> = [0, 1, 2, 3, 10, 11, u32::MAX].map(|limits| limit_ms(limits, 1.0)).to_vec();
        assert_eq!(all, [1_000, 1_000, 2_000, 4_000, 512_000, LIMIT_CAP_MS, LIMIT_CAP_MS]);
        assert_eq!((limit_ms(1, 0.0), limit_ms(20, 0.0)), (500, LIMIT_CAP_MS / 2));
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_cap_however_many_tries(attempts in 0..u32::MAX, chance in 0.0..1.0, growth in 0..Growth::ALL.len()) {
            let retry = Retry { strategy: Growth::ALL[growth], ..Retry::DEFAULT };
            let wait = retry.wait_ms(attempts, chance);
            prop_assert!(wait >= 0 && wait.unsigned_abs() <= retry.cap_ms);
        }
    }
}
