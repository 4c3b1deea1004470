//! How long to wait: between tries, and while a lane's breaker is open.

use crate::store::Ms;

/// Failures in a row after which a lane closes.
pub const BREAKER_FAILURES: u32 = 5;
/// The first time a breaker keeps a lane closed, in milliseconds; doubled with each further failure.
pub const BREAKER_BASE_MS: Ms = 5_000;
/// The longest time a breaker keeps a lane closed, in milliseconds.
pub const BREAKER_CAP_MS: Ms = 300_000;

/// Retries of a call that certainly did nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Calls in all, at most.
    pub attempts_max: u32,
    /// The first wait, in milliseconds.
    pub base_ms: u64,
    /// Each wait is this many times the one before.
    pub factor: f64,
    /// The longest wait, in milliseconds.
    pub cap_ms: u64,
}

impl Default for Retry {
    /// Eight calls within about two hours.
    fn default() -> Self {
        Self { attempts_max: 8, base_ms: 5_000, factor: 3.0, cap_ms: 3_600_000 }
    }
}

impl Retry {
    /// The wait after this many calls, with `jitter` in 0..1: between half and all of the exponential step.
    #[must_use]
    pub fn wait_ms(&self, attempts: u32, jitter: f64) -> Ms {
        let exponent = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX).min(64);
        let step = (self.base_ms as f64 * self.factor.powi(exponent)).min(self.cap_ms as f64);
        (step * (0.5 + jitter / 2.0)) as Ms
    }
}

/// How long a breaker keeps a lane closed after this many failures in a row, in milliseconds; 0 = open for business.
#[must_use]
pub fn breaker_ms(failures: u32) -> Ms {
    let over = failures.saturating_sub(BREAKER_FAILURES - 1);
    if over == 0 { 0 } else { (BREAKER_BASE_MS << (over - 1).min(10)).min(BREAKER_CAP_MS) }
}
