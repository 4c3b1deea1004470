//! Ordering keys: the prefix rule's server side, what a failure does, who holds a key. Findings 7 and 8.

use tarishi_protocol::{OnFailure, Operation, ReceiptStatus, State};

use super::{
    answers::{MONEY, failed, failure, paid, succeeded},
    desk::{DAY, Desk, T},
};
use crate::{
    adapters::Disposition,
    store::{Evidence, Resolution, Source, Store as _},
};

/// Finding 7.
#[tokio::test]
async fn a_key_runs_in_the_order_of_arrival_one_at_a_time() {
    let desk = Desk::open().await;
    let all = [desk.keyed("k", "one"), desk.keyed("k", "two"), desk.keyed("k", "three")];
    desk.send_all("d1", &[&all[0], &all[1]]).await;
    desk.send("d2", &all[2]).await;

    for operation in &all {
        assert_eq!(desk.claim("sms").await, [operation.id]);
        let attempt = desk.open_attempt(operation.id).await.unwrap();
        desk.healthy().await;
        desk.answer(operation.id, attempt, succeeded()).await;
    }
    desk.healthy().await;
}

/// Finding 7: once one must come later, those behind it in its key must too; other keys go on.
#[tokio::test]
async fn what_stands_behind_a_later_one_comes_later_too() {
    let desk = Desk::open().await;
    let (one, two, other) = (desk.keyed("k", "one"), desk.keyed("k", "two"), desk.keyed("other", "x"));
    let batch = vec![desk.later(&one), desk.take(&two), desk.take(&other)];

    let receipts = desk.exchange("d1", batch, &[], None).await.receipts;

    let statuses: Vec<_> = receipts.iter().map(|receipt| receipt.status).collect();
    assert_eq!(statuses, [ReceiptStatus::Later, ReceiptStatus::Later, ReceiptStatus::Accepted]);
    assert!(desk.store.operation(T, two.id).await.unwrap().is_none());
}

/// Finding 7: what is known already is answered wherever it stands.
#[tokio::test]
async fn a_known_operation_is_answered_even_behind_a_later_one() {
    let desk = Desk::open().await;
    let (one, two) = (desk.keyed("k", "one"), desk.keyed("k", "two"));
    desk.send("d1", &two).await;

    let receipts = desk.exchange("d1", vec![desk.later(&one), desk.take(&two)], &[], None).await.receipts;

    assert_eq!(receipts[1].status, ReceiptStatus::Duplicate);
}

/// Finding 8: a payer who presses Cancel blocks nothing.
#[tokio::test]
async fn a_failure_lets_its_key_go_on() {
    let desk = Desk::open().await;
    let (one, two) = (desk.keyed("k", "one"), desk.keyed("k", "two"));
    desk.send_all("d1", &[&one, &two]).await;

    desk.run(one.id, failed()).await;

    assert_eq!(desk.state(two.id).await, State::Ready);
}

/// Finding 8.
#[tokio::test]
async fn halt_ends_what_was_accepted_behind_it_and_nothing_later() {
    let desk = Desk::open().await;
    let one = Operation { on_failure: OnFailure::Halt, ..desk.keyed("k", "one") };
    let (two, three) = (desk.keyed("k", "two"), desk.keyed("k", "three"));
    desk.send_all("d1", &[&one, &two, &three]).await;

    desk.run(one.id, failed()).await;

    for behind in [&two, &three] {
        assert_eq!((desk.state(behind.id).await, desk.problem(behind.id).await.as_str()), (State::Failed, "dependency_failed"));
    }
    let later = desk.keyed("k", "four");
    desk.send("d1", &later).await;
    assert_eq!(desk.state(later.id).await, State::Ready);
    desk.healthy().await;
}

/// Finding 8: only an operation whose outcome a human must find out holds its key, and not for ever.
#[tokio::test]
async fn an_unresolved_operation_holds_its_key_until_its_hold_lapses() {
    let desk = Desk::open().await;
    let one = Operation { ordering_key: Some("k".to_owned()), ..desk.charge("fee-1", "FEE-1") };
    let two = Operation { ordering_key: Some("k".to_owned()), ..desk.charge("fee-2", "FEE-2") };
    let two = Operation { ttl_ms: Some(30 * 86_400_000), ..two };
    desk.send_all("d1", &[&one, &two]).await;
    let attempt = desk.call(one.id).await;
    desk.settle(one.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MONEY).await;
    desk.pass(5_000);
    desk.settle(one.id, Source::Poll, Evidence::ReceiptOverdue, MONEY).await;
    assert_eq!(desk.state(one.id).await, State::Unresolved);
    assert_eq!(desk.state(two.id).await, State::Held);
    desk.healthy().await;

    desk.pass(3 * DAY);
    desk.store.lapse(T, one.id, desk.now()).await.unwrap();

    assert_eq!((desk.state(one.id).await, desk.state(two.id).await), (State::Unresolved, State::Ready));
    desk.healthy().await;
}

/// Finding 8: an operator's word frees it at once.
#[tokio::test]
async fn resolving_an_operation_frees_its_key() {
    let desk = Desk::open().await;
    let one = Operation { ordering_key: Some("k".to_owned()), ..desk.charge("fee-1", "FEE-1") };
    let two = Operation { ordering_key: Some("k".to_owned()), ..desk.charge("fee-2", "FEE-2") };
    desk.send_all("d1", &[&one, &two]).await;
    let attempt = desk.call(one.id).await;
    desk.settle(one.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MONEY).await;
    desk.pass(5_000);
    desk.settle(one.id, Source::Poll, Evidence::ReceiptOverdue, MONEY).await;

    let outcome = serde_json::json!({ "receipt": "TKL1" });
    let source = Source::Operator { who: "wanjiku".to_owned() };
    desk.settle(one.id, source, Evidence::Resolve(Resolution::Succeeded { outcome }), MONEY).await;

    assert_eq!((desk.state(one.id).await, desk.state(two.id).await), (State::Succeeded, State::Ready));
}

/// Finding 8.
#[tokio::test]
async fn a_second_payment_for_a_reference_comes_later() {
    let desk = Desk::open().await;
    let (one, two) = (desk.charge("fee-1", "FEE-1"), desk.charge("fee-1-again", "FEE-1"));
    desk.send("d1", &one).await;

    let receipt = desk.send("d1", &two).await;
    assert_eq!((receipt.status, receipt.problem.unwrap().code.as_str()), (ReceiptStatus::Later, "payment_in_flight"));

    desk.run(one.id, paid("TKL1")).await;
    assert_eq!(desk.send("d1", &two).await.status, ReceiptStatus::Accepted);
}

/// Finding 8: a dead letter comes back as a new effect at the tail of its key.
#[tokio::test]
async fn a_redriven_operation_goes_to_the_tail_of_its_key() {
    let desk = Desk::open().await;
    let one = desk.keyed("k", "one");
    desk.send("d1", &one).await;
    for _ in 0..3 {
        let attempt = desk.call(one.id).await;
        desk.settle(one.id, Source::Call { attempt }, failure(Disposition::Transient), super::answers::MESSAGES).await;
        desk.pass(10_000);
    }
    assert_eq!(desk.problem(one.id).await, "attempts_exhausted");
    let two = desk.keyed("k", "two");
    desk.send("d1", &two).await;

    assert!(desk.store.redrive(T, one.id, "wanjiku".to_owned(), desk.now()).await.unwrap());

    let row = desk.row(one.id).await;
    assert_eq!((row.state, row.effect_number, row.attempts), (State::Held, 1, 0));
    assert_eq!(desk.state(two.id).await, State::Ready);
    desk.run(two.id, succeeded()).await;
    assert_eq!(desk.state(one.id).await, State::Ready);
    desk.healthy().await;
}
