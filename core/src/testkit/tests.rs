use serde_json::{Value, json};

use super::*;

const ID: &str = "01980000-0000-7000-8000-000000000001";

fn request(operations: &[&str], cursor: Option<&str>) -> Vec<u8> {
    let operation = |id: &&str| {
        json!({ "id": id, "idempotency_key": format!("key-{}", &id[35..]), "adapter": "sms", "action": "send", "version": 1,
            "payload": {"to": "+254711000111", "message": "a"}, "created_at": "2026-11-24T08:00:00Z" })
    };
    let operations: Vec<_> = operations.iter().map(operation).collect();
    json!({ "protocol": 1, "exchange": 1, "account": "acc_test", "sent_at": "2026-11-24T08:00:00Z", "cursor": cursor,
        "operations": operations })
    .to_string()
    .into_bytes()
}

fn ask(server: &ScriptedServer, body: &[u8]) -> (u16, Value) {
    let headers = [("Authorization".to_owned(), "Bearer t1".to_owned())];
    let Reply::Respond { status, headers, body } = server.answer("POST", "/api/v2/sync", &headers, body) else { panic!() };
    let gzip = headers.iter().any(|(name, _)| name == "content-encoding");
    let body = codec::decode(body, gzip, limits::ENCODED_BYTES_MAX, limits::DECODED_BYTES_MAX).unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[test]
fn it_is_friendly_without_a_script_and_knows_what_it_took() {
    let server = ScriptedServer::new();
    assert_eq!(ask(&server, &request(&[ID], None)).1["receipts"][0]["status"], "accepted");
    assert_eq!(ask(&server, &request(&[ID], None)).1["receipts"][0]["status"], "duplicate");
    let seen: Value = serde_json::from_str(&server.requests()).unwrap();
    assert_eq!((&seen[0]["token"], &seen[0]["operations"][0]["key"]), (&json!("t1"), &json!("key-1")));
}

#[test]
fn a_dropped_answer_was_processed_and_a_dropped_request_never_came() {
    let server = ScriptedServer::new();
    server.script(r#"[{"drop": "before"}, {"drop": "after"}]"#).unwrap();
    let body = request(&[ID], None);
    assert_eq!(server.answer("POST", "/api/v2/sync", &[], &body), Reply::Drop);
    assert_eq!(server.requests(), "[]");
    assert_eq!(server.answer("POST", "/api/v2/sync", &[], &body), Reply::Drop);
    assert_eq!(ask(&server, &body).1["receipts"][0]["status"], "duplicate");
}

#[test]
fn news_are_read_once_and_a_duplicate_says_where_it_stands() {
    let server = ScriptedServer::new();
    server.script(r#"[{}, {"changes": [{"key": "key-1", "state": "succeeded", "outcome": {"state": "delivered"}}]}]"#).unwrap();
    ask(&server, &request(&[ID], None));
    let news = ask(&server, &request(&[], Some("0"))).1;
    assert_eq!((&news["changes"][0]["state"], &news["cursor"]), (&json!("succeeded"), &json!("1")));
    assert_eq!(ask(&server, &request(&[], Some("1"))).1["changes"], json!([]));
    assert_eq!(ask(&server, &request(&[ID], Some("1"))).1["receipts"][0]["state"], "succeeded");
}

#[test]
fn a_mistake_in_a_script_names_the_field_and_adds_nothing() {
    let server = ScriptedServer::new();
    let refused = |steps: &str| server.script(steps).unwrap_err();
    assert_eq!(refused(r#"[{}, {"stats": 413}]"#).field.as_deref(), Some("[1].stats"));
    assert_eq!(refused(r#"[{"receipts": [{"key": "*", "status": "taken"}]}]"#).field.as_deref(), Some("[0]"));
    assert_eq!(refused("{").code, "invalid_value");
    assert_eq!(ask(&server, &request(&[ID], None)).0, 200);
}

#[test]
fn a_change_of_something_never_seen_is_a_complaint_in_the_record() {
    let server = ScriptedServer::new();
    server.script(r#"[{"changes": [{"key": "nobody", "state": "failed"}]}]"#).unwrap();
    assert_eq!(ask(&server, &request(&[], None)).0, 500);
    let seen: Value = serde_json::from_str(&server.requests()).unwrap();
    assert!(seen[0]["complaint"].as_str().unwrap().contains("nobody"));
}

#[test]
fn other_tokens_are_refused_and_meet_no_step() {
    let server = ScriptedServer::new();
    server.script(r#"[{"status": 418}]"#).unwrap();
    server.set_tokens(Some(vec!["t2".to_owned()]));
    assert_eq!(ask(&server, &request(&[], None)).0, 401);
    server.set_tokens(None);
    assert_eq!(ask(&server, &request(&[], None)).0, 418);
    server.set_unreachable(true);
    assert_eq!(server.answer("GET", "/api/v2/devices/me", &[], b""), Reply::Drop);
}
