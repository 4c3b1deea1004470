//! Tokens and keys: refused alike, revoked at once, replaced without locking a phone out.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tarishi_server::clock::Clock;

use crate::host::{Host, send};

const NOW: i64 = 1_795_000_000_000;
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let host = Host::start().await;
    let good = host.device("acc", &["*:*"]).await;
    let revoked = host.device("acc", &["*:*"]).await;
    let id = revoked.rsplit('_').nth(1).unwrap();
    assert!(host.server.app().store.revoke_device("default", id, 1).await.unwrap());
    let mut other_secret = good.clone();
    other_secret.replace_range(good.len() - 4.., "0000");
    let tokens = [
        "",
        "junk",
        "td_default_none_secret",
        &other_secret,
        &revoked,
        &good.replace("td_default", "td_other"),
        &good.replace("td_", "tk_"),
    ];

    let mut bodies = Vec::new();
    for token in tokens {
        let answer = host.get("/api/v2/devices/me", token).await;
        assert_eq!(answer.problem(), (401, "unauthorized".to_owned()), "{token}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        bodies.push(answer.bytes);
    }

    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    assert_eq!(host.get("/api/v2/devices/me", &good).await.status, 200);
}

#[tokio::test]
async fn a_device_is_told_who_it_is() {
    let host = Host::start().await;
    let token = host.device("acc_9", &["mpesa:charge"]).await;
    let me = host.get("/api/v2/devices/me", &token).await.json();
    assert_eq!((me["tenant"].as_str(), me["account"].as_str()), (Some("default"), Some("acc_9")));
    assert_eq!(me["scopes"], json!(["mpesa:charge"]));
    assert!(token.contains(me["device"].as_str().unwrap()));
}

#[tokio::test]
async fn a_backend_registers_lists_and_revokes_devices() {
    let host = Host::start().await;
    let key = host.key("school", &["devices"]).await;

    let made = host.post("/api/v2/devices", &key, &json!({ "account": "acc", "scopes": ["sms:send"] })).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(host.get("/api/v2/devices/me", token).await.json()["tenant"], "school");
    let listed = host.get("/api/v2/devices", &key).await.json();
    assert_eq!(listed["devices"][0]["device"], made["device"]);
    assert!(!listed.to_string().contains(token));

    let path = format!("/api/v2/devices/{}", made["device"].as_str().unwrap());
    let stranger = host.key("other", &["admin"]).await;
    assert_eq!(host.delete(&path, &stranger).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(host.delete(&path, &key).await.status, 204);
    assert_eq!(host.get("/api/v2/devices/me", token).await.status, 401);
}

#[tokio::test]
async fn a_device_needs_scopes_and_a_good_body() {
    let host = Host::start().await;
    let key = host.key("default", &["admin"]).await;
    let rows = [
        (json!({ "account": "acc" }), (422, "missing_field"), "scopes"),
        (json!({ "account": "acc", "scopes": ["admin"] }), (422, "invalid_value"), "scopes[0]"),
        (json!({ "account": "", "scopes": ["*:*"] }), (422, "invalid_value"), "account"),
        (json!({ "scopes": ["*:*"] }), (422, "missing_field"), "account"),
        (json!({ "account": "acc", "scopes": ["*:*"], "colour": 1 }), (422, "unknown_field"), "colour"),
        (json!({ "account": "acc", "scopes": "*:*" }), (422, "wrong_type"), "scopes"),
        (json!({ "account": "acc", "scopes": ["*:*"], "caps": { "per_day": 1 } }), (422, "unknown_field"), "caps.per_day"),
    ];
    for (body, (status, code), field) in rows {
        let answer = host.post("/api/v2/devices", &key, &body).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{body}");
        assert_eq!(answer.json()["field"], field, "{body}");
    }
    let weak = host.key("default", &["*:*", "logs:read"]).await;
    let body = json!({ "account": "acc", "scopes": ["*:*"] });
    assert_eq!(host.post("/api/v2/devices", &weak, &body).await.problem(), (403, "forbidden".to_owned()));
    let device = host.device("acc", &["*:*"]).await;
    assert_eq!(host.post("/api/v2/devices", &device, &body).await.problem(), (403, "forbidden".to_owned()));
}

#[tokio::test]
async fn an_exchange_needs_a_device() {
    let host = Host::start().await;
    let key = host.key("default", &["admin", "*:*"]).await;
    assert_eq!(host.sync(&key, "backend", &[]).await.problem(), (403, "forbidden".to_owned()));
}

#[tokio::test]
async fn an_old_token_is_replaced_and_told_again_to_a_device_that_lost_the_answer() {
    let clock = Clock::manual(NOW);
    let host = Host::start_with(clock.clone(), |_| {}).await;
    let old = host.device("acc", &["*:*"]).await;
    assert_eq!(host.sync(&old, "acc", &[]).await.json().get("token"), None);

    clock.advance(DAY * 31);
    let told = host.sync(&old, "acc", &[]).await.json()["token"].as_str().unwrap().to_owned();
    clock.advance(DAY);
    let again = host.sync(&old, "acc", &[]).await.json()["token"].as_str().unwrap().to_owned();

    assert_eq!(told, again);
    assert_eq!(host.sync(&told, "acc", &[]).await.json().get("token"), None);
    clock.advance(DAY * 30);
    assert_eq!(host.sync(&old, "acc", &[]).await.status, 401);
    assert_eq!(host.sync(&told, "acc", &[]).await.status, 200);
}

#[tokio::test]
async fn a_token_that_nobody_used_for_90_days_is_no_longer_good() {
    let clock = Clock::manual(NOW);
    let host = Host::start_with(clock.clone(), |_| {}).await;
    let token = host.device("acc", &["*:*"]).await;
    clock.advance(DAY * 89);
    assert_eq!(host.get("/api/v2/devices/me", &token).await.status, 200);
    clock.advance(DAY);
    assert_eq!(host.get("/api/v2/devices/me", &token).await.status, 401);
}

#[tokio::test]
async fn the_scheme_may_be_written_in_any_case() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;
    let request = host.request(Method::GET, "/api/v2/devices/me", "").header("authorization", format!("bearer {token}"));
    assert_eq!(send(request).await.status, 200);
}
