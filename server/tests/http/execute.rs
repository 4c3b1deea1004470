//! `POST /api/v2/integrations/{adapter}/{action}`: the same road, with a short wait for the end.

use std::{task::Poll, time::Duration};

use reqwest::Method;
use serde_json::{Value, json, value::RawValue};
use tarishi_server::{
    intake::{self, NewSubmission},
    store::{Actor, Grants},
};

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

#[tokio::test]
async fn what_was_asked_for_is_done_though_whoever_asked_is_gone_before_it_is_stored() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*"]).await;
    assert_eq!(upload(&host, &key, "k1", &file("a"), &[]).await.status, 200, "the dispatcher is up");
    let new = NewSubmission {
        idempotency_key: Some("k2".to_owned()),
        adapter: "local_storage".to_owned(),
        action: "upload".to_owned(),
        version: 1,
        payload: RawValue::from_string(file("b").to_string()).unwrap(),
        ordering_key: None,
        ttl_ms: None,
        account: "backend".to_owned(),
        deliver_to: None,
    };
    let grants = Grants { scopes: vec!["*:*".to_owned()], ..Grants::default() };
    {
        let mut asked = Box::pin(intake::submit(host.server.app(), "default", Actor::Operator, &grants, new));
        let asked = std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_ready())).await;
        assert!(!asked, "it is dropped before there is an answer");
    }
    let stored = host.folder.path().join("files/default/b.txt");
    let done = async {
        while std::fs::read(&stored).ok().as_deref() != Some(b"hello") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), done).await.unwrap();
    let again = upload(&host, &key, "k1", &file("a"), &[]).await.json();
    assert_eq!(again["state"], "succeeded");
}
