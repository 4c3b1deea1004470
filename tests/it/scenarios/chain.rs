//! The notification chain end to end: from a phone or a backend through push, WhatsApp and SMS, and back.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tarishi_core::{DeviceState, NewOperation};
use tarishi_sandbox::{Adapter, Call, CallbackFault, Effect, Fault, LedgerEntry};
use tarishi_server::{app::DEFAULT_TENANT, store::NotificationRow};

use super::{
    push::handset,
    world::{World, ended, enqueue, eventually, until},
};

const AMINA: &str = "+254711000111";
const BARAKA: &str = "+254733000222";

/// An administrator's request that must be taken.
async fn put(world: &World, path: &str, body: &Value) {
    let key = world.key("school", &["notifications", "recipients"]).await;
    let url = format!("{}/api/v2/{path}", world.url());
    let answer = world.http.request(Method::PUT, url).bearer_auth(key).json(body).send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap());
}

/// A type of notification with its texts.
pub(super) async fn kind(world: &World, name: &str, route: &Value, texts: &Value) {
    put(world, &format!("notifications/types/{name}"), route).await;
    put(world, &format!("notifications/templates/{name}"), texts).await;
}

/// `closed`: each channel has a second or two, and a text of its own.
async fn closed(world: &World, wait_s: [u32; 3]) {
    let leg = |channel: &str, wait_s: u32| json!({ "channel": channel, "wait_s": wait_s });
    let channels = [leg("push", wait_s[0]), leg("whatsapp", wait_s[1]), leg("sms", wait_s[2])];
    let texts = json!({
        "push": { "en": { "title": "School", "body": "Closed on {{ day }}" } },
        "whatsapp": { "en": { "template": "closed", "params": ["{{ day }}"] } },
        "sms": { "en": { "text": "School is closed on {{ day }}." }, "sw": { "text": "Shule imefungwa {{ day }}." } },
        "sample": { "day": "Friday" },
    });
    kind(world, "closed", &json!({ "channels": channels }), &texts).await;
}

fn notify(to: &Value) -> NewOperation {
    let payload = json!({ "type": "closed", "to": to, "data": { "day": "Friday" } });
    NewOperation::new("notifications", "notify", payload.to_string())
}

fn sent(world: &World, adapter: Adapter) -> Vec<LedgerEntry> {
    world.hosted.sandbox.ledger().into_iter().filter(|entry| entry.adapter == adapter).collect()
}

async fn person(world: &World, id: tarishi_protocol::OperationId) -> NotificationRow {
    world.hosted.server.app().store.notifications(DEFAULT_TENANT, id, None, 1).await.unwrap().remove(0)
}

async fn post(world: &World, path: &str, key: Option<&str>, body: &Value) -> (StatusCode, Value) {
    let mut request = world.http.post(format!("{}/api/v2/{path}", world.url())).json(body);
    if let Some(key) = key {
        request = request.bearer_auth(key).header("Idempotency-Key", "n-1");
    }
    let answer = request.send().await.unwrap();
    (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_says_it_came_is_the_end_of_the_chain() {
    let world = World::start().await;
    closed(&world, [600, 600, 600]).await;
    put(&world, "recipients/amina", &json!({ "phone": AMINA })).await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    let desk = world.phone("desk", "desk").await;
    let record = enqueue(&desk, notify(&json!({ "user": "amina" }))).await;
    until(&desk, record.id, |state| state == DeviceState::Waiting).await;
    eventually("the push is out", async || sent(&world, Adapter::Push).len() == 1).await;
    let id = person(&world, record.id).await.id;
    assert_eq!(sent(&world, Adapter::Push)[0].request_id.as_deref(), Some(id.simple().to_string().as_str()));

    let parent = world.phone("parent", "amina").await;
    let ntf = id.simple().to_string();
    assert!(parent.notification_received(ntf.as_str()).await.unwrap(), "it is shown");
    assert!(!parent.notification_received(ntf.as_str()).await.unwrap(), "a double is not");
    parent.sync(std::time::Duration::from_secs(5), None).await.unwrap();
    let record = ended(&desk, record.id).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    assert_eq!(record.outcome.unwrap(), json!({ "state": "succeeded", "channel": "push" }));
    assert_eq!(world.hosted.sandbox.ledger().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_the_app_without_a_token_of_its_own_speaks_by_the_notification_s() {
    let world = World::start().await;
    closed(&world, [600, 600, 600]).await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    let desk = world.phone("desk", "desk").await;
    let record = enqueue(&desk, notify(&json!({ "user": "amina" }))).await;
    until(&desk, record.id, |state| state == DeviceState::Waiting).await;
    eventually("the push is out", async || sent(&world, Adapter::Push).len() == 1).await;
    let id = person(&world, record.id).await.id;
    let vault = &world.hosted.server.app().vault;
    let (good, others) = (vault.receipt_token(DEFAULT_TENANT, id), vault.receipt_token("other", id));
    let said = |token: &str| json!({ "token": token, "event": "opened" });
    for bad in ["", "short", &others, &good[..good.len() - 1], &format!("{good}x")] {
        assert_eq!(post(&world, "notifications/receipts", None, &said(bad)).await.0, StatusCode::NOT_FOUND, "{bad}");
    }
    let nobody = json!({ "notification_id": id, "event": "opened" });
    assert_eq!(post(&world, "notifications/receipts", None, &nobody).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&world, "notifications/receipts", None, &said(&good)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_phone_confirms_comes_by_whatsapp_and_by_nothing_after_that() {
    let world = World::start().await;
    closed(&world, [1, 600, 600]).await;
    put(&world, "recipients/amina", &json!({ "phone": AMINA })).await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    let desk = world.phone("desk", "desk").await;
    let record = enqueue(&desk, notify(&json!({ "user": "amina" }))).await;
    let record = ended(&desk, record.id).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    assert_eq!(record.outcome.unwrap()["channel"], "whatsapp");
    eventually("the push is taken back", async || world.hosted.sandbox.ledger().len() == 3).await;
    let ledger = world.hosted.sandbox.ledger();
    let order: Vec<(Adapter, Effect)> = ledger.iter().map(|entry| (entry.adapter, entry.effect)).collect();
    let (push, whatsapp) = ((Adapter::Push, Effect::Message), (Adapter::Whatsapp, Effect::Message));
    assert_eq!(order, [push, whatsapp, (Adapter::Push, Effect::Retraction)]);
    assert_eq!((&ledger[2].to, &ledger[2].request_id), (&ledger[0].to, &ledger[0].request_id), "of the same phone and mark");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_app_and_whatsapp_it_comes_by_sms_in_the_person_s_language() {
    let world = World::start().await;
    closed(&world, [600, 600, 600]).await;
    put(&world, "recipients/amina", &json!({ "phone": AMINA, "locale": "sw-KE" })).await;
    let no_whatsapp = Fault::on(Adapter::Whatsapp, Call::Send).result("131026");
    world.hosted.sandbox.add_fault(no_whatsapp.times(1));
    let desk = world.phone("desk", "desk").await;
    let record = enqueue(&desk, notify(&json!({ "user": "amina" }))).await;
    let record = ended(&desk, record.id).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    let outcome = record.outcome.unwrap();
    assert_eq!((&outcome["channel"], &outcome["cost"]), (&json!("sms"), &json!("KES 0.80")));
    let texts = sent(&world, Adapter::Sms);
    assert_eq!(texts.len(), 1);
    assert_eq!(texts[0].text_sha256, Some(hex::encode(Sha256::digest("Shule imefungwa Friday."))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_told_person_by_person_and_its_answer_says_how_many_stand_how() {
    let world = World::start().await;
    closed(&world, [1, 1, 600]).await;
    for (user, phone) in [("amina", AMINA), ("baraka", BARAKA)] {
        put(&world, &format!("recipients/{user}"), &json!({ "phone": phone })).await;
    }
    put(&world, "lists/class-4b", &json!({ "members": ["amina", "baraka", "nobody", "amina"] })).await;
    handset(&world, "amina", "fcm", "fcm-of-amina").await;
    // Meta tells nothing of Baraka's message.
    let silent = Fault::on(Adapter::Whatsapp, Call::Send).matching(&BARAKA[1..]).callback(CallbackFault::Lost);
    world.hosted.sandbox.add_fault(silent);
    let key = world.key("school", &["notifications:notify"]).await;
    let body = json!({ "type": "closed", "to": { "list": "class-4b" }, "data": { "day": "Friday" } });
    let (status, told) = post(&world, "notifications", Some(&key), &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{told}");
    let id = told["id"].as_str().unwrap().to_owned();
    let show = async || {
        let url = format!("{}/api/v2/notifications/{id}", world.url());
        world.http.get(url).bearer_auth(&key).send().await.unwrap().json::<Value>().await.unwrap()
    };
    eventually("all chains have ended", async || show().await["state"] == "succeeded").await;
    let shown = show().await;
    assert_eq!(shown["counts"], json!({ "exhausted": 1, "succeeded": 2, "total": 3 }));
    let how = |user: &str| {
        let people = shown["people"].as_array().unwrap();
        let person = people.iter().find(|person| person["account"] == user).unwrap().clone();
        person["channel"].as_str().map(str::to_owned)
    };
    assert_eq!((how("amina").as_deref(), how("baraka").as_deref(), how("nobody")), (Some("whatsapp"), Some("sms"), None));
    assert_eq!(sent(&world, Adapter::Sms).len(), 1);
    let repeated = post(&world, "notifications", Some(&key), &body).await;
    assert_eq!((repeated.0, &repeated.1["id"]), (StatusCode::OK, &json!(id)), "the same key is the same notification");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_notification_lacks_is_told_when_it_comes() {
    let world = World::start().await;
    closed(&world, [600, 600, 600]).await;
    let key = world.key("school", &["notifications:notify"]).await;
    let body = |kind: &str, to: Value, data: Value| json!({ "type": kind, "to": to, "data": data });
    let friday = || json!({ "day": "Friday" });
    let user = || json!({ "user": "amina" });
    for (wrong, field) in [
        (body("opened", user(), friday()), "payload.type"),
        (body("closed", user(), json!({})), "payload.data.day"),
        (body("closed", json!({ "list": "class-5c" }), friday()), "payload.to.list"),
        (body("", user(), friday()), "payload.type"),
    ] {
        let (status, problem) = post(&world, "notifications", Some(&key), &wrong).await;
        assert!(status.is_client_error(), "{wrong}");
        assert_eq!(problem["field"], field);
    }
    assert_eq!(world.count("notifications"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_tenant_decided_is_read_as_it_was_written_and_can_be_forgotten() {
    let world = World::start().await;
    closed(&world, [600, 600, 600]).await;
    put(&world, "lists/class-4b", &json!({ "members": ["amina"] })).await;
    let kes = |amount: &str| json!({ "amount": amount, "currency": "KES" });
    let caps = json!({ "daily_cap": kes("900.00"), "daily_cap_by_channel": { "sms": kes("1.00") }, "daily_cap_per_person": kes("5.00") });
    put(&world, "notifications/settings", &caps).await;
    let key = world.key("school", &["notifications", "recipients"]).await;
    let ask = async |method: Method, path: &str| {
        let request = world.http.request(method, format!("{}/api/v2/{path}", world.url())).bearer_auth(&key);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap_or_default())
    };
    assert_eq!(ask(Method::GET, "notifications/settings").await.1, caps);
    let today = ask(Method::GET, "notifications/stats").await.1["today"].clone();
    assert_eq!(today[0], json!({ "channel": null, "cap": kes("900.00"), "booked": "KES 0.00" }));
    assert_eq!((&today[1]["channel"], today.as_array().unwrap().len()), (&json!("sms"), 2));
    for path in ["notifications/types/closed", "notifications/templates/closed", "lists/class-4b"] {
        assert_eq!(ask(Method::GET, path).await.0, StatusCode::OK, "{path}");
        assert_eq!(ask(Method::DELETE, path).await.0, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(ask(Method::GET, path).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(ask(Method::DELETE, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_of_the_chain_s_api_asks_for_its_scope() {
    let world = World::start().await;
    let routes = [
        (Method::PUT, "notifications/types/closed", "notifications"),
        (Method::GET, "notifications/types/closed", "notifications"),
        (Method::PUT, "notifications/templates/closed", "notifications"),
        (Method::GET, "notifications/templates/closed", "notifications"),
        (Method::DELETE, "notifications/types/closed", "notifications"),
        (Method::DELETE, "notifications/templates/closed", "notifications"),
        (Method::PUT, "notifications/settings", "notifications"),
        (Method::GET, "notifications/settings", "notifications"),
        (Method::GET, "notifications/stats", "notifications"),
        (Method::PUT, "recipients/amina", "recipients"),
        (Method::GET, "recipients/amina", "recipients"),
        (Method::DELETE, "recipients/amina", "recipients"),
        (Method::PUT, "lists/class", "recipients"),
        (Method::GET, "lists/class", "recipients"),
        (Method::DELETE, "lists/class", "recipients"),
    ];
    let device = world.token("amina", &["*:*"]).await;
    let other = world.key("school", &["*:*", "devices", "logs:read", "subscriptions"]).await;
    for (method, path, scope) in routes {
        let good = world.key("school", &[scope]).await;
        let ask = async |token: &str| {
            let url = format!("{}/api/v2/{path}", world.url());
            world.http.request(method.clone(), url).bearer_auth(token).json(&json!({})).send().await.unwrap().status()
        };
        assert_eq!(ask(&device).await, StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(ask(&other).await, StatusCode::FORBIDDEN, "{method} {path}");
        assert_ne!(ask(&good).await, StatusCode::FORBIDDEN, "{method} {path}");
    }
    let forbidden = world.key("school", &["notifications"]).await;
    let body = json!({ "type": "closed", "to": { "user": "amina" }, "data": {} });
    assert_eq!(post(&world, "notifications", Some(&forbidden), &body).await.0, StatusCode::FORBIDDEN);
}
