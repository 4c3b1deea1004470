//! Africa's Talking as its documentation has it, and as it fails.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tarishi_sandbox::{Adapter, Call, CallbackFault, Effect, Fault};

use crate::host::Host;

const ONE: &str = "+254711000111";
const TWO: &str = "+254733000222";

async fn send(host: &Host, to: &str, text: &str) -> Value {
    let answer = host.sms(to, text).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json::<Value>().await.unwrap()["SMSMessageData"].clone()
}

#[tokio::test]
async fn every_accepted_recipient_is_one_effect() {
    let host = Host::new().await;
    let answer = send(&host, &format!("{ONE},{TWO},12"), "Hi é €").await;
    assert_eq!(answer["Message"], "Sent to 2/3 Total Cost: KES 1.6000");
    let recipients = answer["Recipients"].as_array().unwrap();
    assert_eq!(recipients[0]["statusCode"], 101);
    assert_eq!(recipients[0]["cost"], "KES 0.8000");
    assert_eq!(recipients[2]["status"], "InvalidPhoneNumber");
    assert_eq!(recipients[2]["messageId"], "None");
    let ledger = host.sandbox.ledger();
    assert_eq!(ledger.iter().map(|entry| entry.to.as_deref().unwrap()).collect::<Vec<_>>(), [ONE, TWO]);
    assert_eq!(ledger[0].effect, Effect::Message);
    assert_eq!(ledger[0].text_sha256, Some(hex::encode(Sha256::digest("Hi é €"))));
    assert_eq!(ledger[0].provider_id.as_deref(), recipients[0]["messageId"].as_str());
}

#[tokio::test]
async fn a_long_text_costs_its_parts() {
    let host = Host::new().await;
    let answer = send(&host, ONE, &"a".repeat(307)).await;
    assert_eq!(answer["Recipients"][0]["cost"], "KES 2.4000");
}

#[tokio::test]
async fn a_wrong_key_gets_plain_text() {
    let host = Host::new().await;
    let url = format!("{}/sms/version1/user?username=sandbox", host.sandbox.url());
    let refused = host.client.get(&url).header("apiKey", "wrong").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.text().await.unwrap(), "The supplied authentication is invalid");
    let balance = host.client.get(&url).header("apiKey", "sandbox-sms-key").send().await.unwrap();
    assert_eq!(balance.json::<Value>().await.unwrap(), json!({ "UserData": { "balance": "KES 1785.50" } }));
}

#[tokio::test]
async fn a_refused_recipient_costs_nothing_and_is_no_effect() {
    let host = Host::new().await;
    host.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).matching(TWO).result("406"));
    let answer = send(&host, &format!("{ONE},{TWO}"), "Hi").await;
    let refused = &answer["Recipients"][1];
    assert_eq!((&refused["statusCode"], &refused["status"]), (&json!(406), &json!("UserInBlacklist")));
    assert_eq!((&refused["cost"], &refused["messageId"]), (&json!("0"), &json!("None")));
    assert_eq!(host.sandbox.ledger().len(), 1);
}

#[tokio::test]
async fn a_timeout_before_has_no_effect_and_a_timeout_after_has() {
    let host = Host::new().await;
    host.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).matching("lost before").timeout_before().times(1));
    host.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).matching("lost after").timeout_after().times(1));
    assert!(host.sms(ONE, "lost before").send().await.is_err());
    assert!(host.sandbox.ledger().is_empty());
    assert!(host.sms(ONE, "lost after").send().await.is_err());
    assert_eq!(host.sandbox.ledger().len(), 1);
    host.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).status(429));
    assert_eq!(host.sms(ONE, "Hi").send().await.unwrap().status(), 429);
    assert_eq!(host.sandbox.ledger().len(), 1);
}

#[tokio::test]
async fn delivery_is_reported_to_the_configured_address() {
    let mut host = Host::new().await;
    let url = format!("{}/h/token/dlr", host.url);
    assert_eq!(host.control("config", &json!({ "sms_delivery_url": url })).await.status(), 204);
    let answer = send(&host, ONE, "Hi").await;
    let id = answer["Recipients"][0]["messageId"].as_str().unwrap().to_owned();
    let hook = host.hook().await;
    assert_eq!(hook.path, "/h/token/dlr");
    assert_eq!(hook.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(hook.body, format!("id={id}&status=Success&phoneNumber=%2B254711000111&networkCode=63902"));
}

#[tokio::test]
async fn a_report_can_come_twice_or_tell_of_failure() {
    let mut host = Host::new().await;
    host.sandbox.set_sms_delivery_url(Some(host.url.clone()));
    host.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).matching(ONE).callback(CallbackFault::Double).times(1));
    host.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).matching(TWO).result("Failed"));
    send(&host, ONE, "Hi").await;
    assert_eq!(host.hook().await.body, host.hook().await.body);
    send(&host, TWO, "Hi").await;
    assert!(host.hook().await.body.contains("status=Failed"));
    assert_eq!(host.sandbox.ledger().len(), 2);
}

#[tokio::test]
async fn a_form_is_needed_and_a_long_sender_is_refused() {
    let host = Host::new().await;
    let url = format!("{}/sms/version1/messaging", host.sandbox.url());
    let request = || host.client.post(&url).header("apiKey", "sandbox-sms-key");
    assert_eq!(request().json(&json!({ "to": ONE })).send().await.unwrap().status(), 400);
    let form = [("username", "sandbox"), ("to", ONE), ("message", "Hi"), ("from", "TWELVELETTER")];
    let answer: Value = request().form(&form).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["SMSMessageData"], json!({ "Message": "InvalidSenderId", "Recipients": [] }));
}
