//! Refusals and cancellations as rows, and the race of cancel against *open*. Findings 4, 5 and 22.

use tarishi_protocol::{CancellationResult, ReceiptStatus, State};

use super::{
    answers::{RESENDABLE, failure, succeeded, waiting},
    desk::{Desk, T},
};
use crate::{
    adapters::Disposition,
    store::{Evidence, Source, Store as _},
};

/// Finding 4.
#[tokio::test]
async fn a_late_copy_of_a_refused_operation_meets_its_refusal() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    let refused = desk.exchange("d1", vec![desk.refuse(&charge)], &[], None).await.receipts.remove(0);
    assert_eq!(refused.status, ReceiptStatus::Refused);

    // The adapter is switched on, and the copy that hung in a proxy arrives.
    let copy = desk.send("d1", &charge).await;

    assert_eq!((copy.status, copy.problem), (ReceiptStatus::Refused, refused.problem));
    assert!(desk.store.operation(T, charge.id).await.unwrap().is_none());
    assert_eq!(desk.claim("mpesa").await, []);
}

/// Finding 4.
#[tokio::test]
async fn a_late_copy_of_a_cancelled_unknown_operation_meets_its_cancellation() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    assert_eq!(desk.cancel("d1", charge.id).await, CancellationResult::Cancelled);

    let copy = desk.send("d1", &charge).await;

    assert_eq!((copy.status, copy.state), (ReceiptStatus::Duplicate, Some(State::Cancelled)));
    assert!(desk.store.operation(T, charge.id).await.unwrap().is_none());
    // The utterance is dead, the effect is not: the same key under another id is free.
    let again = desk.charge("fee-1", "FEE-1");
    assert_eq!(desk.send("d1", &again).await.status, ReceiptStatus::Accepted);
}

/// Finding 4: what may come again leaves no trace.
#[tokio::test]
async fn later_is_no_verdict() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    let answer = desk.exchange("d1", vec![desk.later(&sms)], &[], None).await.receipts.remove(0);
    assert_eq!(answer.status, ReceiptStatus::Later);
    assert!(answer.retry_after_ms.is_some());

    assert_eq!(desk.send("d1", &sms).await.status, ReceiptStatus::Accepted);
}

/// Finding 5.
#[tokio::test]
async fn a_cancel_is_granted_from_held_and_ready_only() {
    let desk = Desk::open().await;
    let (first, held) = (desk.keyed("k", "one"), desk.keyed("k", "two"));
    desk.send_all("d1", &[&first, &held]).await;
    assert_eq!(desk.cancel("d1", held.id).await, CancellationResult::Cancelled);
    assert_eq!(desk.cancel("d1", held.id).await, CancellationResult::Cancelled, "and again");

    let attempt = desk.call(first.id).await;
    assert_eq!(desk.cancel("d1", first.id).await, CancellationResult::TooLate);
    desk.answer(first.id, attempt, waiting(Some("r"))).await;
    assert_eq!(desk.cancel("d1", first.id).await, CancellationResult::TooLate);
    desk.settle(first.id, Source::Webhook { attempt: None }, Evidence::Answer(succeeded()), super::answers::MESSAGES).await;
    assert_eq!(desk.cancel("d1", first.id).await, CancellationResult::TooLate);
    assert_eq!(desk.state(held.id).await, State::Cancelled);
    desk.healthy().await;
}

/// Findings 5 and 22: what is ready again after a call of unknown outcome may have happened; after a call that certainly did
/// nothing it can be cancelled.
#[tokio::test]
async fn a_cancel_is_refused_once_a_call_may_have_had_its_effect() {
    let desk = Desk::open().await;
    for (disposition, expected) in
        [(Disposition::Transient, CancellationResult::Cancelled), (Disposition::Ambiguous, CancellationResult::TooLate)]
    {
        let sms = desk.sms("one");
        desk.send("d1", &sms).await;
        let attempt = desk.call(sms.id).await;
        desk.settle(sms.id, Source::Call { attempt }, failure(disposition), RESENDABLE).await;
        assert_eq!(desk.state(sms.id).await, State::Ready);

        assert_eq!(desk.cancel("d1", sms.id).await, expected);
    }
    desk.healthy().await;
}

/// Finding 5: a worker that holds a claim in memory finds the cancellation in *open*.
#[tokio::test]
async fn a_claimed_operation_can_still_be_cancelled_and_is_then_not_opened() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    assert_eq!(desk.claim("sms").await, [sms.id]);

    assert_eq!(desk.cancel("d1", sms.id).await, CancellationResult::Cancelled);

    assert_eq!(desk.open_attempt(sms.id).await, None);
}

/// Finding 5: at the same moment, exactly one of the two wins.
#[tokio::test]
async fn open_and_cancel_at_once_have_one_winner() {
    let desk = Desk::open().await;
    for round in 0..40 {
        let sms = desk.sms("one");
        desk.send("d1", &sms).await;
        desk.claim("sms").await;

        let (opened, cancelled) = if round % 2 == 0 {
            tokio::join!(desk.open_attempt(sms.id), desk.cancel("d1", sms.id))
        } else {
            let (cancelled, opened) = tokio::join!(desk.cancel("d1", sms.id), desk.open_attempt(sms.id));
            (opened, cancelled)
        };

        assert_eq!(opened.is_some(), cancelled == CancellationResult::TooLate);
        if let Some(attempt) = opened {
            desk.answer(sms.id, attempt, succeeded()).await;
        }
    }
    desk.healthy().await;
}

/// Finding 5: a wish for another account's operation is answered, and does nothing.
#[tokio::test]
async fn another_accounts_operation_cannot_be_cancelled() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;

    assert_eq!(desk.cancel("d3", sms.id).await, CancellationResult::TooLate);

    assert_eq!(desk.state(sms.id).await, State::Ready);
}

/// Finding 22.
#[tokio::test]
async fn only_what_was_never_attempted_expires() {
    let desk = Desk::open().await;
    let short = |text: &str| tarishi_protocol::Operation { ttl_ms: Some(10_000), ..desk.sms(text) };
    let behind = tarishi_protocol::Operation { ordering_key: Some("k".to_owned()), ..short("held") };
    let (ready, called) =
        (short("ready"), tarishi_protocol::Operation { ordering_key: Some("k".to_owned()), ..short("called") });
    desk.send_all("d1", &[&ready, &called, &behind]).await;
    let attempt = desk.call(called.id).await;
    desk.answer(called.id, attempt, waiting(Some("prompt"))).await;

    desk.pass(10_000);
    assert_eq!(desk.store.expire_due(desk.now()).await.unwrap(), 2);

    assert_eq!(desk.state(ready.id).await, State::Expired);
    assert_eq!(desk.state(behind.id).await, State::Expired);
    assert_eq!(desk.state(called.id).await, State::Waiting);
    desk.settle(called.id, Source::Webhook { attempt: None }, Evidence::Answer(succeeded()), super::answers::MESSAGES).await;
    assert_eq!(desk.state(called.id).await, State::Succeeded);
    desk.healthy().await;
}

/// Finding 22: the sweeper may be late, *open* is not.
#[tokio::test]
async fn open_refuses_what_is_too_old_to_begin() {
    let desk = Desk::open().await;
    let sms = tarishi_protocol::Operation { ttl_ms: Some(10_000), ..desk.sms("one") };
    desk.send("d1", &sms).await;
    desk.pass(10_000);

    assert_eq!(desk.open_attempt(sms.id).await, None);

    assert_eq!(desk.state(sms.id).await, State::Expired);
    desk.healthy().await;
}
