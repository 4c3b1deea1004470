//! Echo's page, row by row. The contract suite runs on it too, and [`road`] takes it through a whole server.

mod contributing;
mod provider;
mod road;

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tarishi_protocol::{Code, Payload};

use super::super::{
    Adapter as _, AdapterError, Answer, Disposition, Hook, News, Reference, Settings, Target,
    contract::{Sample, Stage, Subject, http},
};
use super::{Echo, wire};

const SECRET: &str = "the-mountain-s-secret";
/// HMAC-SHA256 of `fixtures/webhook_echoed.json` under [`SECRET`], by another program.
const SIGNATURE: &str = "93eb07655fbdc4b3df827c3bc73f4a85f0464d9d12fe80d965fff9f12aad7bb4";
const POLL: Duration = Duration::from_secs(30);

pub(in crate::adapters) fn subject() -> Subject {
    Subject {
        adapter: Arc::new(Echo::default()),
        settings: settings(),
        calls: vec![Sample::new("say", payload("hello"))],
        speaks_http: true,
        effects: &["/says"],
        known: Reference::new("e-17"),
        folder: None,
    }
}

fn settings() -> Settings {
    Settings::of(&[("api_key", "a-key-at-echo"), ("webhook_secret", SECRET)])
}

fn payload(text: &str) -> Payload {
    Payload::Free(json!({ "text": text }))
}

fn disposition(answer: Result<Answer, AdapterError>) -> Disposition {
    answer.unwrap_err().disposition
}

#[test]
fn every_answer_allows_what_the_page_says() {
    let heard = wire::read(&http(202, include_str!("fixtures/heard.json")), POLL).unwrap();
    assert_eq!(heard, Answer::Waiting { reference: Some(Reference::new("e-17")), poll_after: POLL, interim: None });
    let later = wire::read(&http(200, r#"{"id":"e-17","state":"travelling"}"#), POLL).unwrap();
    assert_eq!(later, heard);
    let echoed = wire::read(&http(200, r#"{"id":"e-17","state":"echoed"}"#), POLL).unwrap();
    assert!(matches!(echoed, Answer::Succeeded { outcome, .. } if outcome == json!({ "id": "e-17" })));
    let lost = wire::read(&http(200, r#"{"id":"e-17","state":"lost"}"#), POLL).unwrap();
    assert!(matches!(lost, Answer::Failed { code, .. } if code == "lost"));
    for (status, allowed) in [
        (400, Disposition::Rejected),
        (401, Disposition::Misconfigured),
        (404, Disposition::Ambiguous),
        (413, Disposition::Rejected),
        (429, Disposition::RateLimited),
        (500, Disposition::Ambiguous),
        (503, Disposition::Ambiguous),
        (200, Disposition::Ambiguous),
    ] {
        assert_eq!(disposition(wire::read(&http(status, "{}"), POLL)), allowed, "{status}");
    }
}

#[test]
fn only_echo_s_own_word_denies_a_call() {
    let denied = http(404, r#"{"error":"unknown_key"}"#);
    assert_eq!(wire::read_question(&denied, POLL).unwrap(), Answer::NotFound);
    assert_eq!(disposition(wire::read(&denied, POLL)), Disposition::Ambiguous, "a call is not a question");
    for other in [http(404, ""), http(404, "<html>"), http(200, r#"{"error":"unknown_key"}"#)] {
        assert_eq!(disposition(wire::read_question(&other, POLL)), Disposition::Ambiguous);
    }
}

#[test]
fn a_text_has_1_to_160_characters() {
    for good in ["a".to_owned(), "é".repeat(wire::TEXT_CHARS_MAX)] {
        assert_eq!(wire::text(&payload(&good)).unwrap(), good);
    }
    for bad in [payload(""), payload(&"é".repeat(wire::TEXT_CHARS_MAX + 1)), Payload::Free(json!({ "text": 7 }))] {
        let error = wire::text(&bad).unwrap_err();
        assert_eq!((error.disposition, error.problem), (Disposition::Rejected, Some(Code::InvalidValue)));
    }
}

#[test]
fn a_signed_webhook_tells_what_became_of_the_text() {
    let body = include_bytes!("fixtures/webhook_echoed.json");
    let stage = Stage::new(payload("hello"), settings());
    let headers = [("x-echo-signature".to_owned(), SIGNATURE.to_owned())];
    let hook = Hook { headers: &headers, ..stage.hook("", body) };

    let read = Echo::default().read_webhook(&hook).unwrap();

    assert_eq!(read.reply.status, 204);
    let [event] = read.events.as_slice() else { panic!("one event") };
    assert_eq!((&event.target, event.event_id.as_deref()), (&Target::Attempt(stage.attempt_id), Some("v-3")));
    assert!(matches!(event.news, News::Answer(Answer::Succeeded { .. })));
}

#[test]
fn a_webhook_that_echo_did_not_sign_is_refused() {
    let body = include_bytes!("fixtures/webhook_echoed.json");
    let stage = Stage::new(payload("hello"), settings());
    let refused = |headers: &[(String, String)], body: &[u8], attempt| {
        let hook = Hook { headers, attempt_id: attempt, ..stage.hook("", body) };
        Echo::default().read_webhook(&hook).unwrap_err().disposition
    };
    let signed = |signature: &str| [("x-echo-signature".to_owned(), signature.to_owned())];
    let (ours, good) = (Some(stage.attempt_id), signed(SIGNATURE));

    assert_eq!(refused(&[], body, ours), Disposition::Unauthorized);
    assert_eq!(refused(&signed(""), body, ours), Disposition::Unauthorized);
    assert_eq!(refused(&signed(&SIGNATURE.replace('9', "8")), body, ours), Disposition::Unauthorized);
    assert_eq!(refused(&good, br#"{"event":"v-3","id":"e-18","state":"echoed"}"#, ours), Disposition::Unauthorized);
    assert_eq!(refused(&good, body, None), Disposition::Rejected, "no attempt is named");
}
