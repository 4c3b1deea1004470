//! How providers are: asked seldom, and told with their breaker.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router};
use serde_json::{Value, json};
use tarishi_server::{clock::Clock, dispatch::policy::BREAKER_FAILURES, http::HEALTH_KEPT_MS};

use crate::host::Host;

/// A provider of messages whose every answer is the balance, a server beside it, its clock, and how often it was asked.
async fn beside_a_provider() -> (Host, Clock, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let answer = async move || {
        count.fetch_add(1, Ordering::SeqCst);
        Json(json!({ "UserData": { "balance": "KES 100.00" } }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let clock = Clock::manual(1_800_000_000_000);
    let host = Host::start_with(clock.clone(), |config| config.sandbox = Some(url)).await;
    (host, clock, asked)
}

async fn sms(host: &Host, key: &str) -> Value {
    host.get("/api/v2/integrations/health/sms", key).await.json()
}

#[tokio::test]
async fn a_provider_is_asked_once_in_a_while_however_often_its_health_is() {
    let (host, clock, asked) = beside_a_provider().await;
    let key = host.key("default", &["logs:read", "admin"]).await;
    let kept = Duration::from_millis(HEALTH_KEPT_MS.unsigned_abs());

    let first = sms(&host, &key).await;
    assert_eq!((&first["status"], &first["message"]), (&json!("ok"), &json!("balance KES 100.00")), "{first}");
    assert!(first["latency_ms"].is_number());
    clock.advance(kept - Duration::from_millis(1));
    assert_eq!(sms(&host, &key).await, first, "also when it was asked");
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    clock.advance(Duration::from_millis(1));
    assert_ne!(sms(&host, &key).await["checked_at"], first["checked_at"]);
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    host.put("/api/v2/integrations/sms", &key, &json!({ "settings": { "low_balance": "500" } })).await;
    assert_eq!(sms(&host, &key).await["status"], "degraded", "with other settings it is asked at once");
    host.put("/api/v2/integrations/sms", &key, &json!({ "enabled": false })).await;
    assert_eq!(sms(&host, &key).await["status"], "disabled");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_provider_that_answers_behind_an_open_breaker_is_degraded() {
    let (host, clock, _) = beside_a_provider().await;
    let key = host.key("default", &["logs:read"]).await;
    let breaker = async || {
        let (one, all) = (sms(&host, &key).await, host.get("/health", "").await.json());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&one["breaker"]), text(&one["status"]), text(&all["status"]))
    };
    let is = |breaker: &str, one: &str, all: &str| (breaker.to_owned(), one.to_owned(), all.to_owned());
    assert_eq!(breaker().await, is("closed", "ok", "ok"));

    let book = rusqlite::Connection::open(&host.server.app().config.database).unwrap();
    let lane = "INSERT INTO lanes (tenant_id, adapter, not_before, failures) VALUES ('default', 'sms', ?1, ?2)";
    book.execute(lane, rusqlite::params![clock.now_ms() + 60_000, BREAKER_FAILURES]).unwrap();

    assert_eq!(breaker().await, is("open", "degraded", "degraded"), "although its health is kept");
    clock.advance(Duration::from_secs(60));
    assert_eq!(breaker().await, is("half_open", "degraded", "ok"));
}

#[tokio::test]
async fn a_provider_that_asked_us_to_slow_down_is_told_apart_from_one_that_fails() {
    let (host, clock, _) = beside_a_provider().await;
    let key = host.key("default", &["logs:read"]).await;
    assert_eq!(sms(&host, &key).await["closed_until"], Value::Null);
    let book = rusqlite::Connection::open(&host.server.app().config.database).unwrap();
    let lane = "INSERT INTO lanes (tenant_id, adapter, not_before, failures) VALUES ('default', 'sms', ?1, 0)";
    book.execute(lane, [clock.now_ms() + 60_000]).unwrap();

    let (one, all) = (sms(&host, &key).await, host.get("/health", "").await.json());
    assert_eq!((&one["breaker"], &one["status"]), (&json!("closed"), &json!("degraded")));
    assert_eq!(one["closed_until"], json!("2027-01-15T08:01:00Z"));
    assert_eq!(all, json!({ "status": "limited" }));
    clock.advance(Duration::from_secs(60));
    let (one, all) = (sms(&host, &key).await, host.get("/health", "").await.json());
    assert_eq!((&one["status"], &one["closed_until"]), (&json!("ok"), &Value::Null));
    assert_eq!(all, json!({ "status": "ok" }));
}
