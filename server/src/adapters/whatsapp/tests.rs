//! Meta's tables and documented answers, row by row, and whole calls against a scripted provider.

mod recorded;
mod steps;
mod tables;
mod webhooks;

use std::sync::Arc;

use serde_json::json;
use tarishi_protocol::{Empty, Media, MessageQuery, MessageSend, Payload, Recipients, Template};

use super::super::{
    Adapter as _, Booked, Call, Disposition, Recovery, Reference, Related, Settings, Then,
    contract::{self, Provider, Sample, Script, Stage, Subject, phones},
};
use super::WhatsApp;

pub(in crate::adapters) fn subject() -> Subject {
    let query = MessageQuery { operation_id: Some(sent().operation_id), message_id: None };
    Subject {
        adapter: Arc::new(WhatsApp::default()),
        settings: settings(),
        calls: vec![
            Sample::new("send", Payload::MessageSend(text(&["+254711000111"]))),
            Sample::new("query", Payload::MessageQuery(query)).about(sent()),
            Sample::new("balance", Payload::Balance(Empty {})),
        ],
        speaks_http: true,
        effects: &["/v26.0/100000000000001/messages"],
        known: Reference::new("wamid.1"),
        folder: None,
    }
}

fn settings() -> Settings {
    Settings::of(&[
        ("phone_number_id", "100000000000001"),
        ("access_token", "EAAGlab"),
        ("app_secret", "s3cret"),
        ("verify_token", "our-random-word"),
        ("webhook_token", "0123456789abcdef0123456789abcdef"),
    ])
}

fn text(to: &[&str]) -> MessageSend {
    let message = Some("Hello".to_owned());
    MessageSend { to: Recipients(phones(to)), message, template: None, from: None, media: None }
}

fn template(to: &[&str]) -> MessageSend {
    let template = Template {
        name: "order_update".to_owned(),
        language: "en_US".to_owned(),
        params: vec!["Amina".to_owned(), "A-17".to_owned()],
    };
    MessageSend { message: None, template: Some(template), ..text(to) }
}

fn with_media(send: MessageSend, url: &str, caption: Option<&str>) -> MessageSend {
    MessageSend { media: Some(Media { url: url.to_owned(), caption: caption.map(str::to_owned) }), ..send }
}

fn sent() -> Related {
    let messages = json!([
        { "to": "+254711000111", "id": "wamid.1", "status": "delivered" },
        { "to": "+254733000222", "id": "wamid.2", "status": "accepted" },
    ]);
    contract::sent(messages)
}

fn stage(payload: Payload, provider: &Provider) -> Stage {
    Stage::at(provider.url(), payload, settings())
}

#[tokio::test]
async fn what_no_provider_needs_to_be_asked_for_is_never_sent() {
    let provider = Provider::start(vec![Script::text(200, "{}")]).await;
    let to = ["+254711000111"];
    let mut line_break = template(&to);
    line_break.template.as_mut().unwrap().params[0] = "Amina\nA".to_owned();
    let mut named = template(&to);
    named.template.as_mut().unwrap().name = "Order Update".to_owned();
    for send in [
        MessageSend { message: Some("a".repeat(4_097)), ..text(&to) },
        line_break,
        named,
        with_media(text(&to), "https://a.example/r.pdf", Some("another text")),
        with_media(text(&to), "file:///etc/passwd", None),
        with_media(template(&to), "https://a.example/r.pdf", Some("no place for it")),
    ] {
        let stage = stage(Payload::MessageSend(send), &provider);
        let error = WhatsApp::default().execute(&stage.call("send")).await.unwrap_err();
        assert_eq!((error.disposition, error.problem), (Disposition::Rejected, Some(tarishi_protocol::Code::InvalidValue)));
    }
    let from = MessageSend { from: Some("LABCO".to_owned()), ..text(&to) };
    let stage = stage(Payload::MessageSend(from), &provider);
    let error = WhatsApp::default().execute(&stage.call("send")).await.unwrap_err();
    assert_eq!(error.disposition, Disposition::Unsupported);
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn media_go_with_a_message_or_in_a_template_s_header() {
    let provider = Provider::start(vec![Script::text(200, include_str!("fixtures/accepted.json"))]).await;
    let to = ["+254711000111"];
    for send in [
        with_media(text(&to), "https://a.example/files/r.pdf?v=2", Some("Hello")),
        with_media(text(&to), "https://a.example/p.JPG", None),
        with_media(template(&to), "https://a.example/film.mp4", None),
    ] {
        let stage = stage(Payload::MessageSend(send), &provider);
        WhatsApp::default().execute(&stage.call("send")).await.unwrap();
    }
    let seen = provider.seen();
    let (document, image, film) = (seen[0].json(), seen[1].json(), seen[2].json());
    let file = json!({ "link": "https://a.example/files/r.pdf?v=2", "filename": "r.pdf", "caption": "Hello" });
    assert_eq!((&document["type"], &document["document"]), (&json!("document"), &file));
    let file = json!({ "link": "https://a.example/p.JPG", "caption": "Hello" });
    assert_eq!((&image["type"], &image["image"]), (&json!("image"), &file));
    let header =
        json!({ "type": "HEADER", "parameters": [{ "type": "video", "video": { "link": "https://a.example/film.mp4" } }] });
    assert_eq!(film["template"]["components"][0], header);
}

#[tokio::test]
async fn there_is_no_balance_and_our_books_are_told_instead() {
    let provider = Provider::start(vec![Script::text(200, "{}")]).await;
    let stage = stage(Payload::Balance(Empty {}), &provider);
    let costs = [("USD 0.0040", 3), ("USD 0.0225", 2), ("KES 1.50", 1)].map(|(cost, count)| (Some(cost.to_owned()), count));
    let booked = Booked::of("2026-11-01T00:00:00Z".parse().unwrap(), costs.into_iter().chain([(None, 4)]));
    for (booked, words) in [
        (Some(&booked), "; booked here since 2026-11-01: KES 1.50 and USD 0.0570 for 6 messages, 4 without a price"),
        (None, ""),
    ] {
        let call = Call { booked, ..stage.call("balance") };
        let error = WhatsApp::default().execute(&call).await.unwrap_err();
        assert_eq!(error.disposition, Disposition::Unsupported);
        assert_eq!(error.message, format!("WhatsApp has no balance: Meta is paid afterwards{words}"));
    }
    assert!(provider.seen().is_empty());
}

#[test]
fn sending_again_can_be_switched_off() {
    let recovery = |settings: &Settings| WhatsApp::default().recovery("send", settings);
    assert!(matches!(recovery(&settings()), Recovery::Receipts { then: Then::Resend, wait } if wait.as_secs() == 120));
    let off = settings().with("resend", "off").with("receipt_wait_ms", "5000");
    assert!(matches!(recovery(&off), Recovery::Receipts { then: Then::Unresolved, wait } if wait.as_secs() == 5));
    for (name, bad) in [
        ("resend", "maybe"),
        ("graph_version", "26"),
        ("phone_number_id", "+254700000000"),
        ("base_url", "http://a.org"),
        ("rates", "cheap"),
        ("webhook_token", "short"),
    ] {
        let error = WhatsApp::default().check_settings(&settings().with(name, bad)).unwrap_err();
        assert!(error.message.contains(name), "{}", error.message);
    }
}

#[tokio::test]
async fn health_is_the_number_s_own() {
    let number = |more: &str| format!(r#"{{"id":"100000000000001","verified_name":"Duka"{more}}}"#);
    let error = |code: i64| json!({ "error": { "code": code, "message": "no" } }).to_string();
    for (status, body, ok, degraded) in [
        (200, number(""), true, false),
        (200, number(r#","quality_rating":"GREEN","health_status":{"can_send_message":"AVAILABLE"}"#), true, false),
        (200, number(r#","quality_rating":"RED""#), true, true),
        (200, number(r#","health_status":{"can_send_message":"LIMITED"}"#), true, true),
        (200, number(r#","health_status":{"entities":[{"can_send_message":"BLOCKED"}]}"#), false, false),
        (401, error(190), false, false),
        (400, error(33), false, false),
        (200, "{}".to_owned(), false, false),
    ] {
        let provider = Provider::start(vec![Script::text(status, &body)]).await;
        let stage = stage(Payload::Balance(Empty {}), &provider);
        let health = WhatsApp::default().health(&stage.health()).await;
        assert_eq!((health.ok, health.degraded), (ok, degraded), "{body}: {}", health.message);
    }
}
