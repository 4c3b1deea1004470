//! Requests to the Graph API and how its answers are read. Pure.
//!
//! HTTP 200 with an id means that Meta has the message, not that a phone has: only a webhook tells that.

use serde_json::{Map, Value, json};
use tarishi_protocol::{Code, MessageSend, Phone, Template};
use uuid::Uuid;

use super::super::{AdapterError, Disposition, http::HttpAnswer};
use super::codes::{self, Class};
use super::media;

/// Letters of a free text, at most.
const TEXT_CHARS_MAX: usize = 4_096;
/// Letters of a template's name, at most.
const NAME_CHARS_MAX: usize = 512;

/// What the status webhooks give back to us: the attempt. 32 hex digits.
pub(super) fn callback_data(attempt: Uuid) -> String {
    attempt.simple().to_string()
}

/// The attempt that a status webhook names, if it is one of ours.
pub(super) fn attempt(callback_data: &str) -> Option<Uuid> {
    (callback_data.len() == 32).then(|| callback_data.parse().ok()).flatten()
}

/// The body of a send to one recipient.
///
/// # Errors
/// [`Disposition::Rejected`] or [`Disposition::Unsupported`]: what no provider needs to be asked for.
pub(super) fn send_body(send: &MessageSend, to: &Phone, callback_data: &str) -> Result<Value, AdapterError> {
    if send.from.is_some() {
        let message = "the sender is the number of the settings; leave out `from`";
        return Err(AdapterError::new(Disposition::Unsupported, message));
    }
    let (kind, content) = match (&send.message, &send.template, &send.media) {
        (Some(text), None, None) => ("text", text_content(text)?),
        (Some(text), None, Some(file)) => media::message(file, text)?,
        (None, Some(template), file) => {
            ("template", template_content(template, file.as_ref().map(media::header).transpose()?)?)
        }
        (Some(_), Some(_), _) | (None, None, _) => return Err(invalid("give exactly one of message and template")),
    };
    let mut body = Map::new();
    body.insert("messaging_product".to_owned(), json!("whatsapp"));
    body.insert("recipient_type".to_owned(), json!("individual"));
    body.insert("type".to_owned(), json!(kind));
    // Without the country code Meta would guess one: always all digits.
    body.insert("to".to_owned(), json!(to.digits()));
    body.insert("biz_opaque_callback_data".to_owned(), json!(callback_data));
    body.insert(kind.to_owned(), content);
    Ok(Value::Object(body))
}

fn text_content(text: &str) -> Result<Value, AdapterError> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(invalid(format!("a text has at most {TEXT_CHARS_MAX} characters")));
    }
    Ok(json!({ "body": text, "preview_url": false }))
}

fn template_content(template: &Template, header: Option<Value>) -> Result<Value, AdapterError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !(1..=NAME_CHARS_MAX).contains(&template.name.len()) || !template.name.bytes().all(plain) {
        return Err(invalid("a template's name is lower-case letters, digits and _"));
    }
    if template.params.iter().any(|param| param.contains(['\n', '\r', '\t']) || param.contains("     ")) {
        return Err(invalid("a template's parameter has no line breaks, no tabs and at most four spaces in a row"));
    }
    let mut components = Vec::new();
    components.extend(header.map(|parameter| json!({ "type": "HEADER", "parameters": [parameter] })));
    if !template.params.is_empty() {
        let parameters: Vec<Value> = template.params.iter().map(|text| json!({ "type": "text", "text": text })).collect();
        components.push(json!({ "type": "BODY", "parameters": parameters }));
    }
    let mut content = json!({ "name": template.name, "language": { "code": template.language } });
    if !components.is_empty() {
        content["components"] = Value::Array(components);
    }
    Ok(content)
}

/// What Meta said of one message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// It has it.
    Taken {
        /// Meta's id: `wamid.…`.
        id: String,
        /// It holds it back for now, in its word.
        held: Option<String>,
    },
    /// It will never take this one.
    Refused {
        /// Meta's code.
        code: i64,
        /// What it means.
        meaning: &'static str,
    },
}

/// Reads the answer to a send.
///
/// # Errors
/// What may be done next.
pub(super) fn read_send(answer: &HttpAnswer) -> Result<Told, AdapterError> {
    let body = answer.json().unwrap_or_default();
    if let Some(error) = body.get("error").filter(|error| error.is_object()) {
        return read_error(error, answer);
    }
    let message = body.get("messages").and_then(|messages| messages.get(0)).filter(|_| answer.status == 200);
    let id = message.and_then(|message| message.get("id")?.as_str()).filter(|id| !id.is_empty());
    let Some(id) = id else { return Err(http_error(answer)) };
    let held = message.and_then(|message| message.get("message_status")?.as_str());
    let held = held.filter(|status| matches!(*status, "held_for_quality_assessment" | "paused"));
    Ok(Told::Taken { id: id.to_owned(), held: held.map(str::to_owned) })
}

fn read_error(error: &Value, answer: &HttpAnswer) -> Result<Told, AdapterError> {
    let Some(code) = error.get("code").and_then(Value::as_i64) else { return Err(http_error(answer)) };
    let (class, meaning) = codes::class(code, answer.status);
    let failure = |disposition| AdapterError::new(disposition, format!("WhatsApp: {meaning}")).with_code(code.to_string());
    Err(match class {
        Class::Refused => return Ok(Told::Refused { code, meaning }),
        Class::Account => failure(Disposition::Misconfigured),
        Class::Later(wait) => match wait.max(answer.retry_after) {
            Some(wait) => failure(Disposition::Transient).with_retry_after(wait),
            None => failure(Disposition::Transient),
        },
        Class::Busy(wait) => failure(Disposition::RateLimited).with_retry_after(answer.retry_after.unwrap_or(wait)),
        Class::Unknown => failure(Disposition::Ambiguous),
    })
}

/// What an answer without an error of the Graph API allows next: it may be a proxy's.
fn http_error(answer: &HttpAnswer) -> AdapterError {
    let (disposition, message) = match answer.status {
        429 => (Disposition::RateLimited, "too many calls to the provider"),
        401 | 403 => (Disposition::Misconfigured, "the provider did not take the access token"),
        404 => (Disposition::Misconfigured, "the provider does not know this address"),
        _ => (Disposition::Ambiguous, "the provider's answer cannot be read"),
    };
    let error = AdapterError::new(disposition, message);
    match answer.retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// Is the number well? `Ok(true)` = it works, but something wants attention.
///
/// # Errors
/// It cannot send, or we cannot ask.
pub(super) fn read_health(answer: &HttpAnswer) -> Result<bool, AdapterError> {
    let body = answer.json().unwrap_or_default();
    if let Some(error) = body.get("error").filter(|error| error.is_object()) {
        return match read_error(error, answer)? {
            Told::Refused { meaning, .. } => Err(AdapterError::new(Disposition::Rejected, format!("WhatsApp: {meaning}"))),
            Told::Taken { .. } => Err(http_error(answer)),
        };
    }
    if answer.status != 200 || body.get("id").is_none() {
        return Err(http_error(answer));
    }
    let standing = body.get("health_status").unwrap_or(&Value::Null);
    if says(standing, "BLOCKED") {
        return Err(AdapterError::misconfigured("Meta has blocked the number, its account or the app"));
    }
    Ok(says(standing, "LIMITED") || body.get("quality_rating").is_some_and(|quality| quality == "RED"))
}

/// Does this word stand anywhere in it?
fn says(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => text == word,
        Value::Array(items) => items.iter().any(|item| says(item, word)),
        Value::Object(fields) => fields.values().any(|item| says(item, word)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) fn invalid(message: impl Into<String>) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(Code::InvalidValue)
}
