//! `/api/v2/notifications`: one notification and what became of it, receipts; what a tenant decides (`types`); figures (`stats`).

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tarishi_protocol::{Code, OperationId};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    auth::bearer,
    body, execute,
    page::{self, Query},
    refusal::Refusal,
};
use crate::{
    adapters::notifications::{NAME, NOTIFY},
    app::App,
    chain::Cost,
    clock::date,
    credentials::Caller,
    store::{DeliveryRow, NotificationRow, Signal},
    vault::Vault,
};

pub(super) mod stats;
pub(super) mod types;

const SCOPES: [&str; 2] = ["notifications", "admin"];

/// `POST /api/v2/notifications`: a `notify` like any other operation; the same as `/integrations/notifications/notify`.
#[utoipa::path(
    post, path = "/api/v2/notifications", tag = "notifications", summary = "Notify a person or a list",
    params(
        execute::ExecuteQuery,
        ("Idempotency-Key" = String, Header, description = "Names the notification."),
    ),
    request_body(content = ref("#/components/schemas/Payload"), content_type = "application/json"),
    security(("device_token" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "It ended, however it ended", body = ref("#/components/schemas/Ended")),
        (status = 202, description = "It goes on; `Location` tells where it stands", body = ref("#/components/schemas/Running")),
    )
)]
pub(super) async fn notify(
    app: State<Arc<App>>,
    caller: Caller,
    Query(query): Query<execute::ExecuteQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    // Chains take minutes: nobody waits for their end unless they say so.
    let query = execute::ExecuteQuery { wait_secs: Some(query.wait_secs.unwrap_or(0)) };
    execute::execute(app, caller, Path((NAME.to_owned(), NOTIFY.to_owned())), Query(query), headers, body).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PeopleQuery {
    /// The last account of the page before.
    cursor: Option<String>,
    /// People of a page, 1 to 500.
    limit: Option<u32>,
}

/// `GET /api/v2/notifications/{id}`: how many stand how; for a key the people too, by account, each with the channels so far.
#[utoipa::path(
    get, path = "/api/v2/notifications/{id}", tag = "notifications", summary = "What became of a notification",
    params(PeopleQuery),
    security(("device_token" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The people of a page, and how many stand how", body = ref("#/components/schemas/NotificationPage")),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<PeopleQuery>,
) -> Result<Json<Value>, Refusal> {
    let id: OperationId = id.parse().map_err(|_| Refusal::not_found())?;
    let tenant = caller.tenant().to_owned();
    let operation = app.store.operation(&tenant, id).await?.filter(|row| row.adapter == NAME);
    let sees = caller.sees();
    let operation = operation.filter(|row| sees.as_ref().is_none_or(|account| *account == row.account));
    let operation = operation.ok_or_else(Refusal::not_found)?;
    let limit = page::limit(query.limit)?;
    let rows = app.store.notifications(&tenant, operation.id, query.cursor, limit).await?;
    let cursor = rows.last().filter(|_| rows.len() >= limit as usize).map(|row| row.account.clone());
    let mut people = Vec::with_capacity(rows.len());
    // A phone hears how many stand how; who is on a list of the school's is the school's to know.
    for row in rows.iter().filter(|_| matches!(caller, Caller::Key(_))) {
        let deliveries = app.store.deliveries(&tenant, row.id).await?;
        people.push(person(row, &deliveries));
    }
    let counts = app.store.notification_counts(&tenant, operation.id).await?;
    Ok(Json(json!({
        "id": operation.id, "state": operation.state, "outcome": operation.outcome, "problem": operation.problem,
        "counts": counts, "people": people, "cursor": cursor,
    })))
}

fn person(row: &NotificationRow, deliveries: &[DeliveryRow]) -> Value {
    json!({
        "notification_id": row.id, "account": row.account, "state": row.state.as_str(),
        "channel": row.channel.map(|channel| channel.as_str()), "reason": row.reason,
        "created_at": date(row.created_at), "ended_at": row.ended_at.map(date), "next_at": row.next_at.map(date),
        "deliveries": deliveries.iter().map(delivery).collect::<Vec<_>>(),
    })
}

fn delivery(row: &DeliveryRow) -> Value {
    let cost = row.currency.as_ref().map(|currency| Cost { currency: currency.clone(), micros: row.cost }.to_string());
    json!({
        "channel": row.channel.as_str(), "operation_id": row.operation, "reach": row.reach.map(|reach| reach.as_str()),
        "lost": row.lost, "reason": row.reason, "late": row.late, "begun_at": date(row.begun_at),
        "accepted_at": row.accepted_at.map(date), "delivered_at": row.delivered_at.map(date),
        "read_at": row.read_at.map(date), "over_at": row.over_at.map(date), "cost": cost, "estimated": row.estimated,
    })
}

/// What a part of an app says that has no token of its own, or a backend.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NotificationReceived {
    /// What the push's data has as `rt`; it needs no other credential.
    #[serde(default)]
    token: Option<String>,
    /// The notification's id, for a backend with a key.
    #[serde(default)]
    notification_id: Option<OperationId>,
    /// What happened: `received`, `opened`, or `done`: what it is about is done, and nobody need be told any more.
    event: Said,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Said {
    Received,
    Opened,
    Done,
}

/// `POST /api/v2/notifications/receipts`: a notification came. A token of a notification speaks for itself.
#[utoipa::path(
    post, path = "/api/v2/notifications/receipts", tag = "notifications", summary = "Say that a notification came, was opened, is done",
    request_body(content = ref("#/components/schemas/NotificationReceived"), content_type = "application/json"),
    security((), ("api_key" = [])),
    responses(
        (status = 204, description = "Noted"),
    )
)]
pub(super) async fn receipt(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<StatusCode, Refusal> {
    let NotificationReceived { token, notification_id, event } = body::json(&headers, body).await?;
    let (tenant, id) = match (token, notification_id) {
        (Some(token), None) => subject(&app, &token).await?,
        (None, Some(OperationId(id))) => {
            let caller = app.caller(bearer(&headers).ok_or_else(Refusal::unauthorized)?).await?;
            (caller.ok_or_else(Refusal::unauthorized)?.key_with(&SCOPES)?.tenant, id)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refusal::field(Code::InvalidValue, "token", "exactly one of token and notification_id is needed"));
        }
    };
    let signal = match event {
        Said::Received => Signal::Received,
        Said::Opened => Signal::Opened,
        Said::Done => Signal::Done,
    };
    let known = app.store.signal_notification(&tenant, id, signal, app.clock.now_ms()).await?;
    app.wake.feed_moved();
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

/// Whose notification a token names; a bad token and an unknown notification are the same "not found".
async fn subject(app: &App, token: &str) -> Result<(String, Uuid), Refusal> {
    let id = Vault::receipt_subject(token).ok_or_else(Refusal::not_found)?;
    let row = app.store.notification(id).await?.ok_or_else(Refusal::not_found)?;
    if Vault::same_text(&app.vault.receipt_token(&row.tenant, id), token) {
        Ok((row.tenant, id))
    } else {
        Err(Refusal::not_found())
    }
}
