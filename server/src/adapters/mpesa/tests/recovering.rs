//! A refund whose result never came: what is asked, how often, and what is believed.

use serde_json::{Value, json};
use tarishi_protocol::Code;

use super::super::super::{
    Adapter as _, AdapterError, Answer, Disposition, Hook, News, Recovery, Reference,
    contract::{Provider, Script, Seen, Stage},
};
use super::super::{Mpesa, wire};
use super::*;

const ACCEPTED: &str = r#"{"OriginatorConversationID":"ask-1","ConversationID":"AG_2","ResponseCode":"0"}"#;

fn submitted() -> Reference {
    Reference::new("f1e2-4b95-a71d-0c77").with("conversation_id", "AG_20261124_2010aa77").with("attempt", Value::Null)
}

async fn recover(known: Option<&Reference>, minutes: i64, script: Script) -> (Result<Answer, AdapterError>, Vec<Seen>) {
    let provider = Provider::start(vec![script]).await;
    let mut stage = stage(Payload::Refund(refund()), &provider);
    stage.related = Some(paid_charge());
    stage.now = stage.first_opened_at + chrono::TimeDelta::minutes(minutes);
    let answer = Mpesa::default().recover(&stage.call("refund"), known).await;
    (answer, provider.seen())
}

#[tokio::test]
async fn the_status_is_asked_by_the_reversal_s_conversation_else_by_the_receipt() {
    let (answer, seen) = recover(Some(&submitted()), 15, Script::text(200, ACCEPTED)).await;
    let Answer::Waiting { reference: Some(known), poll_after, .. } = answer.unwrap() else { panic!() };
    assert_eq!((known.id.as_str(), &known.data["status_asks"], poll_after.as_secs()), ("f1e2-4b95-a71d-0c77", &json!(1), 900));
    let body = seen[0].json();
    assert_eq!(seen[0].path, "/mpesa/transactionstatus/v1/query");
    for (field, value) in [
        ("Initiator", "an-initiator"),
        ("SecurityCredential", "a-credential"),
        ("CommandID", "TransactionStatusQuery"),
        ("OriginalConversationID", "f1e2-4b95-a71d-0c77"),
        ("PartyA", "600123"),
        ("IdentifierType", "4"),
        ("ResultURL", "https://pay.example.org/k/01980000/5f0c9a31b7de44c2/s"),
        ("QueueTimeOutURL", "https://pay.example.org/k/01980000/5f0c9a31b7de44c2/u"),
    ] {
        assert_eq!(body[field], value, "{field}");
    }
    assert!(body.get("TransactionID").is_none());

    let (answer, seen) = recover(None, 15, Script::text(200, ACCEPTED)).await;
    let Answer::Waiting { reference: Some(known), .. } = answer.unwrap() else { panic!() };
    assert!(wire::is_account_reference(&known.id), "Daraja named nothing, so it is our own name for the attempt");
    let body = seen[0].json();
    assert_eq!((&body["TransactionID"], body.get("OriginalConversationID")), (&json!("UKO4R7T1QX"), None));
    assert_eq!(body["ResultURL"], "https://pay.example.org/k/01980000/5f0c9a31b7de44c2/o");
    let (_, seen) = recover(Some(&known), 30, Script::text(200, ACCEPTED)).await;
    assert_eq!(seen[0].json()["TransactionID"], "UKO4R7T1QX");
}

#[tokio::test]
async fn the_result_is_waited_for_before_anything_is_asked_and_a_human_after_three_questions() {
    let (answer, seen) = recover(None, 5, Script::HangUp).await;
    assert!(matches!(answer, Ok(Answer::Waiting { reference: None, poll_after, .. }) if poll_after.as_secs() == 600));
    assert!(seen.is_empty());
    let (answer, seen) = recover(Some(&submitted().with("status_asks", 3)), 60, Script::HangUp).await;
    let error = answer.unwrap_err();
    assert_eq!((error.disposition, error.problem, seen.len()), (Disposition::Ambiguous, Some(Code::OutcomeUnknown), 0));
}

#[tokio::test]
async fn a_question_that_is_refused_says_nothing_of_the_refund() {
    for (script, disposition) in [
        (Script::HangUp, Disposition::Ambiguous),
        (Script::text(400, r#"{"errorCode":"400.002.02","errorMessage":"Bad Request"}"#), Disposition::Ambiguous),
        (Script::text(403, "<html>"), Disposition::Ambiguous),
        (Script::text(404, r#"{"errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#), Disposition::Unauthorized),
        (Script::text(429, ""), Disposition::RateLimited),
    ] {
        let (answer, _) = recover(Some(&submitted()), 15, script).await;
        assert_eq!(answer.unwrap_err().disposition, disposition);
    }
}

#[test]
fn only_done_is_believed_of_an_answer() {
    let settings = settings();
    let stage = Stage::new(Payload::Charge(charge()), settings);
    let read = |rest: &str, code: Value, state: &str| {
        let body = json!({ "Result": {
            "ResultType": 0, "ResultCode": code, "OriginatorConversationID": "ask-1", "ConversationID": "AG_2", "TransactionID": "UKO0000000",
            "ResultParameters": { "ResultParameter": [
                { "Key": "ReceiptNo", "Value": "UKO5S8U2RY" }, { "Key": "TransactionStatus", "Value": state }, { "Key": "Amount", "Value": 1250.0 },
            ] },
        } })
        .to_string();
        let hook = Hook { action: Some("refund"), ..stage.hook(rest, body.as_bytes()) };
        Mpesa::default().read_webhook(&hook).unwrap().events.remove(0).news
    };
    let News::Answer(Answer::Succeeded { outcome, receipt, .. }) = read("/s", json!(0), "Completed") else { panic!() };
    assert_eq!((receipt.as_deref(), &outcome["amount"]["amount"]), (Some("UKO5S8U2RY"), &json!("1250.00")));
    let News::Answer(Answer::Waiting { reference: Some(claim), .. }) = read("/o", json!("0"), "Reversed") else { panic!() };
    assert!(claim.data["already_reversed"].is_string());
    for (rest, code, state) in [
        ("/o", json!(0), "Completed"),
        ("/s", json!(0), "Pending"),
        ("/s", json!(0), ""),
        ("/s", json!("R000002"), "Completed"),
        ("/s", json!(2001), "Completed"),
        ("/o", json!(1), "Reversed"),
    ] {
        assert_eq!(read(rest, code, state), News::Nothing, "{rest} {state}");
    }
    let timed_out = Hook { action: Some("refund"), ..stage.hook("/u", b"whatever") };
    assert!(Mpesa::default().read_webhook(&timed_out).unwrap().events.is_empty());
    for rest in ["/s", "/o", "/u"] {
        let charge = Hook { action: Some("charge"), ..stage.hook(rest, b"{}") };
        assert!(Mpesa::default().read_webhook(&charge).is_err(), "{rest}: of a refund only");
    }
}

#[test]
fn a_refund_is_asked_about_and_never_sent_again_by_itself() {
    assert!(matches!(Mpesa::default().recovery("refund", &settings()), Recovery::Query { .. }));
    assert!(matches!(Mpesa::default().recovery("charge", &settings()), Recovery::Receipts { .. }));
}
