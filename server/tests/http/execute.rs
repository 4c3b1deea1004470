//! `POST /api/v2/integrations/{adapter}/{action}`: the same road, with a short wait for the end.

use reqwest::Method;
use serde_json::{Value, json};

use crate::host::{Answer, Host, file, send};

async fn upload(host: &Host, token: &str, key: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
    let mut request = host.request(Method::POST, "/api/v2/integrations/local_storage/upload", token).json(body);
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    for (name, text) in headers {
        request = request.header(*name, *text);
    }
    send(request).await
}

#[tokio::test]
async fn an_operation_that_ends_in_time_is_answered_with_its_end() {
    let host = Host::start().await;
    let key = host.key("default", &["local_storage:*"]).await;

    let answer = upload(&host, &key, "k1", &file("a"), &[]).await;

    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(answer["state"], "succeeded");
    assert_eq!(answer["outcome"]["size"], 5);
    let stored = host.folder.path().join("files/default/a.txt");
    assert_eq!(std::fs::read(stored).unwrap(), b"hello");
}

#[tokio::test]
async fn a_repeat_is_the_same_operation_and_another_payload_is_refused() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*"]).await;

    let first = upload(&host, &key, "k1", &file("a"), &[]).await.json();
    let again = upload(&host, &key, "k1", &file("a"), &[]).await;
    let other = upload(&host, &key, "k1", &file("b"), &[]).await;

    assert_eq!(again.status, 200);
    assert_eq!(again.json()["id"], first["id"]);
    assert_eq!(other.problem(), (422, "idempotency_key_reused".to_owned()));
}

#[tokio::test]
async fn an_effect_needs_a_key_and_a_question_does_not() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*"]).await;
    assert_eq!(upload(&host, &key, "", &file("a"), &[]).await.problem(), (422, "key_required".to_owned()));

    let list = host.post("/api/v2/integrations/local_storage/list", &key, &json!({ "path": "" })).await;

    assert_eq!((list.status, list.json()["state"].clone()), (200, json!("succeeded")));
}

#[tokio::test]
async fn what_does_not_end_in_time_is_202_with_its_place() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*"]).await;
    let body = json!({ "to": "+254712345678", "message": "hello" });
    let path = "/api/v2/integrations/sms/send?wait_secs=0";

    let request = |key| host.request(Method::POST, path, key).header("idempotency-key", "k1").json(&body);
    let answer = send(request(&key)).await;
    let again = send(request(&key)).await;

    assert_eq!((answer.status, again.status), (202, 202));
    let place = answer.header("location").to_owned();
    assert_eq!(again.header("location"), place);
    let operation = host.get(&place, &key).await.json();
    assert_eq!((operation["adapter"].as_str(), operation["key"].as_str()), (Some("sms"), Some("k1")));
}

#[tokio::test]
async fn a_bad_request_is_a_problem_with_its_field() {
    let host = Host::start().await;
    let key = host.key("default", &["local_storage:upload", "mpesa:charge", "nobody:x"]).await;
    let post = |path: &'static str, body: Value| {
        let request = host.request(Method::POST, &format!("/api/v2/integrations/{path}"), &key).header("idempotency-key", "k");
        async move { send(request.json(&body)).await.problem() }
    };
    let problem = |status: u16, code: &str| (status, code.to_owned());

    assert_eq!(post("nobody/x", json!({})).await, problem(422, "unknown_adapter"));
    assert_eq!(post("mpesa/fly", json!({})).await, problem(422, "unknown_action"));
    assert_eq!(post("mpesa/charge", json!({ "colour": 1 })).await, problem(422, "unknown_field"));
    assert_eq!(post("local_storage/delete", json!({ "path": "a" })).await, problem(403, "forbidden"));
    let text =
        host.request(Method::POST, "/api/v2/integrations/mpesa/charge", &key).header("idempotency-key", "k").body("no json");
    assert_eq!(send(text).await.problem(), problem(400, "malformed"));
    let wait = host.request(Method::POST, "/api/v2/integrations/mpesa/charge?wait_secs=soon", &key);
    assert_eq!(send(wait).await.problem(), problem(422, "invalid_value"));
}

#[tokio::test]
async fn a_key_names_the_account_and_a_device_has_its_own() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "logs:read"]).await;
    let device = host.device("acc", &["*:*"]).await;

    let named = upload(&host, &key, "k1", &file("a"), &[("tarishi-account", "acc_7")]).await.json();
    let shown = host.get(&format!("/api/v2/operations/{}", named["id"].as_str().unwrap()), &key).await.json();
    assert_eq!(shown["account"], "acc_7");

    assert_eq!(upload(&host, &device, "k1", &file("b"), &[("tarishi-account", "acc")]).await.status, 200);
    let foreign = upload(&host, &device, "k2", &file("c"), &[("tarishi-account", "acc_7")]).await;
    assert_eq!(foreign.problem(), (403, "account_mismatch".to_owned()));
}

#[tokio::test]
async fn a_device_hears_of_what_is_delivered_to_its_account() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*"]).await;
    let device = host.device("acc", &["*:*"]).await;
    let cursor = host.sync(&device, "acc", &[]).await.json()["cursor"].clone();

    let made = upload(&host, &key, "k1", &file("a"), &[("tarishi-deliver-to", "acc")]).await.json();
    let mut exchange = host.exchange("acc", &[]);
    exchange["cursor"] = cursor;
    let answer = host.post("/api/v2/sync", &device, &exchange).await.json();

    let change = answer["changes"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(change["id"], made["id"]);
    assert_eq!((change["origin"].as_str(), change["state"].as_str()), (Some("server"), Some("succeeded")));
}
