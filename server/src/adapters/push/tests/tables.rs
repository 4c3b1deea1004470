//! Every row of both providers' error tables.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::super::{AdapterError, Disposition, contract::http, http::HttpAnswer};
use super::super::{apns, fcm, wire::Told};

/// What is told, in a word.
fn word(told: Result<Told, AdapterError>) -> String {
    match told {
        Ok(Told::Taken { id }) => format!("taken {id}"),
        Ok(Told::Dead { code, .. }) => format!("dead {code}"),
        Ok(Told::Refused { code, .. }) => format!("refused {code}"),
        Ok(Told::OtherHost { .. }) => "other host".to_owned(),
        Err(error) => format!("{:?} {}", error.disposition, error.retry_after.map_or(0, |wait| wait.as_secs())),
    }
}

fn fcm_error(status: u16, code: Option<&str>, message: &str, more: &[Value]) -> HttpAnswer {
    let mut details: Vec<Value> = more.to_vec();
    details
        .extend(code.map(|code| json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code })));
    let error = json!({ "code": status, "message": message, "status": "SOME_STATUS", "details": details });
    http(status, &json!({ "error": error }).to_string())
}

#[test]
fn each_answer_of_fcm_allows_what_the_table_says() {
    let violation = json!({
        "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{ "field": "message.token", "description": "?" }],
    });
    let about_token = "The registration token is not a valid FCM registration token";
    let rows = [
        (fcm_error(404, Some("UNREGISTERED"), "", &[]), "dead UNREGISTERED"),
        (fcm_error(404, None, "Requested entity was not found.", &[]), "Misconfigured 0"),
        (fcm_error(403, Some("SENDER_ID_MISMATCH"), "", &[]), "dead SENDER_ID_MISMATCH"),
        (fcm_error(403, None, "", &[]), "Misconfigured 0"),
        (fcm_error(400, Some("INVALID_ARGUMENT"), about_token, &[]), "dead INVALID_ARGUMENT"),
        (fcm_error(400, Some("INVALID_ARGUMENT"), about_token, &[violation]), "refused INVALID_ARGUMENT"),
        (fcm_error(400, Some("INVALID_ARGUMENT"), "Invalid data key", &[]), "refused INVALID_ARGUMENT"),
        (fcm_error(400, None, about_token, &[]), "refused INVALID_ARGUMENT"),
        (fcm_error(401, Some("THIRD_PARTY_AUTH_ERROR"), "", &[]), "refused THIRD_PARTY_AUTH_ERROR"),
        (fcm_error(401, Some("APNS_AUTH_ERROR"), "", &[]), "refused APNS_AUTH_ERROR"),
        (fcm_error(401, None, "", &[]), "Unauthorized 0"),
        (fcm_error(429, Some("QUOTA_EXCEEDED"), "", &[]), "RateLimited 60"),
        (fcm_error(500, Some("INTERNAL"), "", &[]), "Ambiguous 0"),
        (fcm_error(503, Some("UNAVAILABLE"), "", &[]), "Ambiguous 0"),
        (fcm_error(500, Some("UNSPECIFIED_ERROR"), "", &[]), "Ambiguous 0"),
        (fcm_error(400, Some("A_CODE_OF_TOMORROW"), "", &[]), "Ambiguous 0"),
        (http(502, "<html>Bad Gateway</html>"), "Ambiguous 0"),
        (http(504, ""), "Ambiguous 0"),
        (http(400, "<html>proxy</html>"), "Ambiguous 0"),
        (http(429, ""), "RateLimited 60"),
        (http(401, ""), "Unauthorized 0"),
        (http(403, ""), "Misconfigured 0"),
        (http(404, "<html>not here</html>"), "Misconfigured 0"),
        (http(200, "{}"), "Ambiguous 0"),
        (http(200, r#"{"name":""}"#), "Ambiguous 0"),
        (http(200, r#"{"name":"projects/p/messages/1"}"#), "taken projects/p/messages/1"),
    ];
    for (answer, expected) in rows {
        assert_eq!(word(fcm::read(&answer)), expected, "{} {}", answer.status, answer.text());
    }
    assert_eq!(word(fcm::read(&http(200, include_str!("../fixtures/sent.json")))).split(' ').next(), Some("taken"));
    assert_eq!(word(fcm::read(&http(404, include_str!("../fixtures/unregistered.json")))), "dead UNREGISTERED");
}

#[test]
fn a_quota_of_one_device_does_not_close_the_lane() {
    let quota = json!({
        "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{ "subject": "device_message_rate" }],
    });
    let of_device = fcm_error(429, Some("QUOTA_EXCEEDED"), "", &[quota]);
    assert_eq!(word(fcm::read(&of_device)), "Transient 60");
    let named = HttpAnswer { retry_after: Some(Duration::from_secs(7)), ..of_device };
    assert_eq!(word(fcm::read(&named)), "Transient 7");
    let project = HttpAnswer { retry_after: Some(Duration::from_secs(7)), ..fcm_error(429, Some("QUOTA_EXCEEDED"), "", &[]) };
    assert_eq!(word(fcm::read(&project)), "RateLimited 7");
    let later = HttpAnswer { retry_after: Some(Duration::from_secs(7)), ..fcm_error(503, Some("UNAVAILABLE"), "", &[]) };
    assert_eq!(word(fcm::read(&later)), "Ambiguous 7");
}

fn registered() -> DateTime<Utc> {
    "2026-11-24T07:00:00Z".parse().unwrap()
}

fn apns_word(answer: &HttpAnswer, age: i64) -> String {
    word(apns::read(answer, "our-id", registered(), Some(TimeDelta::minutes(age))))
}

#[test]
fn each_answer_of_apns_allows_what_the_table_says() {
    let rows: &[(u16, &str, &str)] = &[
        (400, "BadDeviceToken", "other host"),
        (400, "DeviceTokenNotForTopic", "dead DeviceTokenNotForTopic"),
        (400, "BadCollapseId", "refused BadCollapseId"),
        (400, "BadExpirationDate", "refused BadExpirationDate"),
        (400, "BadMessageId", "refused BadMessageId"),
        (400, "BadPriority", "refused BadPriority"),
        (400, "DuplicateHeaders", "refused DuplicateHeaders"),
        (400, "InvalidPushType", "refused InvalidPushType"),
        (400, "MissingDeviceToken", "refused MissingDeviceToken"),
        (400, "PayloadEmpty", "refused PayloadEmpty"),
        (400, "BadTopic", "Misconfigured 0"),
        (400, "MissingTopic", "Misconfigured 0"),
        (400, "TopicDisallowed", "Misconfigured 0"),
        (400, "IdleTimeout", "Transient 0"),
        (403, "ExpiredProviderToken", "Unauthorized 0"),
        (403, "InvalidProviderToken", "Misconfigured 0"),
        (403, "MissingProviderToken", "Misconfigured 0"),
        (403, "BadCertificate", "Misconfigured 0"),
        (403, "BadCertificateEnvironment", "Misconfigured 0"),
        (403, "Forbidden", "Misconfigured 0"),
        (403, "UnrelatedKeyIdInToken", "Misconfigured 0"),
        (403, "BadEnvironmentKeyIdInToken", "Misconfigured 0"),
        (404, "BadPath", "Misconfigured 0"),
        (405, "MethodNotAllowed", "Misconfigured 0"),
        (413, "PayloadTooLarge", "refused PayloadTooLarge"),
        (429, "TooManyProviderTokenUpdates", "Misconfigured 0"),
        (429, "TooManyRequests", "Transient 60"),
        (500, "InternalServerError", "Ambiguous 900"),
        (503, "ServiceUnavailable", "Ambiguous 900"),
        (503, "Shutdown", "Ambiguous 900"),
    ];
    for (status, reason, expected) in rows {
        let body = json!({ "reason": reason }).to_string();
        assert_eq!(apns_word(&http(*status, &body), 30), *expected, "{status} {reason}");
    }
    assert_eq!(apns_word(&http(200, ""), 30), "taken our-id");
    for (status, expected) in [
        (429, "Transient 60"),
        (403, "Misconfigured 0"),
        (404, "Misconfigured 0"),
        (503, "Ambiguous 900"),
        (408, "Ambiguous 0"),
        (505, "Ambiguous 0"),
        (410, "Ambiguous 0"),
    ] {
        assert_eq!(apns_word(&http(status, "<html></html>"), 30), expected, "{status}");
    }
    let named = HttpAnswer { retry_after: Some(Duration::from_secs(7)), ..http(503, r#"{"reason":"Shutdown"}"#) };
    assert_eq!(apns_word(&named, 30), "Ambiguous 7");
}

#[test]
fn a_token_that_was_registered_after_apple_s_time_is_not_dead() {
    let at = |timestamp: Option<i64>, reason: &str| {
        let body = json!({ "reason": reason, "timestamp": timestamp }).to_string();
        apns_word(&http(410, &body), 30)
    };
    let registered = registered().timestamp_millis();
    for reason in ["Unregistered", "ExpiredToken"] {
        assert_eq!(at(Some(registered + 1), reason), format!("dead {reason}"));
        assert_eq!(at(Some(registered), reason), format!("refused {reason}"));
        assert_eq!(at(Some(registered - 1), reason), format!("refused {reason}"));
        assert_eq!(at(None, reason), format!("refused {reason}"), "Apple must say since when");
    }
    assert_eq!(apns_word(&http(410, include_str!("../fixtures/apns_unregistered.json")), 30), "refused Unregistered");
}

#[test]
fn a_fresh_provider_token_that_apple_calls_expired_is_not_replaced() {
    let expired = http(403, r#"{"reason":"ExpiredProviderToken"}"#);
    assert_eq!(apns_word(&expired, 19), "Misconfigured 0");
    assert_eq!(apns_word(&expired, 20), "Unauthorized 0");
    let error = apns::read(&expired, "our-id", registered(), None).unwrap_err();
    assert_eq!(error.disposition, Disposition::Unauthorized);
}

#[test]
fn each_answer_of_the_token_call_is_told_apart() {
    let token = |status, body: &str| match fcm::read_token(&http(status, body)) {
        Ok(token) => format!("{} {}", token.token, token.expires_in.as_secs()),
        Err(error) => format!("{:?}", error.disposition),
    };
    for (status, body, expected) in [
        (200, r#"{"access_token":"ya29.a","expires_in":3599,"token_type":"Bearer"}"#, "ya29.a 3599"),
        (200, r#"{"access_token":"ya29.a","expires_in":"3599"}"#, "ya29.a 3599"),
        (200, r#"{"access_token":"ya29.a"}"#, "ya29.a 300"),
        (200, r#"{"access_token":""}"#, "Transient"),
        (200, "<html></html>", "Transient"),
        (400, r#"{"error":"invalid_grant","error_description":"Invalid JWT"}"#, "Misconfigured"),
        (401, r#"{"error":"invalid_client"}"#, "Misconfigured"),
        (400, r#"{"error":"deleted_client"}"#, "Misconfigured"),
        (400, r#"{"error":"invalid_scope"}"#, "Misconfigured"),
        (400, r#"{"error":"internal_failure"}"#, "Transient"),
        (400, r#"{"error":"server_error"}"#, "Transient"),
        (400, r#"{"error":"access_denied","error_description":"temporarily_unavailable"}"#, "Transient"),
        (408, "", "Transient"),
        (429, r#"{"error":"rate_limit"}"#, "Transient"),
        (500, r#"{"error":"internal_failure"}"#, "Transient"),
        (503, "", "Transient"),
        (504, "", "Transient"),
    ] {
        assert_eq!(token(status, body), expected, "{status} {body}");
    }
}
