//! Callbacks as Daraja sends them.

use std::time::Duration;

use serde_json::json;
use tarishi_protocol::Payload;

use super::super::super::{Adapter as _, Answer, Disposition, Hook, News, Reference, Target, contract::Stage};
use super::super::Mpesa;
use super::{CHECKOUT, charge, settings};

fn stage() -> Stage {
    Stage::new(Payload::Charge(charge()), settings())
}

fn news(stage: &Stage, action: &str, rest: &str, body: &str) -> Answer {
    let hook = Hook { action: Some(action), ..stage.hook(rest, body.as_bytes()) };
    let mut read = Mpesa::default().read_webhook(&hook).unwrap();
    assert_eq!((read.reply.status, read.reply.body.as_str()), (200, r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#));
    let event = read.events.pop().unwrap();
    assert_eq!((event.target, event.event_id), (Target::Attempt(stage.attempt_id), None));
    match event.news {
        News::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_paid_callback_is_a_claim_to_be_confirmed_at_once() {
    let stage = stage();
    let Answer::Waiting { reference: Some(reference), poll_after, .. } =
        news(&stage, "charge", "", include_str!("../fixtures/callback_paid.json"))
    else {
        panic!("a callback alone is no payment")
    };
    assert_eq!((poll_after, reference.id.as_str()), (Duration::ZERO, CHECKOUT));
    let paid = json!({
        "receipt": "UKO4R7T1QX", "amount": { "amount": "1250.00", "currency": "KES" }, "paid_at": "2026-11-24T07:15:19.000Z",
        "checkout": CHECKOUT, "attempt": stage.attempt_id,
    });
    assert_eq!(reference.data["paid"], paid);
}

#[test]
fn a_cancelled_callback_is_remembered_and_asked_about_and_a_strange_one_is_no_failure() {
    let cancelled = include_str!("../fixtures/callback_cancelled.json");
    let Answer::Waiting { reference: Some(reference), poll_after, .. } = news(&stage(), "charge", "/c", cancelled) else {
        panic!("believed before its time")
    };
    assert_eq!(reference.data["negative"]["code"], "1032");
    assert!(!poll_after.is_zero(), "no claim of money");
    for code in ["4999", "77777", "\"SOMETHING\""] {
        let body = cancelled.replace("1032", code);
        assert!(matches!(news(&stage(), "charge", "", &body), Answer::Waiting { .. }), "{code}");
    }
    let Answer::Waiting { reference: Some(reference), .. } = news(&stage(), "charge", "", &cancelled.replace("1032", "1037"))
    else {
        panic!("not reached is said twice before it is believed")
    };
    assert_eq!(reference.data["negative"], json!({ "code": "1037", "at": "2026-11-24T07:15:00.000Z" }));
}

#[test]
fn a_reversal_s_result_is_read_by_name() {
    let Answer::Succeeded { outcome, receipt, reference } =
        news(&stage(), "refund", "/r", include_str!("../fixtures/reversal_done.json"))
    else {
        panic!("refunded")
    };
    assert_eq!(receipt.as_deref(), Some("UKO5S8U2RY"));
    assert_eq!(outcome, json!({ "receipt": "UKO5S8U2RY", "amount": { "amount": "1250.00", "currency": "KES" } }));
    assert_eq!(reference.unwrap().id, "f1e2-4b95-a71d-0c77");
}

#[test]
fn one_result_parameter_comes_without_its_list() {
    let body = r#"{"Result":{"ResultCode":"0","OriginatorConversationID":"f1","TransactionID":"UKO1",
        "ResultParameters":{"ResultParameter":{"Key":"Amount","Value":"50"}}}}"#;
    let Answer::Succeeded { outcome, .. } = news(&stage(), "refund", "r", body) else { panic!("refunded") };
    assert_eq!(outcome["amount"]["amount"], "50.00");
}

#[test]
fn a_repeated_reversal_is_decided_by_what_we_remember() {
    let stage = stage();
    let answer = news(&stage, "refund", "/r", include_str!("../fixtures/reversal_repeated.json"));
    let said = Reference::new("f1e2-4b95-a71d-0c77").with("already_reversed", stage.attempt_id.to_string());
    assert_eq!(answer, Answer::Waiting { reference: Some(said), poll_after: Duration::ZERO, interim: None });
}

#[test]
fn a_refused_reversal_fails_and_a_timed_out_one_stays_open() {
    let repeated = include_str!("../fixtures/reversal_repeated.json");
    let refused = news(&stage(), "refund", "/r", &repeated.replace("R000001", "R000002"));
    assert!(matches!(refused, Answer::Failed { code, .. } if code == "R000002"));
    for (rest, body) in
        [("/r", repeated.replace("R000001", "R999999")), ("/t", repeated.to_owned()), ("/t", "<html>".to_owned())]
    {
        assert!(matches!(news(&stage(), "refund", rest, &body), Answer::Waiting { .. }), "{rest}");
    }
}

#[test]
fn a_callback_from_elsewhere_or_for_something_else_is_refused() {
    let stage = stage();
    let paid = include_bytes!("../fixtures/callback_paid.json");
    let good = Hook { action: Some("charge"), ..stage.hook("", paid) };
    assert!(Mpesa::default().read_webhook(&good).is_ok());
    for bad in [
        Hook { peer: Some([203, 0, 113, 9].into()), ..good },
        Hook { peer: None, ..good },
        Hook { attempt_id: None, ..good },
        Hook { action: Some("refund"), ..good },
        Hook { action: Some("query"), ..good },
        Hook { rest: "/x", ..good },
        Hook { rest: "/r", ..good },
        Hook { body: b"{}", ..good },
        Hook { body: &[b' '; 70_000], ..good },
    ] {
        assert_eq!(Mpesa::default().read_webhook(&bad).unwrap_err().disposition, Disposition::Rejected);
    }
}
