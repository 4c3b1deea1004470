//! Webhooks as they are stored. Findings 17 and 18.

use serde_json::json;
use tarishi_protocol::State;

use super::{
    answers::{MESSAGES, RESENDABLE, failure, waiting},
    desk::{Desk, T},
};
use crate::{
    adapters::{Answer, Disposition, MessageNews, News, Reference},
    dispatch::ADOPTED,
    store::{EventState, Evidence, Source, Store as _, WebhookEventRow, WebhookRow},
};

fn webhook(desk: &Desk, body: &str) -> WebhookRow {
    WebhookRow {
        tenant: T.to_owned(),
        adapter: "sms".to_owned(),
        attempt: None,
        path: "/dlr".to_owned(),
        query: String::new(),
        body: body.as_bytes().to_vec(),
        received_at: desk.now(),
    }
}

fn event(desk: &Desk, reference: &str, event_id: Option<&str>) -> WebhookEventRow {
    let news =
        MessageNews { id: reference.to_owned(), status: "delivered".to_owned(), rank: 3, to: None, reason: None, cost: None };
    WebhookEventRow {
        id: 0,
        tenant: T.to_owned(),
        adapter: "sms".to_owned(),
        attempt: None,
        reference: Some(reference.to_owned()),
        event_id: event_id.map(str::to_owned),
        correlation: Some("+254711000111".to_owned()),
        news: News::Message(news),
        noted: false,
        received_at: desk.now(),
    }
}

/// Finding 18: paid and later reversed are the same bytes; both are stored.
#[tokio::test]
async fn identical_webhooks_are_both_stored() {
    let desk = Desk::open().await;
    for _ in 0..2 {
        let fresh = desk.store.store_webhook(webhook(&desk, "same"), vec![event(&desk, "r", None)]).await.unwrap();
        assert_eq!(fresh.len(), 1);
    }
    assert_eq!(desk.store.open_events(10).await.unwrap().len(), 2);
}

/// Finding 18: only an id that the provider issued tells a repeat.
#[tokio::test]
async fn an_event_with_a_known_id_is_stored_once() {
    let desk = Desk::open().await;
    let first = desk.store.store_webhook(webhook(&desk, "a"), vec![event(&desk, "r", Some("e1"))]).await.unwrap();
    let second = desk.store.store_webhook(webhook(&desk, "b"), vec![event(&desk, "r", Some("e1"))]).await.unwrap();

    assert_eq!((first.len(), second.len()), (1, 0));
}

/// Finding 17: many old ones that match nothing neither crowd out the new nor are they all looked at again at once.
#[tokio::test]
async fn what_is_open_is_read_newest_first_at_a_start_and_in_rounds_later() {
    let desk = Desk::open().await;
    for name in ["a", "b", "c", "d"] {
        desk.store.store_webhook(webhook(&desk, name), vec![event(&desk, name, None)]).await.unwrap();
        desk.pass(1_000);
    }
    let names = |events: Vec<WebhookEventRow>| {
        let last = events.last().map_or(0, |event| event.id);
        (events.into_iter().filter_map(|event| event.reference).collect::<String>(), last)
    };

    assert_eq!(names(desk.store.open_events(2).await.unwrap()).0, "cd", "the newest, in their order");

    let before = desk.now() - 1_000;
    let (first, last) = names(desk.store.open_events_after(0, before, 2).await.unwrap());
    let (rest, _) = names(desk.store.open_events_after(last, before, 2).await.unwrap());
    assert_eq!((first.as_str(), rest.as_str()), ("ab", "c"), "d has only just come");
}

/// What was settled is left alone; the rest may be read again, page by page, each adapter's own.
#[tokio::test]
async fn only_a_webhook_of_which_nothing_was_settled_is_read_again() {
    let desk = Desk::open().await;
    let settled = vec![event(&desk, "r1", None), event(&desk, "r2", None)];
    let settled = desk.store.store_webhook(webhook(&desk, "settled"), settled).await.unwrap();
    desk.store.mark_event(settled[0].id, EventState::Done).await.unwrap();
    desk.store.store_webhook(webhook(&desk, "waits"), vec![event(&desk, "r3", Some("e3"))]).await.unwrap();
    let attempt = Some(uuid::Uuid::from_u128(7));
    let told = WebhookRow { attempt, query: "a=1".to_owned(), ..webhook(&desk, "nobody understood it") };
    desk.store.store_webhook(told, Vec::new()).await.unwrap();
    let page = async |adapter: Option<&str>, after, limit| {
        desk.store.unsettled_webhooks(T, adapter.map(str::to_owned), after, limit).await.unwrap()
    };

    let [(waits, _), (last, kept)] = page(None, 0, 10).await.try_into().unwrap();

    assert_eq!((kept.attempt, kept.query.as_str(), kept.path.as_str()), (attempt, "a=1", "/dlr"));
    assert_eq!(kept.body, b"nobody understood it");
    assert_eq!(page(Some("sms"), 0, 1).await[0].0, waits);
    assert_eq!(page(Some("sms"), waits, 1).await[0].0, last);
    assert!(page(Some("mpesa"), 0, 10).await.is_empty() && page(None, last, 10).await.is_empty());

    let fresh = desk.store.replace_webhook_events(waits, vec![event(&desk, "r4", Some("e3"))]).await.unwrap();
    assert_eq!(fresh[0].reference.as_deref(), Some("r4"), "what it says today stands in the place of what it said");
    let fresh = desk.store.replace_webhook_events(waits - 1, vec![event(&desk, "r5", None)]).await.unwrap();
    assert!(fresh.is_empty(), "somebody else has settled it");
    assert_eq!(desk.store.open_events(10).await.unwrap().len(), 2, "r2 and r4");
}

/// Finding 17: a receipt whose id is not known yet waits for its operation, and is found once it is.
#[tokio::test]
async fn an_event_that_matches_nothing_waits_for_its_operation() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    let attempt = desk.call(sms.id).await;
    let early = desk.store.store_webhook(webhook(&desk, "a"), vec![event(&desk, "ATXid_1", None)]).await.unwrap();
    assert!(desk.store.events_for(T, sms.id).await.unwrap().is_empty());

    let settled = desk.answer(sms.id, attempt, waiting(Some("ATXid_1"))).await;

    assert!(settled.news);
    let found = desk.store.events_for(T, sms.id).await.unwrap();
    assert_eq!(found.iter().map(|event| event.id).collect::<Vec<_>>(), [early[0].id]);
    desk.store.mark_event(early[0].id, EventState::Done).await.unwrap();
    assert!(desk.store.open_events(10).await.unwrap().is_empty());
}

/// Finding 16: a report without a known reference is offered to the one operation of unknown outcome it may be about.
#[tokio::test]
async fn a_report_is_offered_to_the_only_operation_it_may_be_about() {
    let desk = Desk::open().await;
    let (one, two) = (desk.sms("one"), desk.sms("two"));
    desk.send("d1", &one).await;
    let attempt = desk.call(one.id).await;
    desk.settle(one.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MESSAGES).await;
    let asked = || desk.store.ambiguous_by_correlation(T, "sms", "+254711000111");
    assert_eq!(asked().await.unwrap().unwrap().id, one.id);

    desk.send("d1", &two).await;
    let attempt = desk.call(two.id).await;
    desk.settle(two.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MESSAGES).await;

    assert!(asked().await.unwrap().is_none(), "two may be meant: neither is");
}

/// Finding 16: to many phones as well, each of which may be the first of which a report comes.
#[tokio::test]
async fn a_report_of_any_of_several_recipients_is_offered_to_their_operation() {
    let desk = Desk::open().await;
    let many = desk.sms_to(&json!(["+254711000111", "+254733000222"]), "many");
    desk.send("d1", &many).await;
    let attempt = desk.call(many.id).await;
    desk.settle(many.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MESSAGES).await;
    let asked = async |to: &str| desk.store.ambiguous_by_correlation(T, "sms", to).await.unwrap().map(|row| row.id);
    for (to, found) in [
        ("+254711000111", Some(many.id)),
        ("+254733000222", Some(many.id)),
        ("+25471100011", None),
        ("254733000222", None),
        ("+254711000111,+254733000222", Some(many.id)),
    ] {
        assert_eq!(asked(to).await, found, "{to}");
    }

    let one = desk.sms("one");
    desk.send("d1", &one).await;
    desk.call(one.id).await;
    assert_eq!(asked("+254711000111").await, None, "the open call may be meant");
    assert_eq!(asked("+254733000222").await, Some(many.id));
}

/// Finding 16: nor if another call to the same person is open, or went unanswered: a message would be lost for another's report.
#[tokio::test]
async fn a_report_is_not_offered_while_another_call_may_be_meant() {
    let desk = Desk::open().await;
    let (one, two) = (desk.sms("one"), desk.sms("two"));
    desk.send_all("d1", &[&one, &two]).await;
    let open = desk.call(one.id).await;
    let attempt = desk.open_attempt(two.id).await.unwrap();
    desk.settle(two.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MESSAGES).await;
    let asked = || desk.store.ambiguous_by_correlation(T, "sms", "+254711000111");

    assert!(asked().await.unwrap().is_none(), "the open call may be meant");
    desk.settle(one.id, Source::Poll, Evidence::Lost, RESENDABLE).await;
    assert!(asked().await.unwrap().is_none(), "and so may the one whose answer was lost");

    desk.answer(one.id, open, waiting(Some("ATXid_1"))).await;
    assert_eq!(asked().await.unwrap().unwrap().id, two.id, "its late answer says that it was another");
}

/// Of a call to many whose answer was lost each recipient's own report is taken, also after the first has settled it.
#[tokio::test]
async fn the_later_reports_of_a_call_whose_answer_was_lost_fill_their_recipients_entries() {
    let desk = Desk::open().await;
    let (amina, baraka) = ("+254711000111", "+254733000222");
    let many = desk.sms_to(&json!([amina, baraka]), "many");
    desk.send("d1", &many).await;
    let attempt = desk.call(many.id).await;
    desk.settle(many.id, Source::Call { attempt }, failure(Disposition::Ambiguous), MESSAGES).await;
    let messages =
        json!([{ "to": amina, "id": "m1", "status": "delivered" }, { "to": baraka, "id": null, "status": "unknown" }]);
    let reference = Some(Reference::new("m1").with("ranks", json!({ "m1": 6 })).with(ADOPTED, true));
    let first = Answer::Succeeded { outcome: json!({ "messages": messages }), reference, receipt: None };
    desk.settle(many.id, Source::Webhook { attempt: None }, Evidence::Answer(first), MESSAGES).await;
    let asked = async |to: &str| desk.store.adopted_by_correlation(T, "sms", to).await.unwrap().map(|row| row.id);
    assert_eq!((asked(amina).await, asked(baraka).await), (None, Some(many.id)));
    let report = async |id: &str, to: &str, status: &str, rank: u8| {
        let (to, reason) = (Some(to.to_owned()), (status == "failed").then(|| "UserInBlackList".to_owned()));
        let news = MessageNews { id: id.to_owned(), status: status.to_owned(), rank, to, reason, cost: None };
        desk.settle(many.id, Source::Webhook { attempt: None }, Evidence::Message(news), MESSAGES).await;
        desk.row(many.id).await.outcome.unwrap()["messages"].clone()
    };

    assert_eq!(report("m9", "+254722000333", "delivered", 6).await, messages, "nobody that we wrote to");
    report("m2", baraka, "sent", 1).await;
    assert_eq!(asked(baraka).await, None, "its id is known now");
    assert_eq!(desk.store.operation_by_reference(T, "sms", "m2").await.unwrap().unwrap().id, many.id);
    report("m3", baraka, "delivered", 6).await;
    let told = report("m2", baraka, "failed", 5).await;
    let second = json!({ "to": baraka, "id": "m2", "status": "failed", "reason": "UserInBlackList" });
    assert_eq!(told, json!([messages[0], second]));
    let one = desk.row(many.id).await;
    assert_eq!((one.state, one.attempts), (State::Succeeded, 1));
}

/// A recipient without an id in an answer that came is nobody's to guess.
#[tokio::test]
async fn a_report_fills_no_entry_of_a_call_that_was_answered() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    let messages = json!([{ "to": "+254711000111", "status": "unknown" }]);
    let reference = Some(Reference::new("m1"));
    desk.run(sms.id, Answer::Succeeded { outcome: json!({ "messages": messages }), reference, receipt: None }).await;
    assert!(desk.store.adopted_by_correlation(T, "sms", "+254711000111").await.unwrap().is_none());
    let to = Some("+254711000111".to_owned());
    let news = MessageNews { id: "m2".to_owned(), status: "delivered".to_owned(), rank: 6, to, reason: None, cost: None };
    desk.settle(sms.id, Source::Webhook { attempt: None }, Evidence::Message(news), MESSAGES).await;

    assert_eq!(desk.row(sms.id).await.outcome.unwrap()["messages"], messages);
}

/// What a message cost is booked once, by whichever report tells it, and a reason ends with the status that it was about.
#[tokio::test]
async fn a_cost_is_booked_once_even_by_a_report_that_comes_late() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    let messages = json!([
        { "to": "+254711000111", "id": "m1", "status": "accepted", "reason": "held" },
        { "to": "+254711000112", "id": "m2", "status": "accepted", "cost": "KES 0.80" },
        { "to": "+254711000113", "status": "rejected" },
    ]);
    let reference = Some(Reference::new("m1").with("message_ids", vec!["m1", "m2"]));
    desk.run(sms.id, Answer::Succeeded { outcome: json!({ "messages": messages }), reference, receipt: None }).await;
    for (status, rank, cost) in [("read", 4, None), ("delivered", 3, Some("USD 0.0040")), ("read", 4, Some("USD 9"))] {
        let cost = cost.map(str::to_owned);
        let news = MessageNews { id: "m1".to_owned(), status: status.to_owned(), rank, to: None, reason: None, cost };
        desk.settle(sms.id, Source::Webhook { attempt: None }, Evidence::Message(news), MESSAGES).await;
    }

    let first = desk.row(sms.id).await.outcome.unwrap()["messages"][0].clone();
    assert_eq!(first, json!({ "to": "+254711000111", "id": "m1", "status": "read", "cost": "USD 0.0040" }));
    let costs = desk.store.message_costs(T, "sms", 0).await.unwrap();
    assert_eq!(costs, [(Some("KES 0.80".to_owned()), 1), (Some("USD 0.0040".to_owned()), 1)]);
    assert!(desk.store.message_costs(T, "sms", desk.now() + 1).await.unwrap().is_empty());
    assert!(desk.store.message_costs("another", "sms", 0).await.unwrap().is_empty());
}
