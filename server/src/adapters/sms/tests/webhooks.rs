//! Webhooks as Africa's Talking sends them.

use tarishi_protocol::{Empty, Payload};

use super::super::super::{Adapter as _, Disposition, Hook, MessageNews, News, Target, contract::Stage};
use super::super::{Sms, webhook};
use super::settings;

fn hook<'a>(stage: &'a Stage, rest: &'a str, body: &'a str) -> Hook<'a> {
    Hook { attempt_id: None, ..stage.hook(rest, body.as_bytes()) }
}

#[test]
fn a_delivery_report_changes_one_message() {
    let stage = Stage::new(Payload::Balance(Empty {}), settings());
    let delivered = "id=ATXid_5f0c9d2e&status=Success&phoneNumber=%2B254711000111&networkCode=63902";
    let read = Sms::default().read_webhook(&hook(&stage, "/dlr", delivered)).unwrap();
    assert_eq!((read.reply.status, read.reply.body.as_str()), (200, "OK"));
    let [event] = read.events.as_slice() else { panic!("one event") };
    assert_eq!(event.target, Target::Reference("ATXid_5f0c9d2e".to_owned()));
    assert_eq!(event.correlation.as_deref(), Some("+254711000111"));
    let news = MessageNews {
        id: "ATXid_5f0c9d2e".to_owned(),
        status: "delivered".to_owned(),
        rank: 6,
        to: Some("+254711000111".to_owned()),
        reason: None,
        cost: None,
    };
    assert_eq!(event.news, News::Message(news));
    // The plus may come unescaped.
    let failed = "id=ATXid_77aa01bc&status=Failed&phoneNumber=+254733000222&failureReason=UserDoesNotExist";
    let read = Sms::default().read_webhook(&hook(&stage, "dlr", failed)).unwrap();
    let News::Message(news) = &read.events[0].news else { panic!("a message") };
    assert_eq!(
        (news.status.as_str(), news.to.as_deref(), news.reason.as_deref()),
        ("failed", Some("+254733000222"), Some("UserDoesNotExist"))
    );
}

#[test]
fn the_ladder_of_reports_only_climbs() {
    let ladder = ["Sent", "submitted", "Buffered", "AbsentSubscriber", "Failed", "Success"];
    let ranks: Vec<u8> = ladder.iter().map(|status| webhook::rank(status).unwrap().1).collect();
    assert!(ranks.is_sorted_by(|a, b| a < b));
    for last in ["Expired", "Rejected"] {
        assert_eq!(webhook::rank(last), webhook::rank("Failed"));
    }
    assert_eq!(webhook::rank("Pondering"), None);
}

#[test]
fn an_inbound_message_is_told_once_by_its_id() {
    let stage = Stage::new(Payload::Balance(Empty {}), settings());
    let body = "date=2026-11-24+09%3A12%3A44&from=+254711000111&id=9b1f&text=STOP&to=22345&networkCode=63902";
    let event = Sms::default().read_webhook(&hook(&stage, "/inbound", body)).unwrap().events.remove(0);
    assert_eq!(event.event_id.as_deref(), Some("inbound:9b1f"));
    let News::Inbound(news) = event.news else { panic!("a message") };
    assert_eq!((news.from.as_str(), news.to.as_deref(), news.text.as_deref()), ("+254711000111", Some("22345"), Some("STOP")));
}

#[test]
fn opt_outs_and_messages_without_an_id_are_only_kept() {
    let stage = Stage::new(Payload::Balance(Empty {}), settings());
    for rest in ["/inbound", "/optout"] {
        let read = Sms::default().read_webhook(&hook(&stage, rest, "from=%2B254711000111&text=STOP")).unwrap();
        assert_eq!((&read.events[0].target, &read.events[0].news), (&Target::Nobody, &News::Nothing));
    }
}

#[test]
fn a_webhook_that_names_nothing_or_comes_from_elsewhere_is_refused() {
    let mut stage = Stage::new(Payload::Balance(Empty {}), settings());
    let large = format!("id=a&status=Sent&x={}", "y".repeat(webhook::BODY_BYTES_MAX));
    for (rest, body) in [
        ("/dlr", "status=Sent"),
        ("/dlr", "id=a"),
        ("/dlr", "id=None&status=Sent"),
        ("/dlr", &large),
        ("/x", "id=a&status=Sent"),
    ] {
        assert_eq!(Sms::default().read_webhook(&hook(&stage, rest, body)).unwrap_err().disposition, Disposition::Rejected);
    }
    stage.set("webhook_allowed_ips", "10.0.0.0/8");
    assert!(Sms::default().read_webhook(&hook(&stage, "/dlr", "id=a&status=Sent")).is_err());
}
