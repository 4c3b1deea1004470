//! APNs: one notification to one device, over HTTP/2.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response, Result};
use serde_json::{Value, json};

use super::{Shown, jwt, page, with_wait};
use crate::connection::Line;
use crate::credentials::{APNS_BUNDLE_ID, APNS_KEY_ID, APNS_TEAM_ID};
use crate::fault::{Adapter, Call};
use crate::incoming::{authorization, header};
use crate::world::{World, lock};
use crate::{clock, gate};

const BYTES_MAX: usize = 4_096;
/// How old a provider token may be.
const TOKEN_AGE_S: i64 = 3_600;

/// Production and development differ in the address alone.
pub(super) async fn send(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    version: Version,
    uri: Uri,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    if version != Version::HTTP_2 {
        return Err(StatusCode::HTTP_VERSION_NOT_SUPPORTED.into());
    }
    authorised(&world, &headers).map_err(refusal)?;
    let shown = check(&headers, &token, &body).map_err(refusal)?;
    if token.starts_with("de5e") != uri.path().starts_with("/development/") {
        return Err(refusal("BadDeviceToken").into());
    }
    let fault = world.fault(Adapter::Push, Call::Send, shown.facts("apns"));
    gate::before(&line, fault.as_ref(), |status, _| page(status)).await?;
    let answer = match gate::result_of(fault.as_ref()) {
        Some(reason) => refusal(reason),
        None => {
            let id = header(&headers, "apns-id").map_or_else(|| world.random_hex(16), str::to_owned);
            shown.deliver(&world, &id);
            ([("apns-id", id)], StatusCode::OK).into_response()
        }
    };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

fn authorised(world: &World, headers: &HeaderMap) -> Result<(), &'static str> {
    let given = authorization(headers, "bearer").ok_or("MissingProviderToken")?;
    let token = jwt::apple(given).ok_or("InvalidProviderToken")?;
    if token.header["kid"] != APNS_KEY_ID || token.claims["iss"] != APNS_TEAM_ID {
        return Err("InvalidProviderToken");
    }
    let made_at = token.claims["iat"].as_i64().unwrap_or(0);
    if clock::now().timestamp() - made_at > TOKEN_AGE_S {
        return Err("ExpiredProviderToken");
    }
    if lock(&world.push).provider_token(given, made_at) { Ok(()) } else { Err("TooManyProviderTokenUpdates") }
}

fn check(headers: &HeaderMap, token: &str, body: &[u8]) -> Result<Shown, &'static str> {
    if body.len() > BYTES_MAX {
        return Err("PayloadTooLarge");
    }
    if header(headers, "apns-topic") != Some(APNS_BUNDLE_ID) {
        return Err("BadTopic");
    }
    let in_background = match header(headers, "apns-push-type") {
        Some("alert") => false,
        Some("background") => true,
        Some(_) | None => return Err("InvalidPushType"),
    };
    let priority = header(headers, "apns-priority").unwrap_or("10");
    if !matches!(priority, "10" | "5" | "1") || in_background && priority == "10" {
        return Err("BadPriority");
    }
    if header(headers, "apns-expiration").is_some_and(|seconds| seconds.parse::<i64>().is_err()) {
        return Err("BadExpirationDate");
    }
    let collapse = header(headers, "apns-collapse-id").unwrap_or_default();
    if collapse.len() > 64 {
        return Err("BadCollapseId");
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| "PayloadEmpty")?;
    let alert = &body["aps"]["alert"];
    let words = |name: &str| alert[name].as_str().unwrap_or_default();
    let mark = if collapse.is_empty() { body["ntf"].as_str().unwrap_or_default() } else { collapse };
    if in_background && (!alert.is_null() || body["aps"]["content-available"] != 1) {
        return Err("InvalidPushType");
    }
    let text = format!("{}\n{}", words("title"), words("body"));
    Ok(Shown { to: token.to_owned(), text, mark: mark.to_owned(), retracts: in_background && body["retract"].is_string() })
}

/// A refusal as Apple writes it. `Unregistered:old` is one that Apple has known for long.
fn refusal(reason: &str) -> Response {
    let (reason, old) = reason.strip_suffix(":old").map_or((reason, false), |reason| (reason, true));
    let status = match reason {
        "ExpiredProviderToken"
        | "InvalidProviderToken"
        | "MissingProviderToken"
        | "BadEnvironmentKeyIdInToken"
        | "Forbidden" => 403,
        "Unregistered" | "ExpiredToken" => 410,
        "PayloadTooLarge" => 413,
        "TooManyProviderTokenUpdates" | "TooManyRequests" => 429,
        "InternalServerError" => 500,
        "ServiceUnavailable" | "Shutdown" => 503,
        _ => 400,
    };
    let mut body = json!({ "reason": reason });
    if status == 410 {
        body["timestamp"] = json!(if old { 1 } else { clock::now().timestamp_millis() });
    }
    with_wait(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Json(body).into_response())
}
