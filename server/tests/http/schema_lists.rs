//! Payloads of one action each at the edges of what is allowed: mobile-money networks, pushes.

use serde_json::{Value, json};

use crate::schema_rows::{Row, charge, merge, without};

pub(crate) fn networks() -> Vec<Row> {
    let named = |network: &str, changes: Value| {
        let mut payload = charge(json!({ "network": network }));
        merge(&mut payload, changes);
        payload
    };
    let money = |currency: &str| json!({ "amount": { "amount": "500", "currency": currency } });
    [
        (named("SAFARICOM", json!({})), true),
        (named("AIRTEL", json!({ "method": "mobile_money" })), true),
        (named("AIRTEL", json!({ "method": null })), true),
        (charge(json!({ "network": null, "method": "link" })), true),
        (named("MTN", money("UGX")), true),
        (named("HALOPESA", money("TZS")), true),
        (named("VODAFONE", money("GHS")), true),
        (named("MTN", json!({})), false),
        (named("safaricom", json!({})), false),
        (named("SAFARICOM", money("UGX")), false),
        (named("MTN", money("USD")), false),
        (named("", json!({})), false),
        (named("AIRTEL", json!({ "method": "link" })), false),
        (named("AIRTEL", json!({ "phone": null })), false),
        (without(named("AIRTEL", json!({})), "phone"), false),
        (charge(json!({ "network": 7 })), false),
    ]
    .into_iter()
    .map(|(payload, good)| ("flutterwave", "charge", payload, good))
    .collect()
}

pub(crate) fn pushes() -> Vec<Row> {
    let push = |changes: Value| {
        let mut payload = json!({ "to": { "user": "u" }, "title": "t", "body": "b" });
        merge(&mut payload, changes);
        payload
    };
    let names = |count: usize| (0..count).map(|index| format!("u{index}")).collect::<Vec<_>>();
    [
        (push(json!({ "to": { "device": "d" } })), true),
        (push(json!({ "to": { "list": names(100) } })), true),
        (push(json!({ "to": { "list": names(101) } })), false),
        (push(json!({ "to": { "list": [] } })), false),
        (push(json!({ "to": { "list": ["a", ""] } })), false),
        (push(json!({ "to": { "list": ["a", "b\n"] } })), false),
        (push(json!({ "to": { "user": "" } })), false),
        (push(json!({ "to": { "user": "x".repeat(64) } })), true),
        (push(json!({ "to": { "user": "x".repeat(65) } })), false),
        (push(json!({ "to": { "device": "d\u{7}" } })), false),
        (push(json!({ "to": { "user": "u", "device": "d" } })), false),
        (push(json!({ "to": { "class": "4B" } })), false),
        (push(json!({ "title": "" })), true),
        (push(json!({ "body": " " })), true),
        (push(json!({ "title": "", "body": " \n" })), false),
        (without(push(json!({})), "body"), false),
        (push(json!({ "data": null })), true),
        (push(json!({ "data": { "a": [1], "b": "c", "title_of": 1 } })), true),
        (push(json!({ "data": "x" })), false),
        (push(json!({ "data": { "": 1 } })), false),
        (push(json!({ "data": { "aps": {} } })), false),
        (push(json!({ "data": { "google.c": "x" } })), false),
        (push(json!({ "data": { "gcm": "x" } })), false),
        (push(json!({ "ttl_s": 0 })), true),
        (push(json!({ "ttl_s": 2_419_200 })), true),
        (push(json!({ "ttl_s": 2_419_201 })), false),
        (push(json!({ "ttl_s": -1 })), false),
        (push(json!({ "ttl_s": "60" })), false),
        (push(json!({ "priority": "normal" })), true),
        (push(json!({ "priority": null })), true),
        (push(json!({ "priority": "urgent" })), false),
        (push(json!({ "collapse_key": "4B:news" })), true),
        (push(json!({ "collapse_key": "k".repeat(64) })), true),
        (push(json!({ "collapse_key": "k".repeat(65) })), false),
        (push(json!({ "collapse_key": "" })), false),
        (push(json!({ "collapse_key": "a b" })), false),
        (push(json!({ "collapse_key": "é" })), false),
    ]
    .into_iter()
    .map(|(payload, good)| ("push", "send", payload, good))
    .collect()
}
