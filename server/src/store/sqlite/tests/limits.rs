//! Rate limits: how long a lane stays closed, what becomes of what was only ever turned away, and how little of it is kept.

use std::time::Duration;

use tarishi_protocol::{Operation, OperationId, State};

use super::{
    answers::{MESSAGES, MONEY, failure, succeeded},
    desk::{Desk, T},
};
use crate::{
    adapters::Disposition,
    dispatch::policy::{Failure, LIMIT_CAP_MS},
    store::{AttemptFilter, AttemptRow, Evidence, Ms, Source, Store as _},
};

const TTL: Ms = 3_600_000;

fn limited() -> Evidence {
    failure(Disposition::RateLimited)
}

async fn attempts(desk: &Desk, id: OperationId) -> Vec<AttemptRow> {
    let filter = AttemptFilter { tenant: T.to_owned(), operation: Some(id), limit: 100, ..AttemptFilter::default() };
    desk.store.attempts(filter).await.unwrap()
}

/// A payment that is worth an hour.
async fn charge(desk: &Desk) -> Operation {
    let charge = Operation { ttl_ms: Some(TTL.unsigned_abs()), ..desk.charge("fee-1", "FEE-1") };
    desk.send("d1", &charge).await;
    charge
}

/// Turned away once more; how long the lane is closed then.
async fn turned_away(desk: &Desk, id: OperationId, evidence: Evidence) -> Ms {
    let attempt = desk.call(id).await;
    desk.settle(id, Source::Call { attempt }, evidence, MONEY).await;
    let row = desk.row(id).await;
    let closed = desk.store.lane(T, &row.adapter).await.unwrap().unwrap().not_before - desk.now();
    assert_eq!((row.state, row.attempts), (State::Ready, 0));
    assert!(row.next_at.unwrap() >= desk.now() + closed, "it is not due while the lane is closed");
    closed
}

#[tokio::test]
async fn a_lane_that_is_turned_away_again_and_again_is_closed_longer_each_time_until_something_succeeds() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let mut waits = Vec::new();
    for _ in 0..14 {
        waits.push(turned_away(&desk, charge.id, limited()).await);
        desk.pass(LIMIT_CAP_MS);
    }
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1] || pair[1] == waits[13]), "{waits:?}");
    assert!(waits[0] <= 1_000 && (LIMIT_CAP_MS / 2..=LIMIT_CAP_MS).contains(&waits[13]), "{waits:?}");

    let named = Failure {
        disposition: Disposition::RateLimited,
        problem: None,
        code: None,
        message: "slow down".to_owned(),
        retry_after: Some(Duration::from_secs(7)),
    };
    assert_eq!(turned_away(&desk, charge.id, Evidence::Failure(named)).await, 7_000, "the provider's word is taken");
    desk.pass(LIMIT_CAP_MS);

    desk.run(charge.id, succeeded()).await;
    let next = desk.charge("fee-2", "FEE-2");
    desk.send("d1", &next).await;
    assert_eq!(turned_away(&desk, next.id, limited()).await, waits[0]);
}

#[tokio::test]
async fn calls_that_are_turned_away_together_count_once() {
    let desk = Desk::open().await;
    let all = [desk.sms("one"), desk.sms("two"), desk.sms("three")];
    desk.send_all("d1", &all.each_ref()).await;
    desk.claim("sms").await;
    let mut calls = Vec::new();
    for sms in &all {
        calls.push((sms.id, desk.open_attempt(sms.id).await.unwrap()));
    }
    for (id, attempt) in calls {
        desk.settle(id, Source::Call { attempt }, limited(), MESSAGES).await;
    }

    assert!(desk.store.lane(T, "sms").await.unwrap().unwrap().not_before <= desk.now() + 1_000);
}

#[tokio::test]
async fn a_payment_that_was_only_ever_turned_away_expires_and_prompts_nobody() {
    for swept in [true, false] {
        let desk = Desk::open().await;
        let charge = charge(&desk).await;
        turned_away(&desk, charge.id, limited()).await;
        desk.pass(TTL - 1);
        assert_eq!(desk.store.expire_due(desk.now()).await.unwrap(), 0);
        desk.pass(1);

        if swept {
            assert_eq!(desk.store.expire_due(desk.now()).await.unwrap(), 1);
        } else {
            assert_eq!(desk.open_attempt(charge.id).await, None);
        }

        assert_eq!((desk.state(charge.id).await, desk.problem(charge.id).await), (State::Expired, "expired".to_owned()));
        assert_eq!(desk.store.expire_due(desk.now()).await.unwrap(), 0);
        desk.healthy().await;
    }
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_does_not_expire() {
    let desk = Desk::open().await;
    let sms = Operation { ttl_ms: Some(TTL.unsigned_abs()), ..desk.sms("one") };
    desk.send("d1", &sms).await;
    let attempt = desk.call(sms.id).await;
    desk.settle(sms.id, Source::Call { attempt }, failure(Disposition::Ambiguous), super::answers::RESENDABLE).await;
    desk.pass(60_000);
    let attempt = desk.call(sms.id).await;
    desk.settle(sms.id, Source::Call { attempt }, limited(), super::answers::RESENDABLE).await;
    desk.pass(TTL);

    assert_eq!(desk.store.expire_due(desk.now()).await.unwrap(), 0);
    assert!(desk.open_attempt(sms.id).await.is_some());
}

#[tokio::test]
async fn what_was_reserved_for_a_payment_that_expired_is_given_back() {
    let desk = Desk::open().await;
    let caps = crate::store::Caps { amount_per_day: Some(15_000), ..Default::default() };
    desk.enrol_under("capped", "amina", &["*:*"], caps).await;
    let charge = Operation { ttl_ms: Some(TTL.unsigned_abs()), ..desk.charge("fee-1", "FEE-1") };
    desk.send("capped", &charge).await;
    turned_away(&desk, charge.id, limited()).await;
    desk.pass(TTL);
    desk.store.expire_due(desk.now()).await.unwrap();

    let next = desk.charge("fee-2", "FEE-2");
    desk.send("capped", &next).await;
    assert!(desk.open_attempt(next.id).await.is_some());
}

#[tokio::test]
async fn calls_that_were_turned_away_in_a_row_are_one_line_that_counts_them() {
    let desk = Desk::open().await;
    let charge = desk.charge("fee-1", "FEE-1");
    desk.send("d1", &charge).await;
    let began = desk.now();
    for _ in 0..5 {
        turned_away(&desk, charge.id, limited()).await;
        desk.pass(LIMIT_CAP_MS);
    }

    let lines = attempts(&desk, charge.id).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((lines[0].result.as_deref(), lines[0].count, lines[0].opened_at), (Some("rate_limited"), 5, began));
    assert_eq!(Some(lines[0].attempt), desk.row(charge.id).await.attempt_id, "the line is the last call's");
    desk.run(charge.id, super::answers::paid("TKL1")).await;
    assert_eq!(attempts(&desk, charge.id).await.len(), 2);
    desk.healthy().await;
}
