//! Payment pages.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tarishi_protocol::Payload;

use super::super::super::{
    Adapter as _, Answer, Disposition, Reference,
    contract::{Provider, Script, Stage},
};
use super::super::{Flutterwave, wire};
use super::{TX_REF, link, stage};

const EMPTY: &str = include_str!("../fixtures/list_empty.json");
const VERIFIED: &str = include_str!("../fixtures/verified.json");

fn linking(provider: &Provider) -> Stage {
    let mut stage = stage(Payload::Charge(link()), provider);
    stage.attempt_id = wire::attempt_of(TX_REF).unwrap();
    stage
}

fn open_page(stage: &Stage) -> Reference {
    Reference::new(TX_REF).with("tx_ref", TX_REF).with("link_until", (stage.now + TimeDelta::minutes(60)).to_rfc3339())
}

fn list(transactions: &[(u64, &str, &str)]) -> String {
    let data: Vec<Value> = transactions
        .iter()
        .map(|(id, status, at)| {
            json!({ "id": id, "tx_ref": TX_REF, "status": status, "created_at": at, "amount": 1250, "currency": "KES" })
        })
        .collect();
    json!({ "status": "success", "message": "", "data": data }).to_string()
}

#[tokio::test]
async fn a_link_waits_with_the_page_to_open_and_its_end() {
    let provider = Provider::start(vec![Script::text(200, include_str!("../fixtures/link.json"))]).await;
    let stage = linking(&provider);
    let answer = Flutterwave::default().execute(&stage.call("charge")).await.unwrap();
    let Answer::Waiting { reference: Some(reference), interim: Some(interim), .. } = answer else { panic!("{answer:?}") };
    let url = "https://checkout.flutterwave.com/v3/hosted/pay/1f0c9a31b7de44c2";
    assert_eq!(interim, json!({ "open_url": { "url": url, "expires_at": "2025-07-06T15:00:00Z" } }));
    assert_eq!(reference, open_page(&stage));
    let body = provider.seen()[0].json();
    assert_eq!(provider.seen()[0].path, "/v3/payments");
    assert_eq!(
        body,
        json!({
            "tx_ref": TX_REF, "amount": 1250, "currency": "KES", "redirect_url": "https://shop.example.org/return",
            "customer": { "email": "amina@example.org", "phonenumber": "254712000001" },
            "customizations": { "title": "FEE-2026-001 (Amina)" }, "session_duration": 60, "meta": { "reference": "FEE-2026-001 (Amina)" },
        })
    );
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_is_made_again_since_nobody_holds_it() {
    for script in [Script::HangUp, Script::text(503, include_str!("../fixtures/timeout_503.json")), Script::text(200, "<html>")]
    {
        let provider = Provider::start(vec![script]).await;
        let error = Flutterwave::default().execute(&linking(&provider).call("charge")).await.unwrap_err();
        assert_eq!(error.disposition, Disposition::Transient);
    }
}

#[tokio::test]
async fn a_failure_on_a_page_ends_nothing_until_the_page_has() {
    for (transactions, minutes, ended) in [
        (list(&[(1, "failed", "2025-07-06T14:01:00Z")]), 30, false),
        (EMPTY.to_owned(), 119, false),
        (list(&[(1, "failed", "2025-07-06T14:01:00Z"), (2, "pending", "2025-07-06T14:59:00Z")]), 121, false),
        (list(&[(1, "failed", "2025-07-06T14:01:00Z")]), 121, true),
        (EMPTY.to_owned(), 121, true),
    ] {
        let provider = Provider::start(vec![Script::text(200, &transactions)]).await;
        let mut stage = linking(&provider);
        let known = open_page(&stage);
        stage.now += TimeDelta::minutes(minutes);
        let answer = Flutterwave::default().recover(&stage.call("charge"), Some(&known)).await.unwrap();
        assert_eq!(matches!(&answer, Answer::Failed { code, .. } if code == "expired"), ended, "{minutes} {answer:?}");
    }
}

#[tokio::test]
async fn of_two_payments_on_one_page_the_oldest_counts_and_the_other_is_named() {
    let both = list(&[(9_154_033, "successful", "2025-07-06T14:09:00Z"), (9_154_021, "successful", "2025-07-06T14:03:00Z")]);
    let provider = Provider::start(vec![Script::text(200, &both), Script::text(200, VERIFIED)]).await;
    let stage = linking(&provider);
    let answer = Flutterwave::default().recover(&stage.call("charge"), Some(&open_page(&stage))).await.unwrap();
    let Answer::Succeeded { outcome, receipt, .. } = answer else { panic!("{answer:?}") };
    assert_eq!((receipt.as_deref(), &outcome["also_paid"]), (Some("9154021"), &json!(["9154033"])));
    assert_eq!(provider.seen()[1].path, "/v3/transactions/9154021/verify");
}

#[tokio::test]
async fn what_the_list_says_is_paid_counts_only_when_verified() {
    let paid = list(&[(9_154_021, "successful", "2025-07-06T14:03:00Z")]);
    let pending = VERIFIED.replace("\"status\":\"successful\"", "\"status\":\"pending\"");
    let provider = Provider::start(vec![Script::text(200, &paid), Script::text(200, &pending)]).await;
    let stage = linking(&provider);
    let answer = Flutterwave::default().recover(&stage.call("charge"), Some(&open_page(&stage))).await.unwrap();
    assert!(matches!(answer, Answer::Waiting { .. }), "{answer:?}");
}
