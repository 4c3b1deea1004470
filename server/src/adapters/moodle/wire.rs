//! How Moodle's answers are read. Pure.
//!
//! The HTTP status is 200 for success and for nearly every error; the body decides. An error is an object with `exception`; its
//! `errorcode` is matched, never its class or text, which are translated and change. Whatever is neither that nor what the function
//! gives is no answer.

use std::time::Duration;

use serde_json::Value;
use tarishi_protocol::Code;

use super::super::{AdapterError, Disposition, http::HttpAnswer};

/// When a site under maintenance is asked again.
const MAINTENANCE: Duration = Duration::from_secs(120);
/// Bytes of an error code that are kept.
const CODE_BYTES_MAX: usize = 64;

/// What is at stake if the answer does not say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stake {
    /// It only reads: certainly nothing was done.
    Nothing,
    /// It sets a state: doing it again gives the same.
    Repeatable,
    /// Each time makes another one.
    Once,
}

impl Stake {
    /// The disposition of a call that has no answer.
    fn lost(self) -> Disposition {
        match self {
            Self::Nothing => Disposition::Transient,
            Self::Repeatable | Self::Once => Disposition::Ambiguous,
        }
    }
}

/// The data of an answer, or why there is none.
pub(super) fn read(answer: &HttpAnswer, stake: Stake) -> Result<Value, AdapterError> {
    let misconfigured = |message| AdapterError::misconfigured(message);
    match answer.status {
        200 => {}
        300..=399 => {
            let message = "the site answered with a redirect: base_url must be its wwwroot exactly (scheme, host, port, path)";
            return Err(misconfigured(message).with_code("MOODLE_BASE_URL_MISMATCH"));
        }
        401 => return Err(misconfigured("something before the site wants credentials of its own")),
        403 => {
            return Err(misconfigured("web services or their REST protocol are switched off, or a firewall refused the call"));
        }
        404 | 405 => return Err(misconfigured("there is no web service at base_url")),
        429 => return Err(hinted(AdapterError::new(Disposition::RateLimited, "too many calls to Moodle"), answer)),
        503 if answer.retry_after.is_some() && stake != Stake::Once => {
            return Err(hinted(AdapterError::new(Disposition::RateLimited, "the site is under maintenance"), answer));
        }
        _ => {
            return Err(hinted(
                AdapterError::new(stake.lost(), "Moodle failed or could not be reached behind its proxy"),
                answer,
            ));
        }
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else { return Err(strange(stake)) };
    if body.get("exception").is_some() || body.get("errorcode").is_some() {
        return Err(match body.get("errorcode").and_then(Value::as_str).map(plain_code) {
            Some(code) if !code.is_empty() => refusal(&code, stake),
            Some(_) | None => AdapterError::new(stake.lost(), "Moodle broke off with an error of PHP"),
        });
    }
    Ok(body)
}

/// An answer that is none of the function's.
pub(super) fn strange(stake: Stake) -> AdapterError {
    AdapterError::new(stake.lost(), "Moodle's answer cannot be read")
}

fn hinted(error: AdapterError, answer: &HttpAnswer) -> AdapterError {
    match answer.retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// Letters and digits only: what a stranger's page says must not reach a log.
fn plain_code(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '/')).take(CODE_BYTES_MAX).collect()
}

/// What an error code allows next. A function that throws has been rolled back as a whole.
pub(super) fn refusal(code: &str, stake: Stake) -> AdapterError {
    use Disposition::{Misconfigured, RateLimited, Rejected, Unsupported};
    let database = if stake == Stake::Once { Disposition::Ambiguous } else { Disposition::Transient };
    let (disposition, message) = match code {
        "sitemaintenance" => (RateLimited, "the site is under maintenance"),
        "invalidtoken" => (Misconfigured, "Moodle does not know the token, or it has expired"),
        "accessexception" => (
            Misconfigured,
            "the token may not do this: function, service, user or address is not allowed, or it has just expired",
        ),
        "wsaccessusersuspended"
        | "wsaccessuserdeleted"
        | "wsaccessuserunconfirmed"
        | "wsaccessuserexpired"
        | "wsaccessusernologin" => (Misconfigured, "the service user's account cannot be used"),
        "wsusercannotassign" => (Misconfigured, "the service user's role may not assign this role"),
        "nopermissions" => (Misconfigured, "the service user lacks a capability"),
        "requireloginerror" => (Misconfigured, "the service user may not enter the course"),
        "invalidrecord" | "invalidrecordunknown" => (Unsupported, "this version of Moodle has no such function"),
        "dmlreadexception" | "dmlwriteexception" | "dmltransactionexception" => (database, "the site's database failed"),
        "errorcoursecontextnotvalid" | "errorcatcontextnotvalid" => {
            (Rejected, "no such course or category, or it may not be seen")
        }
        "invalidparameter" | "errorinvalidparam" | "codingerror" => {
            (Rejected, "Moodle refused a value, or what it names is not there")
        }
        "shortnametaken" => (Rejected, "another course has this short name"),
        "courseidnumbertaken" => (Rejected, "another course has this idnumber"),
        "enddatebeforestartdate" => (Rejected, "the end is before the start"),
        "invaliduser" => (Rejected, "no such user"),
        "wsnoinstance" => (Rejected, "the course has no manual enrolment that is switched on"),
        "invalidcoursemodule" => (Rejected, "no such activity in the course"),
        "nopermissiontoviewgrades" | "notingroup" => (Rejected, "the service user may not see these grades"),
        _ => (Rejected, "Moodle refused the call"),
    };
    let error = AdapterError::new(disposition, message).with_code(code);
    if disposition == RateLimited { error.with_retry_after(MAINTENANCE) } else { error }
}

/// A refusal of ours, before anything was done.
pub(super) fn refused(problem: Code, message: impl Into<String>) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(problem)
}

/// The `id` of an object.
pub(super) fn id(object: &Value) -> Option<i64> {
    object.get("id")?.as_i64().filter(|id| *id > 0)
}

/// A text of an object; a number is one too.
pub(super) fn text(object: &Value, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The list of an answer: itself, or under a name. One that holds anything but objects is none.
pub(super) fn list(body: Value, name: Option<&str>, stake: Stake) -> Result<Vec<Value>, AdapterError> {
    let found = match (body, name) {
        (Value::Array(list), None) => Some(list),
        (Value::Object(mut object), Some(name)) => match object.remove(name) {
            Some(Value::Array(list)) => Some(list),
            _ => None,
        },
        _ => None,
    };
    found.filter(|list| list.iter().all(Value::is_object)).ok_or_else(|| strange(stake))
}
