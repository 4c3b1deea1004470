//! The log of tries: whole, without what must not be in a log, and read-only.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::host::{Host, send};

/// Sends a message to a provider that cannot be reached, until it was tried twice; the operation's id.
async fn tried_twice(host: &Host, key: &str) -> String {
    let request = host.request(Method::POST, "/api/v2/integrations/sms/send?wait_secs=0", key);
    let body = json!({ "to": "+254712345678", "message": "the bell is broken" });
    let id = send(request.header("idempotency-key", "k1").json(&body)).await.json()["id"].as_str().unwrap().to_owned();
    for _ in 0..200 {
        let logs = host.get(&format!("/api/v2/integrations/logs?operation={id}&result=transient"), key).await.json();
        if logs["logs"].as_array().unwrap().len() >= 2 {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never tried twice");
}

#[tokio::test]
async fn a_try_comes_with_every_try_of_its_operation() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "logs:read"]).await;
    let stranger = host.key("other", &["*:*", "logs:read"]).await;
    host.upload(&key, "another").await;
    let id = tried_twice(&host, &key).await;
    let show = async |id: &str| host.get(&format!("/api/v2/integrations/logs/{id}"), &key).await.json();

    let of_operation = show(&id).await;
    let attempts = of_operation["attempts"].as_array().unwrap().clone();
    let first = attempts.last().unwrap();
    let of_first = show(first["id"].as_str().unwrap()).await;

    assert!(attempts.len() >= 2 && attempts.iter().all(|line| line["operation"] == id), "{attempts:?}");
    assert_eq!(of_operation["id"], attempts[0]["id"], "an operation's id names its newest try");
    assert_eq!((&of_first["id"], &of_first["result"]), (&first["id"], &json!("transient")));
    let ids = |detail: &Value| detail["attempts"].as_array().unwrap().iter().map(|line| line["id"].clone()).collect::<Vec<_>>();
    assert!(ids(&of_first).ends_with(&ids(&of_operation)), "every try, newest first");
    for id in [&id, first["id"].as_str().unwrap()] {
        let answer = host.get(&format!("/api/v2/integrations/logs/{id}"), &stranger).await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "another tenant's");
    }
}

#[tokio::test]
async fn the_log_holds_no_phone_no_payload_and_no_credential() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "logs:read"]).await;
    let id = tried_twice(&host, &key).await;

    for path in ["logs".to_owned(), format!("logs/{id}")] {
        let answer = host.get(&format!("/api/v2/integrations/{path}"), &key).await;
        let text = String::from_utf8(answer.bytes).unwrap();
        assert!(text.contains("transient"), "{text}");
        for secret in ["712345678", "the bell", "sandbox-sms-key"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn nobody_can_write_over_the_log_or_delete_from_it() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin", "logs:read"]).await;
    host.upload(&key, "a").await;
    let logs = host.get("/api/v2/integrations/logs", &key).await.json();
    let entry = format!("/api/v2/integrations/logs/{}", logs["logs"][0]["id"].as_str().unwrap());

    for path in ["/api/v2/integrations/logs", &entry] {
        for method in [Method::DELETE, Method::POST, Method::PUT, Method::PATCH] {
            let answer = send(host.request(method.clone(), path, &key).json(&json!({}))).await;
            assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.status);
        }
    }
    assert_eq!(host.get("/api/v2/integrations/logs", &key).await.json(), logs);
}
