//! `after`: parents that are unknown, refused, cancelled, or succeed late. Finding 11.

use tarishi_protocol::{After, AfterOn, CancellationResult, Operation, ReceiptStatus, State};

use super::{
    answers::{MONEY, failed, paid, succeeded},
    desk::{Desk, T},
};
use crate::store::{Evidence, Source, Store as _};

fn after(child: Operation, parent: &Operation, on: AfterOn) -> Operation {
    Operation { after: Some(After { operation_id: parent.id, on }), ..child }
}

/// Finding 11 (b).
#[tokio::test]
async fn a_child_of_an_unknown_parent_comes_later() {
    let desk = Desk::open().await;
    let parent = desk.charge("fee-1", "FEE-1");
    let child = after(desk.sms("thanks"), &parent, AfterOn::Succeeded);

    let receipt = desk.send("d1", &child).await;

    assert_eq!((receipt.status, receipt.problem.unwrap().code.as_str()), (ReceiptStatus::Later, "parent_unknown"));
    desk.send("d1", &parent).await;
    assert_eq!(desk.send("d1", &child).await.status, ReceiptStatus::Accepted);
}

/// Finding 11 (c).
#[tokio::test]
async fn a_child_of_a_parent_refused_in_the_same_batch_ends_at_once() {
    let desk = Desk::open().await;
    let parent = desk.charge("fee-1", "FEE-1");
    let child = after(desk.sms("thanks"), &parent, AfterOn::Succeeded);

    let receipts = desk.exchange("d1", vec![desk.refuse(&parent), desk.take(&child)], &[], None).await.receipts;

    assert_eq!(receipts[1].state, Some(State::Failed));
    assert_eq!(desk.problem(child.id).await, "dependency_failed");
    desk.healthy().await;
}

/// Finding 11: each end of a parent lets the right children run.
#[tokio::test]
async fn a_child_runs_at_the_end_it_asked_for_and_fails_at_any_other() {
    for (answer, on, expected) in [
        (succeeded(), AfterOn::Succeeded, State::Ready),
        (succeeded(), AfterOn::Failed, State::Failed),
        (succeeded(), AfterOn::Ended, State::Ready),
        (failed(), AfterOn::Succeeded, State::Failed),
        (failed(), AfterOn::Failed, State::Ready),
        (failed(), AfterOn::Cancelled, State::Failed),
    ] {
        let desk = Desk::open().await;
        let parent = desk.sms("parent");
        let child = after(desk.sms("child"), &parent, on);
        let grandchild = after(desk.sms("grandchild"), &child, AfterOn::Succeeded);
        desk.send_all("d1", &[&parent, &child, &grandchild]).await;
        assert_eq!(desk.state(child.id).await, State::Held);

        desk.run(parent.id, answer).await;

        assert_eq!(desk.state(child.id).await, expected, "{on:?}");
        let expected = if expected == State::Ready { State::Held } else { State::Failed };
        assert_eq!(desk.state(grandchild.id).await, expected, "{on:?}");
        desk.healthy().await;
    }
}

/// Finding 5: replace is cancel and `after: cancelled`; if the cancel came too late, the new one ends.
#[tokio::test]
async fn a_replacement_runs_only_if_what_it_replaces_was_cancelled() {
    let desk = Desk::open().await;
    let (old, called) = (desk.charge("fee-1", "FEE-1"), desk.charge("fee-2", "FEE-2"));
    desk.send_all("d1", &[&old, &called]).await;
    let attempt = {
        desk.claim("mpesa").await;
        desk.open_attempt(called.id).await.unwrap()
    };
    let one = after(desk.sms("new one"), &old, AfterOn::Cancelled);
    let two = after(desk.sms("new two"), &called, AfterOn::Cancelled);

    let batch = vec![desk.take(&one), desk.take(&two)];
    let answer = desk.exchange("d1", batch, &[old.id, called.id], None).await;

    let results: Vec<_> = answer.cancellations.iter().map(|answer| answer.result).collect();
    assert_eq!(results, [CancellationResult::Cancelled, CancellationResult::TooLate]);
    assert_eq!(desk.state(one.id).await, State::Ready);
    desk.answer(called.id, attempt, paid("TKL1")).await;
    assert_eq!((desk.state(two.id).await, desk.problem(two.id).await.as_str()), (State::Failed, "dependency_failed"));
    desk.healthy().await;
}

/// Finding 5: the same when the cancelled one never arrived.
#[tokio::test]
async fn a_replacement_of_what_was_cancelled_before_it_came_runs() {
    let desk = Desk::open().await;
    let old = desk.charge("fee-1", "FEE-1");
    let new = after(desk.sms("new"), &old, AfterOn::Cancelled);

    desk.exchange("d1", vec![desk.take(&new)], &[old.id], None).await;

    assert_eq!(desk.state(new.id).await, State::Ready);
}

/// Finding 11 (d).
#[tokio::test]
async fn a_late_success_brings_its_child_back() {
    let desk = Desk::open().await;
    let parent = desk.charge("fee-1", "FEE-1");
    let child = after(desk.sms("thanks"), &parent, AfterOn::Succeeded);
    desk.send_all("d1", &[&parent, &child]).await;
    desk.run(parent.id, failed()).await;
    assert_eq!(desk.state(child.id).await, State::Failed);

    desk.settle(parent.id, Source::Webhook { attempt: None }, Evidence::Answer(paid("TKL1")), MONEY).await;

    let row = desk.row(child.id).await;
    assert_eq!((row.state, row.problem), (State::Ready, None));
    desk.run(child.id, succeeded()).await;
    assert_eq!(desk.state(child.id).await, State::Succeeded);
    desk.healthy().await;
}

/// Finding 11 (d): one that is too old stays ended, and so does one that asked for another end.
#[tokio::test]
async fn a_late_success_does_not_bring_back_what_is_too_old_or_asked_for_a_failure() {
    let desk = Desk::open().await;
    let parent = desk.charge("fee-1", "FEE-1");
    let old = Operation { ttl_ms: Some(1_000), ..after(desk.sms("old"), &parent, AfterOn::Succeeded) };
    let other = after(desk.sms("other"), &parent, AfterOn::Cancelled);
    desk.send_all("d1", &[&parent, &old, &other]).await;
    desk.run(parent.id, failed()).await;
    desk.pass(1_000);

    desk.settle(parent.id, Source::Webhook { attempt: None }, Evidence::Answer(paid("TKL1")), MONEY).await;

    assert_eq!((desk.state(old.id).await, desk.state(other.id).await), (State::Failed, State::Failed));
}

/// Finding 11 (e).
#[tokio::test]
async fn another_accounts_operation_is_no_parent() {
    let desk = Desk::open().await;
    let parent = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &parent).await;

    for device in ["d3", "d2"] {
        let child = after(desk.sms("show me"), &parent, AfterOn::Succeeded);
        let receipt = desk.send(device, &child).await;
        assert_eq!((receipt.status, receipt.problem.unwrap().code.as_str()), (ReceiptStatus::Later, "parent_unknown"));
    }
}

/// Finding 11: a child may wait in its key and for its parent; both must be over.
#[tokio::test]
async fn a_child_in_a_key_waits_for_both() {
    let desk = Desk::open().await;
    let parent = desk.sms("parent");
    let before = desk.keyed("k", "before");
    let child = Operation { ordering_key: Some("k".to_owned()), ..after(desk.sms("child"), &parent, AfterOn::Ended) };
    desk.send_all("d1", &[&parent, &before, &child]).await;

    desk.run(parent.id, succeeded()).await;
    assert_eq!(desk.state(child.id).await, State::Held);
    desk.run(before.id, succeeded()).await;

    assert_eq!(desk.state(child.id).await, State::Ready);
    assert!(desk.store.next_due().await.unwrap().is_some());
    assert!(desk.store.operation(T, child.id).await.unwrap().is_some());
}
