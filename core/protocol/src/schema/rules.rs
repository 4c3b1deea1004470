//! What the types alone do not say: the bounds and choices of [`crate::check_payload`], in a schema's words.

use serde_json::{Map, Value, json};

use crate::{
    catalog::{Category, MOBILE_NETWORKS},
    limits::{
        COLLAPSE_KEY_BYTES_MAX, GRADES_MAX, INLINE_FILE_BYTES_MAX, KEY_BYTES_MAX, LIST_MAX, MESSAGE_CHARS_MAX, NAME_BYTES_MAX,
        PATH_BYTES_MAX, PUSH_TTL_S_MAX, RECIPIENTS_MAX, REFERENCE_CHARS_MAX,
    },
    validate::push,
};

/// A relative path of named parts: none of them `.` or `..`, no backslash, no control character.
const PATH: &str = r"^(\.{0,2}[^./\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*|\.{3}[^/\\\x00-\x1f\x7f-\x9f]*)(/(\.{0,2}[^./\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*|\.{3}[^/\\\x00-\x1f\x7f-\x9f]*))*$";
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
/// KES 1 to 250,000 without cents.
const MPESA_AMOUNT: &str = r"^0*([1-9][0-9]{0,4}|1[0-9]{5}|2[0-4][0-9]{4}|250000)(\.0{1,2})?$";
/// No control character.
pub(super) const NAME: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";
const MPESA_PHONE: &str = r"^\+254[17][0-9]{8}$";

/// Adds what the check asks beyond the types.
pub(super) fn tighten(adapter: &str, category: Category, action: &str, schema: &mut Value) {
    match (category, action) {
        (Category::Payment, "charge") => charge(adapter, schema),
        (Category::Payment, "refund") => {
            one_of(schema, "operation_id", "receipt");
            text(schema, "receipt", REFERENCE_CHARS_MAX);
            text(schema, "reason", REFERENCE_CHARS_MAX);
            amount(adapter, schema);
        }
        (Category::Payment, _) => one_of(schema, "operation_id", "receipt"),
        (Category::Messaging, "send") => message(adapter, schema),
        (Category::Push, "send") => notification(schema),
        (Category::Messaging | Category::Push, "query") => one_of(schema, "operation_id", "message_id"),
        (Category::Storage, "upload") => {
            one_of(schema, "content_base64", "blob");
            path(schema, "destination");
            let letters = INLINE_FILE_BYTES_MAX.div_ceil(3) * 4;
            let base64 = json!({ "pattern": BASE64, "maxLength": letters, "contentEncoding": "base64" });
            within(schema, "content_base64", base64);
        }
        (Category::Storage, "list") => {
            let pattern = format!("^$|{PATH}");
            within(schema, "path", json!({ "pattern": pattern, "maxLength": PATH_BYTES_MAX }));
            within(schema, "limit", json!({ "minimum": 1, "maximum": LIST_MAX }));
        }
        (Category::Storage, _) => {
            one_of(schema, "file_id", "path");
            path(schema, "path");
        }
        (Category::Lms, "sync_grades") => grades(schema),
        (Category::Notification, _) => notify(schema),
        (Category::Messaging | Category::Push | Category::Lms, _) => {}
    }
}

fn charge(adapter: &str, schema: &mut Value) {
    text(schema, "reference", REFERENCE_CHARS_MAX);
    text(schema, "description", REFERENCE_CHARS_MAX);
    amount(adapter, schema);
    if adapter == "flutterwave" {
        network(schema);
    } else if let Some(fields) = properties(schema) {
        fields.remove("network");
    }
    if adapter == "mpesa" {
        // No longer nullable: the prompt goes to it.
        let phone = json!({ "type": "string", "pattern": MPESA_PHONE, "description": "The payer's Kenyan mobile number." });
        put(schema, "phone", phone);
        require(schema, "phone");
    }
}

/// A network is for mobile money: it needs the payer's phone, no link, and a currency that has it.
fn network(schema: &mut Value) {
    let known: Vec<_> = MOBILE_NETWORKS
        .iter()
        .map(|(currency, networks)| {
            let amount = json!({ "properties": { "currency": { "const": currency } } });
            json!({ "properties": { "amount": amount, "network": { "enum": networks } } })
        })
        .collect();
    let payer = json!({ "phone": { "type": "string" }, "method": { "not": { "const": "link" } } });
    schema["if"] = json!({ "properties": { "network": { "type": "string" } }, "required": ["network"] });
    schema["then"] = json!({ "required": ["phone"], "properties": payer, "anyOf": known });
}

fn notify(schema: &mut Value) {
    let name = |most: usize| json!({ "minLength": 1, "maxLength": most, "pattern": NAME });
    within(schema, "type", name(NAME_BYTES_MAX));
    within(schema, "dedupe_key", name(KEY_BYTES_MAX));
    let kinds = properties(schema).and_then(|fields| fields.get_mut("to")?.get_mut("oneOf")?.as_array_mut());
    for kind in kinds.into_iter().flatten() {
        within(kind, "user", name(NAME_BYTES_MAX));
    }
}

fn notification(schema: &mut Value) {
    let shown = |field: &str| {
        let mut fields = Map::new();
        fields.insert(field.to_owned(), json!({ "pattern": r"\S" }));
        json!({ "properties": fields })
    };
    schema["anyOf"] = json!([shown("title"), shown("body")]);
    let theirs = json!([{ "enum": push::RESERVED }, { "pattern": "^(google|gcm)" }]);
    within(schema, "data", json!({ "propertyNames": { "minLength": 1, "not": { "anyOf": theirs } } }));
    within(schema, "ttl_s", json!({ "maximum": PUSH_TTL_S_MAX }));
    within(schema, "collapse_key", json!({ "minLength": 1, "maxLength": COLLAPSE_KEY_BYTES_MAX, "pattern": "^[!-~]+$" }));
    let name = json!({ "minLength": 1, "maxLength": NAME_BYTES_MAX, "pattern": NAME });
    let kinds = properties(schema).and_then(|fields| fields.get_mut("to")?.get_mut("oneOf")?.as_array_mut());
    for kind in kinds.into_iter().flatten() {
        within(kind, "user", name.clone());
        within(kind, "device", name.clone());
        within(kind, "list", json!({ "minItems": 1, "maxItems": RECIPIENTS_MAX }));
        if let Some(list) = properties(kind).and_then(|fields| fields.get_mut("list")) {
            list["items"] = json!({ "type": "string", "minLength": 1, "maxLength": NAME_BYTES_MAX, "pattern": NAME });
        }
    }
}

fn message(adapter: &str, schema: &mut Value) {
    text(schema, "message", MESSAGE_CHARS_MAX);
    if adapter == "sms" {
        if let Some(fields) = properties(schema) {
            fields.remove("template");
            fields.remove("media");
        }
        within(schema, "message", json!({ "type": "string" }));
        require(schema, "message");
    } else {
        one_of(schema, "message", "template");
    }
}

fn grades(schema: &mut Value) {
    within(schema, "grades", json!({ "maxItems": GRADES_MAX }));
    schema["if"] = json!({ "properties": { "direction": { "const": "push" } } });
    schema["then"] = json!({ "properties": { "grades": { "type": "array", "minItems": 1 } }, "required": ["grades"] });
    schema["else"] = json!({ "properties": { "grades": { "maxItems": 0 } } });
}

/// More than nothing, and what the provider takes. Says nothing about an amount that is left out.
fn amount(adapter: &str, schema: &mut Value) {
    let bounds = if adapter == "mpesa" {
        json!({ "amount": { "pattern": MPESA_AMOUNT }, "currency": { "const": "KES" } })
    } else {
        json!({ "amount": { "pattern": "[1-9]" } })
    };
    within(schema, "amount", json!({ "allOf": [{ "properties": bounds }] }));
}

fn path(schema: &mut Value, field: &str) {
    within(schema, field, json!({ "pattern": PATH, "maxLength": PATH_BYTES_MAX }));
}

fn text(schema: &mut Value, field: &str, chars_max: usize) {
    within(schema, field, json!({ "minLength": 1, "maxLength": chars_max }));
}

/// Exactly one of two fields; null counts as left out.
fn one_of(schema: &mut Value, a: &str, b: &str) {
    let there = |field: &str| {
        let mut fields = Map::new();
        fields.insert(field.to_owned(), json!({ "not": { "type": "null" } }));
        json!({ "required": [field], "properties": fields })
    };
    schema["oneOf"] = json!([there(a), there(b)]);
}

fn require(schema: &mut Value, field: &str) {
    match schema.get_mut("required").and_then(Value::as_array_mut) {
        Some(required) => required.push(json!(field)),
        None => schema["required"] = json!([field]),
    }
}

fn properties(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties")?.as_object_mut()
}

fn put(schema: &mut Value, field: &str, rule: Value) {
    if let Some(fields) = properties(schema) {
        fields.insert(field.to_owned(), rule);
    }
}

fn within(schema: &mut Value, field: &str, rules: Value) {
    let found = properties(schema).and_then(|fields| fields.get_mut(field)).and_then(Value::as_object_mut);
    if let (Some(found), Value::Object(rules)) = (found, rules) {
        found.extend(rules);
    }
}
