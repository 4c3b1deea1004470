//! Payments without a prompt: what is told, by whom, and where it is to be told.

use serde_json::{Value, json};

use super::super::super::{
    Adapter as _, AdapterError, Answer, Disposition, Errand, Hook, HookRead, News, PaymentNews, Reference, Settings, Target,
    contract::{Provider, Script, Stage},
};
use super::super::{Mpesa, standing, wire};
use super::*;

fn told() -> Value {
    serde_json::from_str(include_str!("../fixtures/paybill_confirmation.json")).unwrap()
}

fn read(rest: &str, body: &Value, more: &[(&str, &str)]) -> Result<HookRead, AdapterError> {
    let mut settings = settings();
    settings.0.extend(Settings::of(more).0);
    let stage = Stage::new(Payload::Charge(charge()), settings);
    let body = body.to_string();
    Mpesa::default().read_webhook(&Hook { attempt_id: None, ..stage.hook(rest, body.as_bytes()) })
}

fn payment(body: &Value) -> (PaymentNews, Target, Option<String>) {
    let read = read("/c", body, &[]).unwrap();
    assert_eq!((read.reply.status, read.reply.body.as_str()), (200, r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#));
    let event = read.events.into_iter().next().unwrap();
    match event.news {
        News::Payment(payment) => (payment, event.target, event.event_id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_confirmation_is_read_by_name_and_known_by_its_trans_id() {
    let (news, target, event_id) = payment(&told());
    assert_eq!(
        (news.receipt.as_str(), news.amount, event_id.as_deref()),
        ("UKO7T2M9QA", kes("1250"), Some("paybill:UKO7T2M9QA"))
    );
    assert_eq!((news.reference.as_str(), target), ("ADM-0042", Target::Nobody));
    assert_eq!(news.paid_at, "2026-11-24T07:15:19Z".parse().ok());
    assert_eq!((news.payer.as_deref(), news.payer_phone.as_deref()), (Some("Zawadi Otieno"), Some("25471***001")));
    // Numbers serve as well as texts.
    let mut numbers = told();
    numbers["TransAmount"] = json!(1250.5);
    numbers["BusinessShortCode"] = json!(600_123);
    numbers["BillRefNumber"] = json!(42);
    let (news, ..) = payment(&numbers);
    assert_eq!((news.amount, news.reference.as_str()), (kes("1250.50"), "42"));
}

#[test]
fn a_payment_under_our_own_name_is_a_claim_for_that_charge() {
    let name = wire::account_reference(uuid::Uuid::from_u128(1));
    assert!(wire::is_account_reference(&name));
    assert_eq!(Mpesa::default().attempt_reference("charge", uuid::Uuid::from_u128(1)), Some(name.clone()));
    assert_eq!(Mpesa::default().attempt_reference("refund", uuid::Uuid::from_u128(1)), None);
    let mut body = told();
    body["BillRefNumber"] = json!(format!(" {} ", name.to_lowercase()));
    let (news, target, _) = payment(&body);
    assert_eq!(target, Target::Reference(name.clone()));
    let Answer::Waiting { reference: Some(claim), poll_after, .. } = *news.claim else { panic!("a claim wants confirming") };
    assert!(poll_after.is_zero() && claim.id == name);
    assert_eq!(claim.data["paybill"]["receipt"], "UKO7T2M9QA");
    for other in ["ADM-0042", "7K3QX9M2RTB", "7K3QX9M2RTBWX", "7K3QX9M2RTBU", ""] {
        assert!(!wire::is_account_reference(other), "{other}");
    }
}

#[test]
fn a_lost_charge_is_settled_by_a_claim_of_its_amount_and_by_no_other() {
    let claim = |amount: &str| {
        let claim = json!({ "receipt": "UKO7T2M9QA", "amount": kes(amount), "paid_at": "2026-11-24T07:15:19.000Z" });
        Reference::new("7K3QX9M2RTBW").with("paybill", claim)
    };
    assert_eq!(standing::checkout_request_id(&claim("1250")), None, "our own name for it is nothing to ask by");
    assert!(
        standing::paid_by_paybill(None, &kes("1250")).is_none()
            && standing::paid_by_paybill(Some(&known()), &kes("1250")).is_none()
    );
    let settled = standing::paid_by_paybill(Some(&claim("1250")), &kes("1250")).unwrap().unwrap();
    let Answer::Succeeded { outcome, receipt, .. } = settled else { panic!("{settled:?}") };
    assert_eq!((receipt.as_deref(), &outcome["unconfirmed"]), (Some("UKO7T2M9QA"), &json!(true)));
    let error = standing::paid_by_paybill(Some(&claim("1249")), &kes("1250")).unwrap().unwrap_err();
    assert_eq!((error.disposition, error.problem), (Disposition::Ambiguous, Some(tarishi_protocol::Code::OutcomeUnknown)));
}

#[tokio::test]
async fn a_claim_brings_the_receipt_that_a_lost_callback_had_if_the_query_says_paid() {
    let paid = r#"{"ResponseCode":"0","ResultCode":"0"}"#;
    let cancelled = r#"{"ResponseCode":"0","ResultCode":"1032"}"#;
    for (amount, answer, expected) in [("1250", paid, Some("UKO7T2M9QA")), ("1249", paid, None), ("1250", cancelled, None)] {
        let provider = Provider::start(vec![Script::text(200, answer)]).await;
        let stage = stage(Payload::Charge(charge()), &provider);
        let known = known().with("paybill", json!({ "receipt": "UKO7T2M9QA", "amount": kes(amount), "paid_at": null }));
        let answer = Mpesa::default().recover(&stage.call("charge"), Some(&known)).await.unwrap();
        let receipt = match answer {
            Answer::Succeeded { receipt, .. } => receipt,
            Answer::Waiting { .. } => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(receipt.as_deref(), expected, "{amount}");
    }
}

#[test]
fn a_stranger_s_confirmation_is_refused() {
    let no_receipt = |value: Value| {
        let mut body = told();
        body["TransID"] = value;
        body
    };
    let mut foreign = told();
    foreign["BusinessShortCode"] = json!("600124");
    let mut nothing = told();
    nothing["TransAmount"] = json!("0.00");
    let mut odd = told();
    odd["TransAmount"] = json!("many");
    for body in [
        no_receipt(Value::Null),
        no_receipt(json!("")),
        no_receipt(json!("a b")),
        foreign.clone(),
        nothing,
        odd,
        json!([]),
        json!({}),
    ] {
        assert_eq!(read("/c", &body, &[]).unwrap_err().disposition, Disposition::Rejected, "{body}");
    }
    assert!(read("/v", &foreign, &[]).is_err());
    assert!(read("/r", &told(), &[]).is_err(), "a result must name its attempt");
    let elsewhere = read("/c", &told(), &[("callback_allowed_ips", "10.0.0.1")]);
    assert!(elsewhere.unwrap_err().message.contains("address"));
    // A till is paid by its own number.
    assert!(read("/c", &foreign, &[("party_b", "600124")]).is_ok());
}

#[test]
fn validation_accepts_all_or_what_the_setting_says() {
    let code = |reference: &str, prefixes: Option<&str>| {
        let mut body = told();
        body["BillRefNumber"] = json!(reference);
        let more: Vec<_> = prefixes.map(|prefixes| ("paybill_references", prefixes)).into_iter().collect();
        let read = read("/v", &body, &more).unwrap();
        assert!(read.events.iter().all(|event| event.news == News::Nothing), "nothing follows from a question");
        serde_json::from_str::<Value>(&read.reply.body).unwrap()["ResultCode"].as_str().unwrap().to_owned()
    };
    assert_eq!(code("anything", None), "0");
    for (reference, expected) in
        [("ADM-0042", "0"), ("adm-7", "0"), ("XYZ", "C2B00016"), ("7K3QX9M2RTBW", "0"), ("", "C2B00016")]
    {
        assert_eq!(code(reference, Some("ADM-, ,FEE")), expected, "{reference}");
    }
}

async fn register(
    base_url: &str,
    script: Vec<Script>,
    more: &[(&str, &str)],
) -> (Result<Vec<String>, AdapterError>, Vec<Value>) {
    let provider = Provider::start(script).await;
    let mut stage = stage(Payload::Charge(charge()), &provider);
    stage.settings.0.extend(Settings::of(more).0);
    let errand =
        Errand { settings: &stage.settings, access_token: Some("abc"), base_url, now: stage.now, outbound: &stage.outbound };
    let done = Mpesa::default().register(&errand).await;
    let seen = provider.seen().iter().map(|seen| json!({ "path": seen.path, "body": seen.json() })).collect();
    (done, seen)
}

#[tokio::test]
async fn our_addresses_are_registered_and_the_list_is_opened_if_a_number_is_nominated() {
    let ok = || Script::text(200, r#"{"OriginatorCoversationID":"1","ResponseCode":"0","ResponseDescription":"Success"}"#);
    let token = [("webhook_token", "5f0c9a31b7de44c2")];
    let (done, seen) = register("https://pay.example.org", vec![ok()], &token).await;
    assert_eq!((done.unwrap().len(), seen.len()), (1, 1));
    assert_eq!(seen[0]["path"], "/mpesa/c2b/v2/registerurl");
    assert_eq!(
        seen[0]["body"],
        json!({
            "ShortCode": "600123", "ResponseType": "Completed", "ConfirmationURL": "https://pay.example.org/h/5f0c9a31b7de44c2/c",
            "ValidationURL": "https://pay.example.org/h/5f0c9a31b7de44c2/v",
        })
    );
    let pull = Script::text(200, r#"{"ResponseStatus":"1000"}"#);
    let more = [token[0], ("nominated_number", "254712000000"), ("paybill_response_type", "Cancelled")];
    let (done, seen) = register("https://pay.example.org", vec![ok(), pull], &more).await;
    let done = done.unwrap();
    assert_eq!((done.len(), &seen[0]["body"]["ResponseType"]), (2, &json!("Cancelled")));
    assert_eq!((&seen[1]["path"], &seen[1]["body"]["RequestType"]), (&json!("/pulltransactions/v1/register"), &json!("Pull")));
    assert!(done.iter().all(|line| !line.contains("5f0c9a31b7de44c2")), "the secret path is shown to nobody");
}

#[tokio::test]
async fn an_address_that_daraja_would_refuse_is_said_to_be_one() {
    for (base_url, more, word) in [
        ("https://mpesa.example.org", [("webhook_token", "abc"), ("x", "")], "mpesa"),
        ("https://pay.example.org/SQL", [("webhook_token", "abc"), ("x", "")], "sql"),
        ("http://pay.example.org", [("webhook_token", "abc"), ("x", "")], "https"),
        ("https://pay.example.org", [("x", ""), ("x", "")], "webhook_token"),
        ("https://pay.example.org", [("webhook_token", "abc"), ("paybill_response_type", "Maybe")], "paybill_response_type"),
    ] {
        let (done, seen) = register(base_url, vec![Script::HangUp], &more).await;
        let error = done.unwrap_err();
        assert_eq!((error.disposition, seen.len()), (Disposition::Misconfigured, 0), "{base_url}");
        assert!(error.message.contains(word), "{}", error.message);
    }
    let refused = Script::text(500, r#"{"errorCode":"500.003.1001","errorMessage":"Urls are already registered"}"#);
    let (done, _) = register("https://pay.example.org", vec![refused], &[("webhook_token", "abc")]).await;
    assert_eq!(done.unwrap_err().code.as_deref(), Some("500.003.1001"));
}
