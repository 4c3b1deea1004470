//! One message to one person: the effect, its answer, and its statuses later.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use serde_json::json;

use super::message::Message;
use super::{error, known, report, status_of};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::gate;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, lock};

pub(super) async fn send(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path((_, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    known(&headers, &number)?;
    let message = Message::read(&serde_json::from_slice(&body).unwrap_or_default());
    let message = message.map_err(|code| error(status_of(code), code))?;
    let fault = world.fault(Adapter::Whatsapp, Call::Send, message.facts());
    gate::before(&line, fault.as_ref(), render).await?;
    let told = gate::result_of(fault.as_ref()).and_then(outcome);
    let answer = match told {
        Some(Outcome::Refused(code)) => error(status_of(code), code),
        Some(Outcome::FailsLater(_)) | None => {
            let id = format!("wamid.{}", world.random_alphanumeric(32));
            lock(&world.ledger).push(LedgerEntry {
                to: Some(format!("+{}", message.to)),
                text_sha256: Some(message.sha256()),
                provider_id: Some(id.clone()),
                request_id: message.callback_data.clone(),
                ..LedgerEntry::new(Adapter::Whatsapp, Effect::Message)
            });
            let failure = if let Some(Outcome::FailsLater(code)) = told { Some(code) } else { None };
            report::schedule(&world, &message, &id, failure, fault.as_ref());
            accepted(&message, &id)
        }
    };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

#[derive(Clone, Copy)]
enum Outcome {
    /// At once, with this code.
    Refused(u32),
    /// Taken; a status tells of this code.
    FailsLater(u32),
}

/// `131026` refuses at once; `async:131026` takes the message and reports its failure.
fn outcome(code: &str) -> Option<Outcome> {
    match code.strip_prefix("async:") {
        Some(code) => code.parse().ok().map(Outcome::FailsLater),
        None => code.parse().ok().map(Outcome::Refused),
    }
}

/// An error of the Graph API if the fault names its code, else a page of some proxy.
fn render(status: StatusCode, code: Option<&str>) -> Response {
    match code.and_then(|code| code.parse().ok()) {
        Some(code) => error(status, code),
        None => (status, "<html><body>The request could not be served</body></html>").into_response(),
    }
}

fn accepted(message: &Message, id: &str) -> Response {
    let mut told = json!({ "id": id });
    if message.is_template() {
        told["message_status"] = json!("accepted");
    }
    let contacts = json!([{ "input": message.to, "wa_id": message.to }]);
    Json(json!({ "messaging_product": "whatsapp", "contacts": contacts, "messages": [told] })).into_response()
}
