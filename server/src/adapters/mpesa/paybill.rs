//! Payments that nobody prompted for: where Daraja is told to tell of them, and what it then says. Pure but for the one call.
//!
//! Daraja signs nothing: the secret path, the address list and the shortcode speak for it. A confirmation may come more than
//! once, and is one payment by its `TransID`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tarishi_protocol::Code;

use super::super::{
    AdapterError, Answer, Disposition, Errand, Hook, HookEvent, HookRead, News, PaymentNews, Reference, Reply, Settings, Target,
};
use super::{
    config::{Config, response_type},
    post_as, standing, wire,
};

const REGISTER_PATH: &str = "/mpesa/c2b/v2/registerurl";
const PULL_REGISTER_PATH: &str = "/pulltransactions/v1/register";
/// Words that Daraja refuses in these addresses.
const FORBIDDEN_WORDS: [&str; 7] = ["mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query"];
/// Validation's "no": a code of Daraja's table; what its text says to the payer is (unverified).
const REFUSED: &str = "C2B00016";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Payment {
    #[serde(rename = "TransID", default)]
    receipt: Value,
    #[serde(default)]
    trans_time: Value,
    trans_amount: Box<RawValue>,
    #[serde(default)]
    business_short_code: Value,
    #[serde(default)]
    bill_ref_number: Value,
    #[serde(rename = "MSISDN", default)]
    msisdn: Value,
    #[serde(default)]
    first_name: Value,
    #[serde(default)]
    middle_name: Value,
    #[serde(default)]
    last_name: Value,
}

impl Payment {
    fn read(hook: &Hook<'_>) -> Result<Self, AdapterError> {
        let payment: Self = serde_json::from_slice(hook.body).map_err(|_| refused("the payment cannot be read"))?;
        let shortcode = wire::scalar(&payment.business_short_code).unwrap_or_default();
        let config = Config::read(hook.settings)?;
        if shortcode != config.shortcode && shortcode != config.party_b {
            return Err(refused("the payment is of another shortcode"));
        }
        Ok(payment)
    }

    fn reference(&self) -> String {
        wire::scalar(&self.bill_ref_number).unwrap_or_default().trim().to_owned()
    }

    fn payer(&self) -> Option<String> {
        let names = [&self.first_name, &self.middle_name, &self.last_name];
        let names: Vec<String> = names.into_iter().filter_map(wire::scalar).map(|name| name.trim().to_owned()).collect();
        let names = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
        Some(names).filter(|names| !names.is_empty())
    }
}

/// `/c`: money came in. It is stored before this is answered.
pub(super) fn confirmation(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    let payment = Payment::read(hook)?;
    let receipt = wire::scalar(&payment.receipt).filter(|receipt| is_receipt(receipt));
    let receipt = receipt.ok_or_else(|| refused("the payment has no TransID"))?;
    let amount = wire::shillings(payment.trans_amount.get()).filter(|amount| amount.minor_units() > 0);
    let amount = amount.ok_or_else(|| refused("the payment's amount cannot be read"))?;
    let paid_at = wire::scalar(&payment.trans_time).and_then(|time| wire::from_nairobi(&time));
    let reference = payment.reference();
    // One of the names that we give to our own calls, as the payer saw it on the phone.
    let ours = Some(reference.to_uppercase()).filter(|name| wire::is_account_reference(name));
    let claim = json!({
        "receipt": receipt,
        "amount": amount,
        "paid_at": paid_at.map(standing::stamp),
        "reference": ours,
    });
    let claim = Reference::new(ours.clone().unwrap_or_default()).with("paybill", claim);
    let news = PaymentNews {
        receipt: receipt.clone(),
        amount,
        paid_at,
        reference,
        payer: payment.payer(),
        payer_phone: wire::scalar(&payment.msisdn).filter(|phone| !phone.is_empty()),
        claim: Box::new(Answer::Waiting { reference: Some(claim), poll_after: Duration::ZERO, interim: None }),
    };
    let event = HookEvent {
        target: ours.map_or(Target::Nobody, Target::Reference),
        event_id: Some(format!("paybill:{receipt}")),
        news: News::Payment(news),
        correlation: None,
    };
    Ok(HookRead { events: vec![event], reply: reply(&json!({ "ResultCode": 0, "ResultDesc": "Accepted" })) })
}

/// `/v`: may this payment be made? Nothing follows from it; most organisations have validation switched off.
pub(super) fn validation(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    let payment = Payment::read(hook)?;
    let known = is_taken(hook.settings, &payment.reference());
    let verdict = if known {
        json!({ "ResultCode": "0", "ResultDesc": "Accepted" })
    } else {
        json!({ "ResultCode": REFUSED, "ResultDesc": "Rejected" })
    };
    let event = HookEvent { target: Target::Nobody, event_id: None, news: News::Nothing, correlation: None };
    Ok(HookRead { events: vec![event], reply: reply(&verdict) })
}

/// Every reference, or those that begin as the setting says, or are of our own prompts.
fn is_taken(settings: &Settings, reference: &str) -> bool {
    let Some(prefixes) = settings.get("paybill_references") else { return true };
    let upper = reference.to_uppercase();
    let begins = |prefix: &str| !prefix.is_empty() && upper.starts_with(&prefix.to_uppercase());
    prefixes.split(',').map(str::trim).any(begins) || wire::is_account_reference(&upper)
}

/// Tells Daraja where to tell of payments; and, with a number nominated for it, opens the list of payments.
pub(super) async fn register(errand: &Errand<'_>) -> Result<Vec<String>, AdapterError> {
    let config = Config::read(errand.settings)?;
    let token = errand.settings.require("webhook_token")?;
    let address = |rest: &str| format!("{}/h/{token}/{rest}", errand.base_url);
    check_address(&address("c"))?;
    let kind = response_type(errand.settings)?;
    let body = json!({
        "ShortCode": config.shortcode,
        "ResponseType": kind,
        "ConfirmationURL": address("c"),
        "ValidationURL": address("v"),
    });
    let answer =
        post_as(errand.outbound, errand.access_token, &config, REGISTER_PATH, &body).await.map_err(AdapterError::harmless)?;
    wire::read_done(&answer)?;
    let mut done = vec!["M-Pesa tells us of paybill payments".to_owned()];
    if let Some(number) = errand.settings.get("nominated_number") {
        let body = json!({
            "ShortCode": config.shortcode,
            "RequestType": "Pull",
            "NominatedNumber": number,
            "CallBackURL": address("p"),
        });
        let answer = post_as(errand.outbound, errand.access_token, &config, PULL_REGISTER_PATH, &body)
            .await
            .map_err(AdapterError::harmless)?;
        wire::read_done(&answer)?;
        done.push("the list of payments is open to us".to_owned());
    }
    Ok(done)
}

/// Daraja takes only some addresses; it is better said here than by it.
fn check_address(address: &str) -> Result<(), AdapterError> {
    let url = reqwest::Url::parse(address).map_err(|_| AdapterError::misconfigured("TARISHI_PUBLIC_URL is no address"))?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !loopback {
        return Err(AdapterError::misconfigured("TARISHI_PUBLIC_URL must be https: M-Pesa calls nothing else"));
    }
    let lower = address.to_lowercase();
    match FORBIDDEN_WORDS.iter().find(|word| lower.contains(*word)) {
        Some(word) => Err(AdapterError::misconfigured(format!(
            "M-Pesa takes no address with the word {word} in it (TARISHI_PUBLIC_URL, webhook_token)"
        ))),
        None => Ok(()),
    }
}

fn is_receipt(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn reply(body: &Value) -> Reply {
    Reply { status: 200, content_type: "application/json", body: body.to_string() }
}

fn refused(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(Code::Malformed)
}
