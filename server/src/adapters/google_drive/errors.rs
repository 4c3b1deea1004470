//! What Drive's errors allow next. Pure.

use std::time::Duration;

use serde_json::Value;
use tarishi_protocol::Code;

use super::super::{AdapterError, Disposition, http::HttpAnswer};

/// A rate limit without Retry-After.
const RATE_WAIT: Duration = Duration::from_secs(2);
/// A day's limit is looked at again after this.
const DAY_LIMIT_WAIT: Duration = Duration::from_secs(3_600);

/// Reads an answer that is not a success.
pub(super) fn read(answer: &HttpAnswer) -> AdapterError {
    let reason = reason(answer);
    let reason = reason.as_deref().unwrap_or_default();
    let error = |disposition, message: &str| {
        let error = AdapterError::new(disposition, format!("Drive: {message}"));
        let error = answer.retry_after.into_iter().fold(error, AdapterError::with_retry_after);
        if reason.is_empty() { error } else { error.with_code(reason) }
    };
    let limited = |wait: Duration| {
        let wait = answer.retry_after.unwrap_or(wait);
        error(Disposition::RateLimited, "the rate limit is reached").with_retry_after(wait)
    };
    match answer.status {
        401 => error(Disposition::Unauthorized, "the access token is no longer good"),
        403 => match reason {
            "rateLimitExceeded" | "userRateLimitExceeded" | "sharingRateLimitExceeded" => limited(RATE_WAIT),
            "dailyLimitExceeded" | "downloadQuotaExceeded" => limited(DAY_LIMIT_WAIT),
            // Seen right after a folder was made.
            "parentNotAFolder" => error(Disposition::Transient, "the folder is not known as one yet"),
            "insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => {
                error(Disposition::Misconfigured, "the consent does not cover this: connect again with a wider scope")
            }
            "accessNotConfigured" => error(Disposition::Misconfigured, "the Drive API is not enabled in the cloud project"),
            _ => error(Disposition::Rejected, meaning(reason)),
        },
        404 => {
            error(Disposition::Rejected, "there is no such file, or this account may not see it").with_problem(Code::NotFound)
        }
        400 | 409 | 412 | 416 => error(Disposition::Rejected, "the request was refused"),
        429 => limited(RATE_WAIT),
        _ => error(Disposition::Ambiguous, "no clear answer"),
    }
}

fn meaning(reason: &str) -> &'static str {
    match reason {
        "storageQuotaExceeded" | "quotaExceeded" => "the account has no space left",
        "teamDriveFileLimitExceeded" | "numChildrenInNonRootLimitExceeded" | "activeItemCreationLimitExceeded" => {
            "too many files there"
        }
        "teamDriveHierarchyTooDeep" => "the folders are nested too deeply",
        "insufficientFilePermissions" | "insufficientParentPermissions" | "forbidden" => "the account may not do this",
        "appNotAuthorizedToFile" => "this app may not touch that file",
        "domainPolicy" => "the domain's policy forbids it",
        "fileNotDownloadable" => "a Google document has no bytes of its own",
        "exportSizeLimitExceeded" => "the document is too large to be exported",
        "cannotDownloadAbusiveFile" => "the file is marked as harmful",
        _ => "refused",
    }
}

/// The reason in the order that Google's own client looks for it; a word, never a text.
fn reason(answer: &HttpAnswer) -> Option<String> {
    let body = answer.json()?;
    let error = body.get("error")?;
    let listed = |list: &str| error.get(list)?.as_array()?.iter().find_map(|item| item.get("reason")?.as_str());
    let word = listed("errors").or_else(|| listed("details")).or_else(|| error.get("status").and_then(Value::as_str))?;
    let is_word = word.len() <= 64 && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word.then(|| word.to_owned())
}

/// An answer that says yes and cannot be read: nobody knows.
pub(super) fn unreadable() -> AdapterError {
    AdapterError::new(Disposition::Ambiguous, "Drive: the answer cannot be read")
}

/// The same error, where something may have been done before: a refusal says nothing about that.
pub(super) fn in_doubt(error: AdapterError) -> AdapterError {
    match error.disposition {
        Disposition::Rejected | Disposition::Misconfigured | Disposition::Unsupported => {
            AdapterError { disposition: Disposition::Ambiguous, problem: Some(Code::OutcomeUnknown), ..error }
        }
        Disposition::Transient | Disposition::RateLimited | Disposition::Ambiguous | Disposition::Unauthorized => error,
    }
}
