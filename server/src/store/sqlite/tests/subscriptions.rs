//! Events come with the outcome they tell of, and their deliveries with them.

use serde_json::{Value, json};
use tarishi_protocol::State;

use super::{answers::*, desk::*, events::*};
use crate::{
    adapters::{Answer, Disposition, Recovery, event},
    dispatch::policy::{Failure, Rules},
    store::{
        Actor, EventRow, Evidence, OperationFilter, OperationRow, PAYMENT_RECEIVED, Source, Store as _, SubscriptionRow,
        sqlite::subscriptions::DELIVER_WITHIN_MS,
    },
};

const RULES: Rules = Rules { has_effect: false, ..rules(Recovery::READ, false) };
pub(super) const FAILED: &[&str] = &["operation.failed"];
pub(super) const ENDS: &[&str] = &["operation.succeeded", "operation.failed", "operation.unresolved", "operation.late_success"];

pub(super) async fn subscribe(desk: &Desk, tenant: &str, id: &str, types: &[&str]) {
    let types = types.iter().map(|kind| (*kind).to_owned()).collect();
    let url = "https://school.example.org/hooks".to_owned();
    let row = SubscriptionRow {
        tenant: tenant.to_owned(),
        id: id.to_owned(),
        url,
        types,
        sealed: vec![1],
        created_at: 1,
        disabled_at: None,
    };
    assert!(desk.store.create_subscription(row, 16).await.unwrap());
}

/// What one subscription is still to be told.
pub(super) async fn deliveries(desk: &Desk, tenant: &str, id: &str) -> Vec<OperationRow> {
    let adapter = Some(event::adapter_of(id));
    let filter = OperationFilter { tenant: tenant.to_owned(), adapter, limit: 100, ..OperationFilter::default() };
    desk.store.operations(filter).await.unwrap()
}

fn answered(code: &str, disposition: Disposition) -> Evidence {
    let (code, message) = (Some(code.to_owned()), "no".to_owned());
    Evidence::Failure(Failure { disposition, problem: None, code, message, retry_after: None })
}

#[tokio::test]
async fn a_delivery_is_there_with_the_outcome_and_in_no_device_s_feed() {
    let desk = Desk::open().await;
    subscribe(&desk, T, "s1", ENDS).await;
    let id = sent(&desk, "one").await;
    assert!(deliveries(&desk, T, "s1").await.is_empty());
    desk.run(id, succeeded()).await;

    let rows = deliveries(&desk, T, "s1").await;
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (row.state, &row.actor, row.account.as_str(), row.action.as_str()),
        (State::Ready, &Actor::Event, "", "deliver")
    );
    let payload: Value = serde_json::from_str(&row.payload).unwrap();
    let event = desk.store.event(T, payload["event"].as_u64().unwrap()).await.unwrap().unwrap();
    assert_eq!(event.data["operation_id"], json!(id));
    assert_eq!(desk.store.due_lanes(desk.now(), 10).await.unwrap()[0].adapter, "event_s1");
    for device in ["d1", "d2"] {
        let changes = desk.exchange(device, Vec::new(), &[], None).await.changes;
        assert!(changes.iter().all(|change| change.id == id), "{changes:?}");
    }
    let all = OperationFilter { tenant: T.to_owned(), limit: 100, ..OperationFilter::default() };
    let listed = desk.store.operations(all).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.id).collect::<Vec<_>>(), [id], "it does not bury what it tells of");

    desk.run(row.id, Answer::Succeeded { outcome: json!({}), reference: None, receipt: None }).await;
    assert_eq!((desk.state(row.id).await, events(&desk, T).await.len()), (State::Succeeded, 1), "a delivery is no event");
    desk.healthy().await;
}

#[tokio::test]
async fn a_subscription_is_told_of_its_types_and_its_tenant_and_of_each_fact_once() {
    let desk = Desk::open().await;
    subscribe(&desk, T, "failures", FAILED).await;
    subscribe(&desk, T, "money", &[PAYMENT_RECEIVED]).await;
    subscribe(&desk, "other", "theirs", &[PAYMENT_RECEIVED, "operation.succeeded"]).await;
    let id = sent(&desk, "one").await;
    desk.run(id, succeeded()).await;
    let payment = EventRow {
        seq: 0,
        tenant: T.to_owned(),
        fact: "mpesa:payment.received:R1".to_owned(),
        kind: PAYMENT_RECEIVED.to_owned(),
        data: json!({ "receipt": "R1" }),
        at: desk.now(),
    };
    for fresh in [true, false] {
        assert_eq!(desk.store.record_event(payment.clone()).await.unwrap(), fresh);
    }
    let counts = [
        deliveries(&desk, T, "failures").await.len(),
        deliveries(&desk, T, "money").await.len(),
        deliveries(&desk, "other", "theirs").await.len(),
    ];
    assert_eq!(counts, [0, 1, 0]);
}

#[tokio::test]
async fn a_delivery_whose_tries_are_used_up_is_a_dead_letter_that_runs_again() {
    let desk = Desk::open().await;
    subscribe(&desk, T, "s1", ENDS).await;
    let id = sent(&desk, "one").await;
    desk.run(id, succeeded()).await;
    let delivery = deliveries(&desk, T, "s1").await.remove(0).id;
    for evidence in [answered("500", Disposition::Transient), failure(Disposition::Ambiguous), Evidence::Lost] {
        assert_eq!(desk.state(delivery).await, State::Ready);
        let attempt = desk.call(delivery).await;
        let source = if matches!(evidence, Evidence::Lost) { Source::Poll } else { Source::Call { attempt } };
        desk.settle(delivery, source, evidence, RULES).await;
        desk.pass(DAY);
    }

    assert_eq!((desk.state(delivery).await, desk.problem(delivery).await.as_str()), (State::Failed, "attempts_exhausted"));
    let dead = OperationFilter { tenant: T.to_owned(), dead_letters: true, limit: 10, ..OperationFilter::default() };
    assert_eq!(desk.store.operations(dead).await.unwrap()[0].id, delivery);
    assert_eq!(kinds(&desk).await, ["operation.succeeded"], "its end is no event");
    assert!(desk.store.redrive(T, delivery, "o".to_owned(), desk.now()).await.unwrap());
    assert_eq!(desk.state(delivery).await, State::Ready);
}

#[tokio::test]
async fn a_delivery_that_could_not_begin_in_time_is_a_dead_letter_and_not_before() {
    let desk = Desk::open().await;
    subscribe(&desk, T, "s1", ENDS).await;
    let id = sent(&desk, "one").await;
    desk.run(id, succeeded()).await;
    let delivery = deliveries(&desk, T, "s1").await.remove(0).id;
    desk.pass(DELIVER_WITHIN_MS - 1);
    desk.store.expire_due(desk.now()).await.unwrap();
    assert_eq!(desk.state(delivery).await, State::Ready);
    desk.pass(1);
    desk.store.expire_due(desk.now()).await.unwrap();
    assert_eq!((desk.state(delivery).await, desk.problem(delivery).await.as_str()), (State::Failed, "attempts_exhausted"));
    assert!(desk.store.redrive(T, delivery, "o".to_owned(), desk.now()).await.unwrap());
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_no_more_and_another_is() {
    let desk = Desk::open().await;
    for id in ["s1", "s2"] {
        subscribe(&desk, T, id, ENDS).await;
    }
    let id = sent(&desk, "one").await;
    desk.run(id, succeeded()).await;
    let delivery = deliveries(&desk, T, "s1").await.remove(0).id;
    let attempt = desk.call(delivery).await;
    desk.settle(delivery, Source::Call { attempt }, answered(event::GONE, Disposition::Rejected), RULES).await;

    assert_eq!(desk.state(delivery).await, State::Failed);
    let disabled: Vec<_> = desk.store.subscriptions(T).await.unwrap().iter().map(|row| row.disabled_at.is_some()).collect();
    assert_eq!(disabled, [true, false]);
    let id = sent(&desk, "two").await;
    desk.run(id, succeeded()).await;
    assert_eq!((deliveries(&desk, T, "s1").await.len(), deliveries(&desk, T, "s2").await.len()), (1, 2));
    // A provider's 410 is nobody's end.
    let id = sent(&desk, "three").await;
    let attempt = desk.call(id).await;
    desk.settle(id, Source::Call { attempt }, answered(event::GONE, Disposition::Rejected), MESSAGES).await;
    assert!(desk.store.subscription(T, "s2").await.unwrap().unwrap().disabled_at.is_none());
}

#[tokio::test]
async fn a_tenant_has_so_many_subscriptions_and_no_more() {
    let desk = Desk::open().await;
    let row = |tenant: &str, id: &str| SubscriptionRow {
        tenant: tenant.to_owned(),
        id: id.to_owned(),
        url: String::new(),
        types: Vec::new(),
        sealed: vec![1],
        created_at: 1,
        disabled_at: None,
    };
    for (tenant, id, taken) in [(T, "a", true), (T, "b", true), (T, "c", false), ("other", "a", true)] {
        assert_eq!(desk.store.create_subscription(row(tenant, id), 2).await.unwrap(), taken, "{id}");
    }
    assert!(desk.store.delete_subscription(T, "a").await.unwrap());
    assert!(!desk.store.delete_subscription(T, "a").await.unwrap());
    assert!(desk.store.subscription("other", "a").await.unwrap().is_some(), "another tenant's is its own");
    assert!(desk.store.create_subscription(row(T, "c"), 2).await.unwrap());
    assert!(!desk.store.reseal_subscription(T, "c", vec![9], vec![2]).await.unwrap(), "it was another one that was read");
    assert!(desk.store.reseal_subscription(T, "c", vec![1], vec![2]).await.unwrap());
}

#[tokio::test]
async fn however_many_receivers_wait_they_hide_no_provider() {
    let desk = Desk::open().await;
    for id in ["s1", "s2", "s3"] {
        subscribe(&desk, T, id, ENDS).await;
    }
    let id = sent(&desk, "one").await;
    desk.run(id, succeeded()).await;
    sent(&desk, "two").await;

    let due = desk.store.due_lanes(desk.now(), 2).await.unwrap();

    let names: Vec<_> = due.iter().map(|lane| lane.adapter.as_str()).collect();
    assert_eq!((names[0], names.len()), ("sms", 3), "served last, and there: {names:?}");
}
