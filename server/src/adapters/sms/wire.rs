//! Requests to Africa's Talking and how its answers are read. Pure.
//!
//! HTTP 201 says nothing: each recipient has its own code in the body. What is in no table is unknown, never refused.

use std::time::Duration;

use serde_json::{Value, json};
use tarishi_protocol::{MessageStatus, MessagesOutcome, Money, Phone};

use super::super::{AdapterError, Answer, Disposition, Reference, http::HttpAnswer};
use super::config::Config;

/// "Could not route": once more after this.
const ROUTE_RETRY: Duration = Duration::from_secs(60);
/// "Do not disturb": until the window opens, in steps of this.
const QUIET_RETRY: Duration = Duration::from_secs(3_600);

/// Before the reason of a recipient that was sent nothing now and may be sent to again, while others of the call got theirs.
const RETRYABLE: &str = "retryable: ";

/// The form of a send. `+` and `,` must be escaped, which every form encoder does.
pub(super) fn send_form(config: &Config<'_>, to: &[Phone], message: &str, from: Option<&str>) -> Vec<(&'static str, String)> {
    let to: Vec<&str> = to.iter().map(Phone::as_str).collect();
    let mut form = vec![
        ("username", config.username.to_owned()),
        ("to", to.join(",")),
        ("message", message.to_owned()),
        ("bulkSMSMode", "1".to_owned()),
    ];
    if let Some(from) = from.or(config.sender_id) {
        form.push(("from", from.to_owned()));
    }
    // Africa's Talking queues and answers before it talks to the operator: a shorter time in which an answer can be lost.
    form.push(("enqueue", "1".to_owned()));
    form
}

/// What a recipient's code means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// It was taken.
    Accepted,
    /// It never will be.
    Refused,
    /// It was not taken now.
    Retry(Option<Duration>),
    /// It was not taken until the operator acts.
    Account,
    /// It may be sent later, or not.
    Unknown,
}

pub(super) fn class(code: i64) -> Class {
    match code {
        100..=102 => Class::Accepted,
        402 | 405 => Class::Account,
        403 | 404 | 406 | 502 => Class::Refused,
        407 => Class::Retry(Some(ROUTE_RETRY)),
        409 => Class::Retry(Some(QUIET_RETRY)),
        500 | 501 => Class::Retry(None),
        _ => Class::Unknown,
    }
}

/// What became of one recipient.
struct Entry {
    class: Class,
    code: String,
    name: String,
    status: MessageStatus,
    found: bool,
}

/// Reads the answer to a send, in the order asked.
pub(super) fn read_send(answer: &HttpAnswer, asked: &[Phone], parts: usize) -> Result<Answer, AdapterError> {
    let body = answer.json().unwrap_or_default();
    let data = body.get("SMSMessageData").filter(|_| answer.status < 500);
    let Some(data) = data else { return Err(http_error(answer)) };
    let recipients = data.get("Recipients").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if recipients.is_empty() {
        return Err(nobody(data.get("Message").and_then(Value::as_str).unwrap_or_default()));
    }
    let entries: Vec<Entry> = asked.iter().map(|phone| entry(phone, recipients, parts)).collect();
    let unsure = |message| Err(AdapterError::new(Disposition::Ambiguous, message));
    if entries.iter().all(|entry| !entry.found) {
        return unsure("the answer names none of the recipients");
    }
    let any = |class: fn(&Class) -> bool| entries.iter().find(|entry| class(&entry.class));
    if let ([only], Some(_)) = (entries.as_slice(), any(|class| matches!(class, Class::Unknown))) {
        return unsure("the provider holds the message or answered with an unknown code")
            .map_err(|error| error.with_code(only.code.clone()));
    }
    if any(|class| matches!(class, Class::Accepted | Class::Unknown)).is_some() {
        return Ok(taken(entries));
    }
    // From here on nobody was sent anything.
    if let Some(entry) = any(|class| matches!(class, Class::Retry(_))) {
        return Err(later(entry));
    }
    if let Some(entry) = any(|class| matches!(class, Class::Account)) {
        return Err(AdapterError::misconfigured(format!("the provider refused: {}", entry.name)).with_code(entry.code.clone()));
    }
    let first = entries.first().ok_or_else(|| AdapterError::new(Disposition::Rejected, "no recipient"))?;
    Ok(Answer::Failed { code: first.code.clone(), message: format!("the provider refused: {}", first.name) })
}

fn later(entry: &Entry) -> AdapterError {
    let error = AdapterError::new(Disposition::Transient, format!("the provider could not take it now: {}", entry.name));
    let error = error.with_code(entry.code.clone());
    match entry.class {
        Class::Retry(Some(wait)) => error.with_retry_after(wait),
        Class::Retry(None) | Class::Accepted | Class::Refused | Class::Account | Class::Unknown => error,
    }
}

fn taken(entries: Vec<Entry>) -> Answer {
    let messages: Vec<MessageStatus> = entries.into_iter().map(|entry| entry.status).collect();
    let ids: Vec<String> = messages.iter().filter_map(|message| message.id.clone()).collect();
    let reference = ids.first().map(|first| {
        let reference = Reference::new(first.as_str());
        if messages.len() > 1 { reference.with("message_ids", ids.clone()) } else { reference }
    });
    Answer::Succeeded { outcome: json!(MessagesOutcome { messages }), reference, receipt: None }
}

fn entry(phone: &Phone, recipients: &[Value], parts: usize) -> Entry {
    let digits = |text: &str| text.trim().trim_start_matches('+').to_owned();
    let found = recipients.iter().find(|recipient| {
        recipient.get("number").and_then(Value::as_str).is_some_and(|number| digits(number) == phone.digits())
    });
    let text = |name: &str| found.and_then(|found| found.get(name)?.as_str()).unwrap_or_default();
    let code = found.and_then(|found| {
        let code = found.get("statusCode")?;
        code.as_i64().or_else(|| code.as_str()?.parse().ok())
    });
    let class = code.map_or(Class::Unknown, class);
    let accepted = class == Class::Accepted;
    let name = word(text("status"));
    let counted = found.and_then(|found| found.get("messageParts")?.as_u64()).and_then(|parts| parts.try_into().ok());
    let status = MessageStatus {
        to: phone.as_str().to_owned(),
        id: Some(text("messageId")).filter(|id| !id.is_empty() && *id != "None").map(str::to_owned),
        status: match class {
            Class::Accepted => "accepted",
            Class::Refused | Class::Account => "rejected",
            Class::Retry(_) => "failed",
            Class::Unknown => "unknown",
        }
        .to_owned(),
        parts: accepted.then(|| counted.or_else(|| parts.try_into().ok())).flatten(),
        cost: Some(text("cost")).filter(|cost| is_cost(cost)).map(str::to_owned),
        reason: (!accepted).then(|| match class {
            Class::Retry(_) => format!("{RETRYABLE}{name}"),
            Class::Accepted | Class::Refused | Class::Account | Class::Unknown => name.clone(),
        }),
    };
    Entry { class, code: code.map_or_else(|| "none".to_owned(), |code| code.to_string()), name, status, found: found.is_some() }
}

/// A provider's word; anything longer than a word may quote a number and is not repeated.
fn word(text: &str) -> String {
    let plain = !text.is_empty() && text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
    if plain { text.to_owned() } else { "no reason given".to_owned() }
}

/// `KES 0.8000`.
fn is_cost(text: &str) -> bool {
    let Some((currency, amount)) = text.split_once(char::is_whitespace) else { return false };
    let (whole, fraction) = amount.trim_start().split_once('.').unwrap_or((amount.trim_start(), "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase()) && digits(whole) && digits(fraction)
}

/// No recipients at all: the summary carries the reason.
fn nobody(summary: &str) -> AdapterError {
    let summary = summary.to_ascii_lowercase();
    let account = ["invalidsenderid", "insufficientbalance"].into_iter().find(|reason| summary.contains(reason));
    match account {
        Some(reason) => AdapterError::misconfigured(format!("the provider refused: {reason}")).with_code(reason),
        None => AdapterError::new(Disposition::Ambiguous, "the answer names no recipients"),
    }
}

/// What an answer without a message's data allows next.
pub(super) fn http_error(answer: &HttpAnswer) -> AdapterError {
    let (disposition, message) = match answer.status {
        400 => (Disposition::Rejected, "the provider refused the request"),
        401 | 403 => (Disposition::Misconfigured, "the provider did not take username or api_key"),
        404 => (Disposition::Misconfigured, "the provider does not know this address"),
        429 => (Disposition::RateLimited, "too many calls to the provider"),
        408 | 500 | 502..=504 => (Disposition::Transient, "the provider could not serve the request"),
        _ => (Disposition::Ambiguous, "the provider's answer cannot be read"),
    };
    let error = AdapterError::new(disposition, message).with_code(answer.status.to_string());
    match answer.retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// Reads the balance; the documents spell its key in two ways.
pub(super) fn read_balance(answer: &HttpAnswer) -> Result<Money, AdapterError> {
    let body = answer.json().unwrap_or_default();
    let field = |value: &Value, name: &str| {
        value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    let text =
        field(&body, "UserData").and_then(|data| field(&data, "balance")).filter(|_| (200..300).contains(&answer.status));
    text.and_then(|text| money(text.as_str()?)).ok_or_else(|| http_error(answer))
}

/// `KES 1785.5025`: what is beyond the currency's decimals is cut down, never up.
pub(super) fn money(text: &str) -> Option<Money> {
    let (currency, amount) = text.trim().split_once(char::is_whitespace)?;
    let decimals = usize::try_from(Money::from_minor_units(0, currency).ok()?.decimals()).ok()?;
    let amount = amount.trim_start();
    let (negative, amount) = amount.strip_prefix('-').map_or((false, amount), |amount| (true, amount));
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (kept, cut) = fraction.split_at(fraction.len().min(decimals));
    let kept = if kept.is_empty() { whole.to_owned() } else { format!("{whole}.{kept}") };
    let units = Money::parse(&kept, currency).ok()?.minor_units();
    let further_down = i64::from(negative && cut.bytes().any(|digit| digit != b'0'));
    let units = if negative { units.checked_neg()?.checked_sub(further_down)? } else { units };
    Money::from_minor_units(units, currency).ok()
}
