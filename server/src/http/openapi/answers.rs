//! The shapes of answers that handlers put together field by field. A test holds real answers against them, both ways.

use serde_json::{Map, Value, json};

use crate::store::EVENT_TYPES;

/// All of them by name.
pub(super) fn all() -> Map<String, Value> {
    let all = [
        ("Anything", json!({ "type": "object" })),
        ("Me", object(&[("tenant", text()), ("device", text()), ("account", text()), ("scopes", texts()), ("caps", caps())])),
        ("Enrolled", enrolled()),
        ("Device", device()),
        ("DevicePage", page("devices", "Device")),
        ("OperationView", operation()),
        ("Verdict", verdict()),
        ("OperationOrVerdict", json!({ "anyOf": [one("OperationView"), one("Verdict")] })),
        ("OperationPage", page("operations", "OperationView")),
        (
            "Ended",
            object(&[
                ("id", one("OperationId")),
                ("state", one("State")),
                ("outcome", one("Outcome")),
                ("problem", or_null("Problem")),
            ]),
        ),
        ("Running", object(&[("id", one("OperationId")), ("state", or_null("State"))])),
        ("Event", event()),
        ("EventPage", events()),
        ("Subscription", subscription(&[])),
        ("Subscribed", subscription(&[("secret", secret("What signs, `whsec_…`; told this once."))])),
        ("SubscriptionList", object(&[("subscriptions", list("Subscription"))])),
        (
            "Rotated",
            object(&[
                ("id", text()),
                ("secret", secret("What signs from now on; told this once.")),
                ("old_secret_until", time()),
            ]),
        ),
        ("TextsPreview", object(&[("previews", json!({ "type": "array", "items": { "type": "object" } }))])),
        ("NotificationDelivery", notification_delivery()),
        ("NotificationPerson", notification_person()),
        (
            "NotificationPage",
            object(&[
                ("id", one("OperationId")),
                ("state", one("State")),
                ("outcome", maybe(&one("Outcome"))),
                ("problem", or_null("Problem")),
                ("counts", json!({ "type": "object", "additionalProperties": { "type": "integer" } })),
                ("people", list("NotificationPerson")),
                ("cursor", maybe(&text())),
            ]),
        ),
        ("NotificationFigures", notification_figures()),
        (
            "NotificationSavings",
            object(&[("type", text()), ("told", count()), ("all_sms", text()), ("cost", text()), ("saved", text())]),
        ),
        (
            "NotificationStats",
            object(&[
                ("since", time()),
                ("channels", list("NotificationFigures")),
                ("types", list("NotificationSavings")),
                ("today", json!({ "type": "array", "items": booked_today() })),
            ]),
        ),
        ("ListShown", object(&[("name", text()), ("members", texts()), ("updated_at", time())])),
        ("Integration", integration()),
        ("IntegrationList", object(&[("integrations", list("Integration"))])),
        ("Begun", object(&[("authorize_url", text()), ("expires_at", time())])),
        ("Disconnected", object(&[("status", words(&["revoked"])), ("provider_told", flag())])),
        ("LogEntry", object(&log_entry())),
        ("LogDetail", object(&[log_entry(), vec![("attempts", list("LogEntry"))]].concat())),
        ("LogPage", page("logs", "LogEntry")),
        ("ServerHealth", object(&[("status", words(&["ok", "limited", "degraded", "down"]))])),
        ("AdapterHealth", adapter_health()),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn notification_delivery() -> Value {
    object(&[
        ("channel", text()),
        ("operation_id", or_null("OperationId")),
        ("reach", maybe(&words(&["accepted", "sent", "delivered", "read"]))),
        ("lost", flag()),
        ("reason", maybe(&text())),
        ("late", flag()),
        ("begun_at", time()),
        ("accepted_at", maybe(&time())),
        ("delivered_at", maybe(&time())),
        ("read_at", maybe(&time())),
        ("over_at", maybe(&time())),
        ("cost", maybe(&text())),
        ("estimated", flag()),
    ])
}

fn notification_person() -> Value {
    object(&[
        ("notification_id", text()),
        ("account", text()),
        ("state", text()),
        ("channel", maybe(&text())),
        ("reason", maybe(&text())),
        ("created_at", time()),
        ("ended_at", maybe(&time())),
        ("next_at", maybe(&time())),
        ("deliveries", list("NotificationDelivery")),
    ])
}

fn notification_figures() -> Value {
    object(&[
        ("type", text()),
        ("channel", text()),
        ("attempted", count()),
        ("accepted", count()),
        ("delivered", count()),
        ("read", count()),
        ("late_after_escalation", count()),
        ("escalated", json!({ "type": "object", "additionalProperties": { "type": "integer" } })),
        ("median_ms_to_delivered", maybe(&count())),
        ("p95_ms_to_delivered", maybe(&count())),
        ("cost", texts()),
        ("cost_per_delivered", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
        ("estimated", count()),
        ("suggested_wait_s", maybe(&count())),
    ])
}

fn booked_today() -> Value {
    object(&[("channel", maybe(&text())), ("cap", json!({ "type": "object" })), ("booked", text())])
}

fn enrolled() -> Value {
    let token = secret("The device's token; told this once.");
    let fields =
        [("tenant", text()), ("device", text()), ("account", text()), ("token", token), ("scopes", texts()), ("caps", caps())];
    object(&fields)
}

fn device() -> Value {
    object(&[
        ("device", text()),
        ("account", text()),
        ("scopes", texts()),
        ("caps", caps()),
        ("created_at", time()),
        ("last_seen", time()),
        ("expires_at", time()),
        ("revoked_at", maybe(&time())),
    ])
}

fn caps() -> Value {
    json!({
        "type": "object",
        "properties": {
            "amount_per_operation": { "type": "integer", "description": "Minor units." },
            "amount_per_day": { "type": "integer", "description": "Minor units." },
            "messages_per_day": { "type": "integer" },
            "recipients": texts(),
        },
    })
}

fn operation() -> Value {
    object(&[
        ("id", one("OperationId")),
        ("key", text()),
        ("account", text()),
        ("from", text()),
        ("adapter", text()),
        ("action", text()),
        ("state", one("State")),
        ("ordering_key", maybe(&text())),
        ("outcome", one("Outcome")),
        ("problem", or_null("Problem")),
        ("attempts", count()),
        ("polls", count()),
        ("created_at", time()),
        ("expires_at", time()),
        ("next_at", maybe(&time())),
        ("ended_at", maybe(&time())),
    ])
}

/// What is known of an id that never became an operation.
fn verdict() -> Value {
    json!({
        "type": "object",
        "properties": { "id": one("OperationId"), "state": words(&["refused", "cancelled"]), "problem": one("Problem") },
        "required": ["id", "state"],
    })
}

/// One thing that happened; also the body that is sent to who subscribed.
fn event() -> Value {
    let data = json!({ "type": "object", "description": "As the event's type says." });
    let sequence = json!({ "type": "integer", "minimum": 1, "description": "Rises with each event, with gaps." });
    object(&[("id", text()), ("type", words(&EVENT_TYPES)), ("sequence", sequence), ("created_at", time()), ("data", data)])
}

fn subscription(more: &[(&str, Value)]) -> Value {
    let mut fields = vec![
        ("id", text()),
        ("url", text()),
        ("types", json!({ "type": "array", "items": words(&EVENT_TYPES) })),
        ("created_at", time()),
        ("disabled_at", maybe(&time())),
    ];
    fields.extend(more.iter().cloned());
    object(&fields)
}

fn secret(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// What happened: the cursor is always there, since more may happen.
fn events() -> Value {
    let cursor = json!({ "type": "string", "description": "Where the next question goes on, also after the last event." });
    let reset =
        json!({ "type": "boolean", "description": "The cursor was none of ours, or too old: events may have been missed." });
    let more = json!({ "type": "boolean", "description": "There are more already." });
    object(&[("events", list("Event")), ("cursor", cursor), ("reset", reset), ("more", more)])
}

/// Where an account's consent stands.
fn consent() -> Value {
    let status = words(&["not_connected", "from_settings", "active", "needs_consent", "revoking", "revoked"]);
    json!({
        "type": "object",
        "description": "Where an account's consent stands; for adapters with OAuth and keys with the scope `admin`.",
        "properties": { "status": status, "scope": maybe(&text()), "since": time() },
        "required": ["status"],
    })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn integration() -> Value {
    let schema = json!({ "type": "object", "description": "A JSON Schema (2020-12)." });
    let action =
        object(&[("version", count()), ("payload", schema.clone()), ("outcome", schema.clone()), ("has_effect", flag())]);
    let actions = json!({ "type": "object", "additionalProperties": action });
    let schemas =
        object(&[("settings", schema.clone()), ("credentials", schema.clone()), ("actions", actions), ("interim", schema)]);
    json!({
        "type": "object",
        "properties": {
            "adapter": text(),
            "enabled": flag(),
            "actions": texts(),
            "paused": texts(),
            "settings": {
                "type": "object",
                "additionalProperties": text(),
                "description": "Settings that are no secret. For keys with the scope `admin`.",
            },
            "credentials": { "type": "array", "items": text(), "description": "The names of those that are set, never the values." },
            "missing": texts(),
            "oauth": consent(),
            "schemas": schemas,
        },
        "required": ["adapter", "enabled", "actions", "paused"],
    })
}

fn log_entry() -> Vec<(&'static str, Value)> {
    vec![
        ("id", json!({ "type": "string", "format": "uuid" })),
        ("operation", one("OperationId")),
        ("adapter", text()),
        ("action", text()),
        ("tenant", text()),
        ("account", text()),
        ("from", text()),
        ("kind", text()),
        ("opened_at", time()),
        ("closed_at", maybe(&time())),
        ("duration_ms", maybe(&json!({ "type": "integer" }))),
        ("result", maybe(&text())),
        ("code", maybe(&text())),
        ("message", maybe(&text())),
        ("count", count()),
        ("state_after", or_null("State")),
    ]
}

fn adapter_health() -> Value {
    object(&[
        ("adapter", text()),
        ("status", words(&["ok", "degraded", "down", "disabled"])),
        ("message", text()),
        ("latency_ms", maybe(&json!({ "type": "integer" }))),
        ("breaker", words(&["closed", "open", "half_open"])),
        ("closed_until", maybe(&time())),
        ("checked_at", time()),
    ])
}

fn page(rows: &str, name: &str) -> Value {
    let cursor = json!({ "type": ["string", "null"], "description": "Ask with it for the next page; null = there is none." });
    object(&[(rows, list(name)), ("cursor", cursor)])
}

/// An object of these fields, which are always there.
fn object(fields: &[(&str, Value)]) -> Value {
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let fields: Map<_, _> = fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": fields, "required": names })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": text() })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// A schema by its name.
pub(super) fn one(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn list(name: &str) -> Value {
    json!({ "type": "array", "items": one(name) })
}

fn or_null(name: &str) -> Value {
    json!({ "anyOf": [one(name), { "type": "null" }] })
}

fn maybe(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}
