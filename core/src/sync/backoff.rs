//! How long to wait after a failed exchange: exponential with full jitter, so that a thousand phones do not come back at once.

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// Nothing came back: probe often, a link may come up any second.
    Unreachable,
    /// The server is there and fails: give it air.
    Server,
}

/// The first wait is at most this long.
const BASE_MS: i64 = 500;
/// The longest wait while nothing is reachable and somebody looks at the screen.
pub(crate) const UNREACHABLE_CAP_MS: i64 = 4_000;
/// The same in the background.
pub(crate) const UNREACHABLE_BACKGROUND_CAP_MS: i64 = 60_000;
/// The longest wait for a failing server.
pub(crate) const SERVER_CAP_MS: i64 = 300_000;
/// No wait is shorter.
const FLOOR_MS: i64 = 100;

/// Failures in a row, and the dice.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    failures: u32,
    last: Trouble,
    dice: u64,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { failures: 0, last: Trouble::Unreachable, dice: seed }
    }

    /// The wait after one more failure.
    pub(crate) fn fail(&mut self, trouble: Trouble, foreground: bool) -> i64 {
        if self.last != trouble {
            self.failures = 0;
        }
        self.last = trouble;
        let cap = cap_ms(trouble, foreground);
        let span = BASE_MS.saturating_mul(1 << self.failures.min(20)).min(cap);
        self.failures = self.failures.saturating_add(1);
        let roll = self.roll() % u64::try_from(span - FLOOR_MS + 1).unwrap_or(1);
        FLOOR_MS + i64::try_from(roll).unwrap_or(0)
    }

    /// It went well, or the world changed.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The kind of the last failure, if the last exchange failed.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        (self.failures > 0).then_some(self.last)
    }

    /// `SplitMix64`: small, seeded, good enough to spread phones.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// The longest wait after this trouble.
pub(crate) fn cap_ms(trouble: Trouble, foreground: bool) -> i64 {
    match (trouble, foreground) {
        (Trouble::Unreachable, true) => UNREACHABLE_CAP_MS,
        (Trouble::Unreachable, false) => UNREACHABLE_BACKGROUND_CAP_MS,
        (Trouble::Server, _) => SERVER_CAP_MS,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_wait_passes_its_cap_or_is_none_at_all(seed in any::<u64>(), failures in 1..200_usize, server in any::<bool>(), foreground in any::<bool>()) {
            let trouble = if server { Trouble::Server } else { Trouble::Unreachable };
            let mut backoff = Backoff::new(seed);
            for _ in 0..failures {
                let wait = backoff.fail(trouble, foreground);
                prop_assert!((FLOOR_MS..=cap_ms(trouble, foreground)).contains(&wait));
            }
        }
    }

    #[test]
    fn waits_grow_and_start_again_after_a_reset() {
        let widest = |failures: u32| {
            (0..200).map(move |seed| {
                let mut backoff = Backoff::new(seed);
                (0..failures).map(|_| backoff.fail(Trouble::Server, true)).last().unwrap()
            })
        };
        assert!(widest(1).max().unwrap() <= BASE_MS);
        assert!(widest(10).max().unwrap() > 100_000);
        let mut backoff = Backoff::new(1);
        for _ in 0..10 {
            backoff.fail(Trouble::Server, true);
        }
        backoff.reset();
        assert!(backoff.fail(Trouble::Server, true) <= BASE_MS);
    }
}
