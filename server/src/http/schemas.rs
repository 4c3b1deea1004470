//! JSON Schemas (2020-12) of one adapter: its settings, and each action's payload and outcome.

use serde_json::{Map, Value, json};
use tarishi_protocol::schema;

use crate::adapters::{Descriptor, SettingSpec};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Everything an app or a form needs to know of an adapter. The same for every tenant.
pub(super) fn of(descriptor: &Descriptor) -> Value {
    let actions = descriptor.actions.iter().map(|action| {
        let payload = schema::payload(descriptor.name, action.name);
        let outcome = schema::outcome(descriptor.name, action.name);
        (
            action.name.to_owned(),
            json!({ "version": 1, "payload": payload, "outcome": outcome, "has_effect": action.has_effect }),
        )
    });
    json!({
        "settings": settings(descriptor, false),
        "credentials": settings(descriptor, true),
        "actions": actions.collect::<Map<_, _>>(),
        "interim": schema::interim(),
    })
}

/// A whole set of settings, or of credentials. A change may name some of them, and null to remove one.
fn settings(descriptor: &Descriptor, secret: bool) -> Value {
    let specs = || descriptor.settings.iter().filter(|spec| spec.secret == secret);
    let kind = if secret { "credentials" } else { "settings" };
    json!({
        "$schema": DIALECT,
        "$id": format!("urn:tarishi:schema:{}:{kind}", descriptor.name),
        "title": format!("{} {kind}", descriptor.name),
        "type": "object",
        "properties": specs().map(|spec| (spec.name.to_owned(), setting(descriptor, spec))).collect::<Map<_, _>>(),
        "required": specs().filter(|spec| spec.required).map(|spec| spec.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

fn setting(descriptor: &Descriptor, spec: &SettingSpec) -> Value {
    let variable = format!("{}{}", descriptor.env_prefix, spec.name.to_ascii_uppercase());
    let mut schema = json!({ "type": "string", "description": format!("{} ({variable})", spec.help) });
    if spec.required {
        schema["minLength"] = json!(1);
    }
    if spec.secret {
        schema["writeOnly"] = json!(true);
    }
    schema
}
