//! What goes into a decision and what comes out.

use std::time::Duration;

use tarishi_protocol::{Code, Problem, State};

use super::{Besides, Retry};
use crate::{
    adapters::{AdapterError, Disposition, Recovery, Reference},
    store::Ms,
};

/// The waits and retries of one action of one tenant.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What follows an unknown outcome.
    pub recovery: Recovery,
    /// The action changes something at the provider.
    pub has_effect: bool,
    /// Money moves.
    pub money: bool,
    /// Retries of a call that certainly did nothing.
    pub retry: Retry,
    /// How long an unresolved operation holds its ordering key.
    pub max_hold_ms: Ms,
    /// How long an operation may wait for its provider before a human is asked.
    pub max_wait_ms: Ms,
    /// What a person checks when nobody knows what was done.
    pub look_for: &'static str,
    /// A number in 0..1 for this decision's jitter.
    pub jitter: f64,
}

/// A call that gave no answer, as stored.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What may be done next.
    pub disposition: Disposition,
    /// A more exact problem code.
    pub problem: Option<Code>,
    /// The provider's code.
    pub code: Option<String>,
    /// For a person.
    pub message: String,
    /// Not before this.
    pub retry_after: Option<Duration>,
}

impl From<AdapterError> for Failure {
    fn from(error: AdapterError) -> Self {
        let AdapterError { disposition, problem, code, message, retry_after } = error;
        Self { disposition, problem, code, message, retry_after }
    }
}

/// What is to be written.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The new state; none = as it is.
    pub state: Option<State>,
    /// The outcome to store.
    pub outcome: Option<serde_json::Value>,
    /// The problem to store; cleared when the state becomes succeeded.
    pub problem: Option<Problem>,
    /// The reference to merge.
    pub reference: Option<Reference>,
    /// The provider's receipt of money.
    pub receipt: Option<String>,
    /// The memo of a finished step.
    pub memo: Option<serde_json::Value>,
    /// When somebody must look next.
    pub next_at: Option<Ms>,
    /// The outcome became unknown now, and nothing can be asked.
    pub ambiguous: bool,
    /// This try does not count.
    pub uncounted: bool,
    /// A new effect begins.
    pub new_effect: bool,
    /// Money came in besides: it is told, and changes nothing else.
    pub besides: Option<Besides>,
    /// The money that it was told with went back.
    pub reversed: bool,
    /// What the lane learns.
    pub lane: LaneNews,
}

/// What a lane learns from one call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum LaneNews {
    /// Nothing about the provider's health.
    #[default]
    Nothing,
    /// It answers.
    Healthy,
    /// It does not.
    Failing,
    /// Closed for this long.
    ClosedFor(Duration),
    /// Closed for longer than the last time: a rate limit that names no time.
    Limited {
        /// A number in 0..1 for the wait's jitter.
        chance: f64,
    },
}
