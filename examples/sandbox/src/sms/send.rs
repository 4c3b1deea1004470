//! The classic endpoint: one form, many recipients, an answer for each.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::recipient::{Recipient, money};
use super::{authorised, before, parts, report, unauthorised};
use crate::connection::Line;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::{Facts, matches};
use crate::gate;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, hex_sha256, lock};

/// Longest alphanumeric sender.
const SENDER_MAX: usize = 11;

#[derive(Deserialize)]
pub(super) struct Message {
    username: Option<String>,
    to: Option<String>,
    message: Option<String>,
    from: Option<String>,
}

pub(super) async fn send(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    form: Result<Form<Message>, FormRejection>,
) -> Result<Response> {
    let Ok(Form(message)) = form else {
        return Err((StatusCode::BAD_REQUEST, "The request's content was malformed").into());
    };
    if !authorised(&headers, message.username.as_deref()) {
        return Err(unauthorised().into());
    }
    let (Some(to), Some(text)) = (filled(message.to), filled(message.message)) else {
        return Err((StatusCode::BAD_REQUEST, "Request is missing required form fields 'to' and 'message'").into());
    };
    let from = message.from.unwrap_or_default();
    if from.chars().count() > SENDER_MAX {
        return Ok(answer("InvalidSenderId", &[]));
    }
    let numbers: Vec<&str> = to.split(',').map(str::trim).collect();
    let facts: Vec<Facts> = numbers.iter().map(|number| facts(number, &text, &from)).collect();
    let fault = lock(&world.faults).take(Adapter::Sms, Call::Send, &facts, Fault::is_transport);
    before(&line, fault.as_ref()).await?;
    let mut recipients = Vec::with_capacity(numbers.len());
    let mut slowest = None::<Fault>;
    for (number, facts) in numbers.into_iter().zip(facts) {
        let own = recipient_fault(&world, facts, fault.as_ref());
        recipients.push(accept(&world, number, &text, own.as_ref()));
        if own.as_ref().map(Fault::answer_delay) > slowest.as_ref().map(Fault::answer_delay) {
            slowest = own;
        }
    }
    let accepted = recipients.iter().filter(|recipient| recipient.is_accepted()).count();
    let total = money(recipients.iter().map(Recipient::cost).sum());
    let summary = format!("Sent to {accepted}/{} Total Cost: {total}", recipients.len());
    Ok(gate::after(&line, fault.or(slowest).as_ref(), answer(&summary, &recipients)).await)
}

/// A recipient's own fault, or the part of the whole request's that is about it.
fn recipient_fault(world: &World, facts: Facts, whole: Option<&Fault>) -> Option<Fault> {
    let inherited = whole.filter(|fault| matches(fault.matching.as_ref(), &facts)).cloned();
    lock(&world.faults).take(Adapter::Sms, Call::Send, &[facts], |fault| !fault.is_transport()).or(inherited)
}

/// Takes the message for one recipient: the effect, and its report later.
fn accept(world: &Arc<World>, number: &str, text: &str, fault: Option<&Fault>) -> Recipient {
    let mut recipient = Recipient::new(number, parts::count(text), gate::result_of(fault));
    if recipient.is_accepted() {
        let id = format!("ATXid_{}", world.random_hex(16));
        recipient.message_id = Some(id.clone());
        lock(&world.ledger).push(LedgerEntry {
            to: Some(number.to_owned()),
            text_sha256: Some(hex_sha256(text.as_bytes())),
            provider_id: Some(id),
            ..LedgerEntry::new(Adapter::Sms, Effect::Message)
        });
        report::schedule(world, &recipient, fault);
    }
    recipient
}

fn answer(summary: &str, recipients: &[Recipient]) -> Response {
    let recipients: Vec<Value> = recipients.iter().map(Recipient::answer).collect();
    let body = json!({ "SMSMessageData": { "Message": summary, "Recipients": recipients } });
    (StatusCode::CREATED, Json(body)).into_response()
}

fn facts(number: &str, text: &str, from: &str) -> Facts {
    let phone = number.strip_prefix('+').unwrap_or(number);
    Facts(vec![("phone", phone.to_owned()), ("to", phone.to_owned()), ("text", text.to_owned()), ("from", from.to_owned())])
}

fn filled(field: Option<String>) -> Option<String> {
    field.filter(|value| !value.is_empty())
}
