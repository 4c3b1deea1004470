//! Evidence that crosses: webhook before answer, poll after webhook. Findings 17 and 26.

use serde_json::json;
use tarishi_protocol::State;

use super::{
    answers::{MESSAGES, MONEY, failed, failure, paid, succeeded, waiting},
    desk::{Desk, T},
};
use crate::{
    adapters::{Answer, Disposition, REVERSED, Reference},
    store::{AttemptFilter, AttemptKind, Evidence, PAYMENT_RECEIVED, PAYMENT_REVERSED, Resolution, Source, Store as _},
};

/// Finding 17: the callback settles while the call is still open.
#[tokio::test]
async fn an_answer_after_the_webhook_does_not_take_success_back() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let attempt = desk.call(charge.id).await;

    desk.settle(charge.id, Source::Webhook { attempt: None }, Evidence::Answer(paid("TKL1")), MONEY).await;
    let settled = desk.settle(charge.id, Source::Call { attempt }, Evidence::Answer(waiting(Some("ws_CO_1"))), MONEY).await;

    assert_eq!(settled.moved, Some((State::Succeeded, State::Succeeded)));
    let row = desk.row(charge.id).await;
    assert_eq!(row.outcome.unwrap()["receipt"], "TKL1");
    assert_eq!(row.reference.unwrap().id, "ws_CO_1", "kept for the next webhook");
    desk.healthy().await;
}

/// Finding 17: a poll answered before the webhook, written after it.
#[tokio::test]
async fn a_poll_written_after_the_webhook_does_not_take_success_back() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.run(charge.id, waiting(Some("ws_CO_1"))).await;
    desk.settle(charge.id, Source::Webhook { attempt: None }, Evidence::Answer(paid("TKL1")), MONEY).await;

    for late in [waiting(Some("ws_CO_1")), failed(), Answer::NotFound] {
        desk.settle(charge.id, Source::Poll, Evidence::Answer(late), MONEY).await;
        assert_eq!(desk.state(charge.id).await, State::Succeeded);
    }
    assert!(desk.row(charge.id).await.next_at.is_none());
    desk.healthy().await;
}

/// Finding 17: every piece of evidence against every state, and nothing but the named ways leads down.
#[tokio::test]
async fn settle_only_climbs() {
    for first in [waiting(Some("r")), failed(), succeeded()] {
        for second in [waiting(Some("r")), failed(), succeeded(), Answer::NotFound] {
            for source in [Source::Poll, Source::Webhook { attempt: None }] {
                let desk = Desk::open().await;
                let charge = desk.charge("fee-1", "FEE-1");
                desk.send("d1", &charge).await;
                desk.run(charge.id, first.clone()).await;
                let before = desk.state(charge.id).await;

                desk.settle(charge.id, source.clone(), Evidence::Answer(second.clone()), MONEY).await;

                let after = desk.state(charge.id).await;
                assert!(after.rank() >= before.rank(), "{before:?} → {after:?} by {second:?}");
                desk.healthy().await;
            }
        }
    }
}

/// Finding 17: a failure without answer (a poll that found nobody) says nothing about an ended operation.
#[tokio::test]
async fn a_failed_poll_changes_nothing_but_the_next_look() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.run(charge.id, waiting(Some("r"))).await;
    let before = desk.row(charge.id).await.next_at;

    desk.settle(charge.id, Source::Poll, failure(Disposition::Ambiguous), MONEY).await;

    let row = desk.row(charge.id).await;
    assert_eq!(row.state, State::Waiting);
    assert_ne!(row.next_at, before);
    desk.healthy().await;
}

/// The first prompt is called off after a human had it tried again: the second is on the payer's phone.
#[tokio::test]
async fn a_failure_of_the_try_before_is_kept_in_the_log_and_does_not_fail_the_present_one() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let first = desk.call(charge.id).await;
    desk.settle(charge.id, Source::Call { attempt: first }, failure(Disposition::Ambiguous), MONEY).await;
    desk.pass(5_000);
    desk.settle(charge.id, Source::Poll, Evidence::ReceiptOverdue, MONEY).await;
    let operator = Source::Operator { who: "amina".to_owned() };
    desk.settle(charge.id, operator, Evidence::Resolve(Resolution::RunAgain), MONEY).await;
    let second = desk.call(charge.id).await;
    let of = |attempt| Source::Webhook { attempt: Some(attempt) };

    desk.settle(charge.id, of(first), Evidence::Answer(failed()), MONEY).await;
    assert_eq!(desk.state(charge.id).await, State::Calling);
    desk.settle(charge.id, Source::Call { attempt: second }, Evidence::Answer(waiting(Some("ws_CO_2"))), MONEY).await;
    for late in [failed(), waiting(Some("ws_CO_1"))] {
        desk.settle(charge.id, of(first), Evidence::Answer(late), MONEY).await;
    }

    let row = desk.row(charge.id).await;
    assert_eq!((row.state, row.reference.unwrap().id.as_str()), (State::Waiting, "ws_CO_2"), "the second is asked about");
    let filter = AttemptFilter { tenant: T.to_owned(), operation: Some(charge.id), limit: 50, ..AttemptFilter::default() };
    let lines = desk.store.attempts(filter).await.unwrap();
    assert_eq!(lines.iter().filter(|line| line.code.as_deref() == Some("1032")).count(), 2);
    desk.settle(charge.id, of(second), Evidence::Answer(failed()), MONEY).await;
    assert_eq!(desk.state(charge.id).await, State::Failed);
    desk.healthy().await;
}

/// What came in besides is told once, whatever told it, unless another charge was told with it.
#[tokio::test]
async fn a_second_receipt_of_a_charge_is_one_payment_and_takes_nothing_from_it() {
    let desk = Desk::open().await;
    let (charge, other) = (desk.charge("fee-1", "FEE-1"), desk.charge("fee-2", "FEE-2"));
    desk.send_all("d1", &[&charge, &other]).await;
    desk.run(charge.id, paid("TKL1")).await;
    desk.run(other.id, paid("TKL3")).await;
    let before = desk.row(charge.id).await;
    let claimed = async |answer| desk.settle(charge.id, Source::Poll, Evidence::Claimed(answer), MONEY).await.besides;

    assert!(!claimed(paid("TKL1")).await);
    for _ in 0..2 {
        assert!(claimed(paid("TKL2")).await);
    }
    claimed(paid("TKL3")).await;
    desk.settle(charge.id, Source::Poll, Evidence::Answer(paid("TKL2")), MONEY).await;

    let events = desk.store.events_of_kind(T, PAYMENT_RECEIVED, 0).await.unwrap();
    let receipts: Vec<_> =
        events.iter().map(|event| (event.data["receipt"].clone(), event.data["operation_id"].clone())).collect();
    assert_eq!(receipts, [(json!("TKL2"), json!(charge.id))]);
    let row = desk.row(charge.id).await;
    assert_eq!((row.state, row.outcome, row.reference), (before.state, before.outcome, before.reference));
    desk.healthy().await;
}

#[tokio::test]
async fn a_payment_that_went_back_is_marked_and_told_once() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.run(charge.id, paid("TKL1")).await;
    let back = Answer::Failed { code: REVERSED.to_owned(), message: "given back".to_owned() };
    for told in [true, false] {
        assert_eq!(desk.settle(charge.id, Source::Poll, Evidence::Claimed(back.clone()), MONEY).await.besides, told);
    }
    let [event] = desk.store.events_of_kind(T, PAYMENT_REVERSED, 0).await.unwrap().try_into().unwrap();
    assert_eq!((&event.data["receipt"], &event.data["operation_id"]), (&json!("TKL1"), &json!(charge.id)));
    let row = desk.row(charge.id).await;
    assert_eq!((row.state, &row.outcome.unwrap()["reversed"]), (State::Succeeded, &json!(true)));
    desk.healthy().await;
}

/// Two prompts, the second confirmed without its callback: the first one's receipt is not the second's.
#[tokio::test]
async fn a_missing_receipt_is_taken_from_the_callback_of_its_own_prompt_alone() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let reference = Reference::new("B").with("checkout", "B").with("confirmed", "B");
    let outcome = json!({ "receipt": null, "receipt_missing": true });
    desk.run(charge.id, Answer::Succeeded { outcome, reference: Some(reference.clone()), receipt: None }).await;
    let callback = async |checkout: &str, receipt: &str| {
        let paid = json!({ "receipt": receipt, "checkout": checkout, "attempt": null });
        let claim = Some(Reference::new(checkout).with("paid", paid));
        let claim = Answer::Waiting { reference: claim, poll_after: std::time::Duration::ZERO, interim: None };
        desk.settle(charge.id, Source::Webhook { attempt: None }, Evidence::Answer(claim), MONEY).await;
        desk.row(charge.id).await
    };

    let row = callback("A", "TKL1").await;
    assert_eq!((&row.outcome.unwrap()["receipt"], row.reference), (&json!(null), Some(reference)));
    let row = callback("B", "TKL2").await;
    assert_eq!(row.outcome.unwrap(), json!({ "receipt": "TKL2" }));
}

/// Finding 26.
#[tokio::test]
async fn equal_polls_are_one_row() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.run(charge.id, waiting(Some("r"))).await;
    for _ in 0..5 {
        desk.pass(10_000);
        desk.settle(charge.id, Source::Poll, Evidence::Answer(waiting(Some("r"))), MONEY).await;
    }
    desk.settle(charge.id, Source::Poll, failure(Disposition::Ambiguous), MONEY).await;

    let filter = AttemptFilter { tenant: T.to_owned(), operation: Some(charge.id), limit: 50, ..AttemptFilter::default() };
    let attempts = desk.store.attempts(filter).await.unwrap();
    let polls: Vec<_> = attempts
        .iter()
        .filter(|line| line.kind == AttemptKind::Poll)
        .map(|line| (line.result.as_deref(), line.count))
        .collect();
    assert_eq!(polls, [(Some("ambiguous"), 1), (Some("waiting"), 5)]);
    assert_eq!(attempts.iter().filter(|line| line.kind == AttemptKind::Effect).count(), 1);
}

/// Finding 16: ambiguous once, then sent: the books hold two calls and one end.
#[tokio::test]
async fn each_call_with_an_effect_is_a_row_of_its_own() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    let first = desk.call(sms.id).await;
    desk.settle(sms.id, Source::Call { attempt: first }, failure(Disposition::Transient), MESSAGES).await;
    desk.pass(2_000);
    desk.run(sms.id, succeeded()).await;

    let filter = AttemptFilter { tenant: T.to_owned(), operation: Some(sms.id), limit: 50, ..AttemptFilter::default() };
    let results: Vec<_> = desk.store.attempts(filter).await.unwrap().into_iter().filter_map(|line| line.result).collect();
    assert_eq!(results, ["succeeded", "transient"]);
}

/// The log is written on, never over: what comes later is a line of its own.
#[tokio::test]
async fn later_evidence_changes_no_line_of_the_log() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    let log = async || {
        let filter = AttemptFilter { tenant: T.to_owned(), operation: Some(sms.id), limit: 50, ..AttemptFilter::default() };
        desk.store.attempts(filter).await.unwrap().iter().map(|line| format!("{line:?}")).collect::<Vec<_>>()
    };
    desk.run(sms.id, waiting(Some("r"))).await;
    let mut before = log().await;
    let operator = Source::Operator { who: "amina".to_owned() };
    for (source, evidence) in [
        (Source::Webhook { attempt: None }, Evidence::Answer(failed())),
        (Source::Poll, failure(Disposition::Ambiguous)),
        (Source::Webhook { attempt: None }, Evidence::Answer(succeeded())),
        (operator, Evidence::Resolve(Resolution::Failed { reason: "no".to_owned() })),
    ] {
        desk.pass(1_000);
        desk.settle(sms.id, source, evidence, MESSAGES).await;
        let after = log().await;
        assert!(after.ends_with(&before), "{before:#?} {after:#?}");
        before = after;
    }
    assert!(before.len() >= 4, "{before:#?}");
}
