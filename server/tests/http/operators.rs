//! Health, logs and metrics.

use serde_json::json;
use tarishi_protocol::OperationId;
use tarishi_server::clock::Clock;

use crate::host::Host;

#[tokio::test]
async fn health_is_one_word_for_strangers_and_more_for_keys() {
    let host = Host::start().await;
    let key = host.key("default", &["logs:read"]).await;
    for path in ["/health", "/api/v2/integrations/health"] {
        assert_eq!(host.get(path, "").await.json(), json!({ "status": "ok" }));
    }

    assert_eq!(host.get("/api/v2/integrations/health/mpesa", "").await.status, 401);
    let device = host.device("acc", &["*:*"]).await;
    assert_eq!(host.get("/api/v2/integrations/health/mpesa", &device).await.status, 403);
    assert_eq!(host.get("/api/v2/integrations/health/nobody", &key).await.status, 404);
    let storage = host.get("/api/v2/integrations/local_storage/status", &key).await.json();
    assert_eq!((storage["status"].as_str(), storage["breaker"].as_str()), (Some("ok"), Some("closed")), "{storage}");
    assert!(storage["latency_ms"].is_number() && storage["checked_at"].is_string());
    let mpesa = host.get("/api/v2/integrations/health/mpesa", &key).await.json();
    assert_eq!(mpesa["status"], "down", "nobody listens there: {mpesa}");
}

#[tokio::test]
async fn a_switched_off_adapter_is_disabled() {
    let host = Host::start().await;
    let key = host.key("default", &["admin"]).await;
    host.put("/api/v2/integrations/sms", &key, &json!({ "enabled": false })).await;
    assert_eq!(host.get("/api/v2/integrations/health/sms", &key).await.json()["status"], "disabled");
}

#[tokio::test]
async fn every_try_is_in_the_log_and_is_filtered() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "logs:read"]).await;
    let operation = host.upload(&key, "a").await;
    host.upload(&key, "b").await;

    let logs = async |query: &str| {
        host.get(&format!("/api/v2/integrations/logs?{query}"), &key).await.json()["logs"].as_array().unwrap().clone()
    };

    let all = logs("").await;
    assert_eq!(all.len(), 2);
    let line = logs(&format!("operation={operation}")).await[0].clone();
    assert_eq!((line["adapter"].as_str(), line["account"].as_str()), (Some("local_storage"), Some("backend")));
    assert_eq!((line["result"].as_str(), line["state_after"].as_str()), (Some("succeeded"), Some("succeeded")));
    let from = line["from"].as_str().unwrap();
    assert!(key.contains(from));
    assert_eq!(logs(&format!("key={from}&adapter=local_storage&account=backend&result=succeeded")).await.len(), 2);
    assert_eq!(logs("adapter=sms").await.len(), 0);
    assert_eq!(logs("since=2099-01-01T00:00:00Z").await.len(), 0);
    assert_eq!(logs("device=nobody").await.len(), 0);

    let mut one = host.get(&format!("/api/v2/integrations/logs/{}", line["id"].as_str().unwrap()), &key).await.json();
    assert_eq!(one.as_object_mut().unwrap().remove("attempts"), Some(json!([line])));
    assert_eq!(one, line);
    let unknown = host.get(&format!("/api/v2/integrations/logs/{}", OperationId::generate()), &key).await;
    assert_eq!(unknown.problem(), (404, "not_found".to_owned()));
    assert_eq!(host.get("/api/v2/integrations/logs?since=yesterday", &key).await.problem(), (422, "invalid_value".to_owned()));
}

#[tokio::test]
async fn the_log_is_for_those_who_may_read_it() {
    let host = Host::start().await;
    let weak = host.key("default", &["*:*"]).await;
    let device = host.device("acc", &["*:*"]).await;
    for token in [&weak, &device] {
        assert_eq!(host.get("/api/v2/integrations/logs", token).await.problem(), (403, "forbidden".to_owned()));
    }
}

#[tokio::test]
async fn metrics_count_what_was_done() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*"]).await;
    host.upload(&key, "a").await;

    let text = String::from_utf8(host.get("/metrics", "").await.bytes).unwrap();

    for line in [
        "tarishi_operations_ended{adapter=\"local_storage\",outcome=\"succeeded\"} 1",
        "tarishi_attempts{adapter=\"local_storage\",result=\"succeeded\"} 1",
        "tarishi_breaker_open{tenant=\"default\",adapter=\"local_storage\"} 0",
        "tarishi_dead_letters 0",
        "tarishi_http_requests_total{method=\"POST\",route=\"/api/v2/integrations/{adapter}/{action}\",status=\"200\"} 1",
    ] {
        assert!(text.lines().any(|given| given == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn metrics_may_be_guarded_and_never_name_a_path() {
    let host = Host::start_with(Clock::system(), |config| config.metrics_token = Some("scrape".to_owned())).await;
    host.get("/h/a-secret-token/dlr", "").await;

    assert_eq!(host.get("/metrics", "").await.status, 401);
    assert_eq!(host.get("/metrics", "wrong").await.status, 401);
    let text = String::from_utf8(host.get("/metrics", "scrape").await.bytes).unwrap();
    assert!(text.contains("route=\"/h/{token}/{*rest}\""), "{text}");
    assert!(!text.contains("a-secret-token"));
}

#[tokio::test]
async fn an_answer_carries_a_request_id() {
    let host = Host::start().await;
    assert_eq!(host.get("/health", "").await.header("x-request-id").len(), 36);
}
