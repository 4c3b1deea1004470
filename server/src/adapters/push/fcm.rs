//! FCM's HTTP v1: the access token, the message, and how its answers are read. Pure but for the request's client.
//!
//! An error says what it is by `details[].errorCode` of FCM's own type, then by its status, then by HTTP. Only what is said of
//! the token itself makes it dead: a payload of ours that is wrong must never cost a user his token.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::super::{AccessToken, AdapterError, Disposition, Outbound, PushKind, PushTarget, http::HttpAnswer};
use super::{
    config::Fcm,
    sign,
    wire::{Push, Told},
};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion is good, in seconds; the most that Google takes.
const ASSERTION_S: i64 = 3_600;
/// A token that does not say how long it lives.
const TOKEN_LIFE: Duration = Duration::from_secs(300);
/// The least wait after a quota, unless FCM names one.
const QUOTA_WAIT: Duration = Duration::from_secs(60);

/// Asks for an access token with an assertion signed by the service account.
pub(super) fn token_request(config: &Fcm<'_>, outbound: &Outbound, now: DateTime<Utc>) -> Result<RequestBuilder, AdapterError> {
    let account = &config.account;
    let iat = now.timestamp();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": account.private_key_id });
    let claims = json!({
        "iss": account.client_email, "aud": account.token_uri, "scope": SCOPE, "iat": iat, "exp": iat + ASSERTION_S,
    });
    let assertion = sign::rs256(&account.private_key, &header, &claims)?;
    let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
    Ok(outbound.request(Method::POST, &config.token_url).form(&form))
}

/// Reads the access token.
///
/// # Errors
/// [`Disposition::Transient`] where the same may be asked again, [`Disposition::Misconfigured`] where it may not.
pub(super) fn read_token(answer: &HttpAnswer) -> Result<AccessToken, AdapterError> {
    let body = answer.json().unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let (200, Some(token)) = (answer.status, text("access_token")) {
        let life = body.get("expires_in").and_then(|life| life.as_u64().or_else(|| life.as_str()?.parse().ok()));
        return Ok(AccessToken { token: token.to_owned(), expires_in: life.map_or(TOKEN_LIFE, Duration::from_secs) });
    }
    let code = text("error");
    let passing = ["internal_failure", "server_error", "temporarily_unavailable"];
    let for_now = code.is_some_and(|code| passing.contains(&code))
        || text("error_description").is_some_and(|words| passing.contains(&words));
    let error = match (answer.status, code) {
        (400..=404, Some(code)) if !for_now => {
            let meaning = match code {
                "invalid_grant" => "Google refuses the service account: its key is revoked, or this server's clock is wrong",
                "invalid_scope" => "the service account may not send messages",
                _ => "Google does not know the service account",
            };
            AdapterError::misconfigured(meaning).with_code(code)
        }
        _ => AdapterError::new(Disposition::Transient, "Google gave no access token"),
    };
    Err(match answer.retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    })
}

/// The body of one message to one device.
pub(super) fn message(config: &Fcm<'_>, push: &Push<'_>, target: &PushTarget) -> Value {
    let mut android = json!({ "priority": if push.high { "high" } else { "normal" }, "ttl": format!("{}s", push.ttl_s) });
    // At most four keys a device: only where the app wants one, never one a message.
    if let Some(key) = &push.send.collapse_key {
        android["collapse_key"] = json!(key);
    }
    let headers = json!({
        "apns-priority": push.apns_priority(), "apns-push-type": push.apns_push_type(), "apns-expiration": push.expiration.to_string(),
        "apns-collapse-id": push.mark,
    });
    let mut message = json!({
        "apns": { "headers": headers, "payload": { "aps": push.aps(), "ntf": push.ntf } },
        "data": push.data(),
    });
    if push.retracts {
        message["apns"]["payload"] = json!({ "aps": push.aps(), "retract": push.ntf });
    } else if config.shown_by_app {
        // Data alone wakes the app in every state; it draws what it is given.
        message["data"]["title"] = json!(push.send.title);
        message["data"]["body"] = json!(push.send.body);
    } else {
        android["notification"] = json!({ "tag": push.mark });
        if let Some(channel) = config.channel_id {
            android["notification"]["channel_id"] = json!(channel);
        }
        message["notification"] = json!({ "title": push.send.title, "body": push.send.body });
    }
    message["android"] = android;
    if let Some(label) = config.analytics_label {
        message["fcm_options"] = json!({ "analytics_label": label });
    }
    let field = if target.kind == PushKind::Fid { "fid" } else { "token" };
    message[field] = json!(target.token);
    json!({ "message": message })
}

/// A message that is checked and goes to nobody.
pub(super) fn dry_run() -> Value {
    json!({ "message": { "topic": "health" }, "validate_only": true })
}

pub(super) fn send_request(config: &Fcm<'_>, outbound: &Outbound, token: &str, body: &Value) -> RequestBuilder {
    outbound.request(Method::POST, &config.send_url).bearer_auth(token).json(body)
}

/// Reads the answer to a message.
///
/// # Errors
/// What may be done next.
pub(super) fn read(answer: &HttpAnswer) -> Result<Told, AdapterError> {
    let body = answer.json().unwrap_or_default();
    if answer.status == 200 {
        let id = body.get("name").and_then(Value::as_str).filter(|id| !id.is_empty());
        return id.map(|id| Told::Taken { id: id.to_owned() }).ok_or_else(|| unknown(answer, None));
    }
    let Some(error) = body.get("error").filter(|error| error.is_object()) else { return Err(by_status(answer)) };
    match detail(error, "google.firebase.fcm.v1.FcmError").and_then(|detail| detail.get("errorCode")?.as_str()) {
        Some(code) => by_code(code, error, answer),
        None if answer.status == 400 => Ok(refused("INVALID_ARGUMENT", "FCM calls the message malformed")),
        None => Err(by_status(answer)),
    }
}

fn by_code(code: &str, error: &Value, answer: &HttpAnswer) -> Result<Told, AdapterError> {
    let dead = |meaning| Ok(Told::Dead { code: code.to_owned(), meaning });
    match code {
        "UNREGISTERED" => dead("the app was removed from the device, or the token has been replaced"),
        "SENDER_ID_MISMATCH" => dead("the token belongs to another Firebase project"),
        "INVALID_ARGUMENT" => {
            let of_a_field = detail(error, "google.rpc.BadRequest")
                .and_then(|detail| detail.get("fieldViolations")?.as_array())
                .is_some_and(|violations| !violations.is_empty());
            let words = error.get("message").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            if !of_a_field && words.contains("registration token") {
                return dead("FCM says that this is no registration token");
            }
            Ok(refused(code, "FCM calls a field of the message wrong"))
        }
        "THIRD_PARTY_AUTH_ERROR" | "APNS_AUTH_ERROR" => {
            Ok(refused(code, "the Firebase project's own key for APNs or web push is missing or wrong"))
        }
        "QUOTA_EXCEEDED" => Err(quota(Some(error), answer)),
        _ => Err(unknown(answer, Some(code))),
    }
}

/// The detail of this type, by the end of its `@type`.
fn detail<'a>(error: &'a Value, kind: &str) -> Option<&'a Value> {
    let details = error.get("details").and_then(Value::as_array)?;
    details.iter().find(|detail| detail.get("@type").and_then(Value::as_str).is_some_and(|name| name.ends_with(kind)))
}

fn by_status(answer: &HttpAnswer) -> AdapterError {
    match answer.status {
        401 => AdapterError::new(Disposition::Unauthorized, "FCM does not take the access token").with_code("UNAUTHENTICATED"),
        403 => {
            let message = "FCM is not enabled in the project, or the service account may not send";
            AdapterError::misconfigured(message).with_code("PERMISSION_DENIED")
        }
        404 => AdapterError::misconfigured("FCM does not know the project").with_code("NOT_FOUND"),
        429 => quota(None, answer),
        _ => unknown(answer, None),
    }
}

/// The project's quota closes the lane; one device's only holds back what goes to that device.
fn quota(error: Option<&Value>, answer: &HttpAnswer) -> AdapterError {
    let named = error.and_then(|error| detail(error, "google.rpc.QuotaFailure")).map(Value::to_string).unwrap_or_default();
    let of_device = named.to_ascii_lowercase().contains("device");
    let (disposition, message) = if of_device {
        (Disposition::Transient, "too many notifications to this device")
    } else {
        (Disposition::RateLimited, "the project sends more than FCM allows it")
    };
    AdapterError::new(disposition, message)
        .with_code("QUOTA_EXCEEDED")
        .with_retry_after(answer.retry_after.unwrap_or(QUOTA_WAIT))
}

/// It may be there already: sending again shows the same.
fn unknown(answer: &HttpAnswer, code: Option<&str>) -> AdapterError {
    let error = AdapterError::new(Disposition::Ambiguous, "FCM's answer does not say what became of the message");
    let error = code.into_iter().fold(error, |error, code| error.with_code(code));
    answer.retry_after.into_iter().fold(error, AdapterError::with_retry_after)
}

fn refused(code: &str, meaning: &'static str) -> Told {
    Told::Refused { code: code.to_owned(), meaning }
}
