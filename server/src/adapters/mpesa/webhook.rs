//! Callbacks of Daraja: verified by path and address, read by name. Pure.
//!
//! Daraja signs nothing and calls once. So a callback that says "paid" is a claim: what it says is remembered and the payment
//! is confirmed by a query. That a prompt is over is remembered too, and believed when it is late enough.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tarishi_protocol::RefundOutcome;
use uuid::Uuid;

use super::super::{AdapterError, Answer, Disposition, Hook, HookEvent, HookRead, News, Reference, Reply, Target};
use super::{
    codes::{ReversalResult, StkResult, reversal_result, stk_result},
    config::{self, Waits},
    paybill, standing, status, wire,
};

/// Bytes of a callback, at most.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Reads a callback of the attempt that its path names.
pub(super) fn read(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    if !hook.verified && !config::allow_list(hook.settings)?.allows(hook.peer) {
        return Err(refused("callbacks are not taken from this address"));
    }
    if hook.body.len() > BODY_BYTES_MAX {
        return Err(refused("the callback is too large"));
    }
    let rest = hook.rest.trim_matches('/');
    let Some(attempt) = hook.attempt_id else {
        return match rest {
            "c" => paybill::confirmation(hook),
            "v" => paybill::validation(hook),
            _ => Err(refused("no callback is expected here")),
        };
    };
    let waits = Waits::read(hook.settings)?;
    let event =
        |answer| HookEvent { target: Target::Attempt(attempt), event_id: None, news: News::Answer(answer), correlation: None };
    let events = match (rest, hook.action) {
        ("" | "c", Some("charge") | None) => vec![event(charge(hook, attempt, &waits)?)],
        ("r", Some("refund") | None) => vec![event(refund(hook.body, attempt, &waits)?)],
        ("t", Some("refund") | None) => vec![event(timed_out(hook.body, &waits))],
        (rest @ (status::OF_REVERSAL | status::OF_RECEIPT), Some("refund") | None) => status::read(hook.body, attempt, rest)?,
        // A question that got no answer says nothing.
        (status::TIMED_OUT, Some("refund") | None) => Vec::new(),
        _ => return Err(refused("no callback is expected here")),
    };
    let body = r#"{"ResultCode":0,"ResultDesc":"Accepted"}"#.to_owned();
    Ok(HookRead { events, reply: Reply { status: 200, content_type: "application/json", body } })
}

#[derive(Deserialize)]
struct StkEnvelope {
    #[serde(rename = "Body")]
    body: StkBody,
}

#[derive(Deserialize)]
struct StkBody {
    #[serde(rename = "stkCallback")]
    callback: StkCallback,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StkCallback {
    #[serde(rename = "CheckoutRequestID")]
    checkout: String,
    result_code: Value,
    callback_metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(default)]
    item: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "Name", alias = "Key")]
    name: String,
    #[serde(rename = "Value", default)]
    value: Option<Box<RawValue>>,
}

/// An item's value as Daraja wrote it, without quotes.
fn item<'a>(items: &'a [Item], name: &str) -> Option<&'a str> {
    let value = items.iter().find(|item| item.name == name)?.value.as_ref()?;
    Some(value.get().trim_matches('"')).filter(|text| !text.is_empty())
}

fn charge(hook: &Hook<'_>, attempt: Uuid, waits: &Waits) -> Result<Answer, AdapterError> {
    let StkEnvelope { body: StkBody { callback } } =
        serde_json::from_slice(hook.body).map_err(|_| refused("the callback cannot be read"))?;
    let code = wire::scalar(&callback.result_code).ok_or_else(|| refused("the callback has no result code"))?;
    if callback.checkout.is_empty() {
        return Err(refused("the callback names no request"));
    }
    let reference = Reference::new(callback.checkout.clone());
    let waiting = |reference, poll_after| Answer::Waiting { reference: Some(reference), poll_after, interim: None };
    Ok(match stk_result(&code) {
        StkResult::Paid => {
            let items = callback.callback_metadata.unwrap_or_default().item;
            let paid = json!({
                "receipt": item(&items, "MpesaReceiptNumber"),
                "amount": item(&items, "Amount").and_then(wire::shillings),
                "paid_at": item(&items, "TransactionDate").and_then(wire::from_nairobi).map(standing::stamp),
                "checkout": callback.checkout,
                "attempt": attempt,
            });
            waiting(reference.with("paid", paid), Duration::ZERO)
        }
        StkResult::Pending => waiting(reference, waits.polls.after(0)),
        // A failure is believed late, and asked about before.
        StkResult::Over(_) | StkResult::NotReached(_) => {
            waiting(reference.with("negative", standing::negative(&code, hook.now)), waits.repeat_after())
        }
        StkResult::Unknown => waiting(reference.with("unknown_code", code), waits.polls.after(0)),
    })
}

#[derive(Deserialize)]
struct ResultEnvelope {
    #[serde(rename = "Result")]
    result: ResultBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResultBody {
    #[serde(rename = "OriginatorConversationID")]
    originator: String,
    result_code: Value,
    #[serde(rename = "TransactionID")]
    transaction: Option<String>,
    result_parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "ResultParameter")]
    list: Option<Box<RawValue>>,
}

impl Parameters {
    /// A list, or the one item that Daraja writes without its list.
    fn items(&self) -> Vec<Item> {
        let Some(list) = &self.list else { return Vec::new() };
        let one = || serde_json::from_str(list.get()).map(|item| vec![item]);
        serde_json::from_str(list.get()).or_else(|_| one()).unwrap_or_default()
    }
}

/// The result of a question, as far as it is read.
pub(super) struct Told {
    pub(super) code: String,
    items: Vec<Item>,
}

impl Told {
    pub(super) fn item(&self, name: &str) -> Option<&str> {
        item(&self.items, name)
    }
}

/// Reads the result of a question.
pub(super) fn told(body: &[u8]) -> Result<Told, AdapterError> {
    let ResultEnvelope { result } = serde_json::from_slice(body).map_err(|_| refused("the callback cannot be read"))?;
    let code = wire::scalar(&result.result_code).ok_or_else(|| refused("the callback has no result code"))?;
    Ok(Told { code, items: result.result_parameters.map(|parameters| parameters.items()).unwrap_or_default() })
}

fn refund(body: &[u8], attempt: Uuid, waits: &Waits) -> Result<Answer, AdapterError> {
    let ResultEnvelope { result } = serde_json::from_slice(body).map_err(|_| refused("the callback cannot be read"))?;
    let code = wire::scalar(&result.result_code).ok_or_else(|| refused("the callback has no result code"))?;
    if result.originator.is_empty() {
        return Err(refused("the callback names no request"));
    }
    let reference = Reference::new(result.originator);
    let waiting = |reference, poll_after| Answer::Waiting { reference: Some(reference), poll_after, interim: None };
    Ok(match reversal_result(&code) {
        ReversalResult::Done => {
            let items = result.result_parameters.map(|parameters| parameters.items()).unwrap_or_default();
            let receipt = result.transaction.filter(|receipt| !receipt.is_empty());
            let outcome = RefundOutcome { receipt: receipt.clone(), amount: item(&items, "Amount").and_then(wire::shillings) };
            Answer::Succeeded { outcome: json!(outcome), reference: Some(reference), receipt }
        }
        ReversalResult::AlreadyReversed => waiting(reference.with("already_reversed", attempt.to_string()), Duration::ZERO),
        ReversalResult::Refused(message) => Answer::Failed { code, message: message.to_owned() },
        ReversalResult::Unknown => waiting(reference.with("unknown_code", code), waits.receipt_wait),
    })
}

/// The request timed out in Safaricom's queue: nobody knows.
fn timed_out(body: &[u8], waits: &Waits) -> Answer {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = body.get("Result").and_then(|result| wire::text(result, "OriginatorConversationID"));
    let reference = id.filter(|id| !id.is_empty()).map(|id| Reference::new(id).with("timed_out", true));
    Answer::Waiting { reference, poll_after: waits.receipt_wait, interim: None }
}

fn refused(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message)
}
