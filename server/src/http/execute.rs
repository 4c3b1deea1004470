//! `POST /api/v2/integrations/{adapter}/{action}`: the same road as a synced operation, with a short wait for its end.
//!
//! 200 if it ended, however it ended; 202 with `Location` if it has not yet, also for a repeat of a running one.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tarishi_protocol::{Code, OperationId, Problem, Receipt, ReceiptStatus, limits::WAIT_SECS_MAX};
use utoipa::IntoParams;

use super::{body, page::Query, refusal::Refusal};
use crate::{
    app::App,
    credentials::{Caller, is_account},
    intake::{self, NewSubmission},
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecuteQuery {
    /// How long to wait for the end, 0 to 25 seconds.
    pub(super) wait_secs: Option<u64>,
}

#[utoipa::path(
    post, path = "/api/v2/integrations/{adapter}/{action}", tag = "integrations", summary = "Perform one operation and wait for its end",
    params(
        ExecuteQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "Names the effect; needed where there is one."),
        ("Tarishi-Account" = Option<String>, Header, description = "The account it is for; the key's own if absent."),
        ("Tarishi-Deliver-To" = Option<String>, Header, description = "The account whose devices hear of it."),
        ("Tarishi-Ordering-Key" = Option<String>, Header, description = "Operations that share it run in order."),
        ("Tarishi-Ttl-Ms" = Option<u64>, Header, description = "How long it may wait before it begins."),
        ("Tarishi-Version" = Option<u32>, Header, description = "The payload's version; 1 if absent."),
    ),
    request_body(content = ref("#/components/schemas/Payload"), content_type = "application/json"),
    security(("device_token" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "It ended, however it ended", body = ref("#/components/schemas/Ended")),
        (status = 202, description = "It has not ended yet; `Location` tells where it stands", body = ref("#/components/schemas/Running")),
    )
)]
pub(super) async fn execute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((adapter, action)): Path<(String, String)>,
    Query(query): Query<ExecuteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let idempotency_key = text(&headers, "idempotency-key")?;
    if idempotency_key.is_none() && app.has_effect(&adapter, &action) {
        let detail = "an action with an effect needs the header Idempotency-Key";
        return Err(Refusal::field(Code::KeyRequired, "idempotency_key", detail));
    }
    let account = account(&caller, text(&headers, "tarishi-account")?)?;
    let new = NewSubmission {
        idempotency_key,
        account,
        deliver_to: text(&headers, "tarishi-deliver-to")?,
        ordering_key: text(&headers, "tarishi-ordering-key")?,
        ttl_ms: number(&headers, "tarishi-ttl-ms")?,
        version: number(&headers, "tarishi-version")?.unwrap_or(1),
        payload: payload(&headers, body).await?,
        adapter,
        action,
    };
    let tenant = caller.tenant().to_owned();
    let receipt = Box::pin(intake::submit(&app, &tenant, caller.actor(), caller.grants(), new)).await?;
    let id = accepted(receipt)?;
    let wait = Duration::from_secs(query.wait_secs.unwrap_or(WAIT_SECS_MAX).min(WAIT_SECS_MAX));
    let row = Box::pin(intake::wait_ended(&app, &tenant, id, wait)).await?;
    let (id, state) = row.as_ref().map_or((id, None), |row| (row.id, Some(row.state)));
    match row.filter(|row| row.state.is_ended()) {
        Some(row) => {
            Ok(Json(json!({ "id": id, "state": row.state, "outcome": row.outcome, "problem": row.problem })).into_response())
        }
        None => {
            let location = [(header::LOCATION, format!("/api/v2/operations/{id}"))];
            Ok((StatusCode::ACCEPTED, location, Json(json!({ "id": id, "state": state }))).into_response())
        }
    }
}

/// The operation's id, if the receipt says that it is held.
fn accepted(receipt: Receipt) -> Result<OperationId, Refusal> {
    let Receipt { id, status, problem, retry_after_ms, .. } = receipt;
    match status {
        ReceiptStatus::Accepted | ReceiptStatus::Duplicate => Ok(id),
        ReceiptStatus::Refused => Err(Refusal(problem.unwrap_or_else(|| Problem::new(Code::InvalidValue, "refused")))),
        ReceiptStatus::Later => {
            let mut problem = problem.unwrap_or_else(|| Problem::new(Code::Unavailable, "not now"));
            problem.retry_after_ms = problem.retry_after_ms.or(retry_after_ms);
            Err(Refusal(problem))
        }
    }
}

/// The account the operation is for: a device has one, a key may name any.
fn account(caller: &Caller, named: Option<String>) -> Result<String, Refusal> {
    match (caller, named) {
        (_, None) => Ok(caller.account().to_owned()),
        (Caller::Device(device), Some(named)) if named != device.row.account => {
            Err(Refusal::new(Code::AccountMismatch, "the account is not the token's"))
        }
        (Caller::Device(_) | Caller::Key(_), Some(named)) if is_account(&named) => Ok(named),
        (Caller::Device(_) | Caller::Key(_), Some(_)) => {
            Err(Refusal::field(Code::InvalidValue, "tarishi-account", "must have 1 to 64 bytes and no control characters"))
        }
    }
}

/// The body is the payload, kept as it was written.
async fn payload(headers: &HeaderMap, body: Body) -> Result<Box<RawValue>, Refusal> {
    let bytes = body::read(headers, body).await?;
    let text = if bytes.is_empty() { b"{}".as_slice() } else { &bytes };
    serde_json::from_slice(text).map_err(|_| Refusal::new(Code::Malformed, "the body is not JSON"))
}

fn text(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| Refusal::field(Code::InvalidValue, name, "must be UTF-8"))?;
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

fn number<N: std::str::FromStr>(headers: &HeaderMap, name: &'static str) -> Result<Option<N>, Refusal> {
    let wrong = |_| Refusal::field(Code::InvalidValue, name, "must be a whole number");
    text(headers, name)?.map(|text| text.parse().map_err(wrong)).transpose()
}
