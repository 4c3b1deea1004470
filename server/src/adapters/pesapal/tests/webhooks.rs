//! IPNs by both methods; nothing in them is believed but which order to ask about.

use super::super::super::{Adapter as _, Answer, Disposition, Hook, HookRead, News, Target, contract::Stage};
use super::super::{Pesapal, wire};
use super::{REFERENCE, TRACKING, charge, settings};

fn read(rest: &str, query: &str, body: &str) -> Result<HookRead, Disposition> {
    let stage = Stage::new(tarishi_protocol::Payload::Charge(charge()), settings());
    let hook = Hook { attempt_id: None, query, ..stage.hook(rest, body.as_bytes()) };
    Pesapal::default().read_webhook(&hook).map_err(|error| error.disposition)
}

fn post(kind: &str, reference: &str) -> String {
    format!(r#"{{"OrderTrackingId":"{TRACKING}","OrderNotificationType":"{kind}","OrderMerchantReference":"{reference}"}}"#)
}

#[test]
fn an_ipn_by_get_or_post_asks_about_the_order_and_is_echoed() {
    let query = format!("orderTrackingId={TRACKING}&OrderMerchantReference={REFERENCE}&ORDERNOTIFICATIONTYPE=IPNCHANGE");
    for read in [read("/ipn", "", &post("IPNCHANGE", REFERENCE)), read("/ipn", &query, ""), read("", &query, "")] {
        let read = read.unwrap();
        let event = &read.events[0];
        assert_eq!(event.target, Target::Attempt(wire::attempt_of(REFERENCE).unwrap()));
        assert_eq!(event.event_id, None, "two that look the same may both be news");
        let News::Answer(Answer::Waiting { reference: Some(reference), poll_after, interim: None }) = &event.news else {
            panic!()
        };
        assert!(poll_after.is_zero());
        assert_eq!(reference.data["claim"], serde_json::json!({ "reference": REFERENCE, "tracking": TRACKING }));
        let reply: serde_json::Value = serde_json::from_str(&read.reply.body).unwrap();
        assert_eq!(
            (read.reply.status, reply),
            (
                200,
                serde_json::json!({
                    "orderNotificationType": "IPNCHANGE", "orderTrackingId": TRACKING, "orderMerchantReference": REFERENCE, "status": 200,
                })
            )
        );
    }
}

#[test]
fn what_is_not_ours_is_echoed_and_settles_nothing() {
    for body in [post("IPNCHANGE", "shop-4711"), post("RECURRING", REFERENCE), post("CALLBACKURL", REFERENCE)] {
        let read = read("/ipn", "", &body).unwrap();
        assert_eq!((&read.events[0].target, &read.events[0].news), (&Target::Nobody, &News::Nothing), "{body}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let long = format!(r#"{{"x":"{}"}}"#, "a".repeat(17 * 1024));
    for (rest, query, body) in [
        ("/ipn", "", ""),
        ("/ipn", "", "[]"),
        ("/ipn", "", "{}"),
        ("/ipn", "", long.as_str()),
        ("/ipn", "OrderTrackingId=..%2F..&OrderMerchantReference=a&OrderNotificationType=IPNCHANGE", ""),
        ("/other", "", &post("IPNCHANGE", REFERENCE)),
    ] {
        assert_eq!(read(rest, query, body).unwrap_err(), Disposition::Rejected, "{query} {body}");
    }
}
