//! What a human decides about a payment whose outcome nobody knows.

use std::time::Duration;

use axum::{Json, Router, http::StatusCode, response::IntoResponse as _};
use reqwest::Method;
use serde_json::{Value, json};
use tarishi_server::clock::Clock;

use crate::host::{Host, send};

/// A provider that gives tokens and breaks at everything else: nobody knows whether money moved.
async fn broken_provider() -> String {
    let answer = async |request: axum::extract::Request| {
        if request.uri().path().contains("oauth") {
            Json(json!({ "access_token": "token", "expires_in": "3599" })).into_response()
        } else {
            (StatusCode::BAD_GATEWAY, "<html>").into_response()
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

/// A server with one charge that is unresolved, an admin's key, and the operation's path.
async fn unresolved() -> (Host, String, String) {
    let provider = broken_provider().await;
    let host = Host::start_with(Clock::system(), |config| {
        config.sandbox = Some(provider);
        config.environment.insert("MPESA_RECEIPT_WAIT_MS".into(), "1".into());
    })
    .await;
    let admin = host.key("default", &["*:*", "admin"]).await;
    let payload =
        json!({ "amount": { "amount": "100.00", "currency": "KES" }, "phone": "+254712345678", "reference": "FEE-1" });
    let request = host.request(Method::POST, "/api/v2/integrations/mpesa/charge?wait_secs=0", &admin);
    let answer = send(request.header("idempotency-key", "fee-1").json(&payload)).await;
    let path = answer.header("location").to_owned();
    wait_for(&host, &admin, &path, "unresolved").await;
    (host, admin, path)
}

async fn wait_for(host: &Host, key: &str, path: &str, state: &str) -> Value {
    for _ in 0..200 {
        let shown = host.get(path, key).await.json();
        if shown["state"] == state {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {state}: {}", host.get(path, key).await.json());
}

#[tokio::test]
async fn an_unresolved_payment_is_a_dead_letter_until_a_human_says_it_was_made() {
    let (host, admin, path) = unresolved().await;
    let letters = host.get("/api/v2/operations?dead_letters=true", &admin).await.json();
    assert_eq!(letters["operations"].as_array().unwrap().len(), 1);
    let metrics = String::from_utf8(host.get("/metrics", "").await.bytes).unwrap();
    assert!(metrics.contains("tarishi_dead_letters 1"), "{metrics}");

    let outcome = json!({ "receipt": "QK1", "amount": { "amount": "100.00", "currency": "KES" } });
    let bad = host.post(&format!("{path}/resolve"), &admin, &json!({ "result": "succeeded", "outcome": "yes" })).await;
    let resolved = host.post(&format!("{path}/resolve"), &admin, &json!({ "result": "succeeded", "outcome": outcome })).await;

    assert_eq!(bad.problem(), (422, "wrong_type".to_owned()));
    assert_eq!(resolved.status, 200, "{}", resolved.json());
    let shown = host.get(&path, &admin).await.json();
    assert_eq!((shown["state"].as_str(), shown["outcome"]["receipt"].as_str()), (Some("succeeded"), Some("QK1")));
    let log = host.get("/api/v2/integrations/logs", &admin).await.json();
    assert!(log["logs"].as_array().unwrap().iter().any(|line| line["kind"] == "operator"), "{log}");
}

#[tokio::test]
async fn a_payment_that_was_not_made_fails_with_the_reason_given() {
    let (host, admin, path) = unresolved().await;

    let body = json!({ "result": "failed", "reason": "not in the statement" });
    let resolved = host.post(&format!("{path}/resolve"), &admin, &body).await.json();

    assert_eq!(resolved["state"], "failed");
    assert!(resolved["problem"]["detail"].as_str().unwrap().contains("not in the statement"), "{resolved}");
}

#[tokio::test]
async fn a_payment_that_is_run_again_is_executed_once_more() {
    let (host, admin, path) = unresolved().await;

    let resolved = host.post(&format!("{path}/resolve"), &admin, &json!({ "result": "run_again" })).await;

    assert_eq!(resolved.status, 200, "{}", resolved.json());
    let shown = wait_for(&host, &admin, &path, "unresolved").await;
    assert!(shown["attempts"].as_u64().unwrap() >= 1, "{shown}");
    let effects = host.get("/api/v2/integrations/logs", &admin).await.json();
    let effects = effects["logs"].as_array().unwrap().iter().filter(|line| line["kind"] == "effect").count();
    assert_eq!(effects, 2);
}
