//! Webhooks: the secret, and that nothing they say of money counts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};

use super::super::super::{Adapter as _, Answer, Disposition, Hook, HookRead, News, Target, contract::Stage};
use super::super::{Flutterwave, wire};
use super::{TX_REF, charge, settings};

const PAID: &str = include_str!("../fixtures/webhook_paid.json");

fn read(headers: &[(&str, &str)], body: &str) -> Result<HookRead, Disposition> {
    let stage = Stage::new(tarishi_protocol::Payload::Charge(charge()), settings());
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let hook = Hook { attempt_id: None, headers: &headers, ..stage.hook("", body.as_bytes()) };
    Flutterwave::default().read_webhook(&hook).map_err(|error| error.disposition)
}

fn signature(body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"a-secret-hash").unwrap();
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn only_who_knows_the_secret_is_heard() {
    let mac = signature(PAID);
    for good in [
        vec![("verif-hash", "a-secret-hash")],
        vec![("flutterwave-signature", mac.as_str())],
        vec![("flutterwave-signature", "a-secret-hash")],
    ] {
        assert!(read(&good, PAID).is_ok(), "{good:?}");
    }
    let other = signature("{}");
    for bad in [
        vec![],
        vec![("verif-hash", "")],
        vec![("verif-hash", "a-secret-has")],
        vec![("verif-hash", "A-secret-hash")],
        vec![("verif-hash", "wrong"), ("flutterwave-signature", mac.as_str())],
        vec![("flutterwave-signature", other.as_str())],
    ] {
        assert_eq!(read(&bad, PAID).unwrap_err(), Disposition::Unauthorized, "{bad:?}");
    }
}

#[test]
fn a_payment_is_a_claim_to_be_verified_and_told_once() {
    let read = read(&[("verif-hash", "a-secret-hash")], PAID).unwrap();
    assert_eq!((read.reply.status, read.reply.body.as_str()), (200, ""));
    let event = &read.events[0];
    assert_eq!(event.target, Target::Attempt(wire::attempt_of(TX_REF).unwrap()));
    assert_eq!(event.event_id.as_deref(), Some("charge-9154021-successful"));
    let News::Answer(Answer::Waiting { reference: Some(reference), poll_after, interim: None }) = &event.news else { panic!() };
    assert!(poll_after.is_zero());
    assert_eq!(reference.data["claim"], serde_json::json!({ "tx_ref": TX_REF, "id": "9154021" }));
    assert_eq!(reference.data.len(), 1);
}

#[test]
fn a_failure_is_a_claim_too_and_another_event() {
    let read =
        read(&[("verif-hash", "a-secret-hash")], &PAID.replace("\"status\":\"successful\"", "\"status\":\"failed\"")).unwrap();
    assert_eq!(read.events[0].event_id.as_deref(), Some("charge-9154021-failed"));
    assert!(matches!(&read.events[0].news, News::Answer(Answer::Waiting { .. })));
}

#[test]
fn a_refund_s_news_is_a_hint() {
    let read = read(&[("verif-hash", "a-secret-hash")], r#"{"event":"refund.completed","data":{"id":88120}}"#).unwrap();
    assert_eq!(read.events[0].target, Target::Reference("refund-88120".to_owned()));
    assert!(matches!(&read.events[0].news, News::Answer(Answer::Waiting { poll_after, .. }) if poll_after.is_zero()));
}

#[test]
fn what_is_not_ours_is_kept_and_settles_nothing() {
    for body in [
        PAID.replace(TX_REF, "shop-4711"),
        r#"{"event":"transfer.completed","data":{"id":1}}"#.to_owned(),
        r#"{"event":"subscription.cancelled"}"#.to_owned(),
        r#"{"event":"charge.completed","data":{"id":"x","tx_ref":"tarishi-01980000000070008000000000000001"}}"#.to_owned(),
    ] {
        let read = read(&[("verif-hash", "a-secret-hash")], &body).unwrap();
        assert_eq!((&read.events[0].target, &read.events[0].news), (&Target::Nobody, &News::Nothing), "{body}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    let long = format!("{{\"event\":\"charge.completed\",\"x\":\"{}\"}}", "a".repeat(65 * 1024));
    for body in ["", "[]", "{}", r#"{"txRef":"a","status":"successful"}"#, &long] {
        assert_eq!(read(&[("verif-hash", "a-secret-hash")], body).unwrap_err(), Disposition::Rejected);
    }
}
