//! Whole charges and queries against a scripted Pesapal.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tarishi_protocol::{Charge, Code, Payload, PaymentMethod, PaymentQuery};

use super::super::super::{
    Adapter as _, AdapterError, Answer, Disposition, HealthCall, Reference,
    contract::{Provider, Script, Stage},
};
use super::super::Pesapal;
use super::{IPN_ID, REFERENCE, TRACKING, charge, known, operation, paid_charge, stage, waiting_charge};

const ORDER: &str = include_str!("../fixtures/order.json");
const PAID: &str = include_str!("../fixtures/status_paid.json");
const PENDING: &str = include_str!("../fixtures/status_pending.json");

fn charging(provider: &Provider) -> Stage {
    stage(Payload::Charge(charge()), provider)
}

fn stands(code: &str) -> String {
    PAID.replace("\"status_code\":1", &format!("\"status_code\":{code}"))
}

fn open_order(stage: &Stage) -> Reference {
    known().with("until", (stage.now + TimeDelta::minutes(1_440)).to_rfc3339()).with("withdrawn", Value::Null)
}

async fn recover(stage: &Stage, known: Option<&Reference>) -> Result<Answer, AdapterError> {
    Pesapal::default().recover(&stage.call("charge"), known).await
}

#[tokio::test]
async fn what_is_known_of_an_earlier_attempt_says_nothing_of_the_one_under_way() {
    let provider = Provider::start(vec![Script::text(500, "")]).await;
    let earlier = Reference::new("x").with("reference", "tarishi-01970000000070008000000000000001").with("tracking", TRACKING);
    let stage = stage(Payload::Charge(charge()), &provider);
    let answer = Pesapal::default().recover(&stage.call("charge"), Some(&earlier)).await.unwrap();
    assert_eq!(answer, Answer::NotFound);
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn an_order_may_be_told_without_its_name_until_it_is_paid() {
    for (status, waits) in [(0, true), (1, false)] {
        let body = format!(r#"{{"status_code":{status},"amount":1250,"currency":"KES","confirmation_code":"UKO4R7T1QX"}}"#);
        let provider = Provider::start(vec![Script::text(200, &body)]).await;
        let stage = stage(Payload::Charge(charge()), &provider);
        let answer = Pesapal::default().recover(&stage.call("charge"), Some(&known())).await;
        assert_eq!(matches!(answer, Ok(Answer::Waiting { .. })), waits, "{answer:?}");
        assert_eq!(answer.is_err(), !waits);
    }
}

#[tokio::test]
async fn an_order_waits_with_its_page_and_remembers_pesapal_s_id() {
    let provider = Provider::saying(&[(200, ORDER)]).await;
    let stage = charging(&provider);
    let answer = Pesapal::default().execute(&stage.call("charge")).await.unwrap();
    let Answer::Waiting { reference: Some(reference), interim: Some(interim), poll_after } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((reference, poll_after.as_secs()), (open_order(&stage), 15));
    let url = format!("https://pay.pesapal.com/iframe/PesapalIframe3/Index?OrderTrackingId={TRACKING}");
    assert_eq!(interim, json!({ "open_url": { "url": url, "expires_at": "2026-11-25T07:15:00Z" } }));
    let seen = &provider.seen()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/api/Transactions/SubmitOrderRequest"));
    assert!(seen.headers.contains(&"authorization: Bearer an-access-token".to_owned()));
    assert!(seen.headers.contains(&"accept: application/json".to_owned()));
    assert_eq!(
        seen.json(),
        json!({
            "id": REFERENCE, "currency": "KES", "amount": 1250.0, "description": "FEE-2026-001 (Amina)",
            "callback_url": "https://shop.example.org/return", "notification_id": IPN_ID,
            "billing_address": { "phone_number": "254712000001", "country_code": "KE" },
        })
    );
}

#[tokio::test]
async fn our_ipn_address_is_looked_up_registered_once_and_kept() {
    let without_id = |provider: &Provider| {
        let mut stage = charging(provider);
        stage.settings.0.remove("ipn_id");
        stage
    };
    let next = Answer::Looked { memo: json!({ "ipn_id": IPN_ID }) };
    let listed = Provider::saying(&[(200, include_str!("../fixtures/ipn_list.json"))]).await;
    assert_eq!(Pesapal::default().execute(&without_id(&listed).call("charge")).await.unwrap(), next);
    assert_eq!(listed.seen()[0].path, "/api/URLSetup/GetIpnList");

    let provider = Provider::saying(&[(200, "[]"), (200, include_str!("../fixtures/ipn_registered.json")), (200, ORDER)]).await;
    let (pesapal, stage) = (Pesapal::default(), without_id(&provider));
    assert_eq!(pesapal.execute(&stage.call("charge")).await.unwrap(), next);
    assert!(matches!(pesapal.execute(&stage.call("charge")).await.unwrap(), Answer::Waiting { .. }));
    assert!(matches!(pesapal.execute(&stage.call("charge")).await.unwrap(), Answer::Waiting { .. }));
    let seen = provider.seen();
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    let order = "/api/Transactions/SubmitOrderRequest";
    assert_eq!(paths, ["/api/URLSetup/GetIpnList", "/api/URLSetup/RegisterIPN", order, order]);
    let address = "https://pay.example.org/h/0123456789abcdef0123456789abcdef/ipn";
    assert_eq!(seen[1].json(), json!({ "url": address, "ipn_notification_type": "POST" }));
    assert_eq!(seen[2].json()["notification_id"], IPN_ID);
}

#[tokio::test]
async fn an_ipn_id_that_pesapal_forgot_is_looked_up_again() {
    let refused = r#"{"error":{"code":"InvalidIpnId","message":"no"},"status":"500"}"#;
    let list = include_str!("../fixtures/ipn_list.json");
    let provider = Provider::saying(&[(200, list), (200, refused), (200, list)]).await;
    let (pesapal, mut stage) = (Pesapal::default(), charging(&provider));
    stage.settings.0.remove("ipn_id");
    assert!(matches!(pesapal.execute(&stage.call("charge")).await, Ok(Answer::Looked { .. })));
    assert_eq!(pesapal.execute(&stage.call("charge")).await.unwrap_err().disposition, Disposition::Misconfigured);
    assert!(matches!(pesapal.execute(&stage.call("charge")).await, Ok(Answer::Looked { .. })));
}

#[tokio::test]
async fn a_look_up_of_the_address_that_breaks_may_be_made_again() {
    for script in [Script::HangUp, Script::text(503, "")] {
        let provider = Provider::start(vec![script]).await;
        let mut stage = charging(&provider);
        stage.settings.0.remove("ipn_id");
        assert_eq!(Pesapal::default().execute(&stage.call("charge")).await.unwrap_err().disposition, Disposition::Transient);
    }
}

#[tokio::test]
async fn there_is_no_prompt_at_pesapal() {
    let provider = Provider::saying(&[(200, ORDER)]).await;
    let charge = Charge { method: Some(PaymentMethod::MobileMoney), ..charge() };
    let stage = stage(Payload::Charge(charge), &provider);
    assert_eq!(Pesapal::default().execute(&stage.call("charge")).await.unwrap_err().disposition, Disposition::Unsupported);
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_lost_order_is_not_found_since_nobody_holds_its_page() {
    let provider = Provider::saying(&[(500, "")]).await;
    assert_eq!(recover(&charging(&provider), None).await.unwrap(), Answer::NotFound);
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_payment_counts_by_status_name_currency_and_amount() {
    let provider = Provider::saying(&[(200, PAID)]).await;
    let answer = recover(&charging(&provider), Some(&known())).await.unwrap();
    let Answer::Succeeded { outcome, receipt, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(receipt.as_deref(), Some("UKO4R7T1QX"));
    assert_eq!(
        outcome,
        json!({ "receipt": "UKO4R7T1QX", "amount": { "amount": "1250.00", "currency": "KES" }, "paid_at": null })
    );
    assert_eq!(provider.seen()[0].query, format!("orderTrackingId={TRACKING}"));

    for (body, problem) in [
        (PAID.replace("1250.00", "1249.99"), Some(Code::OutcomeUnknown)),
        (PAID.replace("\"KES\"", "\"USD\""), Some(Code::OutcomeUnknown)),
        (PAID.replace(REFERENCE, "tarishi-2"), None),
        (PAID.replace("UKO4R7T1QX", ""), None),
    ] {
        let provider = Provider::saying(&[(200, &body)]).await;
        let error = recover(&charging(&provider), Some(&known())).await.unwrap_err();
        assert_eq!((error.disposition, error.problem), (Disposition::Ambiguous, problem), "{body}");
    }
}

#[tokio::test]
async fn failed_and_invalid_are_no_end_while_the_page_is_open() {
    for (status, body) in [(200, stands("2")), (200, stands("0")), (200, PENDING.to_owned()), (500, PENDING.to_owned())] {
        let provider = Provider::saying(&[(status, &body)]).await;
        let stage = charging(&provider);
        assert!(matches!(recover(&stage, Some(&open_order(&stage))).await.unwrap(), Answer::Waiting { .. }), "{body}");
        assert_eq!(provider.seen().len(), 1);
    }
    let provider = Provider::saying(&[(200, &stands("3"))]).await;
    let stage = charging(&provider);
    assert!(
        matches!(recover(&stage, Some(&open_order(&stage))).await.unwrap(), Answer::Failed { code, .. } if code == "reversed")
    );
}

#[tokio::test]
async fn an_old_order_is_withdrawn_then_asked_about_and_then_has_failed() {
    let provider = Provider::saying(&[
        (200, PENDING),
        (200, r#"{"status":"200","message":"Order successfully cancelled."}"#),
        (200, PENDING),
    ])
    .await;
    let mut stage = charging(&provider);
    let known = open_order(&stage);
    stage.now += TimeDelta::minutes(1_440);
    let Answer::Waiting { reference: Some(known), .. } = recover(&stage, Some(&known)).await.unwrap() else { panic!() };
    assert_eq!(known.data["withdrawn"], true);
    assert_eq!(provider.seen()[1].json(), json!({ "order_tracking_id": TRACKING }));
    assert!(matches!(recover(&stage, Some(&known)).await.unwrap(), Answer::Failed { code, .. } if code == "expired"));

    // Not withdrawn: it may be paid still, and is asked to be withdrawn no more.
    let refused = r#"{"status":"500","message":"Order could not be cancelled"}"#;
    let provider = Provider::saying(&[(200, PENDING), (200, refused), (200, PENDING), (200, PAID)]).await;
    let mut stage = charging(&provider);
    let known = open_order(&stage);
    stage.now += TimeDelta::minutes(1_440);
    let Answer::Waiting { reference: Some(known), .. } = recover(&stage, Some(&known)).await.unwrap() else { panic!() };
    assert_eq!(known.data["withdrawn"], false);
    assert!(matches!(recover(&stage, Some(&known)).await.unwrap(), Answer::Waiting { .. }));
    assert!(matches!(recover(&stage, Some(&known)).await.unwrap(), Answer::Succeeded { .. }));
}

#[tokio::test]
async fn a_claim_of_an_earlier_order_counts_when_pesapal_says_so() {
    let (earlier, other) = ("tarishi-01970000000070008000000000000001", "77777777-5d3b-4f8e-8f21-db1d77aa0e11");
    let known = known().with("claim", json!({ "reference": earlier, "tracking": other }));
    for (body, paid) in
        [(PAID.replace(REFERENCE, earlier), true), (PAID.replace(REFERENCE, "shop-1"), false), (PENDING.to_owned(), false)]
    {
        let provider = Provider::saying(&[(200, &body), (200, PENDING)]).await;
        let answer = recover(&charging(&provider), Some(&known)).await.unwrap();
        assert_eq!(matches!(answer, Answer::Succeeded { .. }), paid, "{answer:?}");
        assert_eq!(provider.seen()[0].query, format!("orderTrackingId={other}"));
    }
}

#[tokio::test]
async fn a_refused_question_never_says_that_the_order_was_refused() {
    let error = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"x y"}},"status":"500"}}"#);
    for (status, body, disposition) in [
        (200, error("invalid_order"), Disposition::Ambiguous),
        (404, error("x"), Disposition::Ambiguous),
        (503, String::new(), Disposition::Ambiguous),
        (401, String::new(), Disposition::Unauthorized),
        (429, String::new(), Disposition::RateLimited),
    ] {
        let provider = Provider::saying(&[(status, &body)]).await;
        let error = recover(&charging(&provider), Some(&known())).await.unwrap_err();
        assert_eq!((error.disposition, error.problem), (disposition, None), "{status} {body}");
    }
}

#[tokio::test]
async fn an_ended_payment_is_answered_from_our_books_and_an_open_one_is_asked_about() {
    let query = || Payload::PaymentQuery(PaymentQuery { operation_id: Some(operation()), receipt: None });
    let books = Provider::saying(&[(500, "")]).await;
    let mut ended = stage(query(), &books);
    ended.related = Some(paid_charge());
    let answer = Pesapal::default().execute(&ended.call("query")).await.unwrap();
    assert!(matches!(&answer, Answer::Succeeded { outcome, .. } if outcome["receipt"] == "UKO4R7T1QX"));
    assert!(books.seen().is_empty());
    for (body, state) in
        [(PAID.to_owned(), "succeeded"), (stands("2"), "waiting"), (stands("3"), "failed"), (PENDING.to_owned(), "waiting")]
    {
        let provider = Provider::saying(&[(200, &body)]).await;
        let mut stage = stage(query(), &provider);
        stage.related = Some(waiting_charge());
        let answer = Pesapal::default().execute(&stage.call("query")).await.unwrap();
        assert!(matches!(&answer, Answer::Succeeded { outcome, .. } if outcome["state"] == state), "{state}: {answer:?}");
    }
    ended.related = None;
    assert_eq!(Pesapal::default().execute(&ended.call("query")).await.unwrap_err().problem, Some(Code::NotFound));
}

#[tokio::test]
async fn a_token_is_asked_for_with_the_keys_and_health_with_the_token() {
    let provider =
        Provider::saying(&[(200, r#"{"token":"abc","status":"200"}"#), (200, include_str!("../fixtures/ipn_list.json"))]).await;
    let stage = charging(&provider);
    let token = Pesapal::default().fetch_token("", &stage.settings, &stage.outbound, stage.now).await.unwrap();
    assert_eq!((token.token.as_str(), token.expires_in.as_secs()), ("abc", 300));
    let seen = &provider.seen()[0];
    assert_eq!(seen.path, "/api/Auth/RequestToken");
    assert_eq!(seen.json(), json!({ "consumer_key": "a-consumer-key", "consumer_secret": "a-consumer-secret=" }));
    assert!(!seen.headers.iter().any(|header| header.starts_with("authorization")));

    let mut stage = stage;
    for (id, ok) in [(IPN_ID, true), ("99999999-7f10-4f7e-9a58-0c1d2e3f4a5b", false)] {
        stage.set("ipn_id", id);
        let call = HealthCall { access_token: Some("abc"), ..stage.health() };
        assert_eq!(Pesapal::default().health(&call).await.ok, ok);
    }
}
