//! Restored servers, copied phones. Findings 12 and 13.

use tarishi_protocol::{Operation, ReceiptStatus, State};

use super::{
    answers::{MESSAGES, MONEY, paid},
    desk::{Desk, LEASE},
};
use crate::store::{Evidence, ExchangeOutcome, Source, Store as _};

/// Finding 12.
#[tokio::test]
async fn a_cursor_of_another_store_begins_the_feed_again() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.run(charge.id, paid("TKL1")).await;
    let cursor = desk.exchange("d1", Vec::new(), &[], None).await.cursor;

    desk.store.renew_store_id().await.unwrap();
    let answer = desk.exchange("d1", Vec::new(), &[], cursor).await;

    assert!(answer.reset);
    assert_eq!(answer.changes.len(), 1, "from the beginning");
    let answer = desk.exchange("d1", Vec::new(), &[], answer.cursor).await;
    assert!(!answer.reset && answer.changes.is_empty());
}

/// Finding 12: a backup without a new id is found out by a cursor that is ahead of its feed.
#[tokio::test]
async fn a_cursor_ahead_of_the_feed_begins_it_again() {
    let desk = Desk::open().await;
    let ahead = format!("{}.500", desk.store.store_id());

    let answer = desk.exchange("d1", Vec::new(), &[], Some(ahead)).await;

    assert!(answer.reset);
    assert_eq!(answer.cursor, Some(format!("{}.0", desk.store.store_id())));
    for nonsense in ["", "x", "a.b", "k3.-1"] {
        assert!(desk.exchange("d1", Vec::new(), &[], Some(nonsense.to_owned())).await.reset, "{nonsense}");
    }
}

/// Finding 12: what was accepted before the restore may have been executed, so money waits for a human.
#[tokio::test]
async fn an_operation_held_before_a_restore_is_recovered_not_executed() {
    let desk = Desk::open().await;
    let charge = Operation { held_before: true, ..desk.charge("fee-1", "FEE-1") };

    let receipt = desk.send("d1", &charge).await;
    assert_eq!((receipt.status, receipt.state), (ReceiptStatus::Accepted, Some(State::Calling)));
    desk.healthy().await;

    assert_eq!(desk.claim("mpesa").await, [charge.id]);
    assert_eq!(desk.open_attempt(charge.id).await, None);
    desk.settle(charge.id, Source::Poll, Evidence::Lost, MONEY).await;
    desk.pass(5_000);
    desk.settle(charge.id, Source::Poll, Evidence::ReceiptOverdue, MONEY).await;
    assert_eq!(desk.state(charge.id).await, State::Unresolved);
    desk.healthy().await;
}

/// Finding 12: a message is sent again after its wait, as after any lost answer.
#[tokio::test]
async fn a_message_held_before_a_restore_waits_for_its_receipt_and_goes_again() {
    let desk = Desk::open().await;
    let sms = Operation { held_before: true, ..desk.sms("one") };
    desk.send("d1", &sms).await;
    desk.claim("sms").await;
    desk.settle(sms.id, Source::Poll, Evidence::Lost, MESSAGES).await;
    desk.pass(LEASE);

    desk.settle(sms.id, Source::Poll, Evidence::ReceiptOverdue, MESSAGES).await;

    assert_eq!(desk.state(sms.id).await, State::Ready);
}

/// Finding 12: what the restored store still knows is known; the mark means nothing then.
#[tokio::test]
async fn held_before_of_a_known_operation_is_a_duplicate() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;

    let receipt = desk.send("d1", &Operation { held_before: true, ..charge.clone() }).await;

    assert_eq!((receipt.status, receipt.state), (ReceiptStatus::Duplicate, Some(State::Ready)));
}

/// Finding 13.
#[tokio::test]
async fn an_exchange_that_does_not_rise_changes_nothing() {
    let desk = Desk::open().await;
    let (one, two) = (desk.sms("one"), desk.sms("two"));
    assert!(matches!(desk.exchange_as("d1", 7, vec![desk.take(&one)], &[], None).await, ExchangeOutcome::Done(_)));

    for old in [7, 6, 0] {
        let outcome = desk.exchange_as("d1", old, vec![desk.take(&two)], &[one.id], None).await;
        assert!(matches!(outcome, ExchangeOutcome::Stale { highest: 7 }), "{outcome:?}");
    }

    assert_eq!(desk.state(one.id).await, State::Ready, "not cancelled");
    assert!(desk.store.operation(super::desk::T, two.id).await.unwrap().is_none());
    assert!(
        matches!(desk.exchange_as("d2", 7, vec![desk.take(&two)], &[], None).await, ExchangeOutcome::Done(_)),
        "each device its own"
    );
}

/// What was answered is on disk: another process opens the file and finds it all.
#[tokio::test]
async fn a_store_opened_again_has_every_verdict() {
    let desk = Desk::open().await;
    let (charge, refused) = (desk.charge("fee-1", "FEE-1"), desk.charge("fee-2", "FEE-2"));
    desk.exchange("d1", vec![desk.take(&charge), desk.refuse(&refused)], &[], None).await;
    desk.store.close().await;

    let again = crate::store::sqlite::SqliteStore::open(&desk.folder.path().join("t.db")).unwrap();

    assert_eq!(again.store_id(), desk.store.store_id());
    assert_eq!(again.operation(super::desk::T, charge.id).await.unwrap().unwrap().state, State::Ready);
    assert!(again.verdict(super::desk::T, refused.id).await.unwrap().is_some());
}
