//! Who may subscribe to events, to what and where; nobody can make a delivery by hand.

use reqwest::Method;
use serde_json::{Value, json};
use tarishi_server::{
    adapters::{Reach, URL_BYTES_MAX, event::Secret},
    clock::Clock,
    store::{EVENT_TYPES, SealedKind},
    subscriptions::{OVERLAP_MS, SUBSCRIPTIONS_MAX},
};

use crate::host::{Host, file, operation, send};

const PATH: &str = "/api/v2/subscriptions";
const URL: &str = "https://school.example.org/hooks";

fn body(url: &str, types: &[&str]) -> Value {
    json!({ "url": url, "types": types })
}

#[tokio::test]
async fn a_secret_is_shown_once_and_lies_sealed() {
    let host = Host::start().await;
    let key = host.key("default", &["subscriptions"]).await;
    let made = host.post(PATH, &key, &body(URL, &EVENT_TYPES)).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    assert!(Secret::parse(secret).is_some() && secret.len() == "whsec_".len() + 44, "32 bytes");

    let listed = host.get(PATH, &key).await.json();
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(listed, json!({ "subscriptions": [shown] }));
    let rows = host.server.app().store.sealed_otherwise(0, None, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), [SealedKind::Subscription]);
    assert!(!String::from_utf8_lossy(&rows[0].sealed).contains(secret));

    let id = made["id"].as_str().unwrap();
    let own = format!("{PATH}/{id}");
    assert_eq!(host.delete(&own, &key).await.status, 204);
    assert_eq!(host.delete(&own, &key).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(host.get(PATH, &key).await.json(), json!({ "subscriptions": [] }));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_field() {
    let host = Host::start().await;
    let key = host.key("default", &["admin"]).await;
    let good = ["payment.received"];
    let long = format!("https://e.org/{}", "x".repeat(URL_BYTES_MAX));
    let rows = [
        (body(URL, &["payment.sent"]), "invalid_value", "types"),
        (body(URL, &["payment.received", "*"]), "invalid_value", "types"),
        (body(URL, &["payment.received", "payment.received"]), "invalid_value", "types"),
        (body(URL, &[]), "missing_field", "types"),
        (json!({ "url": URL }), "missing_field", "types"),
        (json!({ "url": URL, "types": good, "secret": "whsec_x" }), "unknown_field", "secret"),
        (body("http://school.example.org", &good), "invalid_value", "url"),
        (body("https://u:p@school.example.org", &good), "invalid_value", "url"),
        (body("https://10.0.0.7/hooks", &good), "invalid_value", "url"),
        (body("https://169.254.169.254/latest", &good), "invalid_value", "url"),
        (body(&long, &good), "invalid_value", "url"),
        (body("", &good), "invalid_value", "url"),
    ];
    for (body, code, field) in rows {
        let answer = host.post(PATH, &key, &body).await;
        assert_eq!((answer.json()["code"].as_str(), answer.json()["field"].as_str()), (Some(code), Some(field)), "{body}");
    }
    assert_eq!(host.get(PATH, &key).await.json(), json!({ "subscriptions": [] }));
}

#[tokio::test]
async fn this_machine_is_a_receiver_only_where_the_operator_says_so() {
    let local = body("http://127.0.0.1:9/hooks", &["payment.received"]);
    for (networks, taken) in [(None, true), (Some(Reach::default()), false), (Some(Reach::parse("127.0.0.1").unwrap()), true)] {
        let host = Host::start_with(Clock::system(), |config| config.event_networks = networks).await;
        let key = host.key("default", &["subscriptions"]).await;
        let answer = host.post(PATH, &key, &local).await.json();
        assert_eq!((answer["secret"].is_string(), answer["field"] == "url"), (taken, !taken), "{answer}");
    }
}

#[tokio::test]
async fn a_tenant_has_as_many_as_it_may_have_and_another_its_own() {
    let host = Host::start().await;
    let key = host.key("default", &["subscriptions"]).await;
    for _ in 0..SUBSCRIPTIONS_MAX {
        assert_eq!(host.post(PATH, &key, &body(URL, &["payment.received"])).await.status, 201);
    }
    let more = host.post(PATH, &key, &body(URL, &["payment.received"])).await;
    assert_eq!(more.problem().1, "too_many");
    let other = host.key("other", &["subscriptions"]).await;
    assert_eq!(host.post(PATH, &other, &body(URL, &["payment.received"])).await.status, 201);
}

#[tokio::test]
async fn only_keys_with_the_scope_subscribe_and_none_sees_another_tenant_s() {
    let host = Host::start().await;
    let key = host.key("default", &["subscriptions"]).await;
    let made = host.post(PATH, &key, &body(URL, &["payment.received"])).await.json();
    let own = format!("{PATH}/{}", made["id"].as_str().unwrap());
    for weak in [host.key("default", &["*:*", "logs:read", "devices"]).await, host.device("amina", &["*:*"]).await] {
        assert_eq!(host.get(PATH, &weak).await.problem().0, 403);
        assert_eq!(host.post(PATH, &weak, &body(URL, &["payment.received"])).await.problem().0, 403);
        assert_eq!(host.delete(&own, &weak).await.problem().0, 403);
        assert_eq!(host.post(&format!("{own}/rotate-secret"), &weak, &json!({})).await.problem().0, 403);
    }
    let stranger = host.key("other", &["subscriptions", "admin"]).await;
    assert_eq!(host.get(PATH, &stranger).await.json(), json!({ "subscriptions": [] }));
    assert_eq!(host.delete(&own, &stranger).await.problem().0, 404);
    assert_eq!(host.post(&format!("{own}/rotate-secret"), &stranger, &json!({})).await.problem().0, 404);
    assert_eq!(host.get(PATH, "").await.problem().0, 401);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let clock = Clock::manual(1_800_000_000_000);
    let host = Host::start_with(clock.clone(), |_| {}).await;
    let key = host.key("default", &["subscriptions"]).await;
    let made = host.post(PATH, &key, &body(URL, &["payment.received"])).await.json();
    let id = made["id"].as_str().unwrap();
    let secrets = async || {
        let adapter = format!("event_{id}");
        let effective = host.server.app().effective("default", &adapter).await.unwrap().unwrap();
        effective.settings.get("secrets").unwrap().to_owned()
    };
    let old = made["secret"].as_str().unwrap();
    assert_eq!(secrets().await, old);
    let rotated = host.post(&format!("{PATH}/{id}/rotate-secret"), &key, &json!({})).await.json();
    let new = rotated["secret"].as_str().unwrap();
    assert_eq!(secrets().await, format!("{new} {old}"));
    clock.advance(std::time::Duration::from_millis(OVERLAP_MS.unsigned_abs() - 1));
    assert_eq!(secrets().await, format!("{new} {old}"));
    clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(secrets().await, new);
}

#[tokio::test]
async fn nobody_can_make_a_delivery_by_hand() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin", "subscriptions", "logs:read"]).await;
    let phone = host.device("amina", &["*:*"]).await;
    let made = host.post(PATH, &key, &body("http://127.0.0.1:9/hooks", &["payment.received"])).await.json();
    let name = format!("event_{}", made["id"].as_str().unwrap());
    for adapter in [name.as_str(), "event"] {
        let path = format!("/api/v2/integrations/{adapter}/deliver");
        let request = host.request(Method::POST, &path, &key).header("idempotency-key", "k");
        assert!(send(request.json(&json!({ "event": 1 }))).await.status >= 400, "{adapter}");
        assert_eq!(host.get(&format!("/api/v2/integrations/{adapter}"), &key).await.status, 404);
        assert_eq!(host.put(&format!("/api/v2/integrations/{adapter}"), &key, &json!({ "enabled": true })).await.status, 404);
        let receipt = host.sync(&phone, "amina", &[operation("k", adapter, "deliver", &json!({ "event": 1 }))]).await.json();
        assert_eq!(receipt["receipts"][0]["status"], "refused", "{receipt}");
        assert_eq!(receipt["receipts"][0]["problem"]["code"], "unknown_adapter");
    }
    let listed = host.get("/api/v2/integrations", &key).await.json().to_string();
    assert!(!listed.contains("event"), "{listed}");
}

#[tokio::test]
async fn the_log_tells_what_a_subscription_is_told() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin"]).await;
    let id = host.upload(&key, "report").await;
    let page = host.get("/api/v2/events", &key).await.json();
    let event = &page["events"][0];
    assert_eq!((&event["type"], &event["data"]["operation_id"]), (&json!("operation.succeeded"), &json!(id)));
    assert_eq!((&event["data"]["adapter"], &event["data"]["status"]), (&json!("local_storage"), &json!("succeeded")));
    assert!(event["id"].as_str().unwrap().starts_with("evt_") && !event["id"].as_str().unwrap().contains('.'));
    assert!(event["sequence"].as_u64().unwrap() > 0 && event["created_at"].is_string());
    assert_eq!(event["data"]["outcome"]["path"], file("report")["destination"]);
}
