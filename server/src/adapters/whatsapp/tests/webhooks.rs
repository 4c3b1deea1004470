//! Webhooks as Meta sends them, as PyPI pywa and npm @great-detail/whatsapp accept them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tarishi_protocol::{Code, Empty, Payload};
use uuid::Uuid;

use super::super::super::{
    Adapter as _, AdapterError, Disposition, Hook, HookRead, MessageNews, News, Target, contract::Stage,
};
use super::super::{WhatsApp, webhook, wire};
use super::settings;

const DELIVERED: &str = include_str!("../fixtures/webhook_status_delivered.json");

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn read_signed(body: &str, header: &str) -> Result<HookRead, AdapterError> {
    let stage = Stage::new(Payload::Balance(Empty {}), settings());
    let headers = vec![("x-hub-signature-256".to_owned(), header.to_owned())];
    let hook = Hook { attempt_id: None, headers: &headers, ..stage.hook("", body.as_bytes()) };
    WhatsApp::default().read_webhook(&hook)
}

fn read(body: &str) -> HookRead {
    read_signed(body, &signature(body.as_bytes())).unwrap()
}

#[test]
fn the_documented_signature_is_ours() {
    let body = r#"{"a":"\u00e9"}"#;
    assert_eq!(signature(body.as_bytes()), "sha256=c3ca0fb49979b2e4a1a98b38f392947751f1db1d6b5e13a95ca81cb8b965366e");
    assert!(read(body).events.is_empty());
}

#[test]
fn what_is_not_signed_over_these_bytes_is_refused() {
    let good = signature(DELIVERED.as_bytes());
    // The same JSON, written anew.
    let anew = DELIVERED.replace("\":\"", "\": \"");
    for (body, header) in [
        (DELIVERED.replace("delivered", "read"), good.as_str()),
        (anew, &good),
        (DELIVERED.to_owned(), "sha256="),
        (DELIVERED.to_owned(), "sha256=zz"),
        (DELIVERED.to_owned(), &good[7..]),
        (DELIVERED.to_owned(), &good.to_ascii_uppercase()),
    ] {
        let error = read_signed(&body, header).unwrap_err();
        assert_eq!((error.disposition, error.problem), (Disposition::Rejected, Some(Code::Forbidden)), "{header}");
    }
    let stage = Stage::new(Payload::Balance(Empty {}), settings());
    let error = WhatsApp::default().read_webhook(&stage.hook("", DELIVERED.as_bytes())).unwrap_err();
    assert_eq!(error.disposition, Disposition::Unauthorized);
    assert!(read_signed(DELIVERED, &good).is_ok());
}

#[test]
fn a_handshake_gives_the_challenge_back_to_whom_knows_our_word() {
    let stage = Stage::new(Payload::Balance(Empty {}), settings());
    let ask = |query: &str| WhatsApp::default().read_webhook(&Hook { query, ..stage.hook("", b"") });
    let reply = ask("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=our-random-word").unwrap().reply;
    assert_eq!((reply.status, reply.content_type, reply.body.as_str()), (200, "text/plain", "1158201444"));
    for bad in [
        "",
        "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=another",
        "hub.mode=subscribe&hub.challenge=1158201444",
        "hub.mode=unsubscribe&hub.challenge=1158201444&hub.verify_token=our-random-word",
        "hub.mode=subscribe&hub.verify_token=our-random-word",
        "hub.mode=subscribe&hub.challenge=a%0Ab&hub.verify_token=our-random-word",
    ] {
        assert_eq!(ask(bad).unwrap_err().problem, Some(Code::Forbidden), "{bad}");
    }
}

#[test]
fn a_status_is_about_the_attempt_that_it_gives_back_else_about_its_message() {
    let id = "wamid.HBgMMjU0NzExMDAwMTExFQIAERgSOEY0";
    let event = read(DELIVERED).events.remove(0);
    assert_eq!(event.target, Target::Reference(id.to_owned()), "the example gives back another's text");
    assert_eq!(event.event_id, Some(format!("{id}:delivered")));
    let news = MessageNews { id: id.to_owned(), status: "delivered".to_owned(), rank: 3, to: None, reason: None, cost: None };
    assert_eq!(event.news, News::Message(news));

    let attempt = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);
    let ours = DELIVERED.replace("ntf_01JDX7:whatsapp:1", &wire::callback_data(attempt));
    assert_eq!(read(&ours).events[0].target, Target::Attempt(attempt));
}

#[test]
fn a_failure_says_why_in_words_without_a_number() {
    let event = read(include_str!("../fixtures/webhook_status_failed.json")).events.remove(0);
    let News::Message(news) = event.news else { panic!("a message") };
    assert_eq!((news.status.as_str(), news.rank), ("failed", 2));
    assert!(news.reason.unwrap().starts_with("131026: undeliverable"));
}

#[test]
fn what_a_person_writes_is_told_once_with_its_text() {
    let written = include_str!("../fixtures/webhook_inbound_text.json");
    let event = read(written).events.remove(0);
    assert_eq!((&event.target, event.event_id.as_deref()), (&Target::Nobody, Some("wamid.HBgMMjU0NzExMDAwMTExFQIAEhgUM0E")));
    let News::Inbound(news) = event.news else { panic!("a message") };
    assert_eq!((news.from.as_str(), news.kind.as_str(), news.text.as_deref()), ("+254711000111", "text", Some("Is it ready?")));
    assert_eq!(news.sent_at.unwrap().timestamp(), 1_795_486_900);
    assert!(!format!("{news:?}").contains("ready") && !format!("{news:?}").contains("254711"));

    let text = |message: &str| {
        let (from, to) = (r#""type":"text","text":{"body":"Is it ready?"}"#, message);
        match read(&written.replace(from, to)).events.remove(0).news {
            News::Inbound(news) => (news.kind, news.text),
            other => panic!("{other:?}"),
        }
    };
    for (message, kind, said) in [
        (r#""type":"button","button":{"text":"Yes"}"#, "button", Some("Yes")),
        (r#""type":"interactive","interactive":{"list_reply":{"id":"1","title":"Two"}}"#, "interactive", Some("Two")),
        (r#""type":"image","image":{"id":"1","caption":"See"}"#, "image", Some("See")),
        (r#""type":"reaction","reaction":{"emoji":"+"}"#, "reaction", None),
        (r#""text":{"body":"x"}"#, "unknown", None),
    ] {
        assert_eq!(text(message), (kind.to_owned(), said.map(str::to_owned)));
    }
}

#[test]
fn another_number_s_news_and_unknown_fields_are_passed_over() {
    assert!(read(&DELIVERED.replace("100000000000001", "100000000000009")).events.is_empty());
    assert!(read(&DELIVERED.replace("\"field\":\"messages\"", "\"field\":\"account_update\"")).events.is_empty());
    assert!(read("{}").events.is_empty());
    assert!(read("[1]").events.is_empty());
    let stage = Stage::new(Payload::Balance(Empty {}), settings());
    assert!(WhatsApp::default().read_webhook(&stage.hook("/other", DELIVERED.as_bytes())).is_err());
}

#[test]
fn every_entry_change_and_status_of_a_batch_is_read() {
    let one = DELIVERED.trim();
    let change = &one[one.find("{\"value\"").unwrap()..one.rfind("]}]}").unwrap()];
    let status = &change[change.find("{\"id\"").unwrap()..change.rfind("]},\"field\"").unwrap()];
    let change = change.replace(status, &format!("{status},{}", status.replace("delivered", "read")));
    let entry = format!("{{\"id\":\"1\",\"changes\":[{change},{change}]}}");
    let batch = format!("{{\"object\":\"whatsapp_business_account\",\"entry\":[{entry},{entry}]}}");
    assert_eq!(read(&batch).events.len(), 8);
}

#[test]
fn the_ladder_of_statuses_only_climbs() {
    let ranks: Vec<u8> = ["sent", "failed", "delivered", "read"].iter().map(|word| webhook::rank(word).unwrap().1).collect();
    assert!(ranks.is_sorted_by(|a, b| a < b));
    assert_eq!(webhook::rank("played"), webhook::rank("read"));
    assert_eq!(webhook::rank("pondering"), None);
}
