//! FCM: one message to one device, checked as Google checks it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use serde_json::{Value, json};

use super::{Shown, page, with_wait};
use crate::connection::Line;
use crate::credentials::FCM_PROJECT_ID;
use crate::fault::{Adapter, Call};
use crate::incoming::authorization;
use crate::world::{World, lock};
use crate::{clock, gate};

const BYTES_MAX: usize = 4_096;

pub(super) async fn send(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    if !authorization(&headers, "Bearer").is_some_and(|token| lock(&world.push).is_good(token, clock::now())) {
        return Err(error("UNAUTHENTICATED").into());
    }
    if project != FCM_PROJECT_ID {
        return Err(error("NOT_FOUND").into());
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let shown = check(&body["message"]).map_err(violation)?;
    let id = format!("projects/{project}/messages/0:{}", world.random_hex(12));
    let answer = || Json(json!({ "name": id })).into_response();
    if body["validate_only"] == true {
        return Ok(answer());
    }
    let fault = world.fault(Adapter::Push, Call::Send, shown.facts("fcm"));
    gate::before(&line, fault.as_ref(), |status, _| page(status)).await?;
    // `UNREGISTERED` refuses; `delivered:UNAVAILABLE` says so of a message that went out all the same.
    let (refused, delivered) = match gate::result_of(fault.as_ref()) {
        None => (None, true),
        Some(code) => code.strip_prefix("delivered:").map_or((Some(code), false), |code| (Some(code), true)),
    };
    if delivered {
        shown.deliver(&world, &id);
    }
    Ok(gate::after(&line, fault.as_ref(), refused.map_or_else(answer, error)).await)
}

/// What a phone will show, or the field that Google would refuse.
fn check(message: &Value) -> Result<Shown, &'static str> {
    let targets: Vec<&str> =
        ["token", "fid", "topic", "condition"].into_iter().filter_map(|name| message[name].as_str()).collect();
    let [to] = targets.as_slice() else { return Err("message") };
    let empty = serde_json::Map::new();
    let data = message["data"].as_object().unwrap_or(&empty);
    let reserved =
        |name: &str| matches!(name, "from" | "message_type") || name.starts_with("google") || name.starts_with("gcm");
    if data.iter().any(|(name, value)| !value.is_string() || reserved(name)) {
        return Err("message.data");
    }
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let (title, words) = match &message["notification"] {
        Value::Object(_) => (text(&message["notification"], "title"), text(&message["notification"], "body")),
        _ => (text(&message["data"], "title"), text(&message["data"], "body")),
    };
    let of_data: usize = data.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    if of_data + title.len() + words.len() > BYTES_MAX || message["apns"]["payload"].to_string().len() > BYTES_MAX {
        return Err("message");
    }
    let android = &message["android"];
    let ttl = android["ttl"].as_str().unwrap_or("0s").strip_suffix('s').and_then(|seconds| seconds.parse::<f64>().ok());
    if !ttl.is_some_and(|seconds| (0.0..=2_419_200.0).contains(&seconds)) {
        return Err("message.android.ttl");
    }
    if !android["priority"].as_str().is_none_or(|word| matches!(word, "high" | "normal")) {
        return Err("message.android.priority");
    }
    let named = ["ntf", "retract"].into_iter().find_map(|name| message["data"][name].as_str());
    let tag = android["notification"]["tag"].as_str().or(named);
    let mark = tag.unwrap_or_default().to_owned();
    let retracts = message["data"]["retract"].is_string() && message["notification"].is_null();
    Ok(Shown { to: (*to).to_owned(), text: format!("{title}\n{words}"), mark, retracts })
}

/// An error as FCM writes it; some come without its own detail, and those mean another thing.
fn error(code: &str) -> Response {
    let (status, word, message, own) = match code {
        "UNREGISTERED" => (404, "NOT_FOUND", "Requested entity was not found.", true),
        "NOT_FOUND" => (404, "NOT_FOUND", "Requested entity was not found.", false),
        "SENDER_ID_MISMATCH" => (403, "PERMISSION_DENIED", "SenderId mismatch", true),
        "PERMISSION_DENIED" => (403, "PERMISSION_DENIED", "The caller does not have permission", false),
        "INVALID_ARGUMENT" => (400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token", true),
        "THIRD_PARTY_AUTH_ERROR" => (401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", true),
        "UNAUTHENTICATED" => (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", false),
        "QUOTA_EXCEEDED" => (429, "RESOURCE_EXHAUSTED", "Quota exceeded", true),
        "UNAVAILABLE" => (503, "UNAVAILABLE", "The service is currently unavailable.", true),
        _ => (500, "INTERNAL", "Internal error encountered.", true),
    };
    let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
    let details = if own { json!([{ "@type": kind, "errorCode": code }]) } else { json!([]) };
    answer(status, word, message, &details)
}

/// A message that is wrong, with the field that is.
fn violation(field: &str) -> Response {
    let details = json!([
        { "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "INVALID_ARGUMENT" },
        { "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{ "field": field, "description": "Simulated" }] },
    ]);
    answer(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", &details)
}

fn answer(status: u16, word: &str, message: &str, details: &Value) -> Response {
    let error = json!({ "code": status, "message": message, "status": word, "details": details });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_wait(status, Json(json!({ "error": error })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(more: &Value) -> Value {
        let mut message = json!({ "token": "a", "data": { "ntf": "n" }, "notification": { "title": "T", "body": "B" } });
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    }

    #[test]
    fn what_google_would_refuse_is_refused_with_its_field() {
        let good = check(&message(&json!({ "android": { "ttl": "120.5s", "notification": { "tag": "k" } } })))
            .unwrap_or_else(|_| panic!());
        assert_eq!((good.to.as_str(), good.text.as_str(), good.mark.as_str()), ("a", "T\nB", "k"));
        for (more, field) in [
            (json!({ "topic": "news" }), "message"),
            (json!({ "data": { "n": 7 } }), "message.data"),
            (json!({ "data": { "from": "x" } }), "message.data"),
            (json!({ "data": { "blob": "x".repeat(4_096) } }), "message"),
            (json!({ "android": { "ttl": "-1s" } }), "message.android.ttl"),
            (json!({ "android": { "priority": "urgent" } }), "message.android.priority"),
        ] {
            assert_eq!(check(&message(&more)).err(), Some(field), "{more}");
        }
    }
}
