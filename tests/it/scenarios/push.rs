//! Push end to end: each action over both providers, each of their faults, tokens that die and tokens that are renewed.

mod dead;
mod killed;
mod tokens;

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_protocol::OperationId;
use tarishi_sandbox::{Adapter, Call, Fault, LedgerEntry};
use tarishi_server::{
    app::DEFAULT_TENANT,
    integrations::Change,
    store::{AttemptFilter, AttemptKind},
};

use super::world::{World, ended, enqueue};

/// Of the production host; those of the development host begin with `de5e`.
const IPHONE: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";

fn operation(action: &str, payload: &Value) -> NewOperation {
    NewOperation::new("push", action, payload.to_string())
}

pub(super) fn ready(to: &Value) -> NewOperation {
    operation("send", &json!({ "to": to, "title": "Order ready", "body": "A-17 is ready", "ttl_s": 600 }))
}

pub(super) fn to(account: &str) -> Value {
    json!({ "user": account })
}

fn fault() -> Fault {
    Fault::on(Adapter::Push, Call::Send)
}

/// Tells the server where a device takes its notifications.
async fn register(world: &World, device_token: &str, body: &Value) -> StatusCode {
    let url = format!("{}/api/v2/devices/me/push-token", world.url());
    world.http.request(Method::PUT, url).bearer_auth(device_token).json(body).send().await.unwrap().status()
}

/// A device of this account that takes notifications; its own token.
pub(super) async fn handset(world: &World, account: &str, kind: &str, token: &str) -> String {
    let own = world.token(account, &["*:*"]).await;
    assert_eq!(register(world, &own, &json!({ "kind": kind, "token": token })).await, StatusCode::NO_CONTENT);
    own
}

pub(super) fn sent(world: &World, token: &str) -> Vec<LedgerEntry> {
    let same = |entry: &LedgerEntry| entry.adapter == Adapter::Push && entry.to.as_deref() == Some(token);
    world.hosted.sandbox.ledger().into_iter().filter(same).collect()
}

/// What a phone shows: of the notifications with one mark, one.
fn shown(world: &World, token: &str) -> usize {
    sent(world, token).into_iter().map(|entry| entry.request_id.unwrap()).collect::<BTreeSet<_>>().len()
}

fn messages(record: &OperationRecord) -> Vec<Value> {
    record.outcome.as_ref().unwrap()["messages"].as_array().unwrap().clone()
}

fn statuses(record: &OperationRecord) -> BTreeSet<String> {
    messages(record).iter().map(|message| message["status"].as_str().unwrap().to_owned()).collect()
}

fn problem(record: &OperationRecord) -> (String, Option<String>) {
    let problem = record.problem.clone().unwrap();
    (problem.code, problem.provider_code)
}

async fn effect_calls(world: &World, id: OperationId) -> usize {
    let filter =
        AttemptFilter { tenant: DEFAULT_TENANT.to_owned(), operation: Some(id), limit: 100, ..AttemptFilter::default() };
    let attempts = world.hosted.server.app().store.attempts(filter).await.unwrap();
    attempts.iter().filter(|line| line.kind == AttemptKind::Effect).count()
}

async fn set(world: &World, settings: &[(&str, &str)]) {
    let settings = settings.iter().map(|(name, text)| ((*name).to_owned(), Some((*text).to_owned()))).collect();
    let change = Change { settings, ..Change::default() };
    world.hosted.server.app().change_integration(DEFAULT_TENANT, "push", change).await.unwrap();
}

/// Sends one from a desk's phone and waits for its end there.
async fn send(world: &World, new: NewOperation) -> (Client, OperationRecord) {
    let desk = world.phone("desk", "desk").await;
    let record = enqueue(&desk, new).await;
    let record = ended(&desk, record.id).await;
    (desk, record)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_s_phones_are_each_reached_by_their_own_provider() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    handset(&world, "amina", "fid", "fid-of-amina").await;
    // The sandbox takes nothing for APNs but HTTP/2.
    handset(&world, "amina", "apns", IPHONE).await;
    handset(&world, "baraka", "fcm", "fcm-of-baraka").await;
    let (_, record) = send(&world, ready(&to("amina"))).await;

    assert_eq!((record.state, messages(&record).len()), (DeviceState::Succeeded, 3));
    assert_eq!(statuses(&record), BTreeSet::from(["accepted".to_owned()]));
    let marks: BTreeSet<_> = ["fcm-of-amina", "fid-of-amina", IPHONE]
        .into_iter()
        .map(|token| {
            let entries = sent(&world, token);
            assert_eq!(entries.len(), 1, "{token}");
            entries[0].request_id.clone().unwrap()
        })
        .collect();
    assert_eq!(marks, BTreeSet::from([record.id.0.simple().to_string()]));
    assert!(sent(&world, "fcm-of-baraka").is_empty());
    let shown = format!("{record:?} {:?}", messages(&record));
    assert!(!shown.contains("fcm-of-amina") && !shown.contains(IPHONE), "a token is never told");
    assert_eq!(effect_calls(&world, record.id).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_device_and_a_list_of_users_are_reached_too() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    handset(&world, "baraka", "apns", IPHONE).await;
    let device = world.hosted.server.app().store.devices(DEFAULT_TENANT, None, 100).await.unwrap();
    let device = device.into_iter().find(|device| device.account == "amina").unwrap().device;
    let (desk, record) = send(&world, ready(&json!({ "device": device }))).await;
    assert_eq!((record.state, messages(&record)[0]["to"].as_str()), (DeviceState::Succeeded, Some(device.as_str())));
    assert_eq!((sent(&world, "fcm-of-amina").len(), sent(&world, IPHONE).len()), (1, 0));

    let list = json!({ "list": ["amina", "baraka", "nobody"] });
    let record = enqueue(&desk, ready(&list)).await;
    assert_eq!(messages(&ended(&desk, record.id).await).len(), 2);
    assert_eq!((sent(&world, "fcm-of-amina").len(), sent(&world, IPHONE).len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_repeated_and_the_phone_shows_one() {
    let world = World::start().await;
    for (kind, token) in [("fcm", "fcm-of-amina"), ("apns", IPHONE)] {
        handset(&world, "amina", kind, token).await;
        world.hosted.sandbox.add_fault(fault().matching(token).timeout_after().times(1));
    }
    let (_, record) = send(&world, ready(&to("amina"))).await;

    assert_eq!(record.state, DeviceState::Succeeded);
    for token in ["fcm-of-amina", IPHONE] {
        assert_eq!((sent(&world, token).len(), shown(&world, token)), (2, 1), "{token}");
    }
    let ids: BTreeSet<_> = sent(&world, IPHONE).into_iter().map(|entry| entry.provider_id).collect();
    assert_eq!(ids.len(), 1, "the same apns-id");
    assert!(messages(&record).iter().all(|message| message["reason"] == "possible_duplicate"));
    assert!(world.metrics().await.contains("tarishi_possible_duplicate_total{adapter=\"push\"} 2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_that_never_left_is_sent_again() {
    let world = World::start().await;
    for (kind, token) in [("fcm", "fcm-of-amina"), ("apns", IPHONE)] {
        handset(&world, "amina", kind, token).await;
        world.hosted.sandbox.add_fault(fault().matching(token).timeout_before().times(1));
    }
    let (_, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(record.state, DeviceState::Succeeded);
    assert_eq!((sent(&world, "fcm-of-amina").len(), sent(&world, IPHONE).len()), (1, 1));
    assert_eq!(effect_calls(&world, record.id).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_says_unavailable_of_what_it_delivered_is_a_possible_double() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    world.hosted.sandbox.add_fault(fault().result("delivered:UNAVAILABLE").times(1));
    let (_, record) = send(&world, ready(&to("amina"))).await;
    assert_eq!(messages(&record)[0]["reason"], "possible_duplicate");
    assert_eq!((sent(&world, "fcm-of-amina").len(), shown(&world, "fcm-of-amina")), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_pass_is_tried_again() {
    let world = World::start().await;
    let desk = world.phone("desk", "desk").await;
    for (index, (kind, code)) in [
        ("fcm", "UNAVAILABLE"),
        ("fcm", "INTERNAL"),
        ("fcm", "QUOTA_EXCEEDED"),
        ("apns", "TooManyRequests"),
        ("apns", "ServiceUnavailable"),
        ("apns", "InternalServerError"),
        ("apns", "IdleTimeout"),
    ]
    .into_iter()
    .enumerate()
    {
        let (account, token) = (format!("user-{index}"), format!("00{index:062}"));
        handset(&world, &account, kind, &token).await;
        world.hosted.sandbox.add_fault(fault().matching(&token).result(code).times(1));
        let record = enqueue(&desk, ready(&to(&account))).await;
        assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded, "{code}");
        assert_eq!((sent(&world, &token).len(), effect_calls(&world, record.id).await), (1, 2), "{code}");
    }
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    for status in [429, 502, 503] {
        world.hosted.sandbox.add_fault(fault().status(status).times(1));
    }
    let record = enqueue(&desk, ready(&to("amina"))).await;
    assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(sent(&world, "fcm-of-amina").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_tells_what_each_device_was_told() {
    let world = World::start().await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    handset(&world, "amina", "apns", IPHONE).await;
    let (desk, record) = send(&world, ready(&to("amina"))).await;
    let of_apns = sent(&world, IPHONE)[0].provider_id.clone().unwrap();
    for (query, found) in [(json!({ "operation_id": record.id }), 2), (json!({ "message_id": of_apns }), 1)] {
        let asked = enqueue(&desk, operation("query", &query)).await;
        let asked = ended(&desk, asked.id).await;
        assert_eq!((asked.state, messages(&asked).len()), (DeviceState::Succeeded, found), "{query}");
    }
    assert_eq!(world.hosted.sandbox.ledger().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_not_the_app_s_to_say_is_refused_on_the_phone() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let base = json!({ "to": to("amina"), "title": "T", "body": "B" });
    for (field, value, named) in [
        ("body", json!("x".repeat(4_096)), "payload.body"),
        ("data", json!({ "blob": "x".repeat(4_096) }), "payload.data.blob"),
        ("data", json!({ "google.c.a": "x" }), "payload.data.google.c.a"),
        ("ttl_s", json!(2_419_201), "payload.ttl_s"),
        ("collapse_key", json!("k".repeat(65)), "payload.collapse_key"),
    ] {
        let mut payload = base.clone();
        payload[field] = value;
        let refused = phone.enqueue(operation("send", &payload)).await.unwrap_err().to_string();
        assert!(refused.contains(named), "{named}: {refused}");
    }
    let key = world.key("desk", &["*:*"]).await;
    let url = format!("{}/api/v2/integrations/push/send", world.url());
    let mut payload = base;
    payload["body"] = json!("x".repeat(4_096));
    let answer = world.http.post(url).bearer_auth(key).header("Idempotency-Key", "k").json(&payload).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let told: Value = answer.json().await.unwrap();
    assert_eq!((&told["code"], &told["field"]), (&json!("payload_too_large"), &json!("payload.body")));
    assert_eq!(world.hosted.sandbox.push_tokens(), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_a_dry_run_that_nobody_sees() {
    let world = World::start().await;
    let key = world.key("ops", &["admin"]).await;
    let health = async || {
        let url = format!("{}/api/v2/integrations/health/push", world.url());
        world.http.get(url).bearer_auth(&key).send().await.unwrap().json::<Value>().await.unwrap()
    };
    assert_eq!(health().await["status"], "ok");
    set(&world, &[("fcm_project_id", "another-project")]).await;
    let down = health().await;
    assert_eq!((&down["status"], &down["message"]), (&json!("down"), &json!("FCM does not know the project")));
    assert!(world.hosted.sandbox.ledger().is_empty());
}
