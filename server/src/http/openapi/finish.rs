//! What all operations of the document share.

use serde_json::{Map, Value, json};

/// Routes that are answered by another one's handler: (the route, the one it is like).
const ALIASES: [(&str, &str); 6] = [
    ("/api/v2/integrations/", "/api/v2/integrations"),
    ("/api/v2/integrations/health", "/health"),
    ("/api/v2/integrations/{adapter}/status", "/api/v2/integrations/health/{adapter}"),
    ("/api/v2/integrations/{adapter}/webhook/{rest}", "/api/v2/integrations/{adapter}/webhook"),
    ("/k/{attempt}/{token}/{rest}", "/k/{attempt}/{token}"),
    ("/h/{token}/{rest}", "/h/{token}"),
];

/// What stands in a path.
const PARAMETERS: [(&str, &str); 10] = [
    ("action", "The adapter's action: `charge`."),
    ("adapter", "The provider's adapter: `mpesa`."),
    ("attempt", "The attempt that the provider was told this address for."),
    ("device", "The device's id."),
    ("id", "The id."),
    ("rest", "Whatever the provider adds; may hold slashes."),
    ("token", "The secret of this address."),
    ("cursor", "Where the page before ended."),
    ("name", "The name: a-z, 0-9, _ and -."),
    ("user", "The person: an account of the tenant."),
];

/// Adds the aliases, and to every operation its name, its path's parameters and the problem it may answer with.
pub(super) fn finish(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (alias, path) in ALIASES {
        if let Some(item) = paths.get(path).cloned() {
            paths.entry(alias).or_insert(item);
        }
    }
    for (path, item) in paths.iter_mut() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                one(path, method, operation);
            }
        }
    }
}

fn one(path: &str, method: &str, operation: &mut Map<String, Value>) {
    operation.insert("operationId".to_owned(), json!(name(path, method)));
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.extend(in_path(path).map(|name| {
            let about = PARAMETERS.iter().find(|(known, _)| *known == name).map_or("", |(_, about)| *about);
            json!({ "name": name, "in": "path", "required": true, "description": about, "schema": { "type": "string" } })
        }));
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    responses["default"] = json!({
        "description": "A problem; its `status` is the answer's.",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
}

/// `get_devices_me` for `GET /api/v2/devices/me`; unique, since a path and a method are.
fn name(path: &str, method: &str) -> String {
    let path = path.strip_prefix("/api/v2").unwrap_or(path);
    let words = path.split('/').map(|part| part.trim_matches(['{', '}']).replace(['.', '-'], "_"));
    let mut name =
        std::iter::once(method.to_owned()).chain(words.filter(|word| !word.is_empty())).collect::<Vec<_>>().join("_");
    if path.len() > 1 && path.ends_with('/') {
        name.push_str("_slash");
    }
    name
}

fn in_path(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
