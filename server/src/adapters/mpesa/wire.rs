//! Requests to Daraja and how its answers are read. Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tarishi_protocol::{Charge, Code, Money};
use uuid::Uuid;

use super::super::{AccessToken, AdapterError, Disposition, http::HttpAnswer};
use super::{codes, config::Config};

/// Characters of `TransactionDesc`.
const DESCRIPTION_CHARS_MAX: usize = 13;
/// Characters of `Remarks`.
const REMARKS_CHARS_MAX: usize = 100;
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The body of an STK push. One timestamp serves both places, else Daraja says "Wrong credentials".
pub(super) fn charge_body(
    config: &Config<'_>,
    charge: &Charge,
    attempt_id: Uuid,
    callback_url: &str,
    now: DateTime<Utc>,
) -> Result<Value, AdapterError> {
    let amount = whole_shillings(&charge.amount)?;
    let phone = charge.phone.as_ref().filter(|phone| phone.is_kenyan_mobile()).ok_or_else(|| {
        AdapterError::new(Disposition::Rejected, "M-Pesa needs a Kenyan mobile number").with_problem(Code::InvalidPhone)
    })?;
    let timestamp = nairobi(now);
    Ok(json!({
        "BusinessShortCode": number(config.shortcode),
        "Password": password(config, &timestamp),
        "Timestamp": timestamp,
        "TransactionType": config.transaction_type,
        "Amount": amount.to_string(),
        "PartyA": phone.digits(),
        "PartyB": config.party_b,
        "PhoneNumber": phone.digits(),
        "CallBackURL": callback_url,
        "AccountReference": account_reference(attempt_id),
        "TransactionDesc": plain_text(&charge.reference, DESCRIPTION_CHARS_MAX, "Payment"),
    }))
}

/// The body of an STK push query.
pub(super) fn query_body(config: &Config<'_>, checkout_request_id: &str, now: DateTime<Utc>) -> Value {
    let timestamp = nairobi(now);
    json!({
        "BusinessShortCode": number(config.shortcode),
        "Password": password(config, &timestamp),
        "Timestamp": timestamp,
        "CheckoutRequestID": checkout_request_id,
    })
}

/// What a reversal is told.
pub(super) struct Reversal<'a> {
    pub(super) initiator: &'a str,
    pub(super) credential: &'a str,
    pub(super) receipt: &'a str,
    pub(super) amount: &'a Money,
    pub(super) reason: &'a str,
    pub(super) attempt_id: Uuid,
    pub(super) callback_url: &'a str,
}

/// The body of a reversal. `RecieverIdentifierType` is misspelt as Daraja wants it.
pub(super) fn reversal_body(config: &Config<'_>, reversal: &Reversal<'_>) -> Result<Value, AdapterError> {
    Ok(json!({
        "Initiator": reversal.initiator,
        "SecurityCredential": reversal.credential,
        "CommandID": "TransactionReversal",
        "TransactionID": reversal.receipt,
        "Amount": whole_shillings(reversal.amount)?.to_string(),
        "ReceiverParty": config.shortcode,
        "RecieverIdentifierType": "11",
        "ResultURL": format!("{}/r", reversal.callback_url),
        "QueueTimeOutURL": format!("{}/t", reversal.callback_url),
        "Remarks": plain_text(reversal.reason, REMARKS_CHARS_MAX, "Refund"),
        "Occasion": account_reference(reversal.attempt_id),
    }))
}

/// Reads the answer to a call with an effect: accepted, with the provider's id under `id`, or why not.
pub(super) fn read_accepted(answer: &HttpAnswer, id: &str) -> Result<Value, AdapterError> {
    let Some(body) = answer.json().filter(Value::is_object) else { return Err(codes::uncoded(answer)) };
    if let Some(code) = text(&body, "errorCode") {
        let message = text(&body, "errorMessage").unwrap_or_default();
        return Err(codes::hinted(codes::refusal(&code, &message), answer));
    }
    let (Some(code), 200..=299) = (text(&body, "ResponseCode"), answer.status) else { return Err(codes::uncoded(answer)) };
    if code != "0" {
        return Err(AdapterError::new(Disposition::Rejected, "M-Pesa refused the request").with_code(code));
    }
    if text(&body, id).is_none_or(|id| id.is_empty()) {
        return Err(AdapterError::new(Disposition::Ambiguous, "M-Pesa accepted without naming the request"));
    }
    Ok(body)
}

/// Reads the answer to a query: the result code, or `None` if no answer was obtained (which says nothing of the payment).
pub(super) fn read_query(answer: &HttpAnswer, checkout_request_id: &str) -> Result<Option<String>, AdapterError> {
    let body = answer.json().filter(Value::is_object).unwrap_or_default();
    let error = match text(&body, "errorCode") {
        Some(code) => codes::refusal(&code, &text(&body, "errorMessage").unwrap_or_default()),
        None if (200..300).contains(&answer.status) => {
            let refused = text(&body, "ResponseCode").is_some_and(|code| code != "0");
            let foreign = text(&body, "CheckoutRequestID").is_some_and(|id| id != checkout_request_id);
            return Ok(text(&body, "ResultCode").filter(|_| !refused && !foreign));
        }
        None => codes::uncoded(answer),
    };
    match error.disposition {
        Disposition::Unauthorized | Disposition::RateLimited | Disposition::Misconfigured => Err(codes::hinted(error, answer)),
        Disposition::Transient | Disposition::Ambiguous | Disposition::Rejected | Disposition::Unsupported => Ok(None),
    }
}

/// Reads the answer to a token request. No money is involved: whatever is not a refusal may be tried again.
pub(super) fn read_token(answer: &HttpAnswer) -> Result<AccessToken, AdapterError> {
    let body = answer.json().unwrap_or_default();
    if let (200..=299, Some(token)) = (answer.status, text(&body, "access_token").filter(|token| !token.is_empty())) {
        let seconds = text(&body, "expires_in").and_then(|seconds| seconds.parse().ok()).unwrap_or(3_599);
        return Ok(AccessToken { token, expires_in: std::time::Duration::from_secs(seconds) });
    }
    let code = text(&body, "errorCode");
    let message = text(&body, "errorMessage").unwrap_or_default().to_ascii_lowercase();
    let limited = answer.status == 429 || code.as_deref() == Some("500.003.03") || message.contains("spike arrest");
    let (disposition, message) = match answer.status {
        _ if limited => (Disposition::RateLimited, "too many calls to M-Pesa"),
        400..=404 => {
            (Disposition::Misconfigured, "M-Pesa gave no token: consumer_key, consumer_secret or environment is wrong")
        }
        _ => (Disposition::Transient, "M-Pesa gave no token"),
    };
    let error = codes::hinted(AdapterError::new(disposition, message), answer);
    Err(match code {
        Some(code) => error.with_code(code),
        None => error,
    })
}

/// Twelve characters that name the attempt on the payer's phone: a pure function of the attempt, so a crash loses nothing.
pub(super) fn account_reference(attempt_id: Uuid) -> String {
    let hash = Sha256::digest(attempt_id.as_bytes());
    let bits = hash.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte)) >> 4;
    (0..12).rev().map(|place| char::from(CROCKFORD[usize::try_from((bits >> (5 * place)) & 31).unwrap_or_default()])).collect()
}

/// Is it shaped as one of the names that [`account_reference`] gives?
pub(super) fn is_account_reference(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| CROCKFORD.contains(&byte))
}

/// Reads the answer to a call that only registers or lists: its body, or why there is none.
pub(super) fn read_done(answer: &HttpAnswer) -> Result<Value, AdapterError> {
    let Some(body) = answer.json().filter(Value::is_object) else { return Err(codes::uncoded(answer)) };
    if let Some(code) = text(&body, "errorCode") {
        let message = text(&body, "errorMessage").unwrap_or_default();
        return Err(codes::hinted(codes::refusal(&code, &message), answer));
    }
    // 1000 is how the list of payments says yes.
    let code = text(&body, "ResponseCode").or_else(|| text(&body, "ResponseStatus"));
    match (code.as_deref(), answer.status) {
        (Some("0" | "1000"), 200..=299) => Ok(body),
        (Some(code), 200..=299) => Err(AdapterError::new(Disposition::Rejected, "M-Pesa refused the request").with_code(code)),
        _ => Err(codes::uncoded(answer)),
    }
}

/// `YYYYMMDDHHmmss` in East Africa Time.
pub(super) fn nairobi(now: DateTime<Utc>) -> String {
    in_nairobi(now).format("%Y%m%d%H%M%S").to_string()
}

/// The moment by the clocks of East Africa.
pub(super) fn in_nairobi(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    at.with_timezone(&east_africa())
}

/// A moment of the list of payments: with its offset, or by the clocks of East Africa (unverified which).
pub(super) fn from_listed(text: &str) -> Option<DateTime<Utc>> {
    let local = || {
        let local = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
        Some(local.and_local_timezone(east_africa()).single()?.to_utc())
    };
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok().or_else(local).or_else(|| from_nairobi(text))
}

/// The moment of a `YYYYMMDDHHmmss` in East Africa Time.
pub(super) fn from_nairobi(text: &str) -> Option<DateTime<Utc>> {
    let local = NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S").ok()?;
    Some(local.and_local_timezone(east_africa()).single()?.to_utc())
}

/// Whole or decimal shillings as Daraja writes them (`1250`, `1250.00`, `"1250.0"`), read as text and never as a float.
pub(super) fn shillings(text: &str) -> Option<Money> {
    let text = text.trim_matches('"');
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    Money::parse(text, "KES").ok()
}

/// A field that Daraja writes as text or as a number.
pub(super) fn text(body: &Value, name: &str) -> Option<String> {
    scalar(body.get(name)?)
}

pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn whole_shillings(amount: &Money) -> Result<i64, AdapterError> {
    let refuse = |problem, message| AdapterError::new(Disposition::Rejected, message).with_problem(problem);
    if amount.currency() != "KES" {
        return Err(refuse(Code::InvalidAmount, "M-Pesa takes KES only"));
    }
    if !tarishi_protocol::limits::MPESA_MINOR_UNITS.contains(&amount.minor_units()) {
        return Err(refuse(Code::AmountOutOfRange, "M-Pesa takes KES 1 to 250,000"));
    }
    amount.whole_units().ok_or_else(|| refuse(Code::AmountNotWhole, "M-Pesa takes whole shillings only"))
}

fn password(config: &Config<'_>, timestamp: &str) -> String {
    STANDARD.encode(format!("{}{}{timestamp}", config.shortcode, config.passkey))
}

fn number(digits: &str) -> Value {
    digits.parse::<u64>().map_or_else(|_| Value::from(digits), Value::from)
}

/// Letters, digits and the few signs that no gateway minds; `otherwise` if fewer than two are left.
fn plain_text(text: &str, chars_max: usize, otherwise: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/');
    let kept: String = text.chars().filter(plain).take(chars_max).collect();
    if kept.trim().len() < 2 { otherwise.to_owned() } else { kept }
}

fn east_africa() -> FixedOffset {
    FixedOffset::east_opt(3 * 3_600).expect("three hours are within a day")
}
