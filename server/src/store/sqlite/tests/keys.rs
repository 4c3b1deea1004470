//! Who shares an idempotency key, and what an id of somebody else shows. Finding 6.

use tarishi_protocol::{Operation, ReceiptStatus, State};

use super::{
    answers::{failed, paid},
    desk::{DAY, Desk, T},
};
use crate::store::{Retention, Store as _};

/// Finding 6.
#[tokio::test]
async fn a_key_is_one_accounts_own() {
    let desk = Desk::open().await;
    let (amina, baraka) = (desk.charge("fee-2026-001", "FEE-1"), desk.charge("fee-2026-001", "FEE-2"));

    assert_eq!(desk.send("d1", &amina).await.status, ReceiptStatus::Accepted);
    assert_eq!(desk.send("d3", &baraka).await.status, ReceiptStatus::Accepted);
}

/// Finding 6.
#[tokio::test]
async fn a_second_device_of_the_account_hears_of_the_operation_under_its_own_id() {
    let desk = Desk::open().await;
    let first = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &first).await;
    let again = desk.charge("fee-1", "FEE-1");

    let receipt = desk.send("d2", &again).await;
    assert_eq!((receipt.status, receipt.state), (ReceiptStatus::Duplicate, Some(State::Ready)));
    desk.run(first.id, paid("TKL1")).await;

    let one = desk.exchange("d1", Vec::new(), &[], None).await.changes;
    let two = desk.exchange("d2", Vec::new(), &[], None).await.changes;
    assert_eq!(one.iter().map(|change| (change.id, change.state)).collect::<Vec<_>>(), [(first.id, State::Succeeded)]);
    assert_eq!(two.iter().map(|change| (change.id, change.state)).collect::<Vec<_>>(), [(again.id, State::Succeeded)]);
}

/// Finding 6: the late copy of a duplicate is a duplicate still, with the present state.
#[tokio::test]
async fn a_duplicate_sent_again_is_told_the_present_state() {
    let desk = Desk::open().await;
    let (first, again) = (desk.charge("fee-1", "FEE-1"), desk.charge("fee-1", "FEE-1"));
    desk.send("d1", &first).await;
    desk.send("d2", &again).await;
    desk.run(first.id, paid("TKL1")).await;

    let receipt = desk.send("d2", &again).await;

    assert_eq!((receipt.status, receipt.state), (ReceiptStatus::Duplicate, Some(State::Succeeded)));
    assert_eq!(receipt.outcome.unwrap()["receipt"], "TKL1");
}

/// Finding 6.
#[tokio::test]
async fn a_known_key_with_another_payload_is_refused_and_shows_nothing() {
    let desk = Desk::open().await;
    let first = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &first).await;
    desk.run(first.id, paid("TKL1")).await;

    let receipt = desk.send("d2", &desk.charge("fee-1", "FEE-9")).await;

    assert_eq!((receipt.status, receipt.state, receipt.outcome), (ReceiptStatus::Refused, None, None));
    assert_eq!(receipt.problem.unwrap().code, "idempotency_key_reused");
}

/// Finding 6: the same id with other bytes (an app's new spelling) is the same utterance; the first one stands.
#[tokio::test]
async fn the_same_id_with_another_payload_is_a_duplicate() {
    let desk = Desk::open().await;
    let first = desk.sms("one");
    desk.send("d1", &first).await;

    let receipt = desk.send("d1", &Operation { id: first.id, ..desk.sms("two") }).await;

    assert_eq!(receipt.status, ReceiptStatus::Duplicate);
    assert!(desk.row(first.id).await.payload.contains("one"));
}

/// Findings 6 and 39.
#[tokio::test]
async fn another_accounts_id_is_refused_and_shows_nothing() {
    let desk = Desk::open().await;
    let first = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &first).await;
    desk.run(first.id, paid("TKL1")).await;

    let receipt = desk.send("d3", &first).await;

    assert_eq!((receipt.status, receipt.state, receipt.outcome), (ReceiptStatus::Refused, None, None));
    assert!(desk.exchange("d3", Vec::new(), &[], None).await.changes.is_empty());
}

/// Finding 4: a key names an effect, so it is free again only if no attempt was ever opened.
#[tokio::test]
async fn a_key_is_free_again_only_if_nothing_was_attempted() {
    let desk = Desk::open().await;
    let cancelled = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &cancelled).await;
    desk.cancel("d1", cancelled.id).await;
    let tried = desk.charge("fee-1", "FEE-1");
    assert_eq!(desk.send("d1", &tried).await.status, ReceiptStatus::Accepted);

    desk.run(tried.id, failed()).await;
    let third = desk.charge("fee-1", "FEE-1");

    let receipt = desk.send("d1", &third).await;
    assert_eq!((receipt.status, receipt.state), (ReceiptStatus::Duplicate, Some(State::Failed)));
}

/// Finding 14: a payment's key is never free again; a message's is after its retention.
#[tokio::test]
async fn retention_never_forgets_a_payment() {
    let desk = Desk::open().await;
    let (charge, sms) = (desk.charge("fee-1", "FEE-1"), Operation { idempotency_key: "hello".to_owned(), ..desk.sms("hello") });
    desk.send_all("d1", &[&charge, &sms]).await;
    desk.run(charge.id, paid("TKL1")).await;
    desk.run(sms.id, super::answers::succeeded()).await;
    let keep = Retention { operations: 90 * DAY, polls: 30 * DAY, webhooks: 7 * DAY };

    desk.pass(91 * DAY);
    desk.store.sweep(desk.now(), keep).await.unwrap();
    assert!(desk.store.operation(T, sms.id).await.unwrap().is_some(), "its device has not heard of the end yet");

    let cursor = desk.exchange("d1", Vec::new(), &[], None).await.cursor;
    desk.exchange("d1", Vec::new(), &[], cursor).await;
    desk.store.sweep(desk.now(), keep).await.unwrap();

    assert!(desk.store.operation(T, sms.id).await.unwrap().is_none());
    let again = desk.charge("fee-1", "FEE-1");
    assert_eq!(desk.send("d1", &again).await.status, ReceiptStatus::Duplicate);
}
