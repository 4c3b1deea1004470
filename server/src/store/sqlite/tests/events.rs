//! The log of what happened.

use serde_json::json;
use tarishi_protocol::{OperationId, State};

use super::{answers::*, desk::*, subscriptions::*};
use crate::{
    adapters::{Answer, Disposition, Recovery, Reference},
    dispatch::policy::{BREAKER_FAILURES, LaneNews},
    store::{EventRow, Evidence, PAYMENT_RECEIVED, Resolution, Retention, Source, Store as _, sqlite::apply},
};

pub(super) async fn events(desk: &Desk, tenant: &str) -> Vec<EventRow> {
    desk.store.events_after(tenant, None, 500).await.unwrap().events
}

pub(super) async fn kinds(desk: &Desk) -> Vec<String> {
    events(desk, T).await.into_iter().map(|event| event.kind).collect()
}

pub(super) async fn sent(desk: &Desk, text: &str) -> OperationId {
    let sms = desk.sms(text);
    desk.send("d1", &sms).await;
    sms.id
}

fn event(tenant: &str, fact: &str) -> EventRow {
    let data = json!({ "receipt": fact });
    EventRow { seq: 0, tenant: tenant.to_owned(), fact: fact.to_owned(), kind: PAYMENT_RECEIVED.to_owned(), data, at: 5 }
}

#[tokio::test]
async fn a_fact_is_recorded_once_and_read_by_cursor_in_order() {
    let desk = Desk::open().await;
    for (fact, fresh) in [("a", true), ("b", true), ("a", false), ("c", true)] {
        assert_eq!(desk.store.record_event(event(T, fact)).await.unwrap(), fresh, "{fact}");
    }
    // Another tenant's fact of the same name is its own.
    assert!(desk.store.record_event(event("other", "a")).await.unwrap());
    let page = desk.store.events_after(T, None, 2).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.fact.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(page.more && !page.reset);
    let rest = desk.store.events_after(T, Some(page.cursor), 2).await.unwrap();
    assert_eq!(rest.events.iter().map(|event| event.fact.as_str()).collect::<Vec<_>>(), ["c"]);
    let none = desk.store.events_after(T, Some(rest.cursor.clone()), 2).await.unwrap();
    assert_eq!((none.events.len(), none.more, none.cursor), (0, false, rest.cursor));
}

#[tokio::test]
async fn a_cursor_of_another_store_or_ahead_of_this_one_begins_again() {
    let desk = Desk::open().await;
    desk.store.record_event(event(T, "a")).await.unwrap();
    for cursor in ["elsewhere.0".to_owned(), format!("{}.99", desk.store.store_id()), "nonsense".to_owned()] {
        let page = desk.store.events_after(T, Some(cursor), 10).await.unwrap();
        assert_eq!((page.events.len(), page.reset), (1, true));
    }
}

#[tokio::test]
async fn each_end_of_an_operation_is_an_event_with_what_the_feed_shows() {
    let desk = Desk::open().await;
    let done = sent(&desk, "one").await;
    desk.run(done, succeeded()).await;
    let refused = sent(&desk, "two").await;
    desk.run(refused, failed()).await;
    let cancelled = sent(&desk, "three").await;
    desk.cancel("d1", cancelled).await;
    let unknown = sent(&desk, "four").await;
    let attempt = desk.call(unknown).await;
    let human = rules(Recovery::Human, false);
    desk.settle(unknown, Source::Call { attempt }, failure(Disposition::Ambiguous), human).await;
    let late = sent(&desk, "five").await;
    desk.pass(8 * DAY);
    desk.store.expire_due(desk.now()).await.unwrap();

    let told = events(&desk, T).await;
    let ends: Vec<_> = told.iter().map(|event| (event.kind.as_str(), event.data["status"].as_str().unwrap())).collect();
    assert_eq!(
        ends,
        [
            ("operation.succeeded", "succeeded"),
            ("operation.failed", "failed"),
            ("operation.failed", "cancelled"),
            ("operation.unresolved", "unresolved"),
            ("operation.failed", "expired"),
        ]
    );
    let ids: Vec<_> = told.iter().map(|event| event.data["operation_id"].clone()).collect();
    assert_eq!(ids, [done, refused, cancelled, unknown, late].map(|id| json!(id)));
    let first = &told[0].data;
    assert_eq!(
        (&first["device"], &first["account"], &first["outcome"]),
        (&json!("d1"), &json!("amina"), &json!({ "messages": [] }))
    );
    assert_eq!(told[1].data["problem"]["provider_code"], "1032");
    assert_eq!(told[3].data["problem"]["code"], "outcome_unknown");
    let all = told.iter().map(|event| event.data.to_string()).collect::<String>();
    assert!(!all.contains("254711"), "neither payload nor phone");
}

#[tokio::test]
async fn what_goes_on_inside_and_what_is_learnt_after_is_no_event() {
    let desk = Desk::open().await;
    let id = sent(&desk, "one").await;
    let attempt = desk.call(id).await;
    desk.answer(id, attempt, waiting(Some("m1"))).await;
    assert!(events(&desk, T).await.is_empty());
    desk.settle(id, Source::Webhook { attempt: None }, Evidence::Answer(succeeded()), MESSAGES).await;
    desk.settle(id, Source::Webhook { attempt: None }, Evidence::Answer(succeeded()), MESSAGES).await;
    assert_eq!(kinds(&desk).await, ["operation.succeeded"]);
}

#[tokio::test]
async fn a_success_after_a_failure_is_late_also_if_it_was_confirmed_between() {
    let desk = Desk::open().await;
    let direct = sent(&desk, "one").await;
    desk.run(direct, failed()).await;
    desk.settle(direct, Source::Webhook { attempt: None }, Evidence::Answer(succeeded()), MESSAGES).await;
    assert_eq!(kinds(&desk).await, ["operation.failed", "operation.late_success"]);

    let claimed = sent(&desk, "two").await;
    desk.run(claimed, failed()).await;
    let claim = Answer::Waiting { reference: Some(Reference::new("c")), poll_after: std::time::Duration::ZERO, interim: None };
    desk.settle(claimed, Source::Webhook { attempt: None }, Evidence::Answer(claim), MESSAGES).await;
    assert_eq!(desk.state(claimed).await, State::Waiting);
    desk.settle(claimed, Source::Poll, Evidence::Answer(succeeded()), MESSAGES).await;
    assert_eq!(kinds(&desk).await[2..], ["operation.failed", "operation.late_success"]);

    // A human who has it run again makes another effect: its success is no late one.
    let again = sent(&desk, "three").await;
    let attempt = desk.call(again).await;
    desk.settle(again, Source::Call { attempt }, failure(Disposition::Ambiguous), rules(Recovery::Human, false)).await;
    let operator = Source::Operator { who: "o".to_owned() };
    desk.settle(again, operator, Evidence::Resolve(Resolution::RunAgain), MESSAGES).await;
    desk.run(again, succeeded()).await;
    assert_eq!(kinds(&desk).await[4..], ["operation.unresolved", "operation.succeeded"]);
}

#[tokio::test]
async fn a_breaker_that_opens_and_the_success_after_it_are_told_once_each() {
    let desk = Desk::open().await;
    let id = sent(&desk, "one").await;
    let conn = rusqlite::Connection::open(desk.folder.path().join("t.db")).unwrap();
    let learn = |adapter: &str, news: LaneNews| apply::lane(&conn, T, adapter, news, desk.now()).unwrap();
    for _ in 1..BREAKER_FAILURES {
        learn("sms", LaneNews::Failing);
    }
    assert!(events(&desk, T).await.is_empty(), "not before it opens");
    for news in [LaneNews::Failing, LaneNews::Failing, LaneNews::Failing] {
        learn("sms", news);
        desk.pass(1);
    }
    assert_eq!(kinds(&desk).await, ["adapter.degraded"]);
    // Consent that was given anew lets calls go on; whether the provider answers is not known yet.
    desk.store.reset_lane(T, "sms").await.unwrap();
    for _ in 0..2 {
        learn("sms", LaneNews::Healthy);
        desk.pass(1);
    }
    assert_eq!(kinds(&desk).await, ["adapter.degraded", "adapter.recovered"]);
    assert_eq!(events(&desk, T).await[1].data, json!({ "adapter": "sms" }));

    // A receiver that is down is no provider.
    subscribe(&desk, T, "s1", ENDS).await;
    desk.run(id, succeeded()).await;
    for _ in 0..=BREAKER_FAILURES {
        learn("event_s1", LaneNews::Failing);
    }
    assert_eq!(desk.store.lane(T, "event_s1").await.unwrap().unwrap().failures, BREAKER_FAILURES + 1);
    assert_eq!(kinds(&desk).await[2..], ["operation.succeeded"]);
}

#[tokio::test]
async fn old_events_go_but_payments_and_who_has_not_read_them_is_told_so() {
    let desk = Desk::open().await;
    subscribe(&desk, T, "s1", FAILED).await;
    let id = sent(&desk, "one").await;
    let start = desk.store.events_after(T, None, 10).await.unwrap().cursor;
    desk.run(id, failed()).await;
    let payment =
        EventRow { kind: PAYMENT_RECEIVED.to_owned(), fact: "p".to_owned(), seq: 0, ..events(&desk, T).await.remove(0) };
    desk.store.record_event(payment).await.unwrap();
    let read = desk.store.events_after(T, None, 10).await.unwrap().cursor;
    let keep = Retention { operations: DAY, polls: DAY, webhooks: DAY };
    desk.store.sweep(desk.now() + DAY, keep).await.unwrap();
    assert_eq!(events(&desk, T).await.len(), 2, "not old enough");

    // Its last delivery is over, and the subscription too: its lane goes.
    let delivery = deliveries(&desk, T, "s1").await.remove(0).id;
    desk.run(delivery, Answer::Succeeded { outcome: json!({}), reference: None, receipt: None }).await;
    desk.store.delete_subscription(T, "s1").await.unwrap();
    desk.store.sweep(desk.now() + DAY + 1, keep).await.unwrap();

    assert_eq!(kinds(&desk).await, [PAYMENT_RECEIVED]);
    assert!(desk.store.events_after(T, Some(start), 10).await.unwrap().reset);
    let page = desk.store.events_after(T, Some(read.clone()), 10).await.unwrap();
    assert_eq!((page.reset, page.events.len(), page.cursor), (false, 0, read));
    assert!(desk.store.lane(T, "event_s1").await.unwrap().is_none() && desk.store.lane(T, "sms").await.unwrap().is_some());
}
