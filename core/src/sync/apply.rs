//! What an answer changes, as a pure plan.
//!
//! It is drawn from where the rows stand and what the server said; `outbox/apply.rs` carries it out in the transaction that
//! also stores the cursor. So a crash leaves either all of an answer or none, and none is asked for again.

use std::collections::HashMap;

use tarishi_protocol::{CancellationResult, Change, OperationId, Problem, Receipt, ReceiptStatus, State, SyncResponse};

use crate::{DeviceState, state::Cause};

/// When the server says `later` without a time, or gives no receipt at all: 5 seconds.
const LATER_MS_DEFAULT: i64 = 5_000;
/// The longest `later` that is believed: a day.
pub(crate) const LATER_MS_MAX: i64 = 24 * 3_600 * 1_000;

/// One step of the plan, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect<'r> {
    /// Move a row, taking over the server's words.
    Move { id: OperationId, to: DeviceState, outcome: Option<&'r serde_json::Value>, problem: Option<&'r Problem> },
    /// More is known of a success, if this adds to what is.
    Grow { id: OperationId, outcome: &'r serde_json::Value },
    /// Send it again, not before so many milliseconds.
    Park { id: OperationId, wait_ms: i64, problem: Option<&'r Problem> },
    /// The wish to cancel came too late: stop wishing.
    TooLate { id: OperationId },
    /// An operation this device does not hold.
    Stub { change: &'r Change },
}

/// How the batch fared.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) later: u64,
}

/// Draws the plan. `known` holds the rows of all ids named in the request or the answer; after a `reset` they already stand
/// as the reset left them.
pub(crate) fn plan<'r>(
    mut known: HashMap<OperationId, DeviceState>,
    sent: &[OperationId],
    response: &'r SyncResponse,
) -> (Vec<Effect<'r>>, Counts) {
    let mut effects = Vec::new();
    let mut counts = Counts::default();
    let receipts: HashMap<OperationId, &Receipt> = response.receipts.iter().map(|receipt| (receipt.id, receipt)).collect();
    for id in sent {
        let Some(state) = known.get(id).copied() else { continue };
        let receipt = receipts.get(id).copied();
        let cause = receipt.and_then(cause_of);
        match (&receipt, cause) {
            (Some(_), Some(Cause::Refused)) => counts.refused += 1,
            (Some(_), Some(_)) => counts.accepted += 1,
            (_, None) | (None, _) => counts.later += 1,
        }
        match (receipt, cause) {
            (Some(receipt), Some(cause)) => {
                if let Some(to) = state.step(cause) {
                    known.insert(*id, to);
                    let (outcome, problem) = (receipt.outcome.as_ref(), receipt.problem.as_ref());
                    effects.push(Effect::Move { id: *id, to, outcome, problem });
                }
            }
            (receipt, _) if state.is_unreceipted() => {
                let problem = receipt.and_then(|receipt| receipt.problem.as_ref());
                let asked = receipt.and_then(|receipt| receipt.retry_after_ms).or(problem.and_then(|p| p.retry_after_ms));
                let wait_ms = asked.map_or(LATER_MS_DEFAULT, |ms| i64::try_from(ms).unwrap_or(LATER_MS_MAX));
                effects.push(Effect::Park { id: *id, wait_ms: wait_ms.clamp(0, LATER_MS_MAX), problem });
            }
            _ => {}
        }
    }
    for answer in &response.cancellations {
        let Some(state) = known.get(&answer.id).copied() else { continue };
        match answer.result {
            CancellationResult::Cancelled => {
                if let Some(to) = state.step(Cause::CancelGranted) {
                    known.insert(answer.id, to);
                    effects.push(Effect::Move { id: answer.id, to, outcome: None, problem: None });
                }
            }
            CancellationResult::TooLate => effects.push(Effect::TooLate { id: answer.id }),
        }
    }
    for change in &response.changes {
        match known.get(&change.id).copied() {
            Some(state) => {
                if let Some(to) = state.step(Cause::Told(change.state)) {
                    known.insert(change.id, to);
                    let (outcome, problem) = (change.outcome.as_ref(), change.problem.as_ref());
                    effects.push(Effect::Move { id: change.id, to, outcome, problem });
                } else if let (DeviceState::Succeeded, State::Succeeded, Some(outcome)) = (state, change.state, &change.outcome)
                {
                    effects.push(Effect::Grow { id: change.id, outcome });
                }
            }
            None => {
                known.insert(change.id, DeviceState::of_server(change.state));
                effects.push(Effect::Stub { change });
            }
        }
    }
    (effects, counts)
}

/// What a receipt means; `None` is `later`.
fn cause_of(receipt: &Receipt) -> Option<Cause> {
    match receipt.status {
        ReceiptStatus::Accepted | ReceiptStatus::Duplicate => Some(Cause::Receipted(receipt.state.unwrap_or(State::Ready))),
        ReceiptStatus::Refused => Some(Cause::Refused),
        ReceiptStatus::Later => None,
    }
}

#[cfg(test)]
mod tests;
