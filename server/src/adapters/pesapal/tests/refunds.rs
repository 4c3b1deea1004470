//! Refunds: the look, the request, and what is made of a lost answer.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tarishi_protocol::{Code, Payload, Refund};

use super::super::super::{
    Adapter as _, AdapterError, Answer, Disposition, Reference, Related,
    contract::{Provider, Stage},
};
use super::super::{Pesapal, wire};
use super::{REFERENCE, kes, memo, paid_charge, refund, stage, waiting_charge};

const PAID: &str = include_str!("../fixtures/status_paid.json");
const TAKEN: &str = include_str!("../fixtures/refund_taken.json");
const ALREADY: &str = r#"{"status":"500","message":"A refund request already exists for this payment"}"#;

fn refunding(refund: Refund, provider: &Provider) -> Stage {
    let mut stage = stage(Payload::Refund(refund), provider);
    stage.related = Some(paid_charge());
    stage
}

fn again() -> Value {
    let mut memo = memo();
    memo["again"] = true.into();
    memo
}

async fn execute(stage: &Stage) -> Result<Answer, AdapterError> {
    Pesapal::default().execute(&stage.call("refund")).await
}

async fn recover(stage: &Stage, known: Option<&Reference>) -> Result<Answer, AdapterError> {
    Pesapal::default().recover(&stage.call("refund"), known).await
}

#[test]
fn people_have_two_weeks_to_approve_it() {
    let days = |action| Pesapal::default().max_wait(action).map(|wait| wait.as_secs() / 86_400);
    assert_eq!((days("refund"), days("charge"), days("query")), (Some(14), Some(5), None));
}

#[tokio::test]
async fn the_first_step_asks_what_was_paid_and_requests_nothing() {
    let provider = Provider::saying(&[(200, PAID)]).await;
    assert_eq!(execute(&refunding(refund(), &provider)).await.unwrap(), Answer::Looked { memo: memo() });
    assert_eq!((provider.seen().len(), provider.seen()[0].method.as_str()), (1, "GET"));
}

#[tokio::test]
async fn the_second_step_requests_the_refund_by_the_confirmation_code() {
    let provider = Provider::saying(&[(200, TAKEN)]).await;
    let mut stage = refunding(refund(), &provider);
    stage.memo = Some(memo());
    let Answer::Waiting { reference: Some(reference), poll_after, .. } = execute(&stage).await.unwrap() else { panic!() };
    assert_eq!((reference.id.as_str(), poll_after.as_secs()), ("refund-UKO4R7T1QX", 3_600));
    assert_eq!(provider.seen()[0].path, "/api/Transactions/RefundRequest");
    assert_eq!(
        provider.seen()[0].json(),
        json!({ "confirmation_code": "UKO4R7T1QX", "amount": "1250.00", "username": "tarishi", "remarks": "paid twice" })
    );
}

#[tokio::test]
async fn a_refund_that_cannot_be_meant_is_never_sent() {
    let quiet = Provider::saying(&[(500, "")]).await;
    for related in [None, Some(waiting_charge()), Some(Related { reference: None, ..paid_charge() })] {
        let mut stage = refunding(refund(), &quiet);
        stage.related = related;
        assert_eq!(execute(&stage).await.unwrap_err().disposition, Disposition::Rejected);
    }
    assert!(quiet.seen().is_empty());
    let part = |amount| Refund { amount: Some(kes(amount)), ..refund() };
    let stands = |code: &str| PAID.replace("\"status_code\":1", &format!("\"status_code\":{code}"));
    for (refund, body, disposition) in [
        (refund(), stands("3"), Disposition::Rejected),
        (refund(), stands("0"), Disposition::Rejected),
        (refund(), PAID.replace(REFERENCE, "shop-1"), Disposition::Rejected),
        (part("1250.01"), PAID.to_owned(), Disposition::Rejected),
        (part("250"), PAID.to_owned(), Disposition::Unsupported),
        (refund(), "<html>".to_owned(), Disposition::Transient),
    ] {
        let provider = Provider::saying(&[(200, &body)]).await;
        assert_eq!(execute(&refunding(refund, &provider)).await.unwrap_err().disposition, disposition, "{body}");
    }
    let card = Provider::saying(&[(200, &PAID.replace("MpesaKE", "Visa"))]).await;
    assert!(
        matches!(execute(&refunding(part("250"), &card)).await.unwrap(), Answer::Looked { memo } if memo["amount"]["amount"] == "250.00")
    );
}

#[tokio::test]
async fn every_signal_of_a_request_allows_what_the_table_says() {
    use Disposition::{Ambiguous, RateLimited, Rejected, Unauthorized};
    for (status, body, disposition) in [
        (200, r#"{"status":"500","message":"The amount is not allowed"}"#, Rejected),
        (200, ALREADY, Rejected),
        (200, r#"{"status":"500","message":"Duplicate request"}"#, Rejected),
        (503, TAKEN, Ambiguous),
        (200, "<html>", Ambiguous),
        (200, "{}", Ambiguous),
        (401, "", Unauthorized),
        (429, "", RateLimited),
    ] {
        let provider = Provider::saying(&[(status, body)]).await;
        let mut stage = refunding(refund(), &provider);
        stage.memo = Some(memo());
        assert_eq!(execute(&stage).await.unwrap_err().disposition, disposition, "{status} {body}");
    }
}

#[tokio::test]
async fn a_lost_request_is_sent_once_more_and_an_earlier_one_is_then_ours() {
    let provider = Provider::saying(&[(200, ALREADY)]).await;
    let mut stage = refunding(refund(), &provider);
    (stage.memo, stage.polls) = (Some(memo()), 1);
    assert_eq!(execute(&stage).await.unwrap(), Answer::Looked { memo: again() });
    assert!(provider.seen().is_empty(), "that it is the second time is written down first");
    stage.memo = Some(again());
    assert!(matches!(execute(&stage).await.unwrap(), Answer::Waiting { reference: Some(_), .. }));
}

#[tokio::test]
async fn what_became_of_a_request_is_seen_in_the_payment_s_status() {
    let reversed = PAID.replace("\"status_code\":1", "\"status_code\":3");
    let requested = Reference::new("refund-UKO4R7T1QX").with("requested", true);
    for (body, known, memo, secs, expected) in [
        (reversed.as_str(), None, memo(), 1, "succeeded"),
        (&reversed, Some(&requested), memo(), 9_000, "succeeded"),
        (PAID, Some(&requested), memo(), 9_000, "waiting"),
        (PAID, None, memo(), 59, "waiting"),
        (PAID, None, memo(), 60, "not_found"),
        (PAID, None, again(), 59, "waiting"),
        (PAID, None, again(), 60, "human"),
    ] {
        let provider = Provider::saying(&[(200, body)]).await;
        let mut stage = refunding(refund(), &provider);
        stage.memo = Some(memo);
        let begun = uuid::Timestamp::from_unix(uuid::NoContext, u64::try_from(stage.now.timestamp()).unwrap(), 0);
        stage.attempt_id = uuid::Uuid::new_v7(begun);
        stage.now += TimeDelta::seconds(secs);
        let found = match recover(&stage, known).await {
            Ok(Answer::Succeeded { outcome, receipt, .. }) => {
                assert_eq!((receipt.as_deref(), &outcome["amount"]["amount"]), (Some("refund-UKO4R7T1QX"), &json!("1250.00")));
                "succeeded"
            }
            Ok(Answer::Waiting { .. }) => "waiting",
            Ok(Answer::NotFound) => "not_found",
            Err(error) if error.problem == Some(Code::OutcomeUnknown) => "human",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{secs}");
        assert!(provider.seen().iter().all(|seen| seen.method == "GET"));
    }
    assert!(wire::attempt_of(REFERENCE).is_some());
}

#[tokio::test]
async fn a_look_that_was_lost_did_nothing() {
    let provider = Provider::saying(&[(500, "")]).await;
    assert_eq!(recover(&refunding(refund(), &provider), None).await.unwrap(), Answer::NotFound);
    assert!(provider.seen().is_empty());
}
