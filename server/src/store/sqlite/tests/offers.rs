//! What is opened in the transaction that takes it: one that is alone where a slot is free, and nothing else.

use std::time::Duration;

use tarishi_protocol::{Operation, State};

use super::{
    answers::{MESSAGES, failure, succeeded},
    desk::{Desk, T},
};
use crate::{
    adapters::Disposition,
    dispatch::policy::Failure,
    store::{Evidence, Source, Store as _},
};

#[tokio::test]
async fn what_comes_alone_into_a_lane_with_a_free_slot_is_opened_as_it_is_taken() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.offer("sms", "send");
    desk.send("d1", &sms).await;

    let call = desk.opened.lock().unwrap().remove(0);

    let row = desk.row(sms.id).await;
    assert_eq!((row.state, row.attempts, row.first_opened_at), (State::Calling, 1, Some(desk.now())));
    let told = call.operation;
    assert_eq!((told.id, told.state, told.attempts, told.attempt_id), (row.id, row.state, row.attempts, row.attempt_id));
    assert_eq!((told.next_at, told.first_opened_at), (row.next_at, row.first_opened_at));
    assert_eq!(desk.claim("sms").await, [], "nobody else makes the call");
    let attempt = row.attempt_id.unwrap();
    desk.answer(sms.id, attempt, succeeded()).await;
    assert_eq!(desk.row(sms.id).await.state, State::Succeeded);
    desk.healthy().await;
}

#[tokio::test]
async fn a_call_that_was_opened_so_and_never_made_is_recovered_as_any_other() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.offer("mpesa", "charge");
    desk.send("d1", &charge).await;
    assert_eq!(desk.opened(), [charge.id]);

    desk.store.take_over(desk.now()).await.unwrap();

    assert_eq!(desk.claim("mpesa").await, [charge.id]);
    assert_eq!(desk.row(charge.id).await.state, State::Calling, "it is asked about, and not executed");
}

#[tokio::test]
async fn what_finds_company_overtakes_nobody() {
    let desk = Desk::open().await;
    let waits = desk.sms("waits");
    desk.send("d1", &waits).await;
    desk.offer("sms", "send");
    let comes = desk.sms("comes");
    desk.send("d1", &comes).await;
    assert_eq!(desk.opened(), []);

    assert_eq!(desk.claim("sms").await, [waits.id, comes.id]);

    // Those that are under way are no company: they have slots of their own.
    desk.offer("sms", "send");
    let later = desk.sms("later");
    desk.send("d1", &later).await;
    assert_eq!(desk.opened(), [later.id]);
    // Two at once are company to each other.
    desk.offer("sms", "send");
    desk.send_all("d1", &[&desk.sms("a"), &desk.sms("b")]).await;
    assert_eq!(desk.opened(), []);
}

#[tokio::test]
async fn an_offer_is_for_its_lane_and_action_alone() {
    let desk = Desk::open().await;
    desk.offer("sms", "balance");
    desk.offer("mpesa", "charge");
    let (sms, charge) = (desk.sms("one"), desk.charge("fee-1", "FEE-1"));
    desk.send_all("d1", &[&sms, &charge]).await;
    assert_eq!(desk.opened(), [charge.id]);
    assert_eq!(desk.row(sms.id).await.state, State::Ready);
}

#[tokio::test]
async fn what_waits_for_its_turn_or_is_too_old_is_not_opened() {
    let desk = Desk::open().await;
    let first = desk.keyed("k", "first");
    desk.send("d1", &first).await;
    assert_eq!(desk.claim("sms").await, [first.id]);
    desk.offer("sms", "send");
    let second = desk.keyed("k", "second");
    desk.send("d1", &second).await;
    assert_eq!((desk.opened(), desk.row(second.id).await.state), (vec![], State::Held));

    desk.offer("sms", "send");
    let old = Operation { ttl_ms: Some(0), ..desk.sms("old") };
    desk.send("d1", &old).await;
    assert_eq!((desk.opened(), desk.row(old.id).await.state), (vec![], State::Expired));
}

/// Whether the next operation is opened at once, so long after a call that ended like this.
async fn opened_after(evidence: Evidence, ms: i64) -> bool {
    let desk = Desk::open().await;
    let one = desk.sms("one");
    desk.send("d1", &one).await;
    let attempt = desk.call(one.id).await;
    desk.settle(one.id, Source::Call { attempt }, evidence, MESSAGES).await;
    desk.pass(ms);
    desk.claim("sms").await;
    desk.offer("sms", "send");
    desk.send("d1", &desk.sms("two")).await;
    !desk.opened().is_empty()
}

#[tokio::test]
async fn a_provider_that_failed_or_asked_us_to_wait_is_called_by_the_dispatcher() {
    let limited = Evidence::Failure(Failure {
        disposition: Disposition::RateLimited,
        problem: None,
        code: None,
        message: "slow down".to_owned(),
        retry_after: Some(Duration::from_secs(5)),
    });
    assert!(!opened_after(failure(Disposition::Transient), 0).await, "it failed last");
    assert!(!opened_after(limited, 4_999).await, "its time has not come");
    assert!(opened_after(failure(Disposition::Rejected), 0).await, "what it refuses says nothing of its health");
}

#[tokio::test]
async fn a_revoked_device_s_operation_is_not_opened() {
    let desk = Desk::open().await;
    desk.store.revoke_device(T, "d1", desk.now()).await.unwrap();
    desk.offer("sms", "send");
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    assert_eq!((desk.opened(), desk.row(sms.id).await.state), (vec![], State::Failed));
}
