//! What all providers read of a request in the same way.

use axum::http::HeaderMap;
use serde_json::Value;

/// A header, if it is text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The value of `Authorization` behind its scheme.
pub(crate) fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (found, value) = header(headers, "authorization")?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then_some(value)
}

/// The host and port that the caller knows us by.
pub(crate) fn host(headers: &HeaderMap) -> &str {
    header(headers, "host").unwrap_or("localhost")
}

/// The text or number at a path of names, if it is not empty.
pub(crate) fn field(body: &Value, path: &str) -> Option<String> {
    let value = path.split('.').try_fold(body, |value, name| value.get(name))?;
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
