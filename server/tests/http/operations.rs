//! Where operations stand, for whom, and an operator's decisions.

use serde_json::{Value, json};
use tarishi_protocol::OperationId;

use crate::host::{Host, operation};

fn message(text: &str) -> Value {
    json!({ "to": "+254712345678", "message": text })
}

#[tokio::test]
async fn another_tenants_operation_reads_as_an_unknown_one() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin"]).await;
    let stranger = host.key("other", &["*:*", "admin", "logs:read"]).await;
    let id = host.upload(&key, "a").await;

    let foreign = host.get(&format!("/api/v2/operations/{id}"), &stranger).await;
    let unknown = host.get(&format!("/api/v2/operations/{}", OperationId::generate()), &stranger).await;
    let no_id = host.get("/api/v2/operations/17", &stranger).await;

    assert_eq!(foreign.problem(), (404, "not_found".to_owned()));
    assert_eq!(foreign.bytes, unknown.bytes);
    assert_eq!(foreign.bytes, no_id.bytes);
    for verb in ["cancel", "redrive"] {
        let answer = host.post(&format!("/api/v2/operations/{id}/{verb}"), &stranger, &json!({})).await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{verb}");
    }
    let resolve = host.post(&format!("/api/v2/operations/{id}/resolve"), &stranger, &json!({ "result": "run_again" })).await;
    assert_eq!(resolve.problem(), (404, "not_found".to_owned()));
    assert_eq!(host.get("/api/v2/operations", &stranger).await.json()["operations"], json!([]));
    assert_eq!(host.get("/api/v2/integrations/logs", &stranger).await.json()["logs"], json!([]));
}

#[tokio::test]
async fn a_device_sees_its_own_accounts_operations_only() {
    let host = Host::start().await;
    let (mine, yours) = (host.device("mine", &["*:*"]).await, host.device("yours", &["*:*"]).await);
    let sent = operation("k", "sms", "send", &message("hello"));
    let path = format!("/api/v2/operations/{}", sent["id"].as_str().unwrap());
    host.sync(&mine, "mine", &[sent]).await;

    assert_eq!(host.get(&path, &mine).await.status, 200);
    assert_eq!(host.get(&path, &yours).await.problem(), (404, "not_found".to_owned()));
    assert_eq!(host.post(&format!("{path}/cancel"), &yours, &json!({})).await.problem(), (404, "not_found".to_owned()));
    let list = host.get("/api/v2/operations?account=mine", &yours).await.json();
    assert_eq!(list["operations"], json!([]));
    assert_eq!(host.get("/api/v2/operations", &mine).await.json()["operations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_operation_tells_why() {
    let host = Host::start().await;
    let device = host.device("acc", &["*:*"]).await;
    let sent = operation("k", "sms", "send", &json!({ "to": "me", "message": "hello" }));
    let path = format!("/api/v2/operations/{}", sent["id"].as_str().unwrap());
    host.sync(&device, "acc", &[sent]).await;

    let shown = host.get(&path, &device).await.json();

    assert_eq!((shown["state"].as_str(), shown["problem"]["code"].as_str()), (Some("refused"), Some("invalid_phone")));
}

#[tokio::test]
async fn lists_come_in_pages_whose_cursors_cannot_be_made_up() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin"]).await;
    let other = host.key("other", &["*:*", "admin"]).await;
    for name in ["a", "b", "c"] {
        host.upload(&key, name).await;
    }
    for (path, list) in [("/api/v2/operations", "operations"), ("/api/v2/integrations/logs", "logs")] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = host.get(&format!("{path}?limit=2{cursor}"), &key).await.json();
            seen.extend(page[list].as_array().unwrap().iter().map(|row| row["id"].to_string()));
            let Some(next) = page["cursor"].as_str() else { break };
            assert_eq!(host.get(&format!("{path}?cursor={next}"), &other).await.problem(), (422, "invalid_value".to_owned()));
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), 3, "{path}");
        seen.dedup();
        assert_eq!(seen.len(), 3, "{path}");
    }
    for bad in ["limit=0", "limit=501", "cursor=AAAA", "state=flying", "colour=red"] {
        assert_eq!(
            host.get(&format!("/api/v2/operations?{bad}"), &key).await.problem(),
            (422, "invalid_value".to_owned()),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn operations_are_filtered() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin"]).await;
    host.upload(&key, "a").await;
    let count = async |query: &str| {
        host.get(&format!("/api/v2/operations?{query}"), &key).await.json()["operations"].as_array().unwrap().len()
    };

    assert_eq!(count("state=succeeded,failed&adapter=local_storage").await, 1);
    assert_eq!(count("state=failed").await, 0);
    assert_eq!(count("adapter=sms").await, 0);
    assert_eq!(count("account=nobody").await, 0);
    assert_eq!(count("dead_letters=true").await, 0);
}

#[tokio::test]
async fn what_has_not_begun_can_be_cancelled_and_what_ended_cannot() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin"]).await;
    let device = host.device("acc", &["*:*"]).await;
    host.put("/api/v2/integrations/local_storage", &key, &json!({})).await;
    let ended = host.upload(&key, "a").await;
    // Behind a message whose provider cannot be reached, so it is held.
    let mut first = operation("k1", "sms", "send", &message("one"));
    let mut second = operation("k2", "sms", "send", &message("two"));
    first["ordering_key"] = json!("class");
    second["ordering_key"] = json!("class");
    let path = format!("/api/v2/operations/{}", second["id"].as_str().unwrap());
    host.sync(&device, "acc", &[first, second]).await;

    let answer = host.post(&format!("{path}/cancel"), &device, &json!({})).await.json();
    let late = host.post(&format!("/api/v2/operations/{ended}/cancel"), &key, &json!({})).await.json();

    assert_eq!(answer["result"], "cancelled");
    assert_eq!(host.get(&path, &device).await.json()["state"], "cancelled");
    assert_eq!(late["result"], "too_late");
}

#[tokio::test]
async fn deciding_is_the_operators() {
    let host = Host::start().await;
    let weak = host.key("default", &["*:*", "logs:read", "devices"]).await;
    let device = host.device("acc", &["*:*"]).await;
    let id = OperationId::generate();
    for token in [&weak, &device] {
        for verb in ["resolve", "redrive"] {
            let answer = host.post(&format!("/api/v2/operations/{id}/{verb}"), token, &json!({ "result": "run_again" })).await;
            assert_eq!(answer.problem(), (403, "forbidden".to_owned()), "{verb}");
        }
        let put = host.put("/api/v2/integrations/sms", token, &json!({ "enabled": false })).await;
        assert_eq!(put.problem(), (403, "forbidden".to_owned()));
    }
}
