//! What is not taken, each with a code of its own, and what stands beside it in a batch goes on.

use reqwest::Method;
use serde_json::{Value, json};

use crate::host::{Host, file, operation, send};

fn charge(change: &Value) -> Value {
    let mut payload =
        json!({ "amount": { "amount": "100.00", "currency": "KES" }, "phone": "+254712345678", "reference": "FEE-1" });
    payload.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    payload
}

#[tokio::test]
async fn each_bad_operation_gets_its_own_code_and_the_rest_of_the_batch_goes_on() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;
    let money = |amount: &str| json!({ "amount": { "amount": amount, "currency": "KES" } });
    let rows = [
        ("mpesa", "charge", charge(&json!({ "colour": "red" })), "unknown_field", "payload.colour"),
        ("mpesa", "charge", charge(&json!({ "reference": 7 })), "wrong_type", "payload.reference"),
        ("sms", "send", json!({ "message": "hi" }), "missing_field", "payload.to"),
        ("nobody", "send", json!({}), "unknown_adapter", "adapter"),
        ("mpesa", "fly", json!({}), "unknown_action", "action"),
        ("mpesa", "charge", charge(&money("100.50")), "amount_not_whole", "payload.amount"),
        ("mpesa", "charge", charge(&money("1.005")), "invalid_amount", "payload.amount"),
        ("mpesa", "charge", charge(&money("0.00")), "amount_out_of_range", "payload.amount"),
        ("mpesa", "charge", charge(&json!({ "phone": "0712" })), "invalid_phone", "payload.phone"),
        ("sms", "send", json!({ "to": "nobody", "message": "hi" }), "invalid_phone", "payload.to"),
        ("sms", "send", json!({ "to": "+254712345678", "message": "x".repeat(70_000) }), "payload_too_large", "payload"),
        (
            "local_storage",
            "upload",
            json!({ "destination": "../../etc/passwd", "content_type": "text/plain", "content_base64": "" }),
            "invalid_path",
            "payload.destination",
        ),
        ("local_storage", "delete", json!({ "path": "/etc/passwd" }), "invalid_path", "payload.path"),
        ("local_storage", "download", json!({ "path": "a/..\\b" }), "invalid_path", "payload.path"),
    ];
    let mut batch: Vec<Value> = Vec::new();
    for (index, (adapter, action, payload, ..)) in rows.iter().enumerate() {
        batch.push(operation(&format!("bad-{index}"), adapter, action, payload));
        batch.push(operation(&format!("good-{index}"), "local_storage", "upload", &file(&format!("good-{index}"))));
    }

    let answer = host.sync(&token, "acc", &batch).await;

    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    let receipts = answer.json()["receipts"].as_array().unwrap().clone();
    assert_eq!(receipts.len(), batch.len());
    for (index, (adapter, action, _, code, field)) in rows.iter().enumerate() {
        let bad = &receipts[index * 2];
        assert_eq!(
            (bad["status"].as_str(), bad["problem"]["code"].as_str()),
            (Some("refused"), Some(*code)),
            "{adapter} {action}"
        );
        let named = bad["problem"]["field"].as_str().unwrap();
        assert!(named.starts_with(field), "{adapter} {action} names {named}");
        assert_eq!(receipts[index * 2 + 1]["status"], "accepted");
    }
    host.server.stop().await;
}

#[tokio::test]
async fn a_malformed_operation_is_refused_alone() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;
    let mut bad = operation("bad", "local_storage", "upload", &file("bad"));
    bad["age_ms"] = json!("old");

    let answer = host.sync(&token, "acc", &[bad, operation("good", "local_storage", "upload", &file("good"))]).await;

    let receipts = answer.json()["receipts"].clone();
    assert_eq!(receipts[0]["problem"]["code"], "malformed");
    assert_eq!(receipts[1]["status"], "accepted");
}

#[tokio::test]
async fn a_key_used_with_another_payload_is_refused() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;
    let first = operation("one", "local_storage", "upload", &file("first"));
    let other = operation("one", "local_storage", "upload", &file("other"));

    assert_eq!(host.sync(&token, "acc", &[first]).await.json()["receipts"][0]["status"], "accepted");
    let receipt = host.sync(&token, "acc", &[other]).await.json()["receipts"][0].clone();

    assert_eq!(
        (receipt["status"].as_str(), receipt["problem"]["code"].as_str()),
        (Some("refused"), Some("idempotency_key_reused"))
    );
}

#[tokio::test]
async fn scopes_and_caps_are_checked_at_the_door() {
    let host = Host::start().await;
    let app = host.server.app();
    let caps = tarishi_server::store::Caps { amount_per_operation: Some(5_000), ..Default::default() };
    let grants = tarishi_server::store::Grants { scopes: vec!["mpesa:charge".into()], caps };
    let token = app.enrol("default", "acc", grants).await.unwrap().1;

    let batch = [
        operation("a", "mpesa", "refund", &json!({ "receipt": "ABC", "reason": "twice" })),
        operation("b", "mpesa", "charge", &charge(&json!({}))),
        operation("c", "mpesa", "charge", &charge(&json!({ "amount": { "amount": "50.00", "currency": "KES" } }))),
    ];
    let receipts = host.sync(&token, "acc", &batch).await.json()["receipts"].clone();

    assert_eq!(receipts[0]["problem"]["code"], "forbidden");
    assert_eq!(receipts[1]["problem"]["code"], "cap_exceeded");
    assert_eq!(receipts[2]["status"], "accepted");
}

#[tokio::test]
async fn a_request_that_is_wrong_as_a_whole_is_a_problem_and_runs_nothing() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;
    let sync = async |body: Value| host.post("/api/v2/sync", &token, &body).await.problem();

    let mut newer = host.exchange("acc", &[]);
    newer["protocol"] = json!(99);
    assert_eq!(sync(newer).await, (426, "upgrade_required".to_owned()));
    assert_eq!(
        sync(host.exchange("else", &[operation("x", "local_storage", "upload", &file("x"))])).await,
        (403, "account_mismatch".to_owned())
    );
    assert_eq!(sync(json!({ "protocol": 1 })).await, (400, "malformed".to_owned()));
    let many: Vec<Value> = (0..501).map(|n| operation(&n.to_string(), "sms", "balance", &json!({}))).collect();
    assert_eq!(sync(host.exchange("acc", &many)).await, (413, "too_many".to_owned()));
    let text = send(host.request(Method::POST, "/api/v2/sync", &token).body("no json")).await;
    assert_eq!(text.problem(), (400, "malformed".to_owned()));
    let none = host.get("/api/v2/operations", &token).await.json();
    assert_eq!(none["operations"], json!([]));
}

#[tokio::test]
async fn a_late_copy_of_an_exchange_is_stale() {
    let host = Host::start().await;
    let token = host.device("acc", &["*:*"]).await;
    let body = host.exchange("acc", &[operation("x", "local_storage", "upload", &file("x"))]);

    assert_eq!(host.post("/api/v2/sync", &token, &body).await.status, 200);
    assert_eq!(host.post("/api/v2/sync", &token, &body).await.problem(), (409, "stale_exchange".to_owned()));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let host = Host::start().await;
    for path in ["/", "/api/v2", "/nowhere", "/k/not-an-id/token", "/h/unknown", "/h/unknown/dlr"] {
        assert_eq!(host.get(path, "").await.problem(), (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(host.get("/api/v2/sync", "").await.problem(), (405, "method_not_allowed".to_owned()));
    let admin = host.key("default", &["admin"]).await;
    let oauth = host.get("/api/v2/integrations/mpesa/oauth/authorize", &admin).await;
    assert_eq!(oauth.problem(), (404, "unsupported".to_owned()));
}
