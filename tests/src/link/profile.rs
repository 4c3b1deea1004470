//! How bad a road is, in numbers that can be read aloud.

use std::time::Duration;

/// Round trip of a 2G connection in Kenya.
const KENYA_2G_ROUND_TRIP: Duration = Duration::from_millis(600);
/// Its speed, each way.
const KENYA_2G_BITS_PER_SECOND: u64 = 30_000;
/// How many of its chunks wait for a retransmission.
const KENYA_2G_LOSS: f64 = 0.03;
/// How many of its connections are cut.
const KENYA_2G_CUT: f64 = 0.005;

/// The properties of a link. Probabilities are 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkProfile {
    /// From the phone to the server and back; a new connection waits for one more.
    pub round_trip: Duration,
    /// Speed each way, shared by all connections; without limit when absent.
    pub bits_per_second: Option<u64>,
    /// Bytes that travel, and are lost, together.
    pub chunk_bytes: usize,
    /// How likely a chunk waits for its retransmission.
    pub loss: f64,
    /// The wait for the first retransmission; it doubles while they are lost too.
    pub retransmit_after: Duration,
    /// How likely a connection is cut somewhere in its first `cut_within_bytes`.
    pub cut: f64,
    /// Where a cut falls, counted over both directions.
    pub cut_within_bytes: u64,
    /// How likely a request arrives and its answer is dropped with the connection.
    pub cut_response: f64,
    /// How likely a request, having arrived, arrives once more later on a connection of its own.
    pub repeat: f64,
    /// How late a repeated request is at most.
    pub repeat_within: Duration,
    /// What all draws depend on.
    pub seed: u64,
    /// Every duration is multiplied by this: 0.01 is a hundred times as fast, with the same order of events.
    pub time_scale: f64,
}

impl LinkProfile {
    /// A road without faults and without distance.
    pub fn clean() -> Self {
        Self {
            round_trip: Duration::ZERO,
            bits_per_second: None,
            chunk_bytes: 1_400,
            loss: 0.0,
            retransmit_after: Duration::from_secs(1),
            cut: 0.0,
            cut_within_bytes: 2_000,
            cut_response: 0.0,
            repeat: 0.0,
            repeat_within: Duration::from_secs(60),
            seed: 0,
            time_scale: 1.0,
        }
    }

    /// 2G in Kenya: far, narrow and now and then broken. It repeats nothing unless told to.
    pub fn kenya_2g() -> Self {
        Self {
            round_trip: KENYA_2G_ROUND_TRIP,
            bits_per_second: Some(KENYA_2G_BITS_PER_SECOND),
            loss: KENYA_2G_LOSS,
            cut: KENYA_2G_CUT,
            ..Self::clean()
        }
    }

    /// With other draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With every duration multiplied.
    pub fn time_scale(mut self, time_scale: f64) -> Self {
        self.time_scale = time_scale;
        self
    }

    /// With requests that arrive twice.
    pub fn repeat(mut self, probability: f64) -> Self {
        self.repeat = probability;
        self
    }

    /// With answers that are dropped.
    pub fn cut_response(mut self, probability: f64) -> Self {
        self.cut_response = probability;
        self
    }

    /// With connections that are cut.
    pub fn cut(mut self, probability: f64) -> Self {
        self.cut = probability;
        self
    }

    /// A duration in this link's time.
    pub(super) fn scaled(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.time_scale.max(0.0))
    }

    /// How long these bytes occupy the link.
    pub(super) fn transmission(&self, bytes: usize) -> Duration {
        match self.bits_per_second {
            Some(bits) => self.scaled(Duration::from_secs_f64(bytes as f64 * 8.0 / bits.max(1) as f64)),
            None => Duration::ZERO,
        }
    }
}
