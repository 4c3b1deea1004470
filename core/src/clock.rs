//! The one place that reads a clock.
//!
//! Wall clocks of phones are wrong and jump, so nothing is decided by one: it is shown and sent for logs only. What is
//! decided is decided by the boot clock, which counts sleep and never goes back, and the boot's id, which tells two boots
//! apart.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use std::fmt::Debug;

/// Where time comes from.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since 1970 as the phone believes; shown, never trusted.
    fn wall_ms(&self) -> i64;
    /// Milliseconds of a clock that counts sleep and never goes back within one boot.
    fn boot_ms(&self) -> u64;
    /// Names the boot; `None` where the system does not say, and ages are then never exact.
    fn boot_id(&self) -> Option<String>;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn wall_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot_ms(&self) -> u64 {
        // Darwin's CLOCK_MONOTONIC counts sleep, Linux's does not.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(id);
        let (secs, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
        secs.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
    }

    fn boot_id(&self) -> Option<String> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }
}

/// A clock that stands still until it is told.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    boot_ms: AtomicU64,
    boot_id: Mutex<Option<String>>,
}

impl ManualClock {
    /// A clock at this wall time, one minute after the first boot.
    #[must_use]
    pub fn new(wall_ms: i64) -> Self {
        Self {
            wall_ms: AtomicI64::new(wall_ms),
            boot_ms: AtomicU64::new(60_000),
            boot_id: Mutex::new(Some("boot-1".to_owned())),
        }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: core::time::Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
        self.wall_ms.fetch_add(i64::try_from(ms).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as a person or the network does.
    pub fn set_wall_ms(&self, wall_ms: i64) {
        self.wall_ms.store(wall_ms, Ordering::SeqCst);
    }

    /// Starts another boot: its clock begins at one minute.
    pub fn reboot(&self, boot_id: Option<&str>) {
        self.boot_ms.store(60_000, Ordering::SeqCst);
        *self.boot_id.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = boot_id.map(str::to_owned);
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> i64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn boot_ms(&self) -> u64 {
        self.boot_ms.load(Ordering::SeqCst)
    }

    fn boot_id(&self) -> Option<String> {
        self.boot_id.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// A wall time as a date; the epoch if it is out of range.
pub(crate) fn date(wall_ms: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_millis(wall_ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clocks_run() {
        let clock = SystemClock;
        let boot = clock.boot_ms();
        assert!(boot > 0);
        assert!(clock.boot_ms() >= boot);
        assert!(clock.wall_ms() > 1_600_000_000_000);
        #[cfg(target_os = "linux")]
        assert_eq!(clock.boot_id(), clock.boot_id());
    }
}
