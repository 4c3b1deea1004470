//! What follows from what was learnt. Pure: the operation as it stands, the evidence, the rules and the time go in; a
//! [`Decision`] comes out, which `settle` writes in one transaction.
//!
//! Evidence only climbs `held, ready < calling < waiting < unresolved < expired, cancelled, failed < succeeded`. The ways
//! down from here: a call that certainly did nothing goes back to `ready`, and so does one whose repeat is harmless.

use std::time::Duration;

use tarishi_protocol::{Code, Problem, State};
use uuid::Uuid;

use crate::{
    adapters::{AdapterError, Answer, Disposition, Recovery, Reference, Then},
    store::{Evidence, Ms, OperationRow, Resolution, Source},
};

mod besides;
mod terms;
mod unknown;
mod waits;

use unknown::{Certainty, again, again_after, ask_human, overdue, unknown};

pub use besides::{Besides, CHARGE, Claimed, claimed};
pub use terms::{Decision, Failure, LaneNews, Rules};
pub use waits::{
    BREAKER_BASE_MS, BREAKER_CAP_MS, BREAKER_FAILURES, Growth, LIMIT_BASE_MS, LIMIT_CAP_MS, Retry, breaker_ms, limit_ms,
};

/// The longest Retry-After of a provider that is obeyed.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Refusals of an access token in a row that are met with a new one.
pub const TOKEN_RETRIES: u32 = 1;
/// Questions after which an adapter that panics is asked no more.
pub const PANICS_MAX: u32 = 20;
/// Wait between polls that gave no answer, in milliseconds: doubled with each, up to ten minutes.
const POLL_RETRY_MS: Ms = 1_000;

/// Decides. `None`: nothing changes; the evidence is kept in the log alone.
#[must_use]
pub fn decide(row: &OperationRow, source: &Source, evidence: &Evidence, rules: &Rules, now: Ms) -> Option<Decision> {
    match evidence {
        Evidence::Answer(answer) => answered(row, source, answer, rules, now),
        Evidence::Failure(failure) => failed(row, source, failure, rules, now),
        Evidence::Lost => (row.state == State::Calling).then(|| unknown(row, rules, now, "the call's answer was lost")),
        Evidence::ReceiptOverdue => overdue(row, rules, now),
        Evidence::Message(_) => None,
        Evidence::Claimed(answer) => besides::besides(row, answer),
        Evidence::Resolve(resolution) => resolved(row, resolution, now),
    }
}

fn answered(row: &OperationRow, source: &Source, answer: &Answer, rules: &Rules, now: Ms) -> Option<Decision> {
    if !counts(row, source, answer, rules) {
        return None;
    }
    let healthy =
        if matches!(source, Source::Webhook { .. } | Source::Operator { .. }) { LaneNews::Nothing } else { LaneNews::Healthy };
    match answer {
        Answer::Succeeded { receipt: Some(_), .. } if row.state == State::Succeeded => besides::besides(row, answer),
        Answer::Succeeded { outcome, reference, receipt } => (row.state != State::Succeeded).then(|| Decision {
            state: Some(State::Succeeded),
            outcome: Some(outcome.clone()),
            reference: reference.clone(),
            receipt: receipt.clone(),
            lane: healthy,
            ..Decision::default()
        }),
        Answer::Failed { code, message } => climbs(row, State::Failed).then(|| Decision {
            state: Some(State::Failed),
            problem: Some(Problem::new(Code::ProviderRejected, message.clone()).with_provider_code(code.clone())),
            lane: healthy,
            ..Decision::default()
        }),
        Answer::Waiting { reference, poll_after, interim } => {
            waiting(row, source, reference, *poll_after, interim, rules, now, healthy)
        }
        Answer::Next { memo } | Answer::Looked { memo } => {
            (is_current(row, source) || reported(row, source)).then(|| Decision {
                state: Some(State::Ready),
                memo: Some(memo.clone()),
                next_at: Some(now),
                uncounted: true,
                lane: healthy,
                ..Decision::default()
            })
        }
        Answer::NotFound => not_found(row, source, rules, now),
    }
}

#[expect(clippy::too_many_arguments, reason = "the fields of one answer")]
fn waiting(
    row: &OperationRow,
    source: &Source,
    reference: &Option<Reference>,
    poll_after: Duration,
    interim: &Option<serde_json::Value>,
    rules: &Rules,
    now: Ms,
    lane: LaneNews,
) -> Option<Decision> {
    if row.state.is_ended() {
        // A claim that wants confirming reopens what was told failed (money came late); it never touches a success.
        let claims = is_webhook(source) && poll_after.is_zero() && row.state != State::Succeeded;
        if !claims {
            return None;
        }
    }
    let started = row.first_opened_at.unwrap_or(row.created_at);
    let too_long = now - started > rules.max_wait_ms && !poll_after.is_zero();
    // It is known now by what the provider can be asked.
    let askable = rules.money && is_webhook(source) && !too_long;
    let state = if row.state == State::Unresolved && (poll_after.is_zero() || askable) {
        State::Waiting
    } else if too_long || row.state == State::Unresolved {
        State::Unresolved
    } else {
        State::Waiting
    };
    Some(Decision {
        state: Some(state),
        outcome: interim.clone().map(|interim| serde_json::json!({ "interim": interim })),
        problem: (state == State::Unresolved)
            .then(|| Problem::new(Code::OutcomeUnknown, "the provider gave no final answer in time")),
        reference: reference.clone(),
        next_at: Some(if state == State::Unresolved { now + rules.max_hold_ms } else { now + ms(poll_after) }),
        lane,
        ..Decision::default()
    })
}

fn not_found(row: &OperationRow, source: &Source, rules: &Rules, now: Ms) -> Option<Decision> {
    if !rules.has_effect && is_current(row, source) {
        let problem = Problem::new(Code::NotFound, "the provider knows no such thing");
        return Some(Decision {
            state: Some(State::Failed),
            problem: Some(problem),
            lane: LaneNews::Healthy,
            ..Decision::default()
        });
    }
    let Recovery::Query { settle_after } = rules.recovery else {
        return (row.state == State::Calling && is_current(row, source))
            .then(|| unknown(row, rules, now, "the provider knows nothing of it yet"));
    };
    if row.state == State::Waiting && row.ambiguous_at.is_none() {
        // The provider took it, or told of it after it had failed: that it knows nothing of it now is no answer.
        let text = "the provider knows nothing of what it took";
        return poll_failed(row, &AdapterError::new(Disposition::Ambiguous, text).into(), rules, now);
    }
    let since = row.ambiguous_at.or(row.first_opened_at).unwrap_or(now);
    if row.state == State::Waiting && now - since >= ms(settle_after) {
        if row.expires_at <= now {
            let problem = Problem::new(Code::Expired, "nothing was done, and it is too old to begin again");
            return Some(Decision { state: Some(State::Failed), problem: Some(problem), ..Decision::default() });
        }
        return Some(again(row, rules, now, "the provider affirms that nothing was done"));
    }
    (row.state == State::Waiting || row.state == State::Calling).then(|| Decision {
        state: Some(State::Waiting),
        next_at: Some((since + ms(settle_after)).max(now + POLL_RETRY_MS)),
        ..Decision::default()
    })
}

fn failed(row: &OperationRow, source: &Source, failure: &Failure, rules: &Rules, now: Ms) -> Option<Decision> {
    if *source == Source::Poll {
        return poll_failed(row, failure, rules, now);
    }
    if !is_current(row, source) {
        return None;
    }
    let text = failure.message.clone();
    let problem = |code: Code| {
        let problem = Problem::new(failure.problem.unwrap_or(code), text.clone());
        Some(match &failure.code {
            Some(code) => problem.with_provider_code(code.clone()),
            None => problem,
        })
    };
    let ended = |code: Code| Decision { state: Some(State::Failed), problem: problem(code), ..Decision::default() };
    Some(match failure.disposition {
        Disposition::Transient => Decision {
            lane: LaneNews::Failing,
            ..again_after(row, rules, now, Certainty::NothingDone, failure.retry_after, problem(Code::AttemptsExhausted))
        },
        Disposition::RateLimited => limited(row, failure, rules, now),
        Disposition::Ambiguous if !rules.has_effect => Decision {
            lane: LaneNews::Failing,
            ..again_after(row, rules, now, Certainty::NothingDone, failure.retry_after, problem(Code::AttemptsExhausted))
        },
        // The provider answered something odd of its own (held by its fraud check, say): that is no reason to send again.
        Disposition::Ambiguous
            if failure.code.is_some() && matches!(rules.recovery, Recovery::Receipts { then: Then::Resend, .. }) =>
        {
            ask_human(rules, now, &text)
        }
        Disposition::Ambiguous => {
            let decision = unknown(row, rules, now, &text);
            // A wait that the provider names counts for the repeat of a call that may be repeated too.
            let waits = failure.retry_after.filter(|_| decision.state == Some(State::Ready));
            let named = waits.map(|after| now + ms(after.min(RETRY_AFTER_MAX)));
            Decision { lane: LaneNews::Failing, next_at: decision.next_at.max(named), ..decision }
        }
        Disposition::Unauthorized if row.attempts <= TOKEN_RETRIES => {
            Decision { state: Some(State::Ready), next_at: Some(now), ..Decision::default() }
        }
        // A call before this one may have had the effect; neither a token nor a setting says anything about that.
        Disposition::Unauthorized | Disposition::Misconfigured
            if rules.has_effect && row.earlier_unknown && matches!(rules.recovery, Recovery::ResendSameKey { .. }) =>
        {
            again(row, rules, now, &text)
        }
        Disposition::Unauthorized | Disposition::Misconfigured => ended(Code::Misconfigured),
        Disposition::Rejected => ended(Code::ProviderRejected),
        Disposition::Unsupported => ended(Code::Unsupported),
    })
}

/// The call was turned away: the lane closes, and the try does not count. What certainly did nothing ends by its age; what an
/// earlier call may have done is a human's after the longest wait.
fn limited(row: &OperationRow, failure: &Failure, rules: &Rules, now: Ms) -> Decision {
    let named = failure.retry_after.map(|after| after.min(RETRY_AFTER_MAX));
    let lane = named.map_or(LaneNews::Limited { chance: rules.jitter }, LaneNews::ClosedFor);
    let started = row.first_opened_at.unwrap_or(row.created_at);
    if rules.has_effect && row.earlier_unknown && now - started > rules.max_wait_ms {
        return Decision { lane, ..ask_human(rules, now, &failure.message) };
    }
    let wait = named.map_or(LIMIT_BASE_MS, ms);
    Decision { state: Some(State::Ready), next_at: Some(now + wait), uncounted: true, lane, ..Decision::default() }
}

/// A poll that gave no answer changes nothing but the time of the next one.
fn poll_failed(row: &OperationRow, failure: &Failure, rules: &Rules, now: Ms) -> Option<Decision> {
    if row.state != State::Waiting {
        return None;
    }
    let started = row.first_opened_at.unwrap_or(row.created_at);
    let panics = failure.problem == Some(Code::Internal) && row.polls + 1 >= PANICS_MAX;
    // The adapter has asked all there is to ask, and what it heard is neither done nor not done.
    let nobody_knows = failure.problem == Some(Code::OutcomeUnknown);
    if panics || nobody_knows || now - started > rules.max_wait_ms {
        return Some(ask_human(rules, now, &failure.message));
    }
    let wait = POLL_RETRY_MS << row.polls.min(9);
    let wait = failure.retry_after.map_or(wait, |after| ms(after.min(RETRY_AFTER_MAX)).max(wait));
    Some(Decision { next_at: Some(now + wait.min(600_000)), ..Decision::default() })
}

fn resolved(row: &OperationRow, resolution: &Resolution, now: Ms) -> Option<Decision> {
    if row.state != State::Unresolved {
        return None;
    }
    Some(match resolution {
        Resolution::Succeeded { outcome } => {
            let receipt = outcome.get("receipt").and_then(|receipt| receipt.as_str()).map(str::to_owned);
            Decision { state: Some(State::Succeeded), outcome: Some(outcome.clone()), receipt, ..Decision::default() }
        }
        Resolution::Failed { reason } => Decision {
            state: Some(State::Failed),
            problem: Some(Problem::new(Code::ProviderRejected, reason.clone())),
            ..Decision::default()
        },
        Resolution::RunAgain => {
            Decision { state: Some(State::Ready), next_at: Some(now), new_effect: true, ..Decision::default() }
        }
    })
}

/// The evidence is of the call that is open now; what any other call says may only climb.
fn is_current(row: &OperationRow, source: &Source) -> bool {
    let attempt: Option<Uuid> = match source {
        Source::Call { attempt } => Some(*attempt),
        Source::Poll | Source::Webhook { .. } | Source::Operator { .. } => None,
    };
    row.state == State::Calling && attempt.is_some() && row.attempt_id == attempt
}

/// The provider told of the call whose own answer was lost: its step is done.
fn reported(row: &OperationRow, source: &Source) -> bool {
    is_webhook(source) && row.state == State::Waiting && row.ambiguous_at.is_some()
}

/// Does an answer say something of the call that the operation stands on now? That an effect exists always does. That an earlier
/// call came to nothing, or still waits, says nothing of the present one, which may have the effect.
#[must_use]
pub fn counts(row: &OperationRow, source: &Source, answer: &Answer, rules: &Rules) -> bool {
    match answer {
        Answer::Succeeded { .. } => true,
        Answer::Failed { .. } | Answer::NotFound => !is_older(row, source),
        // A claim of money always counts; else an earlier call of it would be asked about in the place of the present one.
        Answer::Waiting { poll_after, .. } => {
            !rules.money || (is_webhook(source) && poll_after.is_zero()) || !is_older(row, source)
        }
        // Both are guarded where they are taken.
        Answer::Next { .. } | Answer::Looked { .. } => true,
    }
}

/// The evidence is not of the present call, or nobody knows that it is.
fn is_older(row: &OperationRow, source: &Source) -> bool {
    match source {
        Source::Call { attempt } => row.attempt_id != Some(*attempt),
        // Between two calls none is under way that it could be of.
        Source::Webhook { attempt } => {
            matches!(row.state, State::Held | State::Ready) || attempt.is_none() || row.attempt_id != *attempt
        }
        Source::Poll | Source::Operator { .. } => false,
    }
}

fn is_webhook(source: &Source) -> bool {
    matches!(source, Source::Webhook { .. })
}

fn climbs(row: &OperationRow, to: State) -> bool {
    to.rank() > row.state.rank()
}

fn ms(duration: Duration) -> Ms {
    Ms::try_from(duration.as_millis()).unwrap_or(Ms::MAX / 4)
}

#[cfg(test)]
mod tests;
