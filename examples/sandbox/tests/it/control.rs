//! The control API, and a ledger that outlives its sandbox.

use serde_json::{Value, json};
use tarishi_sandbox::SandboxOptions;

use crate::host::{Host, metadata, quick};

const ONE: &str = "+254711000111";

#[tokio::test]
async fn the_ledger_is_read_and_emptied_over_http() {
    let host = Host::new().await;
    host.sms(ONE, "first").send().await.unwrap();
    host.sms(ONE, "second").send().await.unwrap();
    let url = format!("{}/_sandbox/ledger", host.sandbox.url());
    let rows: Vec<Value> = host.client.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((&rows[0]["adapter"], &rows[0]["effect"]), (&json!("sms"), &json!("message")));
    assert!(rows[0]["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(host.client.delete(&url).send().await.unwrap().status(), 204);
    assert!(host.sandbox.ledger().is_empty());
}

#[tokio::test]
async fn faults_are_armed_and_disarmed_over_http() {
    let host = Host::new().await;
    let fault = json!({ "adapter": "sms", "call": "send", "match": { "phone": ONE }, "fault": "status", "status": 503 });
    let armed: Value = host.control("faults", &fault).await.json().await.unwrap();
    assert_eq!(host.sms(ONE, "Hi").send().await.unwrap().status(), 503);
    let url = format!("{}/_sandbox/faults/{}", host.sandbox.url(), armed["id"]);
    assert_eq!(host.client.delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(host.client.delete(&url).send().await.unwrap().status(), 404);
    assert_eq!(host.sms(ONE, "Hi").send().await.unwrap().status(), 201);
    let refused = host.control("faults", &json!({ "adapter": "sms", "call": "charge", "callback": "lost" })).await;
    assert_eq!(refused.status(), 422);
}

#[tokio::test]
async fn a_reset_forgets_effects_faults_and_prompts_but_not_the_token() {
    let host = Host::with(SandboxOptions { mpesa_delay: std::time::Duration::from_secs(60), ..quick() }).await;
    let token = host.token().await;
    let charge = host.charge(&token, "254712000001", 10).await;
    host.sms(ONE, "Hi").send().await.unwrap();
    host.control("faults", &json!({ "adapter": "sms", "call": "send", "fault": "status", "status": 503 })).await;
    assert_eq!(host.control("reset", &json!({})).await.status(), 204);
    assert!(host.sandbox.ledger().is_empty());
    assert_eq!(host.query(&token, &charge).await["errorCode"], "500.001.1001");
    assert_eq!(host.sms(ONE, "Hi").send().await.unwrap().status(), 201);
    assert_eq!(host.sandbox.ledger()[0].seq, 1);
}

#[tokio::test]
async fn a_restarted_sandbox_knows_what_was_paid_and_reversed() {
    let folder = tempfile::tempdir().unwrap();
    let options = SandboxOptions { ledger: Some(folder.path().join("ledger.jsonl")), ..quick() };
    let mut host = Host::with(options.clone()).await;
    let token = host.token().await;
    let charge = host.charge(&token, "254712000001", 10).await;
    let hook: Value = serde_json::from_str(&host.hook().await.body).unwrap();
    let receipt = metadata(&hook, "MpesaReceiptNumber").as_str().unwrap().to_owned();
    let reversal = host.reversal_body(&receipt, 10);
    host.mpesa("reversal/v1/request", &token, &reversal).send().await.unwrap();
    host.hook().await;
    let before = host.sandbox.ledger();
    host.sandbox.stop().await;

    let mut host = Host::with(options).await;
    assert_eq!(host.sandbox.ledger(), before);
    let token = host.token().await;
    assert_eq!(host.query(&token, &charge).await["ResultCode"], "0");
    let again = host.reversal_body(&receipt, 10);
    host.mpesa("reversal/v1/request", &token, &again).send().await.unwrap();
    assert!(host.hook().await.body.contains("R000001"));
    assert_eq!(host.sandbox.ledger().len(), 2);
}

#[tokio::test]
async fn a_stopped_sandbox_answers_nobody() {
    let host = Host::new().await;
    let request = host.sms(ONE, "Hi");
    host.sandbox.stop().await;
    assert!(request.send().await.is_err());
}

#[tokio::test]
async fn an_answer_that_is_cut_in_the_middle_has_begun_and_its_effect_is_done() {
    let host = Host::new().await;
    let fault = json!({ "adapter": "sms", "call": "send", "fault": "timeout_after", "halved": true, "times": 1 });
    assert_eq!(host.control("faults", &fault).await.status(), 201);
    let begun = host.sms(ONE, "Hi").send().await.unwrap();
    assert_eq!(begun.status(), 201);
    assert!(begun.content_length().is_some_and(|length| length > 100));
    assert!(begun.bytes().await.is_err(), "it never ends");
    assert_eq!(host.sandbox.ledger().len(), 1);
    let nothing = json!({ "adapter": "sms", "call": "send", "fault": "status", "status": 503, "halved": true });
    assert_eq!(host.control("faults", &nothing).await.status(), 422);
}
