//! Operations and their lanes.

use tarishi_protocol::{OnFailure, OperationId, Problem, State};
use uuid::Uuid;

use super::{Actor, Ms};
use crate::adapters::Reference;

/// The lane of one adapter of one tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LaneRow {
    /// Whose.
    pub tenant: String,
    /// Which adapter.
    pub adapter: String,
    /// Closed until (rate limit, open breaker).
    pub not_before: Ms,
    /// Failures in a row that say the provider is down.
    pub failures: u32,
    /// When it was last served.
    pub last_served: Ms,
    /// Calls under way.
    pub in_use: u32,
    /// Operations that wait to be executed.
    pub depth: u64,
}

/// One operation, whole.
#[derive(Clone, Debug)]
pub struct OperationRow {
    /// Whose.
    pub tenant: String,
    /// Its id.
    pub id: OperationId,
    /// For whom.
    pub account: String,
    /// Who sent it.
    pub actor: Actor,
    /// Its key.
    pub idempotency_key: String,
    /// Its order.
    pub ordering_key: Option<String>,
    /// What its failure does to its key.
    pub on_failure: OnFailure,
    /// The adapter.
    pub adapter: String,
    /// The action.
    pub action: String,
    /// The payload's version.
    pub version: u32,
    /// The payload, verbatim.
    pub payload: String,
    /// Where it stands.
    pub state: State,
    /// Its outcome or interim.
    pub outcome: Option<serde_json::Value>,
    /// How it failed.
    pub problem: Option<Problem>,
    /// What the provider calls it.
    pub reference: Option<Reference>,
    /// What the last step left.
    pub memo: Option<serde_json::Value>,
    /// Rises only with a redrive.
    pub effect_number: u32,
    /// Calls with an effect so far.
    pub attempts: u32,
    /// Polls so far.
    pub polls: u32,
    /// The open or last attempt.
    pub attempt_id: Option<Uuid>,
    /// When the first attempt of this effect was opened.
    pub first_opened_at: Option<Ms>,
    /// Since when the outcome is unknown and no reference is known.
    pub ambiguous_at: Option<Ms>,
    /// A call of this effect before the last may have had it. Only *open* (for the present step) and `settle` look; elsewhere
    /// it is false.
    pub earlier_unknown: bool,
    /// When it was taken in.
    pub created_at: Ms,
    /// When it becomes too old to begin.
    pub expires_at: Ms,
    /// When somebody must look next.
    pub next_at: Option<Ms>,
    /// When it ended.
    pub ended_at: Option<Ms>,
    /// What it waits for.
    pub parent: Option<(OperationId, tarishi_protocol::AfterOn)>,
}

/// Which operations.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// Whose.
    pub tenant: String,
    /// Of this account only.
    pub account: Option<String>,
    /// In these states; empty = all.
    pub states: Vec<State>,
    /// Of this adapter.
    pub adapter: Option<String>,
    /// Only dead letters: unresolved, `attempts_exhausted`, `dependency_failed`.
    pub dead_letters: bool,
    /// Older than this one.
    pub before: Option<OperationId>,
    /// At most this many (at most 500).
    pub limit: u32,
}
