//! The server's one clock: the wall time at the start of the process, carried on by a clock that never steps.
//!
//! A wall clock that is set back while the server runs moves no lease, no expiry and no token.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};

use crate::store::Ms;

/// Tells the time. Cheap to clone; clones tell the same time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System { wall_ms: Ms, started: Instant },
    Manual(Arc<AtomicI64>),
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now_ms()).finish()
    }
}

impl Clock {
    /// This machine's clock, read once.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one clock")]
    pub fn system() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Source::System { wall_ms: whole_ms(since), started: Instant::now() })
    }

    /// A clock that stands until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(now_ms: Ms) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now_ms))))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> Ms {
        match &self.0 {
            Source::System { wall_ms, started } => wall_ms.saturating_add(whole_ms(started.elapsed())),
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// The time as a date.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        date(self.now_ms())
    }

    /// Moves a manual clock on; a system clock moves by itself and ignores this.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::System { .. } => {}
            Source::Manual(now) => {
                now.fetch_add(whole_ms(by), Ordering::SeqCst);
            }
        }
    }
}

/// The date of these milliseconds; 1970 for what no calendar holds.
#[must_use]
pub fn date(ms: Ms) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

fn whole_ms(duration: Duration) -> Ms {
    Ms::try_from(duration.as_millis()).unwrap_or(Ms::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_never_goes_back() {
        let clock = Clock::system();
        let first = clock.now_ms();
        assert!(first > 1_700_000_000_000);
        assert!(clock.clone().now_ms() >= first);
    }

    #[test]
    fn a_manual_clock_moves_for_all_its_clones() {
        let clock = Clock::manual(1_000);
        let other = clock.clone();
        clock.advance(Duration::from_secs(2));
        assert_eq!(other.now_ms(), 3_000);
        assert_eq!(other.now().timestamp_millis(), 3_000);
    }
}
