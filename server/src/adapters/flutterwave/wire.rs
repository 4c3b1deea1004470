//! Requests to Flutterwave. Pure. Amounts are written as text, never as floats.

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};
use tarishi_protocol::{Charge, Code, Money, PaymentMethod};
use uuid::Uuid;

use super::super::{AdapterError, Disposition};
use super::{config::Config, network};

/// Before the attempt's id in `tx_ref`: 40 characters in all.
const TX_REF: &str = "tarishi-";
const COMMENTS_CHARS_MAX: usize = 100;

/// Our name for one attempt at Flutterwave: a pure function of the attempt, so a crash loses nothing.
pub(super) fn tx_ref(attempt: Uuid) -> String {
    format!("{TX_REF}{}", attempt.simple())
}

/// The attempt that a `tx_ref` of ours names.
pub(super) fn attempt_of(tx_ref: &str) -> Option<Uuid> {
    let id = tx_ref.strip_prefix(TX_REF).filter(|id| id.len() == 32)?;
    Uuid::try_parse(id).ok()
}

/// Which account a key belongs to, without telling the key.
pub(super) fn account(config: &Config<'_>) -> String {
    hex::encode(&Sha256::digest(config.secret_key.as_bytes())[..6])
}

/// How a charge is collected: by mobile money of this kind, or by a page (`None`).
pub(super) fn route(charge: &Charge) -> Result<Option<&'static network::Route>, AdapterError> {
    let route = network::route(charge.amount.currency());
    match charge.method {
        Some(PaymentMethod::Link) => Ok(None),
        Some(PaymentMethod::MobileMoney) => {
            let message = "mobile money is collected in KES, UGX, GHS, TZS and RWF; use method link";
            route.map(Some).ok_or_else(|| refuse(Code::InvalidAmount, message))
        }
        None => Ok(route.filter(|_| charge.phone.is_some())),
    }
}

#[derive(Serialize)]
struct Meta<'a> {
    reference: &'a str,
}

/// The body of a mobile-money charge.
pub(super) fn charge_body<'a>(
    config: &Config<'_>,
    charge: &'a Charge,
    route: &network::Route,
    tx_ref: &str,
) -> Result<impl Serialize + use<'a>, AdapterError> {
    #[derive(Serialize)]
    struct Body<'a> {
        tx_ref: String,
        amount: Box<RawValue>,
        currency: String,
        email: String,
        phone_number: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        network: Option<&'a str>,
        meta: Value,
    }
    let phone = charge.phone.as_ref().ok_or_else(|| refuse(Code::MissingField, "mobile money needs the payer's phone"))?;
    let network = route.network(phone, charge.network.as_deref())?;
    if charge.amount.whole_units().is_none() && charge.amount.currency() == "KES" {
        return Err(refuse(Code::AmountNotWhole, "M-Pesa takes whole shillings only"));
    }
    Ok(Body {
        tx_ref: tx_ref.to_owned(),
        amount: number(&charge.amount),
        currency: charge.amount.currency().to_owned(),
        email: email(config, charge)?.to_owned(),
        phone_number: phone.digits().to_owned(),
        network,
        meta: json!(Meta { reference: &charge.reference }),
    })
}

/// The body of a payment page.
pub(super) fn link_body(config: &Config<'_>, charge: &Charge, tx_ref: &str) -> Result<impl Serialize, AdapterError> {
    #[derive(Serialize)]
    struct Body {
        tx_ref: String,
        amount: Box<RawValue>,
        currency: String,
        redirect_url: String,
        customer: Value,
        customizations: Value,
        session_duration: u64,
        meta: Value,
    }
    let redirect_url = charge.return_url.as_deref().or(config.redirect_url);
    let redirect_url = redirect_url.filter(|url| reqwest::Url::parse(url).is_ok_and(|url| !url.cannot_be_a_base()));
    let mut customer = json!({ "email": email(config, charge)? });
    if let Some(phone) = &charge.phone {
        customer["phonenumber"] = phone.digits().into();
    }
    let mut customizations = json!({ "title": charge.reference });
    if let Some(text) = &charge.description {
        customizations["description"] = text.as_str().into();
    }
    Ok(Body {
        tx_ref: tx_ref.to_owned(),
        amount: number(&charge.amount),
        currency: charge.amount.currency().to_owned(),
        redirect_url: redirect_url
            .ok_or_else(|| refuse(Code::MissingField, "a payment page needs return_url, an address"))?
            .to_owned(),
        customer,
        customizations,
        session_duration: config.link_minutes,
        meta: json!(Meta { reference: &charge.reference }),
    })
}

/// The body of a refund. The mark in `comments` tells our refunds from others where Flutterwave lists comments.
pub(super) fn refund_body(amount: &Money, reason: &str, mark: &str) -> impl Serialize {
    #[derive(Serialize)]
    struct Body {
        amount: Box<RawValue>,
        comments: String,
    }
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ',' | '/');
    let reason: String = reason.chars().filter(plain).take(COMMENTS_CHARS_MAX).collect();
    Body { amount: number(amount), comments: format!("{reason} [{mark}]") }
}

/// The mark of one refund: the same over all its tries.
pub(super) fn mark(effect_key: &str) -> &str {
    effect_key.get(..12).unwrap_or(effect_key)
}

fn email<'a>(config: &Config<'a>, charge: &'a Charge) -> Result<&'a str, AdapterError> {
    let email = charge.email.as_deref().or(config.default_email);
    let shaped =
        |email: &&str| email.len() <= 100 && email.split_once('@').is_some_and(|(a, b)| !a.is_empty() && b.contains('.'));
    email.filter(shaped).ok_or_else(|| refuse(Code::MissingField, "Flutterwave needs the payer's email"))
}

/// The amount as a JSON number, written and not computed.
fn number(amount: &Money) -> Box<RawValue> {
    let text = amount.whole_units().map_or_else(|| amount.amount(), |units| units.to_string());
    RawValue::from_string(text).expect("an amount is a JSON number")
}

fn refuse(problem: Code, message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(problem)
}
