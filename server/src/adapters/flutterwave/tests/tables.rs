//! The tables of Flutterwave's page.

use super::super::super::{Answer, Disposition, Settings};
use super::super::{
    answers::{self, Status, Submitted},
    config::{self, Config, Waits},
    network,
    returned::{self, RefundStatus},
    standing, wire,
};
use super::{TX_REF, charge, http, kes, known, link, settings};
use tarishi_protocol::{Charge, Code, Money, PaymentMethod};

#[test]
fn every_signal_of_a_submit_allows_what_the_table_says() {
    use Disposition::{Ambiguous, Misconfigured, RateLimited, Rejected};
    let said = |message: &str| format!(r#"{{"status":"error","message":"{message}","data":null}}"#);
    let rows = [
        (503, include_str!("../fixtures/timeout_503.json").to_owned(), Ambiguous),
        (502, "<html>".to_owned(), Ambiguous),
        (504, String::new(), Ambiguous),
        (500, said("oops"), Ambiguous),
        (200, "<html>".to_owned(), Ambiguous),
        (200, "{}".to_owned(), Ambiguous),
        (200, r#"{"status":"success","message":"Charge initiated","data":{}}"#.to_owned(), Ambiguous),
        (200, said("odd"), Ambiguous),
        (400, "<html>".to_owned(), Ambiguous),
        (404, said("Cannot POST"), Ambiguous),
        (302, String::new(), Ambiguous),
        (400, said("tx_ref is required"), Rejected),
        (400, said("Invalid amount"), Rejected),
        (400, said("Insufficient balance"), Misconfigured),
        (401, said("Invalid authorization key"), Misconfigured),
        (403, said("This feature is not enabled"), Misconfigured),
        (429, String::new(), RateLimited),
    ];
    for (status, body, disposition) in rows {
        let answer = http(status, &body);
        assert_eq!(answers::read_charge(&answer).unwrap_err().disposition, disposition, "charge {status} {body}");
        assert_eq!(answers::read_link(&answer).unwrap_err().disposition, disposition, "link {status} {body}");
        assert_eq!(returned::read_refund(&answer).unwrap_err().disposition, disposition, "refund {status} {body}");
    }
}

#[test]
fn a_reference_that_is_used_already_is_no_failure() {
    for message in ["Transaction reference already exists", "Duplicate Reference", "this reference has been used"] {
        let body = format!(r#"{{"status":"error","message":"{message}","data":null}}"#);
        assert!(matches!(answers::read_charge(&http(400, &body)), Ok(Submitted::Before)), "{message}");
    }
    let other = r#"{"status":"error","message":"reference is required","data":null}"#;
    assert_eq!(answers::read_charge(&http(400, other)).unwrap_err().disposition, Disposition::Rejected);
}

#[test]
fn only_the_status_within_data_speaks_of_money() {
    let body = include_str!("../fixtures/charge_pending.json");
    let Submitted::Now { transaction, redirect } = answers::read_charge(&http(200, body)).unwrap() else { panic!() };
    assert_eq!((transaction.status, transaction.id.as_str(), redirect), (Status::Pending, "9154021", None));
    for (text, status) in [("successful", Status::Successful), ("failed", Status::Failed), ("success", Status::Unknown)] {
        let body = body.replace("\"status\":\"pending\"", &format!("\"status\":\"{text}\""));
        let Submitted::Now { transaction, .. } = answers::read_charge(&http(200, &body)).unwrap() else { panic!() };
        assert_eq!(transaction.status, status, "{text}");
    }
    let mode = body.replace(
        "\"message\"",
        "\"meta\":{\"authorization\":{\"mode\":\"redirect\",\"redirect\":\"https://momo.example.org/a\"}},\"message\"",
    );
    let Submitted::Now { redirect, .. } = answers::read_charge(&http(200, &mode)).unwrap() else { panic!() };
    assert_eq!(redirect.as_deref(), Some("https://momo.example.org/a"));
    let plain = mode.replace("https://momo", "http://momo");
    assert!(matches!(answers::read_charge(&http(200, &plain)), Ok(Submitted::Now { redirect: None, .. })));
}

#[test]
fn an_unknown_transaction_is_no_answer_and_not_a_failure() {
    let body = include_str!("../fixtures/not_found.json");
    for status in [400, 404] {
        assert!(answers::read_transaction(&http(status, body)).unwrap().is_none());
    }
    for (status, body) in
        [(500, body), (200, body), (404, "<html>"), (400, r#"{"status":"error","message":"other","data":null}"#)]
    {
        assert!(answers::read_transaction(&http(status, body)).is_err(), "{status} {body}");
    }
}

#[test]
fn a_payment_counts_by_reference_currency_and_amount() {
    let found = answers::read_transaction(&http(200, include_str!("../fixtures/verified.json"))).unwrap().unwrap();
    let Answer::Succeeded { outcome, receipt, .. } = standing::paid(&found, &kes("1250"), Some(&known()), &[]).unwrap() else {
        panic!()
    };
    assert_eq!(receipt.as_deref(), Some("9154021"));
    assert_eq!(outcome["amount"]["amount"], "1250.00");
    assert_eq!((&outcome["paid_at"], outcome.get("overpaid")), (&"2026-11-24T07:15:02Z".into(), None));

    let Answer::Succeeded { outcome, .. } = standing::paid(&found, &kes("1249.99"), None, &["7".to_owned()]).unwrap() else {
        panic!()
    };
    assert_eq!((&outcome["overpaid"], &outcome["also_paid"]), (&true.into(), &serde_json::json!(["7"])));

    let ugx = Money::parse("1250", "UGX").unwrap();
    for asked in [kes("1250.01"), ugx] {
        let error = standing::paid(&found, &asked, Some(&known()), &[]).unwrap_err();
        assert_eq!((error.disposition, error.problem), (Disposition::Ambiguous, Some(Code::OutcomeUnknown)), "{asked}");
    }
    let silent = answers::Transaction { amount: None, ..found };
    assert!(standing::paid(&silent, &kes("1250"), None, &[]).is_err());
}

#[test]
fn amounts_are_texts_on_both_ways() {
    let settings = settings();
    let config = Config::read(&settings).unwrap();
    let ghana = |amount: &str| Charge {
        amount: Money::parse(amount, "GHS").unwrap(),
        phone: Some("+233241234567".parse().unwrap()),
        ..charge()
    };
    for (amount, written) in
        [("12.50", "\"amount\":12.50,"), ("12.00", "\"amount\":12,"), ("90071992547409.93", "\"amount\":90071992547409.93,")]
    {
        let charge = ghana(amount);
        let body = wire::charge_body(&config, &charge, network::route("GHS").unwrap(), TX_REF).unwrap();
        let body = serde_json::to_string(&body).unwrap();
        assert!(body.contains(written), "{body}");
        assert!(body.contains("\"network\":\"MTN\"") && body.contains("\"phone_number\":\"233241234567\""), "{body}");
    }
    for (raw, minor) in
        [("1250", 125_000), ("1250.5", 125_050), ("\"1250.00\"", 125_000), ("90071992547409.93", 9_007_199_254_740_993)]
    {
        let body = include_str!("../fixtures/verified.json").replace("\"amount\":1250,", &format!("\"amount\":{raw},"));
        let found = answers::read_transaction(&http(200, &body)).unwrap().unwrap();
        assert_eq!(found.amount.unwrap().minor_units(), minor, "{raw}");
    }
}

#[test]
fn each_currency_has_its_kind_of_mobile_money_and_its_networks() {
    for (currency, phone, kind, network) in [
        ("KES", "+254712000001", "mpesa", None),
        ("UGX", "+256772000001", "mobile_money_uganda", Some("MTN")),
        ("UGX", "+256702000001", "mobile_money_uganda", Some("AIRTEL")),
        ("GHS", "+233201234567", "mobile_money_ghana", Some("VODAFONE")),
        ("TZS", "+255742000001", "mobile_money_tanzania", Some("VODACOM")),
        ("RWF", "+250782000001", "mobile_money_rwanda", Some("MTN")),
    ] {
        let route = network::route(currency).unwrap();
        assert_eq!((route.kind, route.network(&phone.parse().unwrap(), None).unwrap()), (kind, network), "{phone}");
        for named in tarishi_protocol::catalog::mobile_networks(currency) {
            // Numbers move between networks: what the app says comes first.
            assert_eq!(route.network(&phone.parse().unwrap(), Some(named)).unwrap(), Some(*named), "{phone}");
        }
    }
    for (currency, phone, named, problem) in [
        ("KES", "+256772000001", None, Code::InvalidPhone),
        ("UGX", "+254712000001", Some("MTN"), Code::InvalidPhone),
        ("KES", "+25471200000", None, Code::InvalidPhone),
        ("UGX", "+256992000001", None, Code::MissingField),
        ("UGX", "+256772000001", Some("SAFARICOM"), Code::InvalidValue),
    ] {
        let error = network::route(currency).unwrap().network(&phone.parse().unwrap(), named).unwrap_err();
        assert_eq!((error.disposition, error.problem), (Disposition::Rejected, Some(problem)), "{phone}");
    }
    assert_eq!(network::route("UGX").unwrap().network(&"+256992000001".parse().unwrap(), Some("MTN")).unwrap(), Some("MTN"));
    assert!(network::route("USD").is_none());
}

#[test]
fn a_charge_is_mobile_money_or_a_page() {
    let method = |method, phone: bool, currency: &str| {
        let amount = Money::parse("5", currency).unwrap();
        wire::route(&Charge { method, amount, phone: charge().phone.filter(|_| phone), ..charge() })
            .map(|route| route.is_some())
    };
    assert!(method(None, true, "KES").unwrap());
    assert!(!method(None, false, "KES").unwrap() && !method(None, true, "USD").unwrap());
    assert!(!method(Some(PaymentMethod::Link), true, "KES").unwrap());
    assert_eq!(method(Some(PaymentMethod::MobileMoney), true, "USD").unwrap_err().problem, Some(Code::InvalidAmount));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_sent() {
    let none = Settings(
        settings().0.into_iter().filter(|(name, _)| !["default_email", "redirect_url"].contains(&name.as_str())).collect(),
    );
    let config = Config::read(&none).unwrap();
    let kenya = network::route("KES").unwrap();
    let mail = Some("amina@example.org".to_owned());
    let of = |charge: Charge| wire::charge_body(&config, &charge, kenya, TX_REF).map(drop).unwrap_err().problem;
    assert_eq!(of(Charge { amount: kes("1250.50"), email: mail.clone(), ..charge() }), Some(Code::AmountNotWhole));
    assert_eq!(of(charge()), Some(Code::MissingField));
    assert_eq!(of(Charge { email: Some("no mail".to_owned()), ..charge() }), Some(Code::MissingField));
    assert_eq!(of(Charge { phone: None, email: mail, ..charge() }), Some(Code::MissingField));
    assert_eq!(wire::link_body(&config, &link(), TX_REF).map(drop).unwrap_err().problem, Some(Code::MissingField));
}

#[test]
fn completed_alone_is_only_initiated() {
    for (text, status) in [
        ("completed", RefundStatus::Pending),
        ("completed-momo", RefundStatus::Done),
        ("completed-bank-transfer", RefundStatus::Done),
        ("completed-mpgs", RefundStatus::Done),
        ("completed-preauth", RefundStatus::Done),
        ("completed-offline", RefundStatus::Done),
        ("pending-momo", RefundStatus::Pending),
        ("processing", RefundStatus::Pending),
        ("new", RefundStatus::Pending),
        ("", RefundStatus::Pending),
        ("failed", RefundStatus::Failed),
        ("failed-momo", RefundStatus::Failed),
    ] {
        assert_eq!(RefundStatus::read(text), status, "{text}");
    }
}

#[test]
fn keys_of_two_modes_and_a_short_token_are_found_at_the_start() {
    let with = |name: &str, text: &str| config::check(&settings().with(name, text)).map_err(|error| error.message);
    assert!(with("public_key", "FLWPUBK_TEST-abc-X").is_ok());
    for (name, text) in [
        ("public_key", "FLWPUBK-abc-X"),
        ("public_key", "abc"),
        ("secret_key", "sk_live_1"),
        ("webhook_token", "short"),
        ("link_minutes", "0"),
        ("link_minutes", "1441"),
        ("redirect_url", "nowhere"),
        ("settle_after_ms", "soon"),
    ] {
        assert!(with(name, text).unwrap_err().contains(name), "{name} {text}");
    }
}

#[test]
fn questions_grow_rarer_and_a_name_is_a_function_of_its_attempt() {
    let secs: Vec<u64> = (0..7).map(|polls| Waits::default().polls.after(polls).as_secs()).collect();
    assert_eq!(secs, [30, 60, 120, 300, 600, 3_600, 3_600]);
    let attempt = uuid::Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001);
    assert_eq!(wire::tx_ref(attempt), TX_REF);
    assert_eq!(wire::attempt_of(TX_REF), Some(attempt));
    for foreign in ["", "tarishi-", "tarishi-1", "pay_01JD8X2V-1", "tarishi-{01980000-0000-7000-8000-000000000001}"] {
        assert_eq!(wire::attempt_of(foreign), None, "{foreign}");
    }
}

#[test]
fn what_the_provider_says_is_shown_without_phones() {
    assert_eq!(answers::clean("Customer 254712345678 (amina@example.org) declined"), "Customer … … declined");
    assert_eq!(answers::clean(&"word ".repeat(100)).chars().count(), 160);
}
