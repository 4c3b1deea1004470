use super::*;

fn problem(adapter: &str, action: &str, payload: &str) -> (String, String) {
    let problem = check_payload(adapter, action, 1, payload).expect_err(payload);
    (problem.code, problem.field.unwrap_or_default())
}

fn named(code: &str, field: &str) -> (String, String) {
    (code.to_owned(), field.to_owned())
}

const CHARGE: &str = r#"{"amount":{"amount":"1000.00","currency":"KES"},"phone":"+254712345678","reference":"FEE-1"}"#;

#[test]
fn a_good_charge_passes() {
    assert!(matches!(check_payload("mpesa", "charge", 1, CHARGE), Ok(Payload::Charge(_))));
}

#[test]
fn each_bad_field_is_named_with_its_own_code() {
    let swap = |from: &str, to: &str| problem("mpesa", "charge", &CHARGE.replace(from, to));
    assert_eq!(swap("\"reference\"", "\"colour\":1,\"reference\""), named("unknown_field", "payload.colour"));
    assert_eq!(swap("\"FEE-1\"", "7"), named("wrong_type", "payload.reference"));
    assert_eq!(swap("+254712345678", "0712345678"), named("invalid_phone", "payload.phone"));
    assert_eq!(swap("+254712345678", "+256712345678"), named("invalid_phone", "payload.phone"));
    assert_eq!(swap("1000.00", "1000.50"), named("amount_not_whole", "payload.amount"));
    assert_eq!(swap("1000.00", "12,50"), named("invalid_amount", "payload.amount"));
    assert_eq!(swap("1000.00", "250001"), named("amount_out_of_range", "payload.amount"));
    assert_eq!(swap("1000.00", "0"), named("amount_out_of_range", "payload.amount"));
    assert_eq!(swap("KES", "USD"), named("invalid_amount", "payload.amount"));
    assert_eq!(swap(",\"reference\":\"FEE-1\"", ""), named("missing_field", "payload.reference"));
    assert_eq!(swap("FEE-1", "a\\u0000b"), named("invalid_value", "payload.reference"));
    assert_eq!(problem("mpesa", "charge", "[]").0, "wrong_type");
    assert_eq!(problem("mpesa", "charge", "{").0, "invalid_value");
    assert_eq!(problem("mpesa", "charge", r#"{"reference":"\ud800"}"#).0, "invalid_value");
}

#[test]
fn a_list_of_an_object_s_values_is_not_taken_for_the_object() {
    for (adapter, action, payload, field) in [
        ("mpesa", "charge", r#"{"amount":["1000.00","KES"],"phone":"+254712345678","reference":"F"}"#, "payload.amount"),
        ("mpesa", "refund", r#"{"receipt":"R1","amount":["10.00","KES"],"reason":"r"}"#, "payload.amount"),
        ("whatsapp", "send", r#"{"to":"+254712345678","template":["a","en",[]]}"#, "payload.template"),
        ("whatsapp", "send", r#"{"to":"+254712345678","message":"m","media":["https://a.org/x",null]}"#, "payload.media"),
        ("moodle", "enroll", r#"{"user":["id","1"],"course":{"by":"id","value":"1"}}"#, "payload.user"),
        ("moodle", "enroll", r#"{"user":{"by":"id","value":"1"},"course":["id","1"]}"#, "payload.course"),
        (
            "moodle",
            "sync_grades",
            r#"{"direction":"push","course":{"by":"id","value":"1"},"grades":[{"user":"a","grade":"1"},["b","2"]]}"#,
            "payload.grades",
        ),
    ] {
        assert_eq!(problem(adapter, action, payload), named("wrong_type", field), "{payload}");
    }
}

#[test]
fn unknown_names_and_versions_are_told_apart() {
    assert_eq!(problem("mpesa", "steal", "{}"), named("unknown_action", "action"));
    assert_eq!(problem("Mpesa!", "charge", "{}"), named("unknown_adapter", "adapter"));
    assert_eq!(problem("logs", "charge", "{}"), named("unknown_adapter", "adapter"));
    assert_eq!(check_payload("mpesa", "charge", 2, CHARGE).unwrap_err().code, "version_unsupported");
    assert!(matches!(check_payload("library", "lend", 9, "{\"book\":1}"), Ok(Payload::Free(_))));
}

#[test]
fn a_payload_is_bounded_to_the_byte() {
    let body = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert!(check_payload("library", "lend", 1, &body(limits::PAYLOAD_BYTES_MAX)).is_ok());
    assert_eq!(problem("library", "lend", &body(limits::PAYLOAD_BYTES_MAX + 1)), named("payload_too_large", "payload"));
}

#[test]
fn no_path_leaves_its_root() {
    for path in ["../x", "/etc/passwd", "a/../../b", "a//b", "a\\b", "./a", "a/", "", "a/\\u0007"] {
        let payload = format!(r#"{{"destination":"{}","content_base64":""}}"#, path.replace('\\', "\\\\"));
        assert_eq!(problem("local_storage", "upload", &payload), named("invalid_path", "payload.destination"), "{path}");
    }
    assert!(check_payload("local_storage", "upload", 1, r#"{"destination":"a/b.txt","content_base64":"aGk="}"#).is_ok());
}

#[test]
fn inline_files_are_bounded_to_the_byte() {
    let upload = |bytes: usize| {
        let text = base64::engine::general_purpose::STANDARD.encode(vec![0; bytes]);
        format!(r#"{{"destination":"a","content_base64":"{text}"}}"#)
    };
    assert!(check_payload("local_storage", "upload", 1, &upload(limits::INLINE_FILE_BYTES_MAX)).is_ok());
    let over = upload(limits::INLINE_FILE_BYTES_MAX + 1);
    assert_eq!(problem("local_storage", "upload", &over), named("payload_too_large", "payload.content_base64"));
}

#[test]
fn recipients_are_bounded_and_distinct() {
    let send = |n: usize| {
        let phones: Vec<_> = (0..n).map(|i| format!("\"+2547{i:08}\"")).collect();
        format!(r#"{{"to":[{}],"message":"hi"}}"#, phones.join(","))
    };
    assert!(check_payload("sms", "send", 1, &send(limits::RECIPIENTS_MAX)).is_ok());
    assert_eq!(problem("sms", "send", &send(limits::RECIPIENTS_MAX + 1)), named("invalid_value", "payload.to"));
    assert_eq!(problem("sms", "send", &send(0)), named("invalid_value", "payload.to"));
    let twice = r#"{"to":["+254711000111","+254711000111"],"message":"hi"}"#;
    assert_eq!(problem("sms", "send", twice), named("invalid_value", "payload.to"));
    let bad = r#"{"to":["+254711000111","nobody"],"message":"hi"}"#;
    assert_eq!(problem("sms", "send", bad), named("invalid_phone", "payload.to[1]"));
}

#[test]
fn a_problem_never_shows_the_value() {
    let problem = check_payload("sms", "send", 1, r#"{"to":"+254711000111","message":{"secret":"x"}}"#).unwrap_err();
    assert_eq!(problem.code, "wrong_type");
    assert!(!problem.detail.contains("secret"), "{}", problem.detail);
    let problem = check_payload("mpesa", "charge", 1, &CHARGE.replace("\"+254712345678\"", "254712345678")).unwrap_err();
    assert!(!problem.detail.contains("254712345678"), "{}", problem.detail);
}

#[test]
fn integers_that_doubles_cannot_hold_are_refused() {
    assert!(check_payload("library", "lend", 1, "{\"n\":9007199254740992}").is_ok());
    assert_eq!(problem("library", "lend", "{\"n\":9007199254740993}"), named("invalid_value", "payload.n"));
}

#[test]
fn a_mobile_money_network_is_named_to_flutterwave_only_and_as_it_knows_it() {
    let charge = |currency: &str, more: &str| {
        let amount = format!(r#"{{"amount":"1000","currency":"{currency}"}}"#);
        format!(r#"{{"amount":{amount},"reference":"FEE-1"{more}}}"#)
    };
    let phone = r#","phone":"+256772000001","network":"MTN""#;
    assert!(check_payload("flutterwave", "charge", 1, &charge("UGX", phone)).is_ok());
    for (adapter, currency, more, code) in [
        ("flutterwave", "GHS", r#","phone":"+256772000001","network":"AIRTEL""#, "invalid_value"),
        ("flutterwave", "USD", phone, "invalid_value"),
        ("flutterwave", "UGX", r#","network":"MTN""#, "invalid_value"),
        ("flutterwave", "UGX", r#","phone":"+256772000001","network":"MTN","method":"link""#, "invalid_value"),
        ("pesapal", "UGX", phone, "unknown_field"),
        ("mpesa", "KES", r#","phone":"+254712345678","network":"SAFARICOM""#, "unknown_field"),
    ] {
        let problem = check_payload(adapter, "charge", 1, &charge(currency, more)).unwrap_err();
        assert_eq!((problem.code.as_str(), problem.field.as_deref()), (code, Some("payload.network")), "{adapter} {more}");
    }
}

#[test]
fn what_stands_in_the_place_of_a_field_s_name_is_repeated_only_if_it_looks_like_one() {
    let with = |name: &str| {
        let payload = CHARGE.replace("\"reference\"", &format!("\"{name}\":1,\"reference\""));
        check_payload("mpesa", "charge", 1, &payload).unwrap_err()
    };
    for name in ["colour", "line_2", "x1234", "n".repeat(limits::NAME_BYTES_MAX).as_str()] {
        assert_eq!(with(name).field.as_deref(), Some(format!("payload.{name}").as_str()));
    }
    for name in ["+254712345678", "254712345678", "x12345", "a b", "", "a`, b", "n".repeat(limits::NAME_BYTES_MAX + 1).as_str()]
    {
        let problem = with(name);
        assert_eq!(problem.code.as_str(), "unknown_field");
        assert_eq!(problem.field.as_deref(), Some("payload"));
        assert!(name.is_empty() || !format!("{problem:?}").contains(name), "{problem:?}");
    }
    assert_eq!(known_path("payload.to[0].user"), "payload.to[0].user");
    assert_eq!(known_path("."), "");
}

#[test]
fn a_push_that_no_provider_would_take_is_refused_with_its_field() {
    let push = |to: &str, more: &str| format!(r#"{{"to":{to},"title":"Fees","body":"Paid"{more}}}"#);
    let user = r#"{"user":"acc_9"}"#;
    let swap = |to: &str, more: &str| problem("push", "send", &push(to, more));
    assert!(check_payload("push", "send", 1, &push(user, r#","data":{"n":7,"deep":{"a":[1]}},"ttl_s":0"#)).is_ok());
    assert_eq!(swap(r#"{"user":""}"#, ""), named("invalid_value", "payload.to.user"));
    assert_eq!(swap(r#"{"list":[]}"#, ""), named("invalid_value", "payload.to.list"));
    assert_eq!(swap(r#"{"list":["a",""]}"#, ""), named("invalid_value", "payload.to.list[1]"));
    for name in ["from", "message_type", "google.c", "gcm.n.e", "aps", "ntf", "rt", "retract", "title", ""] {
        let data = format!(r#","data":{{"{name}":"x"}}"#);
        assert_eq!(swap(user, &data), named("invalid_value", &format!("payload.data.{name}")));
    }
    assert_eq!(swap(user, r#","ttl_s":2419201"#), named("invalid_value", "payload.ttl_s"));
    assert_eq!(swap(user, r#","collapse_key":"a b""#), named("invalid_value", "payload.collapse_key"));
    assert_eq!(swap(user, &format!(r#","collapse_key":"{}""#, "k".repeat(65))), named("invalid_value", "payload.collapse_key"));
    assert_eq!(swap(user, r#","priority":"urgent""#), named("wrong_type", "payload.priority"));
    let empty = r#"{"to":{"user":"a"},"title":"","body":" "}"#;
    assert_eq!(problem("push", "send", empty), named("invalid_value", "payload.title"));
}

#[test]
fn a_push_is_bounded_to_the_byte_that_apns_counts_and_its_largest_part_is_named() {
    let push =
        |body: usize, more: &str| format!(r#"{{"to":{{"user":"a"}},"title":"Fees","body":"{}"{more}}}"#, "x".repeat(body));
    let counted = br#"{"aps":{"alert":{"title":"Fees","body":""},"sound":"default","mutable-content":1},"ntf":""}"#.len() + 32;
    let most = limits::PUSH_BYTES_MAX - counted;
    assert!(check_payload("push", "send", 1, &push(most, "")).is_ok());
    assert_eq!(problem("push", "send", &push(most + 1, "")), named("payload_too_large", "payload.body"));
    let data = format!(r#","data":{{"small":"x","blob":"{}"}}"#, "x".repeat(4_000));
    assert_eq!(problem("push", "send", &push(10, &data)), named("payload_too_large", "payload.data.blob"));
}
