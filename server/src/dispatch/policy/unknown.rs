//! What follows when nobody knows what a call did: wait, ask, send again, or show it to a human. Pure.

use std::time::Duration;

use tarishi_protocol::{Code, Problem, State};

use super::{Decision, POLL_RETRY_MS, RETRY_AFTER_MAX, Rules, ms};
use crate::{
    adapters::{Recovery, Then},
    store::{Ms, OperationRow},
};

/// Nobody knows what the call did: the action's recovery says what follows.
pub(super) fn unknown(row: &OperationRow, rules: &Rules, now: Ms, text: &str) -> Decision {
    if !rules.has_effect {
        return again(row, rules, now, text);
    }
    match rules.recovery {
        Recovery::ResendSameKey { window } => {
            let first = row.first_opened_at.unwrap_or(now);
            if now - first < ms(window) { again(row, rules, now, text) } else { ask_human(rules, now, text) }
        }
        Recovery::Query { .. } => {
            Decision { state: Some(State::Waiting), next_at: Some(now + POLL_RETRY_MS), ambiguous: true, ..Decision::default() }
        }
        Recovery::Receipts { wait, .. } => {
            Decision { state: Some(State::Waiting), next_at: Some(now + ms(wait)), ambiguous: true, ..Decision::default() }
        }
        Recovery::Human => ask_human(rules, now, text),
    }
}

pub(super) fn overdue(row: &OperationRow, rules: &Rules, now: Ms) -> Option<Decision> {
    if row.state != State::Waiting || row.reference.is_some() {
        return None;
    }
    let text = "no receipt came for a call of unknown outcome";
    Some(match rules.recovery {
        Recovery::Receipts { then: Then::Resend, .. } | Recovery::ResendSameKey { .. } => again(row, rules, now, text),
        Recovery::Receipts { then: Then::Unresolved, .. } | Recovery::Query { .. } | Recovery::Human => {
            ask_human(rules, now, text)
        }
    })
}

pub(super) fn ask_human(rules: &Rules, now: Ms, text: &str) -> Decision {
    Decision {
        state: Some(State::Unresolved),
        problem: Some(Problem::new(Code::OutcomeUnknown, text.to_owned())),
        next_at: Some(now + rules.max_hold_ms),
        ..Decision::default()
    }
}

/// What is known of the call that is decided on.
#[derive(Clone, Copy)]
pub(super) enum Certainty {
    NothingDone,
    Unknown,
}

pub(super) fn again(row: &OperationRow, rules: &Rules, now: Ms, text: &str) -> Decision {
    again_after(row, rules, now, Certainty::Unknown, None, Some(Problem::new(Code::AttemptsExhausted, text.to_owned())))
}

pub(super) fn again_after(
    row: &OperationRow,
    rules: &Rules,
    now: Ms,
    certainty: Certainty,
    retry_after: Option<Duration>,
    problem: Option<Problem>,
) -> Decision {
    if row.attempts >= rules.retry.attempts_max {
        // "Failed" would hide an effect that one of the calls may have had.
        let certain = matches!(certainty, Certainty::NothingDone) && !row.earlier_unknown;
        if rules.has_effect && !certain {
            return ask_human(rules, now, "every allowed try was made, and one of them may have done it");
        }
        let problem = problem.map(|problem| Problem {
            provider_code: problem.provider_code,
            ..Problem::new(Code::AttemptsExhausted, problem.detail)
        });
        return Decision { state: Some(State::Failed), problem, ..Decision::default() };
    }
    let wait = rules.retry.wait_ms(row.attempts, rules.jitter);
    let wait = retry_after.map_or(wait, |after| ms(after.min(RETRY_AFTER_MAX)).max(wait));
    Decision { state: Some(State::Ready), next_at: Some(now + wait), ..Decision::default() }
}
