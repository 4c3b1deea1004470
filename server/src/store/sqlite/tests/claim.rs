//! Leases, lanes, the breaker, scopes at *open*. Findings 3, 9, 20, 24 and 25.

use std::time::Duration;

use tarishi_protocol::{Operation, State};

use super::{
    answers::{MESSAGES, failed, failure, succeeded},
    desk::{Desk, LEASE, T},
};
use crate::{
    adapters::Disposition,
    dispatch::policy::{BREAKER_FAILURES, Failure},
    store::{Evidence, Source, Store as _},
};

/// Finding 24.
#[tokio::test]
async fn a_claim_is_nobody_elses_until_its_lease_ends() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;

    assert_eq!(desk.claim("sms").await, [sms.id]);
    assert_eq!(desk.claim("sms").await, []);
    desk.pass(LEASE);
    assert_eq!(desk.claim("sms").await, [sms.id]);
}

/// Finding 3: a new operation never moves another one's schedule.
#[tokio::test]
async fn an_enqueue_does_not_cut_a_backoff_or_a_lease() {
    let desk = Desk::open().await;
    let one = desk.keyed("k", "one");
    desk.send("d1", &one).await;
    let attempt = desk.call(one.id).await;
    desk.send("d1", &desk.keyed("k", "two")).await;
    assert_eq!(desk.claim("sms").await, [], "the lease stands");

    desk.settle(one.id, Source::Call { attempt }, failure(Disposition::Transient), MESSAGES).await;
    desk.send("d1", &desk.keyed("k", "three")).await;
    assert_eq!(desk.claim("sms").await, [], "the backoff stands");
    desk.pass(1_000);
    assert_eq!(desk.claim("sms").await, [one.id]);
    desk.healthy().await;
}

/// Finding 3: two workers claim at once; each operation is one's.
#[tokio::test]
async fn two_workers_share_nothing() {
    let desk = Desk::open().await;
    let all: Vec<Operation> = (0..50).map(|n| desk.sms(&format!("message {n}"))).collect();
    desk.send_all("d1", &all.iter().collect::<Vec<_>>()).await;

    let (one, two) = tokio::join!(desk.store.claim(T, "sms", desk.now(), desk.now() + LEASE, 25), desk.claim("sms"));

    let mut ids: Vec<_> = one.unwrap().iter().map(|row| row.id).chain(two).collect();
    ids.sort_unstable();
    assert_eq!(ids, all.iter().map(|operation| operation.id).collect::<Vec<_>>());
}

/// Finding 25.
#[tokio::test]
async fn a_closed_lane_is_not_offered_and_others_are() {
    let desk = Desk::open().await;
    let (sms, waits) = (desk.sms("one"), desk.sms("two"));
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send_all("d1", &[&sms, &waits, &charge]).await;
    let attempt = desk.call(sms.id).await;
    let limited = Failure {
        disposition: Disposition::RateLimited,
        problem: None,
        code: None,
        message: "too many".to_owned(),
        retry_after: Some(Duration::from_secs(30)),
    };

    desk.settle(sms.id, Source::Call { attempt }, Evidence::Failure(limited), MESSAGES).await;

    let names = |lanes: Vec<crate::store::LaneRow>| lanes.into_iter().map(|lane| lane.adapter).collect::<Vec<_>>();
    assert_eq!(names(desk.store.due_lanes(desk.now(), 10).await.unwrap()), ["mpesa"]);
    assert_eq!(desk.row(sms.id).await.attempts, 0, "a refusal to listen costs no attempt");
    desk.pass(LEASE);
    assert_eq!(names(desk.store.due_lanes(desk.now(), 10).await.unwrap()), ["mpesa", "sms"]);
}

/// Finding 25: least recently served first.
#[tokio::test]
async fn the_lane_that_waited_longest_comes_first() {
    let desk = Desk::open().await;
    desk.send_all("d1", &[&desk.sms("one"), &desk.charge("fee-1", "FEE-1")]).await;
    desk.pass(10);
    desk.store.claim(T, "mpesa", desk.now(), desk.now(), 1).await.unwrap();

    let lanes = desk.store.due_lanes(desk.now(), 10).await.unwrap();

    assert_eq!(lanes.iter().map(|lane| lane.adapter.as_str()).collect::<Vec<_>>(), ["sms", "mpesa"]);
}

/// Finding 25: a provider that is down is left alone.
#[tokio::test]
async fn failures_in_a_row_close_the_lane_and_one_answer_opens_it() {
    let desk = Desk::open().await;
    let rules = crate::dispatch::policy::Rules {
        retry: crate::dispatch::policy::Retry { attempts_max: 100, base_ms: 0, factor: 1.0, cap_ms: 0, ..Default::default() },
        ..MESSAGES
    };
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    for _ in 0..BREAKER_FAILURES {
        let attempt = desk.call(sms.id).await;
        desk.settle(sms.id, Source::Call { attempt }, failure(Disposition::Transient), rules).await;
    }
    assert!(desk.store.due_lanes(desk.now(), 10).await.unwrap().is_empty());

    desk.pass(60_000);
    assert_eq!(desk.store.due_lanes(desk.now(), 10).await.unwrap().len(), 1);
    desk.run(sms.id, succeeded()).await;
    assert_eq!(desk.store.lane(T, "sms").await.unwrap().unwrap().failures, 0);
}

/// Finding 9: scopes are checked again before the call.
#[tokio::test]
async fn a_revoked_device_s_operations_are_not_opened() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    desk.store.revoke_device(T, "d1", desk.now()).await.unwrap();

    assert_eq!(desk.open_attempt(charge.id).await, None);

    assert_eq!((desk.state(charge.id).await, desk.problem(charge.id).await.as_str()), (State::Failed, "forbidden"));
    desk.healthy().await;
}

/// Finding 8: whatever waits has a schedule; what has ended has none.
#[tokio::test]
async fn everything_that_waits_has_a_schedule() {
    let desk = Desk::open().await;
    let (one, two) = (desk.keyed("k", "one"), desk.keyed("k", "two"));
    desk.send_all("d1", &[&one, &two]).await;
    assert!(desk.row(one.id).await.next_at.is_some() && desk.row(two.id).await.next_at.is_some());
    desk.healthy().await;

    desk.run(one.id, failed()).await;

    assert_eq!(desk.row(one.id).await.next_at, None);
    assert_eq!(desk.store.next_due().await.unwrap(), desk.row(two.id).await.next_at);
    desk.healthy().await;
}
