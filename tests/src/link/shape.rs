//! When a chunk arrives: after those before it, its own time on the air, the distance, and its retransmissions.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use super::{LinkProfile, lock};

/// A chunk is lost no more often than this in a row.
const RETRANSMISSIONS_MAX: u32 = 6;

/// One direction of the link, shared by all connections.
#[derive(Default)]
pub(super) struct Lane {
    busy_until: Mutex<Option<Instant>>,
    bytes: AtomicU64,
}

impl Lane {
    /// Takes its turn on the air and says when the chunk has arrived, but for its loss.
    pub(super) fn send(&self, now: Instant, bytes: usize, profile: &LinkProfile) -> Instant {
        self.bytes.fetch_add(bytes as u64, Ordering::SeqCst);
        let mut busy_until = lock(&self.busy_until);
        let start = busy_until.map_or(now, |until| until.max(now));
        let sent = start + profile.transmission(bytes);
        *busy_until = Some(sent);
        sent + profile.scaled(profile.round_trip) / 2
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }
}

/// How long a chunk waits for being sent again.
pub(super) fn retransmission(rng: &mut StdRng, profile: &LinkProfile) -> Duration {
    let mut wait = Duration::ZERO;
    let mut next = profile.scaled(profile.retransmit_after);
    for _ in 0..RETRANSMISSIONS_MAX {
        if !happens(rng, profile.loss) {
            break;
        }
        wait += next;
        next *= 2;
    }
    wait
}

/// The fate of one connection, from the seed and its number alone.
pub(super) struct Fate {
    /// Bytes after which it is cut.
    pub(super) cut_after: Option<u64>,
    /// Draws of what befalls its requests.
    pub(super) requests: StdRng,
    /// Draws of the chunks going up.
    pub(super) up: StdRng,
    /// Draws of the chunks coming down.
    pub(super) down: StdRng,
}

impl Fate {
    pub(super) fn of(number: u64, profile: &LinkProfile) -> Self {
        let mut rng = StdRng::seed_from_u64(profile.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let cut = happens(&mut rng, profile.cut);
        let place = rng.random_range(1..=profile.cut_within_bytes.max(1));
        let mut fork = || StdRng::seed_from_u64(rng.random());
        Self { requests: fork(), up: fork(), down: fork(), cut_after: cut.then_some(place) }
    }
}

/// A draw; one is made whatever the probability, so changing one leaves the others alone.
pub(super) fn happens(rng: &mut StdRng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}
