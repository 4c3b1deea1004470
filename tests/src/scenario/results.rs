//! What calls give, as JSON in the words of the scenarios.

use serde_json::{Value, json};
use tarishi_core::{Error, Event, OperationRecord};

/// An operation, with its payload and its wish to cancel.
pub(super) fn record(record: &OperationRecord) -> Value {
    let payload: Option<Value> = record.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
    json!({
        "id": record.id,
        "key": record.key,
        "adapter": record.adapter,
        "action": record.action,
        "state": record.state,
        "ordering_key": record.ordering_key,
        "payload": payload,
        "outcome": record.outcome,
        "problem": record.problem,
        "origin": record.origin,
        "cancel_requested": record.cancel_requested,
        "retry_of": record.retry_of,
        "replaces": record.replaces,
        "seq": record.seq,
    })
}

/// The few kinds of error that an app acts on, as the bindings have them.
pub(super) fn error(error: &Error) -> Value {
    match error {
        Error::InvalidInput(problem) => json!({ "kind": "fix_input", "field": problem.field, "code": problem.code }),
        Error::KeyReused => json!({ "kind": "fix_input", "field": "key", "code": "idempotency_key_reused" }),
        Error::NotFound => json!({ "kind": "fix_input", "field": "id", "code": "not_found" }),
        Error::NotAllowed { .. } => json!({ "kind": "not_allowed" }),
        Error::QueueFull | Error::Offline => json!({ "kind": "wait" }),
        Error::Storage(_) => json!({ "kind": "storage" }),
        Error::NeedsAuth => json!({ "kind": "sign_in" }),
        Error::UpgradeRequired => json!({ "kind": "upgrade" }),
        Error::CopiedDevice => json!({ "kind": "new_device" }),
        Error::AlreadyOpen | Error::Suspended | Error::Closed => json!({ "kind": "not_open" }),
    }
}

/// Something that happened.
pub(super) fn event(event: &Event) -> Value {
    match event {
        Event::OperationChanged { id, state } => json!({ "event": "operation_changed", "of": id, "state": state }),
        Event::NeedsAuth => json!({ "event": "needs_auth" }),
        Event::UpgradeRequired => json!({ "event": "upgrade_required" }),
        Event::CopiedDevice => json!({ "event": "copied_device" }),
        Event::Report(_) => json!({ "event": "report" }),
    }
}
