//! `/api/v2/integrations/logs`: every try at every provider, and every piece of evidence.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use tarishi_protocol::OperationId;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    page::{self, Query},
    refusal::Refusal,
};
use crate::{
    app::App,
    clock::date,
    credentials::Caller,
    store::{AttemptFilter, AttemptRow},
};

const SCOPES: [&str; 2] = ["logs:read", "admin"];

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LogQuery {
    /// Of this operation.
    #[param(value_type = Option<String>)]
    operation: Option<OperationId>,
    /// Of this adapter.
    adapter: Option<String>,
    /// Of this account.
    account: Option<String>,
    /// Of this device.
    device: Option<String>,
    /// Of this API key.
    key: Option<String>,
    /// With this result.
    result: Option<String>,
    /// Not before this time.
    #[param(value_type = Option<String>)]
    since: Option<DateTime<Utc>>,
    /// The cursor of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500.
    limit: Option<u32>,
}

/// `GET /api/v2/integrations/logs`: newest first.
#[utoipa::path(
    get, path = "/api/v2/integrations/logs", tag = "integrations", summary = "Every try at every provider, newest first",
    params(LogQuery),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "A page", body = ref("#/components/schemas/LogPage")),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<LogQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.key_with(&SCOPES)?.tenant;
    let limit = page::limit(query.limit)?;
    let before = page::before(&app, &tenant, "logs", query.cursor.as_deref())?;
    let filter = AttemptFilter {
        tenant: tenant.clone(),
        operation: query.operation,
        adapter: query.adapter,
        account: query.account,
        actor: query.device.or(query.key),
        result: query.result,
        since: query.since.map(|since| since.timestamp_millis()),
        before,
        limit,
    };
    let rows = app.store.attempts(filter).await?;
    let cursor = page::next(&app, &tenant, "logs", rows.len(), limit, rows.last().map(|row| row.attempt));
    Ok(Json(json!({ "logs": rows.iter().map(view).collect::<Vec<_>>(), "cursor": cursor })))
}

/// `GET /api/v2/integrations/logs/{id}`: a try by its id, or an operation's last one, and every try of that operation.
#[utoipa::path(
    get, path = "/api/v2/integrations/logs/{id}", tag = "integrations",
    summary = "One try, with all tries of its operation; the id is a try's or an operation's",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The try; its operation's tries, newest first", body = ref("#/components/schemas/LogDetail")),
    )
)]
pub(super) async fn show(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let tenant = caller.key_with(&SCOPES)?.tenant;
    let id: Uuid = id.parse().map_err(|_| Refusal::not_found())?;
    let row = app.store.attempt(id).await?.filter(|row| row.tenant == tenant);
    let operation = row.as_ref().map_or(OperationId(id), |row| row.operation);
    let filter = AttemptFilter { tenant, operation: Some(operation), limit: page::LIMIT_MAX, ..AttemptFilter::default() };
    let attempts = app.store.attempts(filter).await?;
    let row = row.as_ref().or(attempts.first()).ok_or_else(Refusal::not_found)?;
    let mut detail = view(row);
    detail["attempts"] = attempts.iter().map(view).collect();
    Ok(Json(detail))
}

/// One line of the log.
#[must_use]
pub fn view(row: &AttemptRow) -> Value {
    json!({
        "id": row.attempt, "operation": row.operation, "adapter": row.adapter, "action": row.action,
        "tenant": row.tenant, "account": row.account, "from": row.actor.name(), "kind": row.kind,
        "opened_at": date(row.opened_at), "closed_at": row.closed_at.map(date),
        "duration_ms": row.closed_at.map(|closed| closed - row.opened_at),
        "result": row.result, "code": row.code, "message": row.message, "count": row.count, "state_after": row.state_after,
    })
}
