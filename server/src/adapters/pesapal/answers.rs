//! How Pesapal's answers are read. Pure.
//!
//! Its HTTP status says little: refusals come with 200. An answer is good when the field that it is asked for is there; an
//! `error` that is an object of nothing is none.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tarishi_protocol::{Code, Money};

use super::super::{AccessToken, AdapterError, Disposition, http::HttpAnswer};

/// The life of a token, at most.
const TOKEN_LIFE: Duration = Duration::from_secs(300);
const SAID_CHARS_MAX: usize = 160;

/// What Pesapal says went wrong: its code and its words, whatever they are wrapped in.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Said {
    pub(super) code: String,
    pub(super) message: String,
    /// The `status` within the body.
    status: String,
}

impl Said {
    fn read(answer: &HttpAnswer) -> Option<Self> {
        let body = answer.json().filter(Value::is_object)?;
        let status = text(&body, "status").unwrap_or_default();
        let wrapped = text(&body, "message").and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let inner = [body.get("error"), wrapped.as_ref().and_then(|inner| inner.get("error")), wrapped.as_ref()];
        for error in inner.into_iter().flatten() {
            let (code, message) = match error {
                Value::String(message) => (String::new(), message.clone()),
                Value::Object(_) => {
                    let code = text(error, "code").or_else(|| text(error, "error_type")).or_else(|| text(error, "type"));
                    (code.unwrap_or_default(), text(error, "message").unwrap_or_default())
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => continue,
            };
            if !code.is_empty() || !message.is_empty() {
                return Some(Self { code, message, status });
            }
        }
        let message = text(&body, "message").or_else(|| text(&body, "Message")).unwrap_or_default();
        Some(Self { code: String::new(), message, status })
    }

    fn speaks_of(&self, words: &[&str]) -> bool {
        let all = format!("{} {}", self.code, self.message).to_ascii_lowercase();
        words.iter().any(|word| all.contains(word))
    }
}

/// Why an answer without the field that was asked for is none. `subject` is "order", "refund"…
pub(super) fn refusal(answer: &HttpAnswer, subject: &str) -> AdapterError {
    let silent =
        || AdapterError::new(Disposition::Ambiguous, format!("Pesapal says nothing of the {subject} (HTTP {})", answer.status));
    let Some(said) = Said::read(answer) else {
        return match answer.status {
            401 => AdapterError::new(Disposition::Unauthorized, "Pesapal takes another access token"),
            429 => limited(answer),
            _ => silent(),
        };
    };
    let words = clean(if said.message.is_empty() { &said.code } else { &said.message });
    let error = |disposition, message: String| {
        let error = AdapterError::new(disposition, message);
        if said.code.is_empty() { error } else { error.with_code(said.code.clone()) }
    };
    if answer.status == 401
        || said.status == "401"
        || said.speaks_of(&["invalid_token", "token_expired", "invalid token", "token expired"])
    {
        return error(Disposition::Unauthorized, "Pesapal takes another access token".to_owned());
    }
    if answer.status == 429 {
        return limited(answer);
    }
    if answer.status >= 500 || words.is_empty() {
        return silent();
    }
    if said.speaks_of(&["invalidipnid", "ipnconfigurationerror", "invalid_url"]) {
        return error(Disposition::Misconfigured, format!("Pesapal does not know the IPN address: {words}"));
    }
    if said.speaks_of(&["amount_exceeds_default_limit"]) {
        let message = "that is more than Pesapal lets this account collect at once";
        return error(Disposition::Rejected, message.to_owned()).with_problem(Code::AmountOutOfRange);
    }
    if said.speaks_of(&["maximum_amount_limit_exceeded", "test_transactions_exceeded", "maximum allowed test transactions"]) {
        return error(Disposition::Misconfigured, format!("Pesapal's limit for tests is used up: {words}"));
    }
    if said.speaks_of(&["duplicate"]) {
        // An order of this name is there, and nobody holds its page.
        return error(Disposition::Ambiguous, format!("Pesapal knows this {subject} already"));
    }
    match answer.status {
        403..=405 => error(Disposition::Misconfigured, format!("Pesapal does not serve this: {words}")),
        200..=299 if said.status.is_empty() && said.code.is_empty() => silent(),
        200..=299 if said.status == "200" => silent(),
        200..=299 | 400..=499 => error(Disposition::Rejected, format!("Pesapal refused: {words}")),
        _ => silent(),
    }
}

fn limited(answer: &HttpAnswer) -> AdapterError {
    let wait = answer.retry_after.unwrap_or(Duration::from_secs(5));
    AdapterError::new(Disposition::RateLimited, "too many calls to Pesapal").with_retry_after(wait)
}

/// Reads the answer to a token request.
pub(super) fn read_token(answer: &HttpAnswer) -> Result<AccessToken, AdapterError> {
    let token = answer.json().and_then(|body| text(&body, "token"));
    if let (200..=299, Some(token)) = (answer.status, token) {
        let expires_in = jwt_life(&token).unwrap_or(TOKEN_LIFE).min(TOKEN_LIFE);
        return Ok(AccessToken { token, expires_in });
    }
    let error = refusal(answer, "token");
    Err(match error.disposition {
        Disposition::Rejected | Disposition::Unauthorized | Disposition::Misconfigured => AdapterError {
            disposition: Disposition::Misconfigured,
            message: "Pesapal gave no token: consumer_key, consumer_secret or environment is wrong".to_owned(),
            ..error
        },
        Disposition::Ambiguous => AdapterError { disposition: Disposition::Transient, ..error },
        Disposition::Transient | Disposition::RateLimited | Disposition::Unsupported => error,
    })
}

/// How long a token lives by its own words: both moments are by Pesapal's clock, so ours does not matter.
fn jwt_life(token: &str) -> Option<Duration> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    let from = payload.get("iat").or_else(|| payload.get("nbf"))?.as_u64()?;
    payload.get("exp")?.as_u64()?.checked_sub(from).map(Duration::from_secs)
}

/// A made order.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Made {
    pub(super) tracking: String,
    pub(super) url: String,
}

/// Reads the answer to an order: its id and page.
pub(super) fn read_order(answer: &HttpAnswer, reference: &str) -> Result<Made, AdapterError> {
    let body = answer.json().unwrap_or_default();
    let foreign = text(&body, "merchant_reference").is_some_and(|named| named != reference);
    let tracking = text(&body, "order_tracking_id").filter(|id| super::wire::is_id(id));
    let url = text(&body, "redirect_url").filter(|url| is_page(url));
    match (answer.status, tracking, url) {
        (200..=299, Some(tracking), Some(url)) if !foreign => Ok(Made { tracking, url }),
        _ => Err(refusal(answer, "order")),
    }
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stands {
    Paid,
    Failed,
    Reversed,
    Open,
}

/// An order as Pesapal tells it.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) stands: Stands,
    pub(super) reference: String,
    pub(super) amount: Option<Money>,
    pub(super) confirmation_code: String,
    pub(super) method: String,
}

#[derive(Deserialize)]
struct RawOrder {
    status_code: Value,
    #[serde(default)]
    merchant_reference: Option<String>,
    #[serde(default)]
    amount: Option<Box<RawValue>>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    confirmation_code: Option<String>,
    #[serde(default)]
    payment_method: Option<String>,
}

/// Reads an order's status; `None`: nothing was paid yet, in Pesapal's words "payment details not found".
pub(super) fn read_status(answer: &HttpAnswer) -> Result<Option<Order>, AdapterError> {
    let nothing_yet = Said::read(answer).is_some_and(|said| said.code == "payment_details_not_found");
    let raw: Option<RawOrder> = serde_json::from_slice(&answer.body).ok();
    let code = raw.as_ref().and_then(|raw| scalar(&raw.status_code));
    let (Some(raw), Some(code), 200..=299) = (raw, code, answer.status) else {
        return if nothing_yet { Ok(None) } else { Err(refusal(answer, "order")) };
    };
    Ok(Some(Order {
        stands: match code.as_str() {
            "1" => Stands::Paid,
            "2" => Stands::Failed,
            "3" => Stands::Reversed,
            _ => Stands::Open,
        },
        reference: raw.merchant_reference.unwrap_or_default(),
        amount: raw.amount.zip(raw.currency).and_then(|(amount, currency)| money(&amount, &currency)),
        confirmation_code: raw.confirmation_code.unwrap_or_default(),
        method: raw.payment_method.unwrap_or_default(),
    }))
}

/// Reads the answer to a refund or a withdrawal: taken, or why not.
pub(super) fn read_taken(answer: &HttpAnswer, subject: &str) -> Result<(), AdapterError> {
    let body = answer.json().unwrap_or_default();
    match (answer.status, text(&body, "status").as_deref()) {
        (200..=299, Some("200")) => Ok(()),
        _ => Err(refusal(answer, subject)),
    }
}

/// A refusal that speaks of an earlier request.
pub(super) fn speaks_of_earlier(error: &AdapterError) -> bool {
    let text = error.message.to_ascii_lowercase();
    ["already", "exist", "previous", "earlier", "duplicate"].iter().any(|word| text.contains(word))
}

/// Finds our address in the list of registered ones: its id.
pub(super) fn find_ipn(answer: &HttpAnswer, url: &str) -> Result<Option<String>, AdapterError> {
    let Some(Value::Array(list)) = answer.json().filter(|_| (200..300).contains(&answer.status)) else {
        return Err(refusal(answer, "list of IPN addresses"));
    };
    let ours = list.iter().find(|entry| text(entry, "url").as_deref() == Some(url));
    Ok(ours.and_then(|entry| text(entry, "ipn_id")).filter(|id| super::wire::is_id(id)))
}

/// Does Pesapal know us, and this IPN id if there is one?
pub(super) fn knows_ipn(answer: &HttpAnswer, id: Option<&str>) -> Result<bool, AdapterError> {
    let Some(Value::Array(list)) = answer.json().filter(|_| (200..300).contains(&answer.status)) else {
        return Err(refusal(answer, "list of IPN addresses"));
    };
    Ok(id.is_none_or(|id| list.iter().any(|entry| text(entry, "ipn_id").is_some_and(|known| known.eq_ignore_ascii_case(id)))))
}

/// Reads the answer to a registration: the id.
pub(super) fn read_ipn(answer: &HttpAnswer) -> Result<String, AdapterError> {
    let id = answer.json().and_then(|body| text(&body, "ipn_id")).filter(|id| super::wire::is_id(id));
    id.filter(|_| (200..300).contains(&answer.status)).ok_or_else(|| refusal(answer, "IPN address"))
}

/// A field that is written as text or as a number, if it is not empty.
pub(super) fn text(body: &Value, name: &str) -> Option<String> {
    scalar(body.get(name)?).filter(|text| !text.is_empty())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A JSON number or text as money: `1250`, `1250.0`, `"1250.00"`.
fn money(raw: &RawValue, currency: &str) -> Option<Money> {
    let text = raw.get().trim_matches('"');
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    Money::parse(text, currency).ok()
}

/// An address that a payer may be sent to.
fn is_page(text: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(text) else { return false };
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// A text of the provider for a person: short, and without what may be a phone or an account.
fn clean(text: &str) -> String {
    let private = |word: &str| word.contains('@') || word.bytes().filter(u8::is_ascii_digit).count() >= 6;
    let words: Vec<&str> = text.split_whitespace().map(|word| if private(word) { "…" } else { word }).collect();
    words.join(" ").chars().take(SAID_CHARS_MAX).collect()
}
