//! When a payment, a failure and a refund are believed.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::super::{AdapterError, Answer, Claim, Disposition, Reference};
use super::super::{
    config::Waits,
    standing::{Besides, Standing, checkout_request_id, conclude_refund},
};
use super::{CHECKOUT, kes, known};

fn start() -> DateTime<Utc> {
    "2026-11-24T07:15:00Z".parse().unwrap()
}

fn after(known: &Reference, secs: i64, code: Option<&str>) -> Result<Answer, AdapterError> {
    let (waits, amount) = (Waits::default(), kes("1250"));
    let now = start() + TimeDelta::seconds(secs);
    Standing { waits: &waits, known, amount: &amount, polls: 2, first_opened_at: start(), now }.conclude(code)
}

fn waiting(answer: Result<Answer, AdapterError>) -> (Reference, Duration) {
    match answer.unwrap() {
        Answer::Waiting { reference: Some(reference), poll_after, interim: None } => (reference, poll_after),
        other => panic!("{other:?}"),
    }
}

fn succeeded(answer: Result<Answer, AdapterError>) -> (Value, Option<String>) {
    match answer.unwrap() {
        Answer::Succeeded { outcome, receipt, reference: Some(_) } => (outcome, receipt),
        other => panic!("{other:?}"),
    }
}

fn claimed() -> Reference {
    let amount = json!({ "amount": "1250.00", "currency": "KES" });
    known().with(
        "paid",
        json!({ "receipt": "UKO4R7T1QX", "amount": amount, "paid_at": "2026-11-24T07:15:19Z", "checkout": CHECKOUT, "attempt": "a" }),
    )
}

#[test]
fn a_confirmed_claim_is_a_payment_with_its_receipt() {
    let (outcome, receipt) = succeeded(after(&claimed(), 20, Some("0")));
    assert_eq!(receipt.as_deref(), Some("UKO4R7T1QX"));
    assert_eq!(
        outcome,
        json!({ "receipt": "UKO4R7T1QX", "amount": { "amount": "1250.00", "currency": "KES" }, "paid_at": "2026-11-24T07:15:19Z" })
    );
}

#[test]
fn a_payment_without_its_callback_waits_a_little_for_the_receipt_and_then_goes_without() {
    let (reference, poll_after) = waiting(after(&known(), 20, Some("0")));
    assert_eq!(poll_after, Duration::from_secs(15));
    waiting(after(&reference, 25, Some("0")));
    let (outcome, receipt) = succeeded(after(&reference, 35, Some("0")));
    assert_eq!((&outcome["receipt"], &outcome["receipt_missing"], receipt), (&Value::Null, &json!(true), None));
    assert_eq!(outcome["amount"]["amount"], "1250.00");
}

#[test]
fn an_unconfirmed_claim_is_believed_after_three_queries_without_an_answer() {
    let (first, poll_after) = waiting(after(&claimed(), 20, None));
    assert_eq!(poll_after, Duration::from_secs(15));
    let (second, _) = waiting(after(&first, 35, None));
    let (outcome, receipt) = succeeded(after(&second, 50, None));
    assert_eq!((&outcome["unconfirmed"], receipt.as_deref()), (&json!(true), Some("UKO4R7T1QX")));
    // "Still processing" is an answer: it confirms nothing, however often it is given.
    let mut known = claimed();
    for secs in 20..40 {
        known = waiting(after(&known, secs, Some("4999"))).0;
    }
}

#[test]
fn a_claim_that_the_query_denies_is_decided_by_nobody() {
    for code in ["1032", "1037"] {
        assert_eq!(after(&claimed(), 200, Some(code)).unwrap_err().disposition, Disposition::Ambiguous);
    }
}

#[test]
fn a_claim_for_another_prompt_of_the_same_attempt_is_none() {
    let forged = Reference::new("ws_CO_mine")
        .with("checkout", CHECKOUT)
        .with("attempt", "a")
        .with("paid", json!({ "receipt": "UKO0000001", "checkout": "ws_CO_mine", "attempt": "a" }));
    assert_eq!(checkout_request_id(&forged), Some(CHECKOUT));
    let (outcome, receipt) = succeeded(after(&forged.with("confirmed_at", "2026-11-24T07:15:00Z"), 60, Some("0")));
    assert_eq!((&outcome["receipt"], receipt), (&Value::Null, None));
}

/// What is done about a callback that says paid when its charge has ended.
fn besides(known: &Reference, receipt: Option<&str>, code: Option<&str>, age: Duration) -> Option<Answer> {
    let paid = json!({ "receipt": "UKO1", "checkout": "ws_CO_1", "attempt": uuid::Uuid::from_u128(7) });
    let reference = Reference::new("ws_CO_1").with("paid", paid);
    let claim = Claim { reference: &reference, known: Some(known), receipt, age };
    Besides::read(&claim).map(|besides| besides.conclude(code, Duration::from_secs(900)))
}

#[test]
fn the_charge_s_own_callback_is_no_money_besides() {
    let of = |checkout: &str| Reference::new(checkout).with("checkout", checkout);
    let asked = |known: &Reference, receipt| besides(known, receipt, Some("0"), Duration::ZERO).is_some();
    assert!(!asked(&of("ws_CO_2"), Some("UKO1")), "it is what the charge was told with");
    assert!(!asked(&of("ws_CO_1"), None), "its own prompt, without a receipt");
    assert!(!asked(&of("ws_CO_2").with("confirmed", "ws_CO_1"), Some("UKO2")), "the prompt that the success stands on");
    assert!(asked(&of("ws_CO_2"), None) && asked(&of("ws_CO_2"), Some("UKO2")));
    assert!(asked(&of("ws_CO_1").with("confirmed", "ws_CO_2"), Some("UKO2")), "told with an earlier prompt's money");
}

#[test]
fn money_besides_is_asked_about_and_after_a_while_the_callback_is_believed_alone() {
    let said = |code, secs| besides(&known(), Some("UKO2"), code, Duration::from_secs(secs)).unwrap();
    let Answer::Succeeded { outcome, reference, receipt } = said(Some("0"), 0) else { panic!("confirmed") };
    assert_eq!((receipt.as_deref(), outcome.get("unconfirmed")), (Some("UKO1"), None));
    assert!(reference.is_some_and(|name| super::super::wire::is_account_reference(&name.id)));
    for code in [None, Some("4999"), Some("77777")] {
        assert!(matches!(said(code, 899), Answer::Waiting { .. }), "{code:?}");
    }
    assert!(matches!(said(Some("4999"), 900), Answer::Waiting { .. }), "\"still processing\" is an answer");
    assert!(matches!(said(None, 900), Answer::Succeeded { outcome, .. } if outcome["unconfirmed"] == true));
    for code in ["1032", "1037"] {
        assert!(matches!(said(Some(code), 900), Answer::Failed { .. }), "{code}");
    }
}

#[test]
fn a_lost_answer_is_asked_about_by_the_callback_s_id() {
    let orphan = Reference::new("ws_CO_new").with("paid", json!({ "checkout": "ws_CO_new", "attempt": "a" }));
    assert_eq!(checkout_request_id(&orphan), Some("ws_CO_new"));
    // Paid late, when a later attempt is already under way.
    let late = known().with("attempt", "b").with("paid", json!({ "checkout": "ws_CO_old", "attempt": "a" }));
    assert_eq!(checkout_request_id(&late), Some("ws_CO_old"));
    assert_eq!(checkout_request_id(&Reference::new("")), None);
}

#[test]
fn a_failure_is_believed_only_ninety_seconds_after_the_prompt() {
    let (_, poll_after) = waiting(after(&known(), 15, Some("1032")));
    assert_eq!(poll_after, Duration::from_secs(75));
    assert!(matches!(after(&known(), 90, Some("1032")), Ok(Answer::Failed { code, .. }) if code == "1032"));
}

#[test]
fn not_reached_is_believed_only_when_said_twice() {
    let (first, poll_after) = waiting(after(&known(), 100, Some("1037")));
    assert_eq!(poll_after, Duration::from_secs(15));
    let (other, _) = waiting(after(&first, 120, Some("1019")));
    waiting(after(&other, 130, Some("1019")));
    assert!(matches!(after(&other, 135, Some("1019")), Ok(Answer::Failed { .. })));
    assert!(matches!(after(&first, 115, Some("1037")), Ok(Answer::Failed { .. })));
    // Said twice, but before ninety seconds.
    let (early, _) = waiting(after(&known(), 10, Some("1037")));
    assert_eq!(waiting(after(&early, 40, Some("1037"))).1, Duration::from_secs(50));
}

#[test]
fn a_callback_that_called_it_off_is_believed_alone_after_three_queries_without_an_answer_and_not_before_its_time() {
    let said = |code: &str| known().with("negative", json!({ "code": code, "at": "2026-11-24T07:15:05.000Z" }));
    let mut over = said("1032");
    for secs in [20, 35, 50, 89] {
        over = waiting(after(&over, secs, None)).0;
    }
    assert!(matches!(after(&over, 90, None), Ok(Answer::Failed { code, .. }) if code == "1032"));
    waiting(after(&said("1032"), 90, None));
    waiting(after(&over, 90, Some("0")));
    let mut not_reached = said("1037");
    for secs in 90..100 {
        not_reached = waiting(after(&not_reached, secs, None)).0;
    }
}

#[test]
fn no_answer_pending_and_strange_words_end_nothing() {
    for code in [None, Some("4999"), Some("77777")] {
        assert_eq!(waiting(after(&known(), 10_000, code)).1, Duration::from_secs(20));
    }
}

#[test]
fn already_reversed_is_our_success_only_after_an_unknown_try_of_our_own() {
    let said = Reference::new("f1e2").with("attempt", "b").with("already_reversed", "b");
    let ours = said.clone().with("earlier_unknown", true);
    assert!(matches!(conclude_refund(Some(&ours), Some(kes("1250")), 0), Ok(Answer::Succeeded { receipt: None, .. })));
    let foreign = said.with("earlier_unknown", false);
    assert!(matches!(conclude_refund(Some(&foreign), None, 3), Ok(Answer::Failed { code, .. }) if code == "R000001"));
    let lost = Reference::new("f1e2").with("already_reversed", "b");
    assert!(matches!(conclude_refund(Some(&lost), None, 1), Ok(Answer::Succeeded { .. })));
    let silent = Reference::new("f1e2").with("attempt", "b");
    for known in [None, Some(&silent)] {
        assert_eq!(conclude_refund(known, None, 5).unwrap_err().disposition, Disposition::Ambiguous);
    }
}
