//! The tables of codes.

use super::super::super::Disposition;
use super::super::{
    codes::{ReversalResult, StkResult, refusal, reversal_result, stk_result},
    config::{Config, Waits},
    security, wire,
};
use super::{charge, http, kes, settings};
use uuid::Uuid;

#[test]
fn every_error_code_of_a_submit_allows_what_the_table_says() {
    use Disposition::{Ambiguous, Misconfigured, RateLimited, Rejected, Unauthorized};
    let rows = [
        ("400.002.02", "Bad Request - Invalid PhoneNumber", Rejected),
        ("400.002.05", "Invalid Request Payload", Rejected),
        ("400.003.02", "", Rejected),
        ("404.001.03", "Invalid Access Token", Unauthorized),
        ("400.003.01", "Invalid Access Token", Unauthorized),
        ("401.003.01", "Error Occurred - Invalid Access Token", Unauthorized),
        ("401.002.01", "Error Occurred - Invalid Access Token", Unauthorized),
        ("404.001.04", "Invalid Authentication Header", Unauthorized),
        ("404.001.01", "Resource not found", Misconfigured),
        ("404.003.01", "Resource not found", Misconfigured),
        ("405.001", "Method Not Allowed", Misconfigured),
        ("403.001", "Invalid API call as no apiproduct match found", Misconfigured),
        ("500.001.1001", "Merchant does not exist", Misconfigured),
        ("500.001.1001", "[MerchantValidate] - Wrong credentials", Misconfigured),
        ("500.001.1001", "Unable to lock subscriber, a transaction is already in process", Rejected),
        ("500.001.1001", "", Ambiguous),
        ("500.001.1001", "The transaction is being processed", Ambiguous),
        ("500.003.02", "Spike Arrest Violation", RateLimited),
        ("500.003.03", "Quota Violation", RateLimited),
        ("500.003.02", "System is busy. Please try again in few minutes", Ambiguous),
        ("500.003.1001", "Internal Server Error", Ambiguous),
        ("999.999.99", "never heard of", Ambiguous),
    ];
    for (code, text, disposition) in rows {
        let error = refusal(code, text);
        assert_eq!((error.disposition, error.code.as_deref()), (disposition, Some(code)), "{code} {text}");
        for status in [200, 400, 500] {
            let body = format!(r#"{{"requestId":"1","errorCode":"{code}","errorMessage":"{text}"}}"#);
            let error = wire::read_accepted(&http(status, &body), "CheckoutRequestID").unwrap_err();
            assert_eq!(error.disposition, disposition, "{status} {code} {text}: decided by the code, not the status");
        }
    }
}

#[test]
fn an_answer_without_a_code_is_open_unless_a_gate_refused_it() {
    use Disposition::{Ambiguous, Misconfigured, RateLimited, Rejected, Unauthorized};
    let rows = [
        (200, "", Ambiguous),
        (200, "<html>", Ambiguous),
        (200, r#"{"ResponseCode":"0"}"#, Ambiguous),
        (200, r#"{"ResponseCode":"1","CheckoutRequestID":"ws_CO_1"}"#, Rejected),
        (500, r#"{"ResponseCode":"0","CheckoutRequestID":"ws_CO_1"}"#, Ambiguous),
        (401, "", Unauthorized),
        (403, "<html>", Misconfigured),
        (429, "", RateLimited),
        (500, "", Ambiguous),
        (502, "<html>", Ambiguous),
        (503, "<html>", Ambiguous),
        (504, "<html>", Ambiguous),
    ];
    for (status, body, disposition) in rows {
        let error = wire::read_accepted(&http(status, body), "CheckoutRequestID").unwrap_err();
        assert_eq!(error.disposition, disposition, "{status} {body}");
    }
    assert!(wire::read_accepted(&http(200, include_str!("../fixtures/charge_accepted.json")), "CheckoutRequestID").is_ok());
}

#[test]
fn every_result_code_of_a_charge_is_known_and_no_other_ends_it() {
    assert_eq!(stk_result("0"), StkResult::Paid);
    assert_eq!(stk_result("4999"), StkResult::Pending);
    for code in ["1019", "1037"] {
        assert!(matches!(stk_result(code), StkResult::NotReached(_)), "{code}");
    }
    let over =
        ["1", "2", "3", "4", "8", "17", "26", "1001", "1025", "9999", "1032", "2001", "2002", "2028", "8006", "SFC_IC0003"];
    for code in over {
        assert!(matches!(stk_result(code), StkResult::Over(_)), "{code}");
    }
    for code in ["", "00", "5", "500.001.1001", "1033", "R000001", "paid"] {
        assert_eq!(stk_result(code), StkResult::Unknown, "{code}");
    }
}

#[test]
fn every_result_code_of_a_reversal_is_known_and_no_other_ends_it() {
    assert_eq!(reversal_result("0"), ReversalResult::Done);
    assert_eq!(reversal_result("R000001"), ReversalResult::AlreadyReversed);
    for code in ["R000002", "1", "11", "2006", "21", "2001", "2028", "8006"] {
        assert!(matches!(reversal_result(code), ReversalResult::Refused(_)), "{code}");
    }
    for code in ["", "26", "R000003"] {
        assert_eq!(reversal_result(code), ReversalResult::Unknown, "{code}");
    }
}

#[test]
fn a_query_error_is_no_answer_and_never_evidence() {
    let checkout = super::CHECKOUT;
    let read = |status, body: &str| wire::read_query(&http(status, body), checkout);
    assert_eq!(read(200, include_str!("../fixtures/query_pending.json")).unwrap().as_deref(), Some("4999"));
    for status in [200, 500] {
        assert_eq!(read(status, include_str!("../fixtures/query_no_answer.json")).unwrap(), None);
    }
    for (status, body) in [
        (200, "<html>"),
        (200, r#"{"ResponseCode":"1","ResultCode":"0"}"#),
        (200, r#"{"ResponseCode":"0","CheckoutRequestID":"ws_CO_another","ResultCode":"0"}"#),
        (503, r#"{"ResultCode":"0"}"#),
        (400, r#"{"errorCode":"400.002.02","errorMessage":"Bad Request - Invalid CheckoutRequestID"}"#),
        (500, r#"{"errorCode":"500.001.1001","errorMessage":"The transaction does not Exist"}"#),
    ] {
        assert_eq!(read(status, body).unwrap(), None, "{status} {body}");
    }
    let token = read(404, r#"{"errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#).unwrap_err();
    assert_eq!(token.disposition, Disposition::Unauthorized);
    // A number serves as well as text.
    assert_eq!(read(200, r#"{"ResponseCode":0,"ResultCode":1032}"#).unwrap().as_deref(), Some("1032"));
}

#[test]
fn a_token_is_read_whether_its_life_is_text_or_number() {
    for life in ["\"3599\"", "3599"] {
        let token = wire::read_token(&http(200, &format!(r#"{{"access_token":"abc","expires_in":{life}}}"#))).unwrap();
        assert_eq!((token.token.as_str(), token.expires_in.as_secs()), ("abc", 3_599));
    }
    let rows = [
        (400, r#"{"errorCode":"400.008.01","errorMessage":"Invalid Authentication passed"}"#, Disposition::Misconfigured),
        (400, r#"{"errorCode":"400.008.02","errorMessage":"Invalid grant type passed"}"#, Disposition::Misconfigured),
        (400, "", Disposition::Misconfigured),
        (401, "<html>", Disposition::Misconfigured),
        (429, "", Disposition::RateLimited),
        (500, r#"{"errorCode":"500.003.02","errorMessage":"Spike Arrest Violation"}"#, Disposition::RateLimited),
        (500, r#"{"errorCode":"500.003.03"}"#, Disposition::RateLimited),
        (503, "<html>", Disposition::Transient),
        (200, "{}", Disposition::Transient),
    ];
    for (status, body, disposition) in rows {
        assert_eq!(wire::read_token(&http(status, body)).unwrap_err().disposition, disposition, "{status} {body}");
    }
}

#[test]
fn the_push_carries_what_daraja_wants() {
    let settings = settings();
    let config = Config::read(&settings).unwrap();
    let now = "2026-11-24T21:15:00Z".parse().unwrap();
    let body = wire::charge_body(&config, &charge(), Uuid::from_u128(1), "https://x.example/k/1/ab", now).unwrap();
    assert_eq!(body["Timestamp"], "20261125001500", "Nairobi is three hours ahead");
    assert_eq!(body["Password"], "NjAwMTIzYS1wYXNza2V5MjAyNjExMjUwMDE1MDA=");
    assert_eq!(body["BusinessShortCode"], 600_123);
    assert_eq!((&body["Amount"], &body["PartyA"]), (&"1250".into(), &"254712000001".into()));
    assert_eq!((&body["PartyB"], &body["TransactionType"]), (&"600123".into(), &"CustomerPayBillOnline".into()));
    assert_eq!(body["TransactionDesc"], "FEE-2026-001 ");
    assert_eq!(body["CallBackURL"], "https://x.example/k/1/ab");
    let mut bad = charge();
    bad.amount = kes("12.50");
    assert_eq!(wire::charge_body(&config, &bad, Uuid::nil(), "", now).unwrap_err().disposition, Disposition::Rejected);
}

#[test]
fn an_attempt_s_reference_is_twelve_crockford_characters_and_always_the_same() {
    let reference = wire::account_reference(Uuid::from_u128(1));
    assert_eq!(reference, wire::account_reference(Uuid::from_u128(1)));
    assert_ne!(reference, wire::account_reference(Uuid::from_u128(2)));
    assert!(
        reference.len() == 12
            && reference.chars().all(|c| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c)))
    );
}

#[test]
fn amounts_and_times_are_read_as_daraja_writes_them() {
    for text in ["1250", "1250.00", "1250.0", "\"1250\""] {
        assert_eq!(wire::shillings(text), Some(kes("1250")), "{text}");
    }
    assert_eq!(wire::shillings("0.50"), Some(kes("0.50")));
    assert_eq!(wire::shillings("1e3"), None);
    assert_eq!(wire::from_nairobi("20261124101519"), "2026-11-24T07:15:19Z".parse().ok());
    assert_eq!(wire::from_nairobi("yesterday"), None);
}

#[test]
fn polls_grow_slower_and_a_setting_fixes_them() {
    let waits = Waits::default();
    let secs: Vec<u64> = (0..8).map(|polls| waits.polls.after(polls).as_secs()).collect();
    assert_eq!(secs, [15, 15, 20, 30, 30, 60, 600, 600]);
    assert_eq!(Waits::read(&settings().with("poll_ms", "1000")).unwrap().polls.after(9).as_secs(), 1);
    assert!(Waits::read(&settings().with("poll_ms", "soon")).unwrap_err().message.contains("poll_ms"));
}

#[test]
fn settings_that_cannot_work_are_named() {
    for (name, value) in [
        ("shortcode", "12"),
        ("shortcode", "abcdef"),
        ("environment", "live"),
        ("base_url", "http://example.org"),
        ("transaction_type", "Gift"),
        ("party_b", "x"),
        ("paybill_response_type", "Maybe"),
        ("callback_allowed_ips", "everybody"),
        ("security_credential", ""),
        ("first_poll_ms", "-1"),
    ] {
        let message = super::super::config::check(&settings().with(name, value)).unwrap_err().message;
        assert!(message.contains(name) || name == "security_credential", "{name}: {message}");
    }
    let shown = format!("{:?}", Config::read(&settings()).unwrap());
    assert!(!shown.contains("a-consumer") && !shown.contains("a-passkey"), "{shown}");
}

#[test]
fn a_password_is_sealed_with_the_key_of_an_expired_certificate() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use rsa::{Pkcs1v15Encrypt, RsaPrivateKey, pkcs8::EncodePublicKey as _, rand_core::OsRng};
    use x509_cert::{
        Certificate,
        der::{Decode, DecodePem as _, Encode as _},
    };

    let fixture = include_bytes!("../fixtures/expired_certificate.pem");
    assert_eq!(security::seal("p", fixture).unwrap().len(), 344);

    // The fixture's own key was thrown away: one that can be read back takes its place.
    let key = RsaPrivateKey::new(&mut OsRng, 512).unwrap();
    let mut certificate = Certificate::from_pem(fixture).unwrap();
    let public = key.to_public_key().to_public_key_der().unwrap();
    certificate.tbs_certificate.subject_public_key_info = Decode::from_der(public.as_bytes()).unwrap();
    let sealed = STANDARD.decode(security::seal("s3cret#", &certificate.to_der().unwrap()).unwrap()).unwrap();
    assert_eq!(key.decrypt(Pkcs1v15Encrypt, &sealed).unwrap(), b"s3cret#");

    assert_eq!(security::seal("p", b"no certificate").unwrap_err().disposition, Disposition::Misconfigured);
}
