//! What providers say, and by which rules it is taken.

use std::time::Duration;

use serde_json::json;

use crate::{
    adapters::{Answer, Disposition, Recovery, Reference, Then},
    dispatch::policy::{Failure, Retry, Rules},
    store::Evidence,
};

/// No money, sent again when no receipt came.
pub(super) const MESSAGES: Rules = rules(Recovery::Receipts { wait: Duration::from_secs(5), then: Then::Resend }, false);
/// Money, never sent again.
pub(super) const MONEY: Rules = rules(Recovery::Receipts { wait: Duration::from_secs(5), then: Then::Unresolved }, true);
/// A provider that does the same thing once.
pub(super) const RESENDABLE: Rules = rules(Recovery::ResendSameKey { window: Duration::from_secs(3_600) }, false);
/// A provider that can be asked.
pub(super) const ASKABLE: Rules = rules(Recovery::Query { settle_after: Duration::from_secs(120) }, true);

pub(super) const fn rules(recovery: Recovery, money: bool) -> Rules {
    Rules {
        recovery,
        has_effect: true,
        money,
        retry: Retry { attempts_max: 3, base_ms: 1_000, factor: 2.0, cap_ms: 10_000, ..Retry::DEFAULT },
        max_hold_ms: 72 * 3_600_000,
        max_wait_ms: 72 * 3_600_000,
        look_for: "look in the portal",
        jitter: 0.0,
    }
}
pub(super) fn succeeded() -> Answer {
    Answer::Succeeded { outcome: json!({ "messages": [] }), reference: None, receipt: None }
}

pub(super) fn paid(receipt: &str) -> Answer {
    Answer::Succeeded {
        outcome: json!({ "receipt": receipt, "amount": null, "paid_at": null }),
        reference: None,
        receipt: Some(receipt.to_owned()),
    }
}

pub(super) fn failed() -> Answer {
    Answer::Failed { code: "1032".to_owned(), message: "the payer cancelled".to_owned() }
}

pub(super) fn waiting(reference: Option<&str>) -> Answer {
    Answer::Waiting { reference: reference.map(Reference::new), poll_after: Duration::from_secs(10), interim: None }
}

pub(super) fn failure(disposition: Disposition) -> Evidence {
    Evidence::Failure(Failure { disposition, problem: None, code: None, message: "no answer".to_owned(), retry_after: None })
}
