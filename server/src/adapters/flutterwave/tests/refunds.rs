//! Refunds: the look, the sending, and what is made of a lost answer.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tarishi_protocol::{Code, Payload, Refund};

use super::super::super::{
    Adapter as _, AdapterError, Answer, Disposition, Reference, Related,
    contract::{Provider, Script, Stage},
};
use super::super::Flutterwave;
use super::{kes, memo, paid_charge, refund, stage, waiting_charge};

const VERIFIED: &str = include_str!("../fixtures/verified.json");

fn refunding(refund: Refund, provider: &Provider) -> Stage {
    let mut stage = stage(Payload::Refund(refund), provider);
    stage.related = Some(paid_charge());
    stage
}

fn list(refunds: &[Value]) -> String {
    let info = json!({ "page_info": { "total": 1, "current_page": 1, "total_pages": 1 } });
    json!({ "status": "success", "message": "", "meta": info, "data": refunds }).to_string()
}

fn listed(id: u64, more: &Value) -> Value {
    let mut refund = json!({ "id": id, "tx_id": 9_154_021, "amount_refunded": 1250, "status": "processing", "created_at": "2025-07-06T14:00:03.000Z" });
    refund.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    refund
}

async fn execute(stage: &Stage) -> Result<Answer, AdapterError> {
    Flutterwave::default().execute(&stage.call("refund")).await
}

async fn recover(stage: &Stage) -> Result<Answer, AdapterError> {
    Flutterwave::default().recover(&stage.call("refund"), None).await
}

#[tokio::test]
async fn the_first_step_notes_what_is_there_and_sends_nothing() {
    let other = json!({ "id": 5, "tx_id": 1, "amount_refunded": 1250, "status": "processing" });
    let provider =
        Provider::saying(&[(200, VERIFIED), (200, &list(&[listed(88_001, &json!({ "status": "failed" })), other]))]).await;
    let stage = refunding(refund(), &provider);
    let Answer::Looked { memo } = execute(&stage).await.unwrap() else { panic!() };
    assert_eq!(memo, super::memo(stage.now));
    let seen = provider.seen();
    assert!(seen.iter().all(|seen| seen.method == "GET"));
    assert_eq!((seen[0].path.as_str(), seen[1].path.as_str()), ("/v3/transactions/9154021/verify", "/v3/refunds"));
}

#[tokio::test]
async fn the_second_step_sends_the_refund_by_the_transaction_s_id() {
    let provider = Provider::saying(&[(200, include_str!("../fixtures/refund_processing.json"))]).await;
    let mut stage = refunding(refund(), &provider);
    stage.memo = Some(memo(stage.now));
    let answer = execute(&stage).await.unwrap();
    let Answer::Waiting { reference: Some(reference), .. } = answer else { panic!("{answer:?}") };
    assert_eq!((reference.id.as_str(), &reference.data["refund_id"]), ("refund-88120", &json!("88120")));
    assert_eq!(provider.seen()[0].path, "/v3/transactions/9154021/refund");
    assert_eq!(provider.seen()[0].json(), json!({ "amount": 1250, "comments": "paid twice, sorry [0123456789ab]" }));
}

#[tokio::test]
async fn a_refund_that_cannot_be_meant_is_never_sent() {
    let by_receipt = |receipt: &str| Refund { operation_id: None, receipt: Some(receipt.to_owned()), ..refund() };
    let quiet = Provider::saying(&[(500, "")]).await;
    for (refund, related) in [
        (refund(), None),
        (refund(), Some(waiting_charge())),
        (refund(), Some(Related { reference: None, ..paid_charge() })),
        (by_receipt("UKO4R7T1QX"), None),
        (by_receipt("refund-88120"), None),
    ] {
        let mut stage = refunding(refund, &quiet);
        stage.related = related;
        assert_eq!(execute(&stage).await.unwrap_err().disposition, Disposition::Rejected);
    }
    assert!(quiet.seen().is_empty());

    let pending = VERIFIED.replace("\"status\":\"successful\"", "\"status\":\"pending\"");
    let dollars = tarishi_protocol::Money::parse("1", "USD").unwrap();
    for (refund, body, problem) in [
        (refund(), pending.as_str(), Code::NotFound),
        (by_receipt("1"), &pending, Code::NotFound),
        (Refund { amount: Some(kes("1250.01")), ..refund() }, VERIFIED, Code::AmountOutOfRange),
        (Refund { amount: Some(dollars), ..refund() }, VERIFIED, Code::InvalidAmount),
    ] {
        let provider = Provider::saying(&[(200, body), (200, &list(&[]))]).await;
        let error = execute(&refunding(refund, &provider)).await.unwrap_err();
        assert_eq!((error.disposition, error.problem), (Disposition::Rejected, Some(problem)));
    }
}

#[tokio::test]
async fn no_more_is_given_back_than_is_left_of_the_payment() {
    let part = |amount: &str| Refund { amount: Some(kes(amount)), ..refund() };
    let earlier = [
        listed(88_001, &json!({ "amount_refunded": 1000, "status": "completed-momo" })),
        listed(88_002, &json!({ "amount_refunded": 500, "status": "failed" })),
    ];
    for (refund, sent) in [(part("250"), true), (part("250.01"), false), (refund(), false)] {
        let provider = Provider::saying(&[(200, VERIFIED), (200, &list(&earlier))]).await;
        match execute(&refunding(refund, &provider)).await {
            Ok(answer) => assert!(sent && matches!(answer, Answer::Looked { .. }), "{answer:?}"),
            Err(error) => assert_eq!((sent, error.problem), (false, Some(Code::AmountOutOfRange))),
        }
    }
}

#[tokio::test]
async fn a_look_that_breaks_may_be_made_again() {
    for script in [Script::HangUp, Script::text(503, "")] {
        let provider = Provider::start(vec![script]).await;
        assert_eq!(execute(&refunding(refund(), &provider)).await.unwrap_err().disposition, Disposition::Transient);
    }
}

#[tokio::test]
async fn after_a_lost_answer_ours_is_the_one_that_was_not_there() {
    for (refunds, ours) in [
        (vec![listed(88_001, &json!({}))], None),
        (vec![listed(88_120, &json!({ "amount_refunded": 250 }))], None),
        (vec![listed(88_120, &json!({ "created_at": "2025-07-06T13:00:00.000Z" }))], None),
        (vec![listed(88_120, &json!({ "comments": "sorry [ffffffffffff]" }))], None),
        (vec![listed(88_120, &json!({ "tx_id": 7 }))], None),
        (vec![listed(88_001, &json!({})), listed(88_120, &json!({}))], Some("refund-88120")),
        (vec![listed(88_120, &json!({ "comments": "paid twice [0123456789ab]" }))], Some("refund-88120")),
    ] {
        let provider = Provider::saying(&[(200, &list(&refunds))]).await;
        let mut stage = refunding(refund(), &provider);
        stage.memo = Some(memo(stage.now));
        let answer = recover(&stage).await.unwrap();
        let Answer::Waiting { reference, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(reference.as_ref().map(|reference| reference.id.as_str()), ours, "{refunds:?}");
    }
}

#[tokio::test]
async fn only_a_whole_refund_is_sent_again_and_only_once() {
    let endless = list(&[]).replace("\"total_pages\":1", "\"total_pages\":9");
    for (change, page, again) in [
        (json!({}), list(&[]), true),
        (json!({ "round": 2 }), list(&[]), false),
        (json!({ "whole": false }), list(&[]), false),
        (json!({}), endless, false),
    ] {
        let provider = Provider::saying(&[(200, &page)]).await;
        let mut stage = refunding(refund(), &provider);
        let mut memo = memo(stage.now);
        memo.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        stage.memo = Some(memo);
        stage.now += TimeDelta::minutes(15);
        match recover(&stage).await {
            Ok(answer) => assert!(again && answer == Answer::NotFound, "{change} {answer:?}"),
            Err(error) => assert!(!again && error.problem == Some(Code::OutcomeUnknown), "{change} {error:?}"),
        }
    }
}

#[tokio::test]
async fn before_it_is_sent_again_the_look_is_made_again() {
    for (refunds, adopted) in [(vec![listed(88_120, &json!({}))], true), (vec![], false)] {
        let provider = Provider::saying(&[(200, VERIFIED), (200, &list(&refunds))]).await;
        let mut stage = refunding(refund(), &provider);
        stage.memo = Some(memo(stage.now));
        stage.now += TimeDelta::minutes(16);
        match execute(&stage).await.unwrap() {
            Answer::Waiting { reference: Some(reference), .. } => assert!(adopted && reference.id == "refund-88120"),
            Answer::Looked { memo } => assert!(!adopted && memo["round"] == 2),
            other => panic!("{other:?}"),
        }
        assert!(provider.seen().iter().all(|seen| seen.method == "GET"));
    }
}

#[tokio::test]
async fn a_refund_stands_as_flutterwave_says() {
    let known = Reference::new("refund-88120").with("refund_id", "88120");
    for (status, ended) in [("processing", None), ("completed", None), ("completed-momo", Some(true)), ("failed", Some(false))]
    {
        let body = include_str!("../fixtures/refund_processing.json").replace("processing", status);
        let provider = Provider::saying(&[(200, &body)]).await;
        let mut stage = refunding(refund(), &provider);
        stage.memo = Some(memo(stage.now));
        let answer = Flutterwave::default().recover(&stage.call("refund"), Some(&known)).await.unwrap();
        match answer {
            Answer::Succeeded { outcome, receipt, .. } => {
                assert_eq!((ended, receipt.as_deref()), (Some(true), Some("refund-88120")));
                assert_eq!(outcome["amount"], json!({ "amount": "1250.00", "currency": "KES" }));
            }
            Answer::Failed { .. } => assert_eq!(ended, Some(false)),
            other => assert!(ended.is_none() && matches!(other, Answer::Waiting { .. }), "{status} {other:?}"),
        }
        assert_eq!(provider.seen()[0].path, "/v3/refunds/88120");
    }
}

#[tokio::test]
async fn a_look_that_was_lost_did_nothing() {
    let provider = Provider::saying(&[(500, "")]).await;
    assert_eq!(recover(&refunding(refund(), &provider)).await.unwrap(), Answer::NotFound);
    assert!(provider.seen().is_empty());
}
