//! Payloads at the edges of what is allowed: good ones and bad ones.

use serde_json::{Value, json};

use crate::schema_lists::{networks, pushes};

pub(crate) fn charge(changes: Value) -> Value {
    let mut payload = json!({
        "amount": { "amount": "1000.00", "currency": "KES" }, "phone": "+254712345678", "reference": "FEE-1",
    });
    merge(&mut payload, changes);
    payload
}

pub(crate) fn merge(payload: &mut Value, changes: Value) {
    if let (Some(payload), Value::Object(changes)) = (payload.as_object_mut(), changes) {
        payload.extend(changes);
    }
}

pub(crate) fn without(mut payload: Value, name: &str) -> Value {
    payload.as_object_mut().unwrap().remove(name);
    payload
}

fn kes(amount: &str) -> Value {
    charge(json!({ "amount": { "amount": amount, "currency": "KES" } }))
}

fn phones(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("+2547{index:08}")).collect()
}

/// Adapter, action, payload, and whether it is good.
pub(crate) type Row = (&'static str, &'static str, Value, bool);

pub(crate) fn rows() -> Vec<Row> {
    [payments(), messages(), pushes(), files(), courses()].concat()
}

fn payments() -> Vec<Row> {
    let uuid = "0198c0de-0000-7000-8000-000000000001";
    let mut rows: Vec<Row> = Vec::new();
    for (amount, at_mpesa, elsewhere) in [
        ("1", true, true),
        ("1.00", true, true),
        ("0001.0", true, true),
        ("250000", true, true),
        ("250000.00", true, true),
        ("249999", true, true),
        ("199999", true, true),
        ("99999", true, true),
        ("250001", false, true),
        ("300000", false, true),
        ("1000.50", false, true),
        ("0", false, false),
        ("0.00", false, false),
        ("0.01", false, true),
        ("-1", false, false),
        ("+1", false, false),
        ("1.", false, false),
        (".5", false, false),
        ("1.005", false, false),
        ("1e3", false, false),
        ("1,000", false, false),
        (" 1", false, false),
        ("", false, false),
        ("99999999999999999999", false, false),
    ] {
        rows.push(("mpesa", "charge", kes(amount), at_mpesa));
        rows.push(("flutterwave", "charge", kes(amount), elsewhere));
        rows.push(("pesapal", "charge", kes(amount), elsewhere));
        let refund = json!({ "receipt": "R", "reason": "x", "amount": { "amount": amount, "currency": "KES" } });
        rows.push(("mpesa", "refund", refund.clone(), at_mpesa));
        rows.push(("flutterwave", "refund", refund, elsewhere));
    }
    let money = |amount: &str, currency: &str| charge(json!({ "amount": { "amount": amount, "currency": currency } }));
    rows.extend([
        ("flutterwave", "charge", money("500", "UGX"), true),
        ("flutterwave", "charge", money("500.0", "UGX"), false),
        ("flutterwave", "charge", money("5.50", "GHS"), true),
        ("flutterwave", "charge", money("5", "ghs"), false),
        ("flutterwave", "charge", money("5", "EURO"), false),
        ("mpesa", "charge", money("5", "UGX"), false),
        ("mpesa", "charge", charge(json!({ "amount": 5 })), false),
        ("mpesa", "charge", charge(json!({ "amount": { "amount": 5, "currency": "KES" } })), false),
        ("mpesa", "charge", charge(json!({ "amount": { "amount": "5" } })), false),
        ("mpesa", "charge", charge(json!({ "amount": { "amount": "5", "currency": "KES", "cents": 1 } })), false),
        ("mpesa", "charge", without(charge(json!({})), "amount"), false),
        ("mpesa", "charge", without(charge(json!({})), "reference"), false),
        ("mpesa", "charge", without(charge(json!({})), "phone"), false),
        ("mpesa", "charge", charge(json!({ "phone": null })), false),
        ("flutterwave", "charge", without(charge(json!({})), "phone"), true),
        ("flutterwave", "charge", charge(json!({ "phone": null })), true),
        ("mpesa", "charge", charge(json!({ "phone": "+254112345678" })), true),
        ("mpesa", "charge", charge(json!({ "phone": "+254212345678" })), false),
        ("mpesa", "charge", charge(json!({ "phone": "+256712345678" })), false),
        ("flutterwave", "charge", charge(json!({ "phone": "+256712345678" })), true),
        ("flutterwave", "charge", charge(json!({ "phone": "0712345678" })), false),
        ("flutterwave", "charge", charge(json!({ "phone": "+0712345678" })), false),
        ("flutterwave", "charge", charge(json!({ "phone": "+1234567" })), false),
        ("flutterwave", "charge", charge(json!({ "phone": "+1234567890123456" })), false),
        ("mpesa", "charge", charge(json!({ "reference": "é".repeat(100) })), true),
        ("mpesa", "charge", charge(json!({ "reference": "é".repeat(101) })), false),
        ("mpesa", "charge", charge(json!({ "reference": "" })), false),
        ("mpesa", "charge", charge(json!({ "reference": 7 })), false),
        ("mpesa", "charge", charge(json!({ "description": "" })), false),
        ("mpesa", "charge", charge(json!({ "description": null })), true),
        ("mpesa", "charge", charge(json!({ "method": "link" })), true),
        ("mpesa", "charge", charge(json!({ "method": "cash" })), false),
        ("mpesa", "charge", charge(json!({ "card_number": "4111" })), false),
        ("mpesa", "charge", json!({}), false),
        ("mpesa", "charge", charge(json!({ "network": "SAFARICOM" })), false),
        ("pesapal", "charge", charge(json!({ "network": "SAFARICOM" })), false),
        ("mpesa", "query", json!({ "operation_id": uuid }), true),
        ("mpesa", "query", json!({ "receipt": "R", "operation_id": null }), true),
        ("mpesa", "query", json!({ "receipt": "R", "operation_id": uuid }), false),
        ("mpesa", "query", json!({ "operation_id": null }), false),
        ("mpesa", "query", json!({}), false),
        ("mpesa", "query", json!({ "operation_id": "nobody" }), false),
        ("pesapal", "refund", json!({ "operation_id": uuid, "reason": "twice" }), true),
        ("pesapal", "refund", json!({ "operation_id": uuid, "receipt": "R", "reason": "twice" }), false),
        ("pesapal", "refund", json!({ "operation_id": uuid }), false),
        ("pesapal", "refund", json!({ "receipt": "", "reason": "twice" }), false),
        ("pesapal", "refund", json!({ "receipt": "R", "reason": "" }), false),
        ("pesapal", "refund", json!({ "receipt": "R", "reason": "x", "amount": null }), true),
    ]);
    rows.extend(networks());
    rows
}

fn messages() -> Vec<Row> {
    let uuid = "0198c0de-0000-7000-8000-000000000001";
    let to = "+254712345678";
    let template = json!({ "name": "n", "language": "en" });
    vec![
        ("sms", "send", json!({ "to": to, "message": "hi" }), true),
        ("sms", "send", json!({ "to": phones(100), "message": "hi" }), true),
        ("sms", "send", json!({ "to": phones(101), "message": "hi" }), false),
        ("sms", "send", json!({ "to": [], "message": "hi" }), false),
        ("sms", "send", json!({ "to": [to, to], "message": "hi" }), false),
        ("sms", "send", json!({ "to": [to, "nobody"], "message": "hi" }), false),
        ("sms", "send", json!({ "to": { "phone": to }, "message": "hi" }), false),
        ("sms", "send", json!({ "to": to }), false),
        ("sms", "send", json!({ "to": to, "message": null }), false),
        ("sms", "send", json!({ "to": to, "message": "" }), false),
        ("sms", "send", json!({ "to": to, "message": "x".repeat(4_096) }), true),
        ("sms", "send", json!({ "to": to, "message": "x".repeat(4_097) }), false),
        ("sms", "send", json!({ "to": to, "template": template }), false),
        ("sms", "send", json!({ "to": to, "message": "hi", "media": { "url": "https://x.example" } }), false),
        ("sms", "send", json!({ "to": to, "message": "hi", "from": "SCHOOL" }), true),
        ("whatsapp", "send", json!({ "to": to, "template": template }), true),
        ("whatsapp", "send", json!({ "to": to, "template": template, "message": null }), true),
        ("whatsapp", "send", json!({ "to": to, "template": template, "message": "hi" }), false),
        ("whatsapp", "send", json!({ "to": to, "template": { "name": "n" } }), false),
        ("whatsapp", "send", json!({ "to": to, "template": { "name": "n", "language": "en", "params": [1] } }), false),
        ("whatsapp", "send", json!({ "to": to, "message": "hi", "media": { "url": "https://x.example" } }), true),
        ("whatsapp", "send", json!({ "to": to, "message": "hi", "media": { "caption": "c" } }), false),
        ("sms", "query", json!({ "message_id": "m" }), true),
        ("sms", "query", json!({ "message_id": "m", "operation_id": uuid }), false),
        ("whatsapp", "query", json!({}), false),
        ("sms", "balance", json!({}), true),
        ("whatsapp", "balance", json!({}), true),
        ("whatsapp", "balance", json!({ "currency": "USD" }), false),
        ("sms", "balance", json!({ "currency": "KES" }), false),
        ("push", "query", json!({ "operation_id": uuid }), true),
        ("notifications", "notify", json!({ "type": "t", "to": { "list": ["a"] }, "data": {} }), true),
        ("notifications", "notify", json!({ "type": "t", "to": { "list": "class-4b" }, "data": {} }), true),
        ("notifications", "notify", json!({ "type": "t", "to": { "list": "" }, "data": {} }), false),
        ("notifications", "notify", json!({ "type": "t", "to": { "list": [] }, "data": {} }), false),
        ("notifications", "notify", json!({ "type": "t", "to": { "list": vec!["a"; 100] }, "data": {} }), true),
        ("notifications", "notify", json!({ "type": "t", "to": { "list": vec!["a"; 101] }, "data": {} }), false),
        ("notifications", "notify", json!({ "type": "", "to": { "user": "a" }, "data": {} }), false),
        ("notifications", "notify", json!({ "type": "t", "to": { "user": "a".repeat(64) }, "data": {} }), true),
        ("notifications", "notify", json!({ "type": "t", "to": { "user": "a".repeat(65) }, "data": {} }), false),
        (
            "notifications",
            "notify",
            json!({ "type": "t", "to": { "user": "a" }, "data": {}, "dedupe_key": "k".repeat(200) }),
            true,
        ),
        (
            "notifications",
            "notify",
            json!({ "type": "t", "to": { "user": "a" }, "data": {}, "dedupe_key": "k".repeat(201) }),
            false,
        ),
        ("notifications", "notify", json!({ "type": "t", "to": { "user": "a" } }), false),
    ]
}

fn files() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (path, good) in [
        ("a", true),
        ("a/b.txt", true),
        (".hidden/..data/...", true),
        ("a b/ü.txt", true),
        ("", false),
        ("/a", false),
        ("a/", false),
        ("a//b", false),
        (".", false),
        ("..", false),
        ("a/../b", false),
        ("a/./b", false),
        ("a\\b", false),
        ("a\nb", false),
        ("a\u{85}b", false),
    ] {
        rows.push(("local_storage", "upload", json!({ "destination": path, "content_base64": "aGk=" }), good));
        rows.push(("google_drive", "download", json!({ "path": path }), good));
        rows.push(("local_storage", "delete", json!({ "path": path }), good));
        rows.push(("local_storage", "list", json!({ "path": path }), good || path.is_empty()));
    }
    rows.extend([
        ("local_storage", "upload", json!({ "destination": "a", "blob": "b" }), true),
        ("local_storage", "upload", json!({ "destination": "a" }), false),
        ("local_storage", "upload", json!({ "destination": "a", "blob": "b", "content_base64": "" }), false),
        ("local_storage", "upload", json!({ "destination": "a", "content_base64": "" }), true),
        ("local_storage", "upload", json!({ "destination": "a", "content_base64": "aGk" }), false),
        ("local_storage", "upload", json!({ "destination": "a", "content_base64": "a-k=" }), false),
        ("local_storage", "upload", json!({ "destination": "a", "content_base64": "A".repeat(21_844) }), true),
        ("local_storage", "upload", json!({ "destination": "a", "content_base64": "A".repeat(21_852) }), false),
        ("local_storage", "download", json!({ "file_id": "f" }), true),
        ("local_storage", "download", json!({ "file_id": "f", "path": "a" }), false),
        ("local_storage", "download", json!({}), false),
        ("local_storage", "list", json!({ "path": "", "limit": 1_000 }), true),
        ("local_storage", "list", json!({ "path": "", "limit": 1_001 }), false),
        ("local_storage", "list", json!({ "path": "", "limit": 0 }), false),
        ("local_storage", "list", json!({}), false),
    ]);
    rows
}

fn courses() -> Vec<Row> {
    let by = json!({ "by": "idnumber", "value": "1" });
    let grade = json!({ "user": "u", "grade": "1" });
    vec![
        ("moodle", "enroll", json!({ "user": by, "course": by, "suspend": true }), true),
        ("moodle", "enroll", json!({ "user": by, "course": by, "end": "2026-01-05T06:00:00+03:00" }), true),
        ("moodle", "enroll", json!({ "user": by, "course": by, "end": "tomorrow" }), false),
        ("moodle", "enroll", json!({ "user": "u", "course": by }), false),
        ("moodle", "enroll", json!({ "user": by }), false),
        ("moodle", "sync_grades", json!({ "direction": "push", "course": by, "grades": [grade] }), true),
        ("moodle", "sync_grades", json!({ "direction": "push", "course": by, "grades": [] }), false),
        ("moodle", "sync_grades", json!({ "direction": "push", "course": by, "grades": null }), false),
        ("moodle", "sync_grades", json!({ "direction": "push", "course": by }), false),
        ("moodle", "sync_grades", json!({ "direction": "push", "course": by, "grades": vec![grade.clone(); 500] }), true),
        ("moodle", "sync_grades", json!({ "direction": "push", "course": by, "grades": vec![grade.clone(); 501] }), false),
        ("moodle", "sync_grades", json!({ "direction": "push", "course": by, "grades": [{ "user": "u", "grade": 1 }] }), false),
        ("moodle", "sync_grades", json!({ "direction": "pull", "course": by }), true),
        ("moodle", "sync_grades", json!({ "direction": "pull", "course": by, "grades": [] }), true),
        ("moodle", "sync_grades", json!({ "direction": "pull", "course": by, "grades": [grade] }), false),
        ("moodle", "sync_grades", json!({ "direction": "both", "course": by }), false),
        ("moodle", "sync_courses", json!({ "category": "c" }), true),
        ("moodle", "sync_courses", json!({ "category": 1 }), false),
        ("moodle", "create_course", json!({ "idnumber": "1", "fullname": "f", "shortname": "s" }), true),
        ("moodle", "create_course", json!({ "idnumber": "1", "fullname": "f" }), false),
    ]
}
