//! Apple's Push Notification service: the provider token, the request over HTTP/2, and how its answers are read. Pure but for
//! the request's client.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};

use super::super::{AccessToken, AdapterError, Disposition, Outbound, PushTarget, Settings, http::HttpAnswer};
use super::{
    config::{self, Apns},
    sign,
    wire::{Push, Told},
};

/// A provider token is kept for this long, of which the last five minutes are never used: renewed at 50 minutes, between the
/// 20 that Apple wants at least and the 60 it takes at most.
const TOKEN_LIFE: Duration = Duration::from_secs(55 * 60);
/// A younger token must not be replaced: Apple would refuse all of them for a while.
const TOKEN_MIN_AGE: TimeDelta = TimeDelta::minutes(20);
/// The wait when a device gets too many.
const DEVICE_WAIT: Duration = Duration::from_secs(60);
/// Apple's advice when its own servers fail.
const SERVER_WAIT: Duration = Duration::from_secs(15 * 60);

/// A new provider token: nobody is asked for it.
pub(super) fn provider_token(settings: &Settings, now: DateTime<Utc>) -> Result<AccessToken, AdapterError> {
    let config = config::apns(settings)?;
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": config.key_id });
    let claims = json!({ "iss": config.team_id, "iat": now.timestamp() });
    let token = sign::es256(&config::apns_key(settings)?, &header, &claims)?;
    Ok(AccessToken { token, expires_in: TOKEN_LIFE })
}

/// One notification to one device; `id` and the mark are the same over all tries.
pub(super) fn request(
    config: &Apns<'_>,
    outbound: &Outbound,
    token: &str,
    target: &PushTarget,
    push: &Push<'_>,
    id: &str,
    other_host: bool,
) -> RequestBuilder {
    let host = &config.hosts[usize::from(other_host)];
    let mut payload = push.data();
    payload.insert("aps".to_owned(), push.aps());
    outbound
        .http2_request(Method::POST, &format!("{host}/3/device/{}", target.token))
        .header(header::AUTHORIZATION, format!("bearer {token}"))
        .header("apns-topic", config.topic)
        .header("apns-push-type", push.apns_push_type())
        .header("apns-priority", push.apns_priority())
        .header("apns-expiration", push.expiration.to_string())
        .header("apns-collapse-id", &push.mark)
        .header("apns-id", id)
        .body(Value::Object(payload).to_string())
}

/// Reads the answer. `token_age` is the provider token's.
///
/// # Errors
/// What may be done next.
pub(super) fn read(
    answer: &HttpAnswer,
    id: &str,
    registered_at: DateTime<Utc>,
    token_age: Option<TimeDelta>,
) -> Result<Told, AdapterError> {
    if answer.status == 200 {
        return Ok(Told::Taken { id: id.to_owned() });
    }
    let body = answer.json().unwrap_or_default();
    let reason = body.get("reason").and_then(Value::as_str).filter(|reason| !reason.is_empty());
    let Some(reason) = reason else { return Err(by_status(answer)) };
    let dead = |meaning| Ok(Told::Dead { code: reason.to_owned(), meaning });
    let refused = |meaning| Ok(Told::Refused { code: reason.to_owned(), meaning });
    let error = |disposition, message: &str| Err(AdapterError::new(disposition, message).with_code(reason));
    match (answer.status, reason) {
        (400, "BadDeviceToken") => Ok(Told::OtherHost { code: reason.to_owned() }),
        (400, "DeviceTokenNotForTopic") => dead("the token belongs to another app"),
        (400, "IdleTimeout") => error(Disposition::Transient, "the connection to APNs was idle for too long"),
        (400, "BadTopic" | "TopicDisallowed" | "MissingTopic") => {
            error(Disposition::Misconfigured, "APNs does not take the bundle id with this key")
        }
        (400, _) => refused("APNs calls a field of the notification wrong"),
        (403, "ExpiredProviderToken") if token_age.is_some_and(|age| age < TOKEN_MIN_AGE) => {
            error(Disposition::Misconfigured, "APNs calls a fresh provider token expired: this server's clock is wrong")
        }
        (403, "ExpiredProviderToken") => error(Disposition::Unauthorized, "the provider token has expired"),
        (403, _) => error(Disposition::Misconfigured, "APNs does not take the key, its id or the team"),
        (404 | 405, _) => error(Disposition::Misconfigured, "APNs does not know this address"),
        (410, "Unregistered" | "ExpiredToken") => {
            let since = body.get("timestamp").and_then(Value::as_i64).and_then(DateTime::from_timestamp_millis);
            if since.is_some_and(|since| registered_at < since) {
                return dead("the app was removed from the device, or the token has expired");
            }
            // The device registered again after Apple's time: what Apple knows is older than what we know.
            refused("APNs calls the token dead, and the device has registered it since")
        }
        (413, _) => refused("the notification is too large for APNs"),
        // The token is kept: another one would make it worse.
        (429, "TooManyProviderTokenUpdates") => {
            error(Disposition::Misconfigured, "APNs saw too many provider tokens: is the key used by another server too?")
        }
        (429, _) => {
            let error = AdapterError::new(Disposition::Transient, "too many notifications to this device").with_code(reason);
            Err(error.with_retry_after(answer.retry_after.unwrap_or(DEVICE_WAIT)))
        }
        _ => Err(by_status(answer).with_code(reason)),
    }
}

/// What is not known may be there already: sending again shows the same.
fn by_status(answer: &HttpAnswer) -> AdapterError {
    let error = |disposition, message: &str| AdapterError::new(disposition, message);
    match answer.status {
        429 => error(Disposition::Transient, "too many notifications to this device")
            .with_retry_after(answer.retry_after.unwrap_or(DEVICE_WAIT)),
        403 => error(Disposition::Misconfigured, "APNs does not take the key, its id or the team"),
        404 | 405 => error(Disposition::Misconfigured, "APNs does not know this address"),
        500 | 503 => {
            error(Disposition::Ambiguous, "APNs cannot serve now").with_retry_after(answer.retry_after.unwrap_or(SERVER_WAIT))
        }
        _ => answer.retry_after.into_iter().fold(
            error(Disposition::Ambiguous, "APNs' answer does not say what became of the notification"),
            AdapterError::with_retry_after,
        ),
    }
}
