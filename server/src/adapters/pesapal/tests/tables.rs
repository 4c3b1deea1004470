//! The tables of Pesapal's page.

use super::super::super::Disposition;
use super::super::{
    answers::{self, Stands},
    config::{self, Config, Waits},
    wire,
};
use super::{REFERENCE, TRACKING, charge, http, kes, settings};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tarishi_protocol::{Charge, Code, Money};

fn error(code: &str, message: &str) -> String {
    format!(
        r#"{{"error":{{"error_type":"api_error","code":"{code}","message":"{message}","call_back_url":null}},"status":"500"}}"#
    )
}

#[test]
fn every_signal_of_an_order_allows_what_the_table_says() {
    use Disposition::{Ambiguous, Misconfigured, RateLimited, Rejected, Unauthorized};
    let rows = [
        (500, String::new(), Ambiguous),
        (502, "<html>".to_owned(), Ambiguous),
        (503, r#"{"message":"busy","status":"500"}"#.to_owned(), Ambiguous),
        (200, "<html>".to_owned(), Ambiguous),
        (200, "{}".to_owned(), Ambiguous),
        (200, r#"{"error":null,"status":"200"}"#.to_owned(), Ambiguous),
        (
            200,
            r#"{"error":{"error_type":null,"code":null,"message":null,"call_back_url":null},"status":"200"}"#.to_owned(),
            Ambiguous,
        ),
        (200, r#"{"order_tracking_id":"0c9e4a12-5d3b-4f8e-8f21-db1d77aa0e11","status":"200"}"#.to_owned(), Ambiguous),
        (302, String::new(), Ambiguous),
        (401, String::new(), Unauthorized),
        (200, r#"{"message":"Unauthorized","status":"401"}"#.to_owned(), Unauthorized),
        (200, r#"{"message":"Unauthorized","status":401}"#.to_owned(), Unauthorized),
        (200, error("invalid_token", "Invalid Access Token"), Unauthorized),
        (200, error("InvalidIpnId", "The IPN ID is not valid"), Misconfigured),
        (200, error("IPNConfigurationError", "no such IPN"), Misconfigured),
        (200, error("amount_exceeds_default_limit", "too much"), Rejected),
        (200, error("maximum_amount_limit_exceeded", "sandbox limit"), Misconfigured),
        (200, error("", "You have reached the maximum allowed test transactions limit"), Misconfigured),
        (200, error("duplicate_reference", "Duplicate merchant reference"), Ambiguous),
        (200, error("invalid_currency", "Invalid currency"), Rejected),
        (400, error("missing_field", "phone_number is required"), Rejected),
        (200, r#"{"error":"Invalid phone","status":"400"}"#.to_owned(), Rejected),
        (200, r#"{"message":"Invalid email","status":"500"}"#.to_owned(), Rejected),
        (
            200,
            r#"{"message":"{\"error\":{\"code\":\"InvalidIpnId\",\"message\":\"no\"}}","status":"500"}"#.to_owned(),
            Misconfigured,
        ),
        (404, r#"{"Message":"No HTTP resource was found"}"#.to_owned(), Misconfigured),
        (405, r#"{"Message":"The requested resource does not support http method 'GET'."}"#.to_owned(), Misconfigured),
        (429, String::new(), RateLimited),
    ];
    for (status, body, disposition) in rows {
        let refused = answers::read_order(&http(status, &body), REFERENCE).unwrap_err();
        assert_eq!(refused.disposition, disposition, "{status} {body}");
    }
    let limit = answers::read_order(&http(200, &error("amount_exceeds_default_limit", "x")), REFERENCE).unwrap_err();
    assert_eq!(limit.problem, Some(Code::AmountOutOfRange));
}

#[test]
fn an_order_is_made_when_its_id_and_page_are_there() {
    let body = include_str!("../fixtures/order.json");
    assert_eq!(answers::read_order(&http(200, body), REFERENCE).unwrap().tracking, TRACKING);
    for bad in [
        body.replace("https://pay", "http://pay"),
        body.replace(REFERENCE, "tarishi-2"),
        body.replace("0c9e4a12-5d3b", "../../x"),
    ] {
        assert_eq!(answers::read_order(&http(200, &bad), REFERENCE).unwrap_err().disposition, Disposition::Ambiguous);
    }
}

#[test]
fn every_status_is_known_and_only_one_is_paid() {
    let paid = include_str!("../fixtures/status_paid.json");
    for (code, stands) in [
        ("1", Stands::Paid),
        ("\"1\"", Stands::Paid),
        ("2", Stands::Failed),
        ("3", Stands::Reversed),
        ("0", Stands::Open),
        ("4", Stands::Open),
        ("\"x\"", Stands::Open),
    ] {
        let body = paid.replace("\"status_code\":1", &format!("\"status_code\":{code}"));
        assert_eq!(answers::read_status(&http(200, &body)).unwrap().unwrap().stands, stands, "{code}");
    }
    let order = answers::read_status(&http(200, paid)).unwrap().unwrap();
    assert_eq!((order.amount, order.confirmation_code.as_str()), (Some(kes("1250")), "UKO4R7T1QX"));
    let exact = paid.replace("1250.00", "90071992547409.93");
    assert_eq!(answers::read_status(&http(200, &exact)).unwrap().unwrap().amount, Some(kes("90071992547409.93")));
}

#[test]
fn nothing_paid_yet_is_no_end_also_with_http_500() {
    let pending = include_str!("../fixtures/status_pending.json");
    assert_eq!(answers::read_status(&http(200, pending)).unwrap().unwrap().stands, Stands::Open);
    assert!(answers::read_status(&http(500, pending)).unwrap().is_none());
    let short = r#"{"error":{"code":"payment_details_not_found","message":"Pending Payment"},"status":"500"}"#;
    for status in [200, 404, 500] {
        assert!(answers::read_status(&http(status, short)).unwrap().is_none());
    }
    for (status, body) in [(500, include_str!("../fixtures/status_paid.json")), (200, "{}"), (200, "<html>"), (503, "")] {
        assert_eq!(answers::read_status(&http(status, body)).unwrap_err().disposition, Disposition::Ambiguous, "{status}");
    }
}

#[test]
fn a_token_lives_five_minutes_at_most_and_by_its_own_words() {
    let jwt = |payload: &str| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload));
    for (token, secs) in [
        (jwt(r#"{"exp":1000,"iat":760}"#), 240),
        (jwt(r#"{"exp":1000,"nbf":900}"#), 100),
        (jwt(r#"{"exp":9000,"iat":0}"#), 300),
        (jwt(r#"{"exp":1}"#), 300),
        ("no-jwt".to_owned(), 300),
    ] {
        let body = format!(r#"{{"token":"{token}","expiryDate":"2026-11-24T07:20:30.5177702Z","error":null,"status":"200"}}"#);
        assert_eq!(answers::read_token(&http(200, &body)).unwrap().expires_in.as_secs(), secs, "{token}");
    }
    for (status, body, disposition) in [
        (200, include_str!("../fixtures/token_refused.json"), Disposition::Misconfigured),
        (200, &error("consumer_key_unknown", ""), Disposition::Misconfigured),
        (401, "", Disposition::Misconfigured),
        (500, "", Disposition::Transient),
        (200, "<html>", Disposition::Transient),
        (429, "", Disposition::RateLimited),
    ] {
        assert_eq!(answers::read_token(&http(status, body)).unwrap_err().disposition, disposition, "{status} {body}");
    }
}

#[test]
fn amounts_are_written_as_text_and_payers_are_named() {
    let settings = settings();
    let config = Config::read(&settings).unwrap();
    let body =
        |charge: &Charge| wire::order_body(&config, charge, REFERENCE, "ipn").map(|body| serde_json::to_string(&body).unwrap());
    for (amount, currency, written) in [
        ("1250.00", "KES", "\"amount\":1250.00,"),
        ("90071992547409.93", "KES", "\"amount\":90071992547409.93,"),
        ("500", "UGX", "\"amount\":500,"),
    ] {
        let text = body(&Charge { amount: Money::parse(amount, currency).unwrap(), ..charge() }).unwrap();
        assert!(text.contains(written), "{text}");
    }
    let text = body(&charge()).unwrap();
    assert!(text.contains(r#""billing_address":{"country_code":"KE","phone_number":"254712000001"}"#), "{text}");
    let nobody = Charge { phone: None, ..charge() };
    assert_eq!(body(&nobody).unwrap_err().problem, Some(Code::MissingField));
    assert!(body(&Charge { email: Some("amina@example.org".to_owned()), ..nobody }).unwrap().contains("email_address"));
    assert_eq!(
        body(&Charge { return_url: Some("nowhere".to_owned()), ..charge() }).unwrap_err().problem,
        Some(Code::MissingField)
    );
    let long = Charge { description: Some("é".repeat(140)), ..charge() };
    assert!(body(&long).unwrap().contains(&format!("\"{}\"", "é".repeat(100))));
    assert_eq!(wire::refund_body("C", &Money::parse("500", "UGX").unwrap(), "u", "r")["amount"], "500.00");
    assert_eq!(wire::refund_body("C", &kes("12.5"), "u", "r")["amount"], "12.50");
}

#[test]
fn settings_that_do_not_work_are_named() {
    let with = |name: &str, text: &str| config::check(&settings().with(name, text)).map_err(|error| error.message);
    assert!(with("ipn_method", "GET").is_ok());
    for (name, text) in [
        ("environment", "live"),
        ("ipn_method", "PUT"),
        ("ipn_url", "nowhere"),
        ("webhook_token", "short"),
        ("order_minutes", "0"),
        ("poll_ms", "soon"),
        ("base_url", "http://pesapal.example.org"),
    ] {
        assert!(with(name, text).unwrap_err().contains(name), "{name} {text}");
    }
}

#[test]
fn questions_grow_rarer_and_a_name_is_a_function_of_its_attempt() {
    let secs: Vec<u64> = (0..7).map(|polls| Waits::default().polls.after(polls).as_secs()).collect();
    assert_eq!((secs, Waits::default().polls.slowest().as_secs()), (vec![15, 30, 60, 120, 300, 3_600, 3_600], 3_600));
    assert_eq!(wire::reference(wire::attempt_of(REFERENCE).unwrap()), REFERENCE);
    assert!(REFERENCE.len() <= 50 && wire::attempt_of("pay-01JD8X2V-1").is_none());
}
