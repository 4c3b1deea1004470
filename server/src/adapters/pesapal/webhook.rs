//! IPNs of Pesapal, by GET and by POST. Pure.
//!
//! An IPN has no status, no amount and no signature: the secret path speaks for it, and it only says which order to ask about.
//! It has no id either, and each one is news: two that look the same may come before and after the payment.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{AdapterError, Answer, Disposition, Hook, HookEvent, HookRead, News, Reference, Reply, Target};
use super::{answers, wire};

/// Bytes of an IPN, at most.
const BODY_BYTES_MAX: usize = 16 * 1024;
const REFERENCE_BYTES_MAX: usize = 64;

/// Reads an IPN.
pub(super) fn read(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    if hook.body.len() > BODY_BYTES_MAX || hook.query.len() > BODY_BYTES_MAX {
        return Err(refused("the notification is too large"));
    }
    if !matches!(hook.rest.trim_matches('/'), "" | "ipn") {
        return Err(refused("no notification is expected here"));
    }
    let fields = fields(hook)?;
    let field = |name: &str| {
        let found = fields.iter().find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_empty());
        found.map(|(_, value)| value.as_str()).ok_or_else(|| refused("the notification names no order"))
    };
    let (tracking, reference) = (field("OrderTrackingId")?, field("OrderMerchantReference")?);
    let kind = field("OrderNotificationType")?;
    if !wire::is_id(tracking) || reference.len() > REFERENCE_BYTES_MAX {
        return Err(refused("the notification names no order"));
    }
    let body = json!({
        "orderNotificationType": kind, "orderTrackingId": tracking, "orderMerchantReference": reference, "status": 200,
    });
    let reply = Reply { status: 200, content_type: "application/json", body: body.to_string() };
    let attempt = wire::attempt_of(reference).filter(|_| kind.eq_ignore_ascii_case("IPNCHANGE"));
    let event = match attempt {
        None => HookEvent { target: Target::Nobody, event_id: None, news: News::Nothing, correlation: None },
        Some(attempt) => {
            let claim = json!({ "reference": reference, "tracking": tracking });
            let reference = Reference::new(reference).with("claim", claim);
            let ask = Answer::Waiting { reference: Some(reference), poll_after: Duration::ZERO, interim: None };
            HookEvent { target: Target::Attempt(attempt), event_id: None, news: News::Answer(ask), correlation: None }
        }
    };
    Ok(HookRead { events: vec![event], reply })
}

/// The fields of a JSON body, or of the query where there is no body.
fn fields(hook: &Hook<'_>) -> Result<Vec<(String, String)>, AdapterError> {
    if hook.body.is_empty() {
        return Ok(form_urlencoded::parse(hook.query.as_bytes()).into_owned().collect());
    }
    let body: Value = serde_json::from_slice(hook.body).map_err(|_| refused("the notification cannot be read"))?;
    let object = body.as_object().ok_or_else(|| refused("the notification cannot be read"))?;
    Ok(object.keys().filter_map(|name| Some((name.clone(), answers::text(&body, name)?))).collect())
}

fn refused(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message)
}
