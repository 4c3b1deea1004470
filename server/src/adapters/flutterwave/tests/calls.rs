//! Whole charges and queries against a scripted Flutterwave.

use chrono::TimeDelta;
use serde_json::json;
use tarishi_protocol::{Code, Payload, PaymentQuery};

use super::super::super::{
    Adapter as _, AdapterError, Answer, Disposition, Reference,
    contract::{Provider, Stage},
};
use super::super::{Flutterwave, wire};
use super::{TX_REF, charge, charge_memo, operation, paid_charge, stage, waiting_charge};

const VERIFIED: &str = include_str!("../fixtures/verified.json");
const NOT_FOUND: &str = include_str!("../fixtures/not_found.json");
const EMPTY: &str = include_str!("../fixtures/list_empty.json");

/// A charge whose `tx_ref` is the one of the fixtures.
fn charging(provider: &Provider) -> Stage {
    let mut stage = stage(Payload::Charge(charge()), provider);
    stage.attempt_id = wire::attempt_of(TX_REF).unwrap();
    stage
}

fn asked() -> Reference {
    Reference::new(TX_REF).with("tx_ref", TX_REF)
}

async fn recover(stage: &Stage, known: Option<&Reference>) -> Result<Answer, AdapterError> {
    Flutterwave::default().recover(&stage.call("charge"), known).await
}

#[tokio::test]
async fn a_charge_is_sent_once_under_the_attempt_s_name_and_waits() {
    let provider = Provider::saying(&[(200, include_str!("../fixtures/charge_pending.json"))]).await;
    let stage = charging(&provider);
    let answer = Flutterwave::default().execute(&stage.call("charge")).await.unwrap();
    let Answer::Waiting { reference: Some(reference), poll_after, interim } = answer else { panic!("{answer:?}") };
    assert_eq!((reference.id.as_str(), poll_after.as_secs()), (TX_REF, 30));
    assert_eq!((&reference.data["transaction_id"], &reference.data["flw_ref"]), (&json!("9154021"), &json!("7719038812")));
    assert_eq!(interim, Some(json!({ "prompt_sent": {} })));
    let seen = &provider.seen()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.query.as_str()), ("POST", "/v3/charges", "type=mpesa"));
    assert!(seen.headers.contains(&"authorization: Bearer FLWSECK_TEST-a-secret-key-X".to_owned()));
    assert_eq!(
        seen.json(),
        json!({
            "tx_ref": TX_REF, "amount": 1250, "currency": "KES", "email": "no-reply@example.org", "phone_number": "254712000001",
            "meta": { "reference": "FEE-2026-001 (Amina)" },
        })
    );
}

#[tokio::test]
async fn whose_key_sends_a_charge_is_written_down_before_it_is_sent() {
    let provider = Provider::saying(&[(500, "")]).await;
    for memo in [None, Some(json!({ "account": "another" }))] {
        let stage = Stage { memo, ..charging(&provider) };
        let answer = Flutterwave::default().execute(&stage.call("charge")).await.unwrap();
        assert_eq!(answer, Answer::Looked { memo: charge_memo() });
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn another_account_s_not_found_is_not_believed() {
    let provider = Provider::saying(&[(400, NOT_FOUND), (200, EMPTY)]).await;
    let mut stage = Stage { memo: Some(json!({ "account": "another" })), ..stage(Payload::Charge(charge()), &provider) };
    stage.now += TimeDelta::days(1);
    let error = recover(&stage, None).await.unwrap_err();
    assert_eq!((error.disposition, error.problem), (Disposition::Ambiguous, Some(Code::OutcomeUnknown)));
    assert!(error.message.contains("secret_key was changed"), "{}", error.message);
}

#[tokio::test]
async fn what_was_there_once_is_never_not_found() {
    let pending = VERIFIED.replace("\"status\":\"successful\"", "\"status\":\"pending\"");
    let provider = Provider::saying(&[(200, &pending), (400, NOT_FOUND)]).await;
    let mut stage = charging(&provider);
    let answer = recover(&stage, None).await.unwrap();
    let Answer::Waiting { reference: Some(reference), .. } = answer else { panic!("{answer:?}") };
    assert_eq!(reference.data["transaction_id"], "9154021");
    stage.now += TimeDelta::days(1);
    assert!(matches!(recover(&stage, Some(&reference)).await.unwrap(), Answer::Waiting { .. }));
    assert_eq!(provider.seen()[1].path, "/v3/transactions/9154021/verify");

    // Nor is what a webhook told of, as long as it has not failed.
    let told = Reference::new(TX_REF).with("claim", json!({ "tx_ref": TX_REF, "id": "9154021" }));
    let provider = Provider::saying(&[(400, NOT_FOUND), (400, NOT_FOUND), (200, EMPTY)]).await;
    let mut stage = charging(&provider);
    stage.now += TimeDelta::days(1);
    assert!(matches!(recover(&stage, Some(&told)).await.unwrap(), Answer::Waiting { .. }));
}

#[tokio::test]
async fn what_is_known_of_an_earlier_attempt_says_nothing_of_the_one_under_way() {
    let provider = Provider::saying(&[(200, VERIFIED)]).await;
    let earlier = Reference::new("x").with("tx_ref", "tarishi-01970000000070008000000000000001").with("transaction_id", "7");
    let answer = recover(&charging(&provider), Some(&earlier)).await.unwrap();
    assert!(matches!(answer, Answer::Succeeded { .. }), "{answer:?}");
    assert_eq!(provider.seen()[0].path, "/v3/transactions/verify_by_reference");
}

#[tokio::test]
async fn a_charge_that_is_paid_at_once_is_verified_all_the_same() {
    let body = include_str!("../fixtures/charge_pending.json").replace("\"pending\"", "\"successful\"");
    let provider = Provider::saying(&[(200, &body)]).await;
    let answer = Flutterwave::default().execute(&charging(&provider).call("charge")).await.unwrap();
    assert!(matches!(answer, Answer::Waiting { poll_after, .. } if poll_after.is_zero()), "{answer:?}");
}

#[tokio::test]
async fn a_charge_that_failed_at_once_says_why() {
    let body = include_str!("../fixtures/charge_pending.json")
        .replace("\"pending\"", "\"failed\"")
        .replace("\"processor_response\":\"Successful\"", "\"processor_response\":\"Insufficient funds\"");
    let provider = Provider::saying(&[(200, &body)]).await;
    let answer = Flutterwave::default().execute(&charging(&provider).call("charge")).await.unwrap();
    assert_eq!(answer, Answer::Failed { code: "failed".to_owned(), message: "Insufficient funds".to_owned() });
}

#[tokio::test]
async fn an_answer_for_another_charge_is_no_answer() {
    let provider = Provider::saying(&[(200, include_str!("../fixtures/charge_pending.json"))]).await;
    let stage = stage(Payload::Charge(charge()), &provider);
    let error = Flutterwave::default().execute(&stage.call("charge")).await.unwrap_err();
    assert_eq!(error.disposition, Disposition::Ambiguous);
}

#[tokio::test]
async fn a_poll_verifies_by_id_and_a_lost_answer_by_reference() {
    for (known, path, query) in [
        (Some(super::known()), "/v3/transactions/9154021/verify", ""),
        (Some(asked()), "/v3/transactions/verify_by_reference", "tx_ref=tarishi-01980000000070008000000000000001"),
        (None, "/v3/transactions/verify_by_reference", "tx_ref=tarishi-01980000000070008000000000000001"),
    ] {
        let provider = Provider::saying(&[(200, VERIFIED)]).await;
        let answer = recover(&charging(&provider), known.as_ref()).await.unwrap();
        assert!(matches!(&answer, Answer::Succeeded { receipt, .. } if receipt.as_deref() == Some("9154021")), "{answer:?}");
        assert_eq!((provider.seen()[0].path.as_str(), provider.seen()[0].query.as_str()), (path, query));
    }
}

#[tokio::test]
async fn a_transaction_of_another_reference_pays_nothing() {
    let foreign = VERIFIED.replace(TX_REF, "tarishi-99990000000070008000000000000001");
    for known in [Some(super::known()), None] {
        let provider = Provider::saying(&[(200, &foreign)]).await;
        assert_eq!(recover(&charging(&provider), known.as_ref()).await.unwrap_err().disposition, Disposition::Ambiguous);
    }
}

#[tokio::test]
async fn less_money_than_asked_for_goes_to_a_human() {
    let provider = Provider::saying(&[(200, &VERIFIED.replace("\"amount\":1250,", "\"amount\":12.50,"))]).await;
    let error = recover(&charging(&provider), None).await.unwrap_err();
    assert_eq!(error.problem, Some(Code::OutcomeUnknown));
    assert!(error.message.contains("KES 12.50 came in where KES 1250.00"), "{}", error.message);
}

#[tokio::test]
async fn not_found_is_believed_late_and_only_with_an_empty_list() {
    for (list, minutes, believed) in [(EMPTY, 59, false), (EMPTY, 60, true)] {
        let provider = Provider::saying(&[(400, NOT_FOUND), (200, list)]).await;
        let mut stage = stage(Payload::Charge(charge()), &provider);
        stage.now += TimeDelta::minutes(minutes);
        let answer = recover(&stage, None).await.unwrap();
        assert_eq!(answer == Answer::NotFound, believed, "{minutes} {answer:?}");
        assert_eq!(provider.seen()[1].path, "/v3/transactions");
    }
    let listed = format!(r#"{{"status":"success","message":"","data":[{{"id":1,"tx_ref":"{TX_REF}","status":"pending"}}]}}"#);
    let provider = Provider::saying(&[(400, NOT_FOUND), (200, &listed)]).await;
    let mut stage = charging(&provider);
    stage.now += TimeDelta::days(1);
    assert!(matches!(recover(&stage, None).await.unwrap(), Answer::Waiting { .. }));
}

#[tokio::test]
async fn a_transaction_we_were_told_of_is_never_not_found() {
    let provider = Provider::saying(&[(400, NOT_FOUND)]).await;
    let mut stage = charging(&provider);
    stage.now += TimeDelta::days(1);
    assert!(matches!(recover(&stage, Some(&super::known())).await.unwrap(), Answer::Waiting { .. }));
}

#[tokio::test]
async fn a_refused_question_never_says_that_the_charge_was_refused() {
    let refusal = r#"{"status":"error","message":"Invalid authorization key","data":null}"#;
    for (status, body, disposition) in [
        (401, refusal, Disposition::Ambiguous),
        (403, refusal, Disposition::Ambiguous),
        (400, refusal, Disposition::Ambiguous),
        (503, "", Disposition::Ambiguous),
        (429, "", Disposition::RateLimited),
    ] {
        let provider = Provider::saying(&[(status, body)]).await;
        let error = recover(&charging(&provider), Some(&asked())).await.unwrap_err();
        assert_eq!((error.disposition, error.problem), (disposition, None), "{status}");
    }
}

#[tokio::test]
async fn a_webhook_s_claim_is_verified_and_may_be_of_an_earlier_attempt() {
    let earlier = "tarishi-01970000000070008000000000000001";
    let claim = json!({ "tx_ref": earlier, "id": "9154021" });
    let known = Reference::new(earlier).with("tx_ref", TX_REF).with("claim", claim);
    let paid = VERIFIED.replace(TX_REF, earlier);
    let provider = Provider::saying(&[(200, &paid)]).await;
    let answer = recover(&charging(&provider), Some(&known)).await.unwrap();
    assert!(matches!(answer, Answer::Succeeded { .. }), "{answer:?}");

    // That the earlier one failed says nothing of the one under way.
    let failed = paid.replace("\"status\":\"successful\"", "\"status\":\"failed\"");
    let pending = VERIFIED.replace("\"status\":\"successful\"", "\"status\":\"pending\"");
    let provider = Provider::saying(&[(200, &failed), (200, &pending)]).await;
    assert!(matches!(recover(&charging(&provider), Some(&known)).await.unwrap(), Answer::Waiting { .. }));
    assert_eq!(provider.seen()[1].path, "/v3/transactions/verify_by_reference");
}

#[tokio::test]
async fn a_claim_that_names_a_stranger_s_transaction_is_passed_over() {
    let known = asked().with("claim", json!({ "tx_ref": TX_REF, "id": "7" }));
    let foreign = VERIFIED.replace(TX_REF, "shop-4711");
    let provider = Provider::saying(&[(200, &foreign), (400, NOT_FOUND), (200, EMPTY)]).await;
    let stage = charging(&provider);
    assert!(!matches!(recover(&stage, Some(&known)).await.unwrap(), Answer::Succeeded { .. }));
    assert_eq!(provider.seen()[0].path, "/v3/transactions/7/verify");
}

#[tokio::test]
async fn an_ended_payment_is_answered_from_our_books_and_an_open_one_is_asked_about() {
    let query = || Payload::PaymentQuery(PaymentQuery { operation_id: Some(operation()), receipt: None });
    let books = Provider::saying(&[(500, "")]).await;
    let mut stage = stage(query(), &books);
    stage.related = Some(paid_charge());
    let answer = Flutterwave::default().execute(&stage.call("query")).await.unwrap();
    assert!(matches!(&answer, Answer::Succeeded { outcome, .. } if outcome["receipt"] == "9154021"));
    assert!(books.seen().is_empty());

    for (status, body, state) in [
        (200, VERIFIED.to_owned(), "succeeded"),
        (200, VERIFIED.replace("\"status\":\"successful\"", "\"status\":\"failed\""), "failed"),
        (200, VERIFIED.replace("\"status\":\"successful\"", "\"status\":\"pending\""), "waiting"),
        (400, NOT_FOUND.to_owned(), "waiting"),
    ] {
        let provider = Provider::saying(&[(status, &body)]).await;
        let mut stage = super::stage(query(), &provider);
        stage.related = Some(waiting_charge());
        let answer = Flutterwave::default().execute(&stage.call("query")).await.unwrap();
        assert!(matches!(&answer, Answer::Succeeded { outcome, .. } if outcome["state"] == state), "{state}: {answer:?}");
    }
    let unknown = super::stage(query(), &books);
    assert_eq!(Flutterwave::default().execute(&unknown.call("query")).await.unwrap_err().problem, Some(Code::NotFound));
}

#[tokio::test]
async fn health_is_a_balance_that_is_not_shown() {
    for (status, body, ok) in
        [(200, r#"{"status":"success","message":"Wallet balance fetched","data":{"currency":"KES"}}"#, true), (401, "", false)]
    {
        let provider = Provider::saying(&[(status, body)]).await;
        let stage = stage(Payload::Charge(charge()), &provider);
        assert_eq!(Flutterwave::default().health(&stage.health()).await.ok, ok);
        assert_eq!((provider.seen()[0].method.as_str(), provider.seen()[0].path.as_str()), ("GET", "/v3/balances/KES"));
    }
}
