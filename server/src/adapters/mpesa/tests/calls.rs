//! Whole calls against a scripted Daraja.

use serde_json::json;
use tarishi_protocol::{Payload, PaymentQuery, Refund};

use super::super::super::{
    Adapter as _, Answer, Disposition, HealthCall, Reference, Related,
    contract::{Provider, Script},
};
use super::super::Mpesa;
use super::{CHECKOUT, charge, kes, known, operation, paid_charge, refund, stage, waiting_charge};

fn query() -> Payload {
    Payload::PaymentQuery(PaymentQuery { operation_id: Some(operation()), receipt: None })
}

#[tokio::test]
async fn an_accepted_charge_waits_with_a_prompt_and_remembers_both_ids() {
    let provider = Provider::saying(&[(200, include_str!("../fixtures/charge_accepted.json"))]).await;
    let stage = stage(Payload::Charge(charge()), &provider);
    let answer = Mpesa::default().execute(&stage.call("charge")).await.unwrap();
    let Answer::Waiting { reference: Some(reference), poll_after, interim } = answer else { panic!("{answer:?}") };
    assert_eq!((reference.id.as_str(), poll_after.as_secs()), (CHECKOUT, 15));
    assert_eq!(reference.data["merchant_request_id"], "8a1c-4f02-9d77-0b1e5a6c33");
    assert_eq!(interim, Some(json!({ "prompt_sent": {} })));
    let seen = provider.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/mpesa/stkpush/v1/processrequest"));
    assert!(seen[0].headers.contains(&"authorization: Bearer an-access-token".to_owned()));
    assert!(seen[0].headers.contains(&"content-type: application/json".to_owned()));
    assert_eq!(seen[0].json()["CallBackURL"], "https://pay.example.org/k/01980000/5f0c9a31b7de44c2");
}

#[tokio::test]
async fn a_poll_asks_by_checkout_request_id() {
    let provider = Provider::saying(&[(200, include_str!("../fixtures/query_pending.json"))]).await;
    let stage = stage(Payload::Charge(charge()), &provider);
    let answer = Mpesa::default().recover(&stage.call("charge"), Some(&known())).await.unwrap();
    assert!(matches!(answer, Answer::Waiting { .. }));
    assert_eq!(provider.seen()[0].path, "/mpesa/stkpushquery/v1/query");
    assert_eq!(provider.seen()[0].json()["CheckoutRequestID"], CHECKOUT);
}

#[tokio::test]
async fn a_charge_without_an_id_cannot_be_asked_about() {
    let provider = Provider::saying(&[(200, "{}")]).await;
    let stage = stage(Payload::Charge(charge()), &provider);
    for known in [None, Some(&Reference::new(""))] {
        let error = Mpesa::default().recover(&stage.call("charge"), known).await.unwrap_err();
        assert_eq!(error.disposition, Disposition::Ambiguous);
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_refused_query_never_says_that_the_charge_was_refused() {
    for (status, body, disposition) in [
        (500, r#"{"errorCode":"500.001.1001","errorMessage":"Wrong credentials"}"#, Disposition::Ambiguous),
        (403, "<html>", Disposition::Ambiguous),
        (404, r#"{"errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#, Disposition::Unauthorized),
        (429, "", Disposition::RateLimited),
    ] {
        let provider = Provider::start(vec![Script::text(status, body)]).await;
        let stage = stage(Payload::Charge(charge()), &provider);
        let error = Mpesa::default().recover(&stage.call("charge"), Some(&known())).await.unwrap_err();
        assert_eq!(error.disposition, disposition, "{body}");
    }
}

#[tokio::test]
async fn a_broken_query_counts_against_a_claim_s_confirmation() {
    let provider = Provider::start(vec![Script::HangUp]).await;
    let stage = stage(Payload::Charge(charge()), &provider);
    let claimed = known().with("paid", json!({ "receipt": "UKO4R7T1QX", "checkout": CHECKOUT }));
    let answer = Mpesa::default().recover(&stage.call("charge"), Some(&claimed)).await.unwrap();
    let Answer::Waiting { reference: Some(reference), .. } = answer else { panic!("{answer:?}") };
    assert_eq!(reference.data["confirm_failures"], 1);
}

#[tokio::test]
async fn an_ended_payment_is_answered_from_our_books() {
    let provider = Provider::saying(&[(200, "{}")]).await;
    let mut stage = stage(query(), &provider);
    stage.related = Some(paid_charge());
    let answer = Mpesa::default().execute(&stage.call("query")).await.unwrap();
    let Answer::Succeeded { outcome, .. } = answer else { panic!("{answer:?}") };
    let amount = json!({ "amount": "1250.00", "currency": "KES" });
    assert_eq!(outcome, json!({ "state": "succeeded", "receipt": "UKO4R7T1QX", "amount": amount }));
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn an_open_payment_is_asked_about_and_silence_changes_nothing() {
    for (body, late, state) in [
        (r#"{"ResponseCode":"0","ResultCode":"0"}"#, false, "succeeded"),
        (r#"{"ResponseCode":"0","ResultCode":"1032"}"#, false, "waiting"),
        (r#"{"ResponseCode":"0","ResultCode":"1032"}"#, true, "failed"),
        (r#"{"ResponseCode":"0","ResultCode":"1037"}"#, true, "waiting"),
        (include_str!("../fixtures/query_no_answer.json"), true, "waiting"),
    ] {
        let provider = Provider::saying(&[(200, body)]).await;
        let mut stage = stage(query(), &provider);
        stage.related = Some(waiting_charge());
        stage.now += chrono::TimeDelta::seconds(if late { 100 } else { 10 });
        let answer = Mpesa::default().execute(&stage.call("query")).await.unwrap();
        assert!(matches!(&answer, Answer::Succeeded { outcome, .. } if outcome["state"] == state), "{body}: {answer:?}");
    }
}

#[tokio::test]
async fn an_unknown_payment_cannot_be_asked_about() {
    let provider = Provider::saying(&[(200, "{}")]).await;
    let by_receipt = PaymentQuery { operation_id: None, receipt: Some("UKO4R7T1QX".to_owned()) };
    for (payload, disposition) in
        [(query(), Disposition::Rejected), (Payload::PaymentQuery(by_receipt), Disposition::Unsupported)]
    {
        let stage = stage(payload, &provider);
        assert_eq!(Mpesa::default().execute(&stage.call("query")).await.unwrap_err().disposition, disposition);
    }
}

#[tokio::test]
async fn a_refund_reverses_the_whole_payment_by_its_receipt() {
    let provider = Provider::saying(&[(200, include_str!("../fixtures/reversal_accepted.json"))]).await;
    let mut stage = stage(Payload::Refund(refund()), &provider);
    stage.related = Some(paid_charge());
    stage.polls = 1;
    let answer = Mpesa::default().execute(&stage.call("refund")).await.unwrap();
    let Answer::Waiting { reference: Some(reference), .. } = answer else { panic!("{answer:?}") };
    assert_eq!(reference.id, "f1e2-4b95-a71d-0c77");
    assert_eq!(
        (&reference.data["conversation_id"], &reference.data["earlier_unknown"]),
        (&json!("AG_20261124_2010aa77"), &json!(true))
    );
    let body = provider.seen()[0].json();
    assert_eq!(provider.seen()[0].path, "/mpesa/reversal/v1/request");
    for (field, value) in [
        ("Initiator", "an-initiator"),
        ("SecurityCredential", "a-credential"),
        ("CommandID", "TransactionReversal"),
        ("TransactionID", "UKO4R7T1QX"),
        ("Amount", "1250"),
        ("ReceiverParty", "600123"),
        ("RecieverIdentifierType", "11"),
        ("ResultURL", "https://pay.example.org/k/01980000/5f0c9a31b7de44c2/r"),
        ("QueueTimeOutURL", "https://pay.example.org/k/01980000/5f0c9a31b7de44c2/t"),
        ("Remarks", "paid twice sorry"),
    ] {
        assert_eq!(body[field], value, "{field}");
    }
}

#[tokio::test]
async fn a_refund_that_cannot_be_meant_is_never_sent() {
    let provider = Provider::saying(&[(200, "{}")]).await;
    let no_receipt = Related { outcome: Some(json!({ "receipt": null, "receipt_missing": true })), ..paid_charge() };
    let part = Refund { amount: Some(kes("100")), ..refund() };
    let foreign = Refund { operation_id: None, receipt: Some("UKO4R7T1QX".to_owned()), ..refund() };
    for (refund, related, disposition) in [
        (refund(), Some(no_receipt), Disposition::Rejected),
        (refund(), Some(waiting_charge()), Disposition::Rejected),
        (refund(), None, Disposition::Rejected),
        (foreign, None, Disposition::Rejected),
        (part, Some(paid_charge()), Disposition::Unsupported),
    ] {
        let mut stage = stage(Payload::Refund(refund), &provider);
        stage.related = related;
        assert_eq!(Mpesa::default().execute(&stage.call("refund")).await.unwrap_err().disposition, disposition);
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_token_is_fetched_with_basic_authentication_and_nothing_else() {
    let provider = Provider::saying(&[(200, r#"{"access_token":"abc","expires_in":"3599"}"#)]).await;
    let stage = stage(query(), &provider);
    let token = Mpesa::default().fetch_token("", &stage.settings, &stage.outbound, stage.now).await.unwrap();
    assert_eq!(token.token, "abc");
    let seen = &provider.seen()[0];
    assert_eq!((seen.path.as_str(), seen.query.as_str()), ("/oauth/v1/generate", "grant_type=client_credentials"));
    assert!(seen.headers.contains(&"authorization: Basic YS1jb25zdW1lci1rZXk6YS1jb25zdW1lci1zZWNyZXQ=".to_owned()));

    let broken = Provider::start(vec![Script::HangUp]).await;
    let settings = stage.settings.clone().with("base_url", broken.url());
    let error = Mpesa::default().fetch_token("", &settings, &stage.outbound, stage.now).await.unwrap_err();
    assert_eq!(error.harmless().disposition, Disposition::Transient, "no money is involved: the dispatcher may ask again");
}

#[tokio::test]
async fn health_is_a_token_and_never_a_call() {
    let provider = Provider::saying(&[(200, "{}")]).await;
    let stage = stage(query(), &provider);
    for (access_token, ok) in [(Some("abc"), true), (None, false)] {
        let call = HealthCall { access_token, ..stage.health() };
        assert_eq!(Mpesa::default().health(&call).await.ok, ok);
    }
    assert!(provider.seen().is_empty());
}
