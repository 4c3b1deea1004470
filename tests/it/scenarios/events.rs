//! A tenant's backend is told what happened: signed, at least once, whatever dies in between.

mod killed;
mod receiver;

use reqwest::Method;
use serde_json::{Value, json};
use tarishi_core::{DeviceState, NewOperation};
use tarishi_protocol::State;
use tarishi_sandbox::{Adapter, Call, Fault};
use tarishi_server::{
    app::DEFAULT_TENANT,
    config::SMS_WEBHOOK_TOKEN,
    dispatch::policy::BREAKER_FAILURES,
    store::{AttemptFilter, OperationFilter, OperationRow, TenantRow},
};

use self::receiver::{Answer, Receiver};
use super::world::{World, ended, enqueue, eventually};

const OK: Answer = Answer::Status(200);

fn sms(text: &str) -> NewOperation {
    NewOperation::new("sms", "send", json!({ "to": "+254711000111", "message": text }).to_string())
}

/// Subscribes with this key; the subscription's id and secret.
async fn subscribe(world: &World, key: &str, url: &str, types: &[&str]) -> (String, String) {
    let request = world.http.request(Method::POST, format!("{}/api/v2/subscriptions", world.url()));
    let made = request.bearer_auth(key).json(&json!({ "url": url, "types": types })).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
}

async fn listed(world: &World, key: &str) -> Value {
    let request = world.http.get(format!("{}/api/v2/subscriptions", world.url()));
    request.bearer_auth(key).send().await.unwrap().json().await.unwrap()
}

/// Sends texts from a phone and waits for their ends.
async fn send(world: &World, name: &str, texts: &[&str]) {
    let phone = world.phone(name, name).await;
    for text in texts {
        let record = enqueue(&phone, sms(text)).await;
        assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    }
}

async fn deliveries(world: &World, id: &str) -> Vec<OperationRow> {
    let adapter = Some(format!("event_{id}"));
    let filter = OperationFilter { tenant: DEFAULT_TENANT.to_owned(), adapter, limit: 100, ..OperationFilter::default() };
    world.hosted.server.app().store.operations(filter).await.unwrap()
}

async fn failed_tries(world: &World, id: &str) -> usize {
    let filter = AttemptFilter {
        tenant: DEFAULT_TENANT.to_owned(),
        adapter: Some(format!("event_{id}")),
        result: Some("transient".to_owned()),
        limit: 100,
        ..AttemptFilter::default()
    };
    world.hosted.server.app().store.attempts(filter).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_arrives_once_signed_and_as_it_is_in_the_log() {
    let world = World::start().await;
    let receiver = Receiver::start(&[OK]).await;
    let key = world.key("office", &["subscriptions", "logs:read"]).await;
    let (id, secret) = subscribe(&world, &key, &receiver.url(), &["operation.succeeded"]).await;
    send(&world, "amina", &["one"]).await;
    eventually("it is told", async || receiver.told().len() == 1).await;
    eventually("it is on record", async || deliveries(&world, &id).await[0].state == State::Succeeded).await;

    let told = receiver.told().remove(0);
    assert!(told.is_signed(&secret));
    assert!(!told.is_signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "another secret");
    let event = told.event();
    assert_eq!(event["id"], told.id.as_str());
    let page = world.http.get(format!("{}/api/v2/events", world.url())).bearer_auth(&key).send().await.unwrap();
    let page: Value = page.json().await.unwrap();
    assert_eq!(page["events"], json!([event]), "the same in the log, and a delivery makes no event");
    assert!(!event.to_string().contains("one"), "the message's text is nobody's to tell");
    // After a rotation receivers with either secret are content.
    let url = format!("{}/api/v2/subscriptions/{id}/rotate-secret", world.url());
    let rotated: Value = world.http.post(url).bearer_auth(&key).send().await.unwrap().json().await.unwrap();
    send(&world, "baraka", &["two"]).await;
    eventually("the next is told", async || receiver.told().len() == 2).await;
    let told = receiver.told().remove(1);
    assert!(told.is_signed(&secret) && told.is_signed(rotated["secret"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_was_down_gets_everything_and_can_order_it() {
    let world = World::start().await;
    let place = Receiver::start(&[OK]).await;
    let (address, url) = (place.address(), place.url());
    drop(place);
    let key = world.key("office", &["subscriptions"]).await;
    let (id, secret) = subscribe(&world, &key, &url, &["operation.succeeded"]).await;
    send(&world, "amina", &["one", "two", "three"]).await;
    eventually("it was tried", async || failed_tries(&world, &id).await >= 3).await;

    let receiver = Receiver::start_at(address, &[OK]).await;
    eventually("all of it is told", async || receiver.told().len() >= 3).await;

    let mut told: Vec<Value> = receiver.told().iter().map(receiver::Told::event).collect();
    assert!(receiver.told().iter().all(|told| told.is_signed(&secret)));
    told.sort_by_key(|event| event["sequence"].as_u64());
    told.dedup_by_key(|event| event["id"].clone());
    let log = world.hosted.server.app().store.events_after(DEFAULT_TENANT, None, 100).await.unwrap().events;
    assert_eq!(told, log.iter().map(tarishi_server::store::EventRow::told).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_was_answered_with_an_error_comes_again_under_its_id() {
    let world = World::start().await;
    let receiver = Receiver::start(&[Answer::Status(500), Answer::Status(302), OK]).await;
    let key = world.key("office", &["subscriptions"]).await;
    let (id, secret) = subscribe(&world, &key, &receiver.url(), &["operation.succeeded"]).await;
    send(&world, "amina", &["one"]).await;
    eventually("it is on record", async || {
        deliveries(&world, &id).await.first().is_some_and(|row| row.state == State::Succeeded)
    })
    .await;
    let told = receiver.told();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|again| again.id == told[0].id && again.event() == told[0].event() && again.is_signed(&secret)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_says_it_is_gone_is_left_alone() {
    let world = World::start().await;
    let receiver = Receiver::start(&[Answer::Status(410)]).await;
    let key = world.key("office", &["subscriptions"]).await;
    let (id, _) = subscribe(&world, &key, &receiver.url(), &["operation.succeeded"]).await;
    send(&world, "amina", &["one"]).await;
    eventually("it is disabled", async || listed(&world, &key).await["subscriptions"][0]["disabled_at"].is_string()).await;
    send(&world, "baraka", &["two"]).await;
    let rows = deliveries(&world, &id).await;
    assert_eq!((rows.len(), rows[0].state, receiver.told().len()), (1, State::Failed, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_delays_no_other_and_a_tenant_hears_of_no_other_tenant() {
    let world = World::start().await;
    let (hangs, good, theirs) =
        (Receiver::start(&[Answer::Never]).await, Receiver::start(&[OK]).await, Receiver::start(&[OK]).await);
    let key = world.key("office", &["subscriptions"]).await;
    let app = world.hosted.server.app();
    let other = TenantRow { tenant: "other".to_owned(), ..app.store.tenants().await.unwrap().remove(0) };
    app.store.create_tenant(other).await.unwrap();
    let grants = tarishi_server::store::Grants { scopes: vec!["subscriptions".to_owned()], ..Default::default() };
    let stranger = app.make_api_key("other", "office", grants).await.unwrap();
    let both = ["operation.succeeded", "operation.failed"];
    let (hanging, _) = subscribe(&world, &key, &hangs.url(), &both).await;
    for (key, receiver) in [(&key, &good), (&stranger, &theirs)] {
        subscribe(&world, key, &receiver.url(), &both).await;
    }
    // More than the hanging lane has places.
    let texts = ["1", "2", "3", "4", "5", "6", "7", "8"];
    send(&world, "amina", &texts).await;

    eventually("the other is told", async || good.told().len() == texts.len()).await;

    let still = deliveries(&world, &hanging).await;
    assert!(still.len() == texts.len() && still.iter().all(|row| !row.state.is_ended()) && !hangs.told().is_empty());
    assert!(theirs.told().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_fails_and_answers_again_is_told_once_each() {
    let world = World::start().await;
    let receiver = Receiver::start(&[OK]).await;
    let key = world.key("office", &["subscriptions"]).await;
    subscribe(&world, &key, &receiver.url(), &["adapter.degraded", "adapter.recovered"]).await;
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Moodle, Call::Query).status(503).times(BREAKER_FAILURES));
    let phone = world.phone("amina", "amina").await;
    let record = enqueue(&phone, NewOperation::new("moodle", "sync_courses", "{}".to_owned())).await;
    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);

    eventually("both are told", async || receiver.told().len() >= 2).await;
    let mut told: Vec<Value> = receiver.told().iter().map(receiver::Told::event).collect();
    told.sort_by_key(|event| event["sequence"].as_u64());
    let told: Vec<_> = told.iter().map(|event| (event["type"].as_str().unwrap(), &event["data"]["adapter"])).collect();
    assert_eq!(told, [("adapter.degraded", &json!("moodle")), ("adapter.recovered", &json!("moodle"))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_somebody_writes_is_told_once() {
    let world = World::start().await;
    let receiver = Receiver::start(&[OK]).await;
    let key = world.key("office", &["subscriptions"]).await;
    subscribe(&world, &key, &receiver.url(), &["message.received", "payment.received"]).await;
    let written = [("from", "+254711000111"), ("to", "22345"), ("id", "9b1f"), ("text", "Iko tayari?")];
    for _ in 0..2 {
        let request = world.http.post(format!("{}/h/{SMS_WEBHOOK_TOKEN}/inbound", world.url()));
        assert_eq!(request.form(&written).send().await.unwrap().status().as_u16(), 200);
    }
    eventually("it is told", async || !receiver.told().is_empty()).await;
    send(&world, "amina", &["one"]).await;
    assert_eq!(receiver.kinds(), ["message.received"]);
    let data = receiver.told()[0].event()["data"].clone();
    assert_eq!(
        (&data["adapter"], &data["from"], &data["text"]),
        (&json!("sms"), &json!("+254711000111"), &json!("Iko tayari?"))
    );
}
