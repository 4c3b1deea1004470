//! How large a batch may be: it aims at bytes on the wire, not at a count.
//!
//! It starts small enough for the slowest network, grows while exchanges are quick, halves when one times out, never passes
//! what the server takes, and plans only what fits before a deadline.

/// The first batch aims at this many compressed bytes.
pub(crate) const TARGET_BYTES_START: usize = 32 * 1024;
/// No target is smaller.
const TARGET_BYTES_MIN: usize = 1_024;
/// An exchange that takes less leaves room to grow.
const QUICK_MS: i64 = 4_000;
/// No batch has more bytes before compression than this; the wire takes 8 MiB.
const RAW_BYTES_MAX: usize = 6 * 1024 * 1024;
/// What compression is taken to leave before it was measured, in thousandths.
const RATIO_START: usize = 500;

/// What was learnt about the network.
#[derive(Clone, Debug)]
pub(crate) struct Sizer {
    target: usize,
    ratio: usize,
    /// Bytes per second, of exchanges that were worth measuring.
    rate: Option<usize>,
}

/// How an exchange went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    pub(crate) raw: usize,
    pub(crate) encoded: usize,
    pub(crate) elapsed_ms: i64,
}

impl Sizer {
    pub(crate) fn new() -> Self {
        Self { target: TARGET_BYTES_START, ratio: RATIO_START, rate: None }
    }

    /// Bytes before compression for the next batch. `limit`: what the server takes; `left_ms`: until the deadline.
    pub(crate) fn room(&self, limit: usize, left_ms: Option<i64>) -> usize {
        let in_time = match (self.rate, left_ms) {
            (Some(rate), Some(left_ms)) => rate.saturating_mul(usize::try_from(left_ms.max(0)).unwrap_or(0)) / 1_000,
            _ => usize::MAX,
        };
        // A tenth stays free, since the ratio is an average.
        let encoded = self.target.min(limit - limit / 10).min(in_time);
        (encoded.saturating_mul(1_000) / self.ratio.max(1)).min(RAW_BYTES_MAX)
    }

    /// An exchange went well.
    pub(crate) fn went_well(&mut self, measure: Measure) {
        if measure.raw > 2_048 {
            let ratio = (measure.encoded.saturating_mul(1_000) / measure.raw).clamp(20, 1_000);
            self.ratio = (self.ratio + ratio).div_ceil(2);
        }
        let was_full = measure.encoded.saturating_mul(2) >= self.target;
        if was_full && measure.elapsed_ms < QUICK_MS {
            self.target = self.target.saturating_mul(2).min(tarishi_protocol::limits::ENCODED_BYTES_MAX);
        }
        if measure.encoded >= TARGET_BYTES_MIN && measure.elapsed_ms > 0 {
            let rate = measure.encoded.saturating_mul(1_000) / usize::try_from(measure.elapsed_ms).unwrap_or(1).max(1);
            self.rate = Some(self.rate.map_or(rate, |known| (known + rate) / 2).max(1));
        }
    }

    /// An exchange timed out or broke off.
    pub(crate) fn timed_out(&mut self) {
        self.target = (self.target / 2).max(TARGET_BYTES_MIN);
        self.rate = self.rate.map(|rate| (rate / 2).max(1));
    }

    /// The server found this many bytes too many; gives the limit to remember.
    pub(crate) fn too_large(&mut self, encoded: usize) -> usize {
        let ceiling = (encoded / 2).max(TARGET_BYTES_MIN);
        self.target = self.target.min(ceiling);
        ceiling
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick(encoded: usize) -> Measure {
        Measure { raw: encoded * 4, encoded, elapsed_ms: 500 }
    }

    #[test]
    fn it_grows_while_quick_and_full_and_halves_on_a_time_out() {
        let mut sizer = Sizer::new();
        let start = sizer.room(1 << 20, None);
        sizer.went_well(quick(100));
        assert_eq!(sizer.target, TARGET_BYTES_START, "a small batch proves nothing");
        sizer.went_well(quick(30_000));
        assert_eq!(sizer.target, 2 * TARGET_BYTES_START);
        assert!(sizer.room(1 << 20, None) > start);
        sizer.went_well(Measure { elapsed_ms: 9_000, ..quick(60_000) });
        assert_eq!(sizer.target, 2 * TARGET_BYTES_START, "a slow exchange leaves it");
        sizer.timed_out();
        sizer.timed_out();
        assert_eq!(sizer.target, TARGET_BYTES_START / 2);
        for _ in 0..20 {
            sizer.timed_out();
        }
        assert_eq!(sizer.target, TARGET_BYTES_MIN);
    }

    #[test]
    fn it_never_passes_what_the_server_takes() {
        let mut sizer = Sizer::new();
        for _ in 0..20 {
            sizer.went_well(Measure { raw: sizer.target, encoded: sizer.target, elapsed_ms: 10 });
        }
        assert!(sizer.room(10_000, None) <= 10_000);
        assert!(sizer.room(1 << 20, None) <= RAW_BYTES_MAX);
    }

    #[test]
    fn it_plans_only_what_fits_before_the_deadline() {
        let mut sizer = Sizer::new();
        sizer.went_well(Measure { raw: 40_000, encoded: 10_000, elapsed_ms: 10_000 });
        assert!(sizer.room(1 << 20, Some(2_000)) < sizer.room(1 << 20, Some(20_000)));
        assert!(sizer.room(1 << 20, Some(0)) < 100);
    }
}
