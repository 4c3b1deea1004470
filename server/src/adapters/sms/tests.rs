//! Africa's Talking's tables and documented answers, row by row, and whole calls against a scripted provider.

mod recorded;
mod webhooks;

use std::sync::Arc;

use serde_json::{Value, json};
use tarishi_protocol::{Empty, MessageQuery, MessageSend, Payload, Recipients};

use super::super::{
    Adapter as _, AdapterError, Answer, Disposition, Reference, Related, Settings,
    contract::{self, Provider, Sample, Script, Stage, Subject, http, phones},
};
use super::{Sms, config::Config, wire};

pub(in crate::adapters) fn subject() -> Subject {
    let query = MessageQuery { operation_id: Some(sent().operation_id), message_id: None };
    Subject {
        adapter: Arc::new(Sms::default()),
        settings: settings(),
        calls: vec![
            Sample::new("send", Payload::MessageSend(send(&["+254711000111"]))),
            Sample::new("query", Payload::MessageQuery(query)).about(sent()),
            Sample::new("balance", Payload::Balance(Empty {})),
        ],
        speaks_http: true,
        effects: &["/version1/messaging"],
        known: Reference::new("ATXid_5f0c9d2e"),
        folder: None,
    }
}

fn settings() -> Settings {
    Settings::of(&[("username", "dukaapp"), ("api_key", "an-api-key"), ("webhook_token", "a-webhook-token-of-our-own-0000001")])
}

fn send(to: &[&str]) -> MessageSend {
    let message = Some("Hi é € {x} 100%".to_owned());
    MessageSend { to: Recipients(phones(to)), message, template: None, from: None, media: None }
}

fn sent() -> Related {
    let messages = json!([
        { "to": "+254711000111", "id": "ATXid_1", "status": "delivered" },
        { "to": "+254733000222", "id": "ATXid_2", "status": "accepted" },
    ]);
    contract::sent(messages)
}

fn read(status: u16, body: &str, to: &[&str]) -> Result<Answer, AdapterError> {
    wire::read_send(&http(status, body), &phones(to), 2)
}

fn one(code: i64) -> Result<Answer, AdapterError> {
    let recipient =
        json!({ "statusCode": code, "number": "+254711000111", "status": "Word", "cost": "0", "messageId": "None" });
    read(201, &json!({ "SMSMessageData": { "Message": "", "Recipients": [recipient] } }).to_string(), &["+254711000111"])
}

fn outcome(answer: Result<Answer, AdapterError>) -> (Value, Option<Reference>) {
    match answer.unwrap() {
        Answer::Succeeded { outcome, reference, receipt: None } => (outcome, reference),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_recipient_code_allows_what_the_table_says() {
    for code in [100, 101, 102] {
        assert!(matches!(one(code), Ok(Answer::Succeeded { .. })), "{code}");
    }
    for code in [403, 404, 406, 502] {
        assert!(matches!(one(code), Ok(Answer::Failed { code: told, .. }) if told == code.to_string()), "{code}");
    }
    for (code, disposition) in [
        (401, Disposition::Ambiguous),
        (402, Disposition::Misconfigured),
        (405, Disposition::Misconfigured),
        (407, Disposition::Transient),
        (409, Disposition::Transient),
        (500, Disposition::Transient),
        (501, Disposition::Transient),
        (103, Disposition::Ambiguous),
        (999, Disposition::Ambiguous),
    ] {
        assert_eq!(one(code).unwrap_err().disposition, disposition, "{code}");
    }
    assert_eq!(one(407).unwrap_err().retry_after.map(|wait| wait.as_secs()), Some(60));
}

#[test]
fn every_http_status_allows_what_the_table_says() {
    for (status, disposition) in [
        (400, Disposition::Rejected),
        (401, Disposition::Misconfigured),
        (403, Disposition::Misconfigured),
        (404, Disposition::Misconfigured),
        (408, Disposition::Transient),
        (429, Disposition::RateLimited),
        (500, Disposition::Transient),
        (502, Disposition::Transient),
        (503, Disposition::Transient),
        (504, Disposition::Transient),
        (200, Disposition::Ambiguous),
        (201, Disposition::Ambiguous),
        (302, Disposition::Ambiguous),
        (409, Disposition::Ambiguous),
    ] {
        let error = read(status, "The supplied authentication is invalid", &["+254711000111"]).unwrap_err();
        assert_eq!(error.disposition, disposition, "{status}");
    }
    // A refusal that is documented with 409 has its word in the body.
    assert!(matches!(read(409, include_str!("fixtures/refused.json"), &["+254711000111"]), Ok(Answer::Failed { .. })));
}

#[test]
fn an_accepted_message_keeps_its_id_parts_and_cost() {
    let (outcome, reference) = outcome(read(201, include_str!("fixtures/accepted.json"), &["+254711000111"]));
    let message =
        json!({ "to": "+254711000111", "id": "ATXid_5f0c9d2e", "status": "accepted", "parts": 2, "cost": "KES 0.8000" });
    assert_eq!(outcome, json!({ "messages": [message] }));
    assert_eq!(reference, Some(Reference::new("ATXid_5f0c9d2e")));
}

#[test]
fn a_mixed_answer_is_told_recipient_by_recipient_in_the_order_asked() {
    let to = ["+254711000111", "+254733000222", "+254711000333"];
    let (outcome, reference) = outcome(read(201, include_str!("fixtures/mixed.json"), &to));
    let statuses = json!([
        { "to": to[0], "id": "ATXid_5f0c9d2e", "status": "accepted", "parts": 2, "cost": "KES 1.6000" },
        { "to": to[1], "id": "ATXid_held", "status": "unknown", "reason": "RiskHold" },
        { "to": to[2], "status": "rejected", "reason": "InvalidPhoneNumber" },
    ]);
    assert_eq!(outcome["messages"], statuses);
    let ids = Reference::new("ATXid_5f0c9d2e").with("message_ids", vec!["ATXid_5f0c9d2e", "ATXid_held"]);
    assert_eq!(reference, Some(ids));
    // A recipient that the answer leaves out is unknown, not refused.
    let (outcome, _) = self::outcome(read(201, include_str!("fixtures/mixed.json"), &[to[0], "+254711000999"]));
    assert_eq!(outcome["messages"][1]["status"], "unknown");
}

#[test]
fn a_recipient_that_could_not_be_sent_to_now_is_told_so_and_the_others_are_not_sent_to_again() {
    let to = ["+254711000111", "+254733000222"];
    let answer = |codes: [i64; 2]| {
        let recipient =
            |number: &str, code: i64| json!({ "statusCode": code, "number": number, "status": "Word", "messageId": "None" });
        let recipients = [recipient(to[0], codes[0]), recipient(to[1], codes[1])];
        read(201, &json!({ "SMSMessageData": { "Message": "", "Recipients": recipients } }).to_string(), &to)
    };
    for code in [407, 409, 500, 501] {
        let (outcome, _) = outcome(answer([101, code]));
        let second = json!({ "to": to[1], "status": "failed", "reason": "retryable: Word" });
        assert_eq!((&outcome["messages"][0]["status"], &outcome["messages"][1]), (&json!("accepted"), &second), "{code}");
        // Nobody got anything: all of the call is tried again.
        for other in [code, 403] {
            assert_eq!(answer([other, code]).unwrap_err().disposition, Disposition::Transient, "{other} {code}");
        }
    }
    for code in [402, 403, 404, 405, 406, 502] {
        let (outcome, _) = outcome(answer([101, code]));
        let second = json!({ "to": to[1], "status": "rejected", "reason": "Word" });
        assert_eq!(outcome["messages"][1], second, "{code}");
    }
}

#[test]
fn an_answer_without_recipients_is_read_by_its_summary() {
    let empty = |message: &str| json!({ "SMSMessageData": { "Message": message, "Recipients": [] } }).to_string();
    for (message, disposition) in [
        ("InvalidSenderId", Disposition::Misconfigured),
        ("InsufficientBalance", Disposition::Misconfigured),
        ("Sent to 0/1 Total Cost: 0", Disposition::Ambiguous),
    ] {
        assert_eq!(read(201, &empty(message), &["+254711000111"]).unwrap_err().disposition, disposition, "{message}");
    }
    let stranger = include_str!("fixtures/accepted.json");
    assert_eq!(read(201, stranger, &["+254711000999"]).unwrap_err().disposition, Disposition::Ambiguous);
}

#[test]
fn a_balance_is_cut_down_and_never_up() {
    for (text, money) in [
        ("KES 1785.50", "KES 1785.50"),
        ("KES 1785.5099", "KES 1785.50"),
        ("KES 1785", "KES 1785.00"),
        ("UGX 12.99", "UGX 12"),
        ("KES -0.001", "KES -0.01"),
        ("KES -5.00", "KES -5.00"),
    ] {
        assert_eq!(wire::money(text).unwrap().to_string(), money, "{text}");
    }
    for bad in ["", "KES", "1785.50", "KES x", "KES 1,000.00", "kes 1", "KES 1.x", "KES 1e3"] {
        assert_eq!(wire::money(bad), None, "{bad}");
    }
    assert_eq!(wire::read_balance(&http(200, include_str!("fixtures/balance.json"))).unwrap().amount(), "1785.50");
    assert!(wire::read_balance(&http(200, r#"{"userData":{"balance":"KES 1.00"}}"#)).is_ok());
}

#[test]
fn the_form_is_what_the_official_clients_send() {
    let settings = settings().with("sender_id", "LABCO");
    let config = Config::read(&settings).unwrap();
    assert_eq!(config.base_url, "https://api.africastalking.com");
    let form = wire::send_form(&config, &phones(&["+254711000111", "+254733000222"]), "Hi é € {x} 100%", None);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    assert_eq!(
        body,
        "username=dukaapp&to=%2B254711000111%2C%2B254733000222&message=Hi+%C3%A9+%E2%82%AC+%7Bx%7D+100%25&bulkSMSMode=1&from=LABCO&enqueue=1"
    );
    assert!(!format!("{config:?}").contains("an-api-key"));
}

fn stage(payload: Payload, provider: &Provider) -> Stage {
    Stage::at(provider.url(), payload, settings())
}

#[tokio::test]
async fn a_send_is_one_call_with_the_key_in_its_header() {
    let provider = Provider::start(vec![Script::text(201, include_str!("fixtures/mixed.json"))]).await;
    let stage = stage(Payload::MessageSend(send(&["+254711000111", "+254733000222"])), &provider);
    Sms::default().execute(&stage.call("send")).await.unwrap();
    let seen = provider.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/version1/messaging"));
    assert!(seen[0].headers.contains(&"apikey: an-api-key".to_owned()));
    assert!(seen[0].headers.contains(&"accept: application/json".to_owned()));
    assert!(seen[0].headers.contains(&"content-type: application/x-www-form-urlencoded".to_owned()));
    assert!(seen[0].body.contains("to=%2B254711000111%2C%2B254733000222"));
}

#[tokio::test]
async fn a_text_that_is_too_long_is_never_sent() {
    let provider = Provider::start(vec![Script::text(201, "{}")]).await;
    let long = MessageSend { message: Some("a".repeat(460)), ..send(&["+254711000111"]) };
    let stage = stage(Payload::MessageSend(long), &provider);
    let error = Sms::default().execute(&stage.call("send")).await.unwrap_err();
    assert_eq!((error.disposition, error.problem), (Disposition::Rejected, Some(tarishi_protocol::Code::InvalidValue)));
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn health_is_the_balance() {
    let provider = Provider::start(vec![Script::text(200, include_str!("fixtures/balance.json"))]).await;
    let mut stage = stage(Payload::Balance(Empty {}), &provider);
    for (low, degraded) in [("", false), ("500", false), ("KES 2000.00", true), ("UGX 9000", false)] {
        stage.set("low_balance", low);
        let health = Sms::default().health(&stage.health()).await;
        assert_eq!((health.ok, health.degraded), (true, degraded), "{low}: {}", health.message);
    }
    let seen = &provider.seen()[0];
    assert_eq!((seen.path.as_str(), seen.query.as_str()), ("/version1/user", "username=dukaapp"));
    let refused = Provider::start(vec![Script::text(401, "The supplied authentication is invalid")]).await;
    stage.set("base_url", refused.url());
    assert!(!Sms::default().health(&stage.health()).await.ok);
}

#[test]
fn a_send_can_be_recognised_by_each_of_its_recipients() {
    let one = Payload::MessageSend(send(&["+254711000111"]));
    let two = Payload::MessageSend(send(&["+254711000111", "+254733000222"]));
    assert_eq!(Sms::default().correlation("send", &one).as_deref(), Some("+254711000111"));
    assert_eq!(Sms::default().correlation("send", &two).as_deref(), Some("+254711000111,+254733000222"));
    assert_eq!(Sms::default().correlation("balance", &Payload::Balance(Empty {})), None);
}
