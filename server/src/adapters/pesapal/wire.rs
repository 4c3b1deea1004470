//! Requests to Pesapal. Pure. Amounts are written as text, never as floats.

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use tarishi_protocol::{Charge, Code, Money};
use uuid::Uuid;

use super::super::{AdapterError, Disposition};
use super::config::Config;

/// Before the attempt's id in an order's id: 40 characters in all, of 50.
const REFERENCE: &str = "tarishi-";
const DESCRIPTION_CHARS_MAX: usize = 100;

/// Countries by the digits of their phones.
const COUNTRIES: [(&str, &str); 6] = [("254", "KE"), ("256", "UG"), ("255", "TZ"), ("250", "RW"), ("265", "MW"), ("260", "ZM")];

/// Our name for one order: a pure function of the attempt, never used twice.
pub(super) fn reference(attempt: Uuid) -> String {
    format!("{REFERENCE}{}", attempt.simple())
}

/// The attempt that an order of ours names.
pub(super) fn attempt_of(reference: &str) -> Option<Uuid> {
    let id = reference.strip_prefix(REFERENCE).filter(|id| id.len() == 32)?;
    Uuid::try_parse(id).ok()
}

/// Has it the shape of Pesapal's ids?
pub(super) fn is_id(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[derive(Serialize)]
struct Order<'a> {
    id: &'a str,
    currency: &'a str,
    amount: Box<RawValue>,
    description: String,
    callback_url: &'a str,
    notification_id: &'a str,
    billing_address: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<&'a str>,
}

/// The body of an order.
pub(super) fn order_body<'a>(
    config: &Config<'a>,
    charge: &'a Charge,
    reference: &'a str,
    notification_id: &'a str,
) -> Result<impl Serialize + use<'a>, AdapterError> {
    let is_page = |url: &&str| reqwest::Url::parse(url).is_ok_and(|url| !url.cannot_be_a_base());
    let callback_url = charge.return_url.as_deref().or(config.callback_url).filter(is_page);
    let text = charge.description.as_deref().unwrap_or(&charge.reference);
    Ok(Order {
        id: reference,
        currency: charge.amount.currency(),
        amount: RawValue::from_string(charge.amount.amount()).expect("an amount is a JSON number"),
        description: text.chars().take(DESCRIPTION_CHARS_MAX).collect(),
        callback_url: callback_url.ok_or_else(|| missing("a payment page needs return_url, an address"))?,
        notification_id,
        billing_address: billing_address(config, charge)?,
        cancellation_url: config.cancellation_url,
        branch: config.branch,
    })
}

fn billing_address(config: &Config<'_>, charge: &Charge) -> Result<Value, AdapterError> {
    let mut address = json!({});
    if let Some(phone) = &charge.phone {
        address["phone_number"] = phone.digits().into();
        if let Some((_, country)) = COUNTRIES.iter().find(|(digits, _)| phone.digits().starts_with(digits)) {
            address["country_code"] = (*country).into();
        }
    }
    let email = charge.email.as_deref().or(config.default_email.filter(|_| charge.phone.is_none()));
    if let Some(email) = email {
        address["email_address"] = email.into();
    } else if charge.phone.is_none() {
        return Err(missing("Pesapal needs the payer's phone or email"));
    }
    Ok(address)
}

/// The body of a refund.
pub(super) fn refund_body(confirmation_code: &str, amount: &Money, username: &str, reason: &str) -> Value {
    let amount = if amount.amount().contains('.') { amount.amount() } else { format!("{}.00", amount.amount()) };
    json!({ "confirmation_code": confirmation_code, "amount": amount, "username": username, "remarks": reason })
}

fn missing(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(Code::MissingField)
}
