//! `/api/v2/operations`: where operations stand, and an operator's decisions.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tarishi_protocol::{Code, OperationId};
use utoipa::IntoParams;

use super::{
    body,
    page::{self, Query},
    refusal::Refusal,
};
use crate::{
    app::App,
    clock::date,
    credentials::Caller,
    dispatch::operator,
    store::{OperationFilter, OperationRow, Resolution, Verdict},
};

/// An operation as operators and devices see it: without its payload.
#[must_use]
pub fn view(row: &OperationRow) -> Value {
    json!({
        "id": row.id, "key": row.idempotency_key, "account": row.account, "from": row.actor.name(),
        "adapter": row.adapter, "action": row.action, "state": row.state, "ordering_key": row.ordering_key,
        "outcome": row.outcome, "problem": row.problem, "attempts": row.attempts, "polls": row.polls,
        "created_at": date(row.created_at), "expires_at": date(row.expires_at),
        "next_at": row.next_at.map(date), "ended_at": row.ended_at.map(date),
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// States behind commas.
    state: Option<String>,
    /// Of this adapter.
    adapter: Option<String>,
    /// Of this account; for keys that see all of them.
    account: Option<String>,
    /// Only those that a human must look at.
    #[serde(default)]
    #[param(required = false)]
    dead_letters: bool,
    /// The cursor of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500.
    limit: Option<u32>,
}

/// `GET /api/v2/operations`: newest first.
#[utoipa::path(
    get, path = "/api/v2/operations", tag = "operations", summary = "Operations, newest first",
    params(ListQuery),
    security(("device_token" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "A page", body = ref("#/components/schemas/OperationPage")),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Refusal> {
    let limit = page::limit(query.limit)?;
    let tenant = caller.tenant();
    let filter = OperationFilter {
        tenant: tenant.to_owned(),
        account: caller.sees().or(query.account),
        states: page::states(query.state.as_deref())?,
        adapter: query.adapter,
        dead_letters: query.dead_letters,
        before: page::before(&app, tenant, "operations", query.cursor.as_deref())?.map(OperationId),
        limit,
    };
    let rows = app.store.operations(filter).await?;
    let cursor = page::next(&app, tenant, "operations", rows.len(), limit, rows.last().map(|row| row.id.0));
    Ok(Json(json!({ "operations": rows.iter().map(view).collect::<Vec<_>>(), "cursor": cursor })))
}

/// `GET /api/v2/operations/{id}`.
#[utoipa::path(
    get, path = "/api/v2/operations/{id}", tag = "operations", summary = "Where an operation stands",
    security(("device_token" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The operation, or what was answered about an id that never became one", body = ref("#/components/schemas/OperationOrVerdict")),
    )
)]
pub(super) async fn show(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let id = id_of(&id)?;
    let may_see = |account: &str| caller.sees().is_none_or(|own| own == account);
    if let Some(row) = app.store.operation(caller.tenant(), id).await? {
        return if may_see(&row.account) { Ok(Json(view(&row))) } else { Err(Refusal::not_found()) };
    }
    let verdict = app.store.verdict(caller.tenant(), id).await?.filter(|verdict| may_see(&verdict.account));
    match verdict.map(|verdict| verdict.verdict) {
        Some(Verdict::Refused(problem)) => Ok(Json(json!({ "id": id, "state": "refused", "problem": problem }))),
        Some(Verdict::Cancelled) => Ok(Json(json!({ "id": id, "state": "cancelled" }))),
        Some(Verdict::DuplicateOf(_)) | None => Err(Refusal::not_found()),
    }
}

/// `POST /api/v2/operations/{id}/cancel`: granted as long as nothing was done.
#[utoipa::path(
    post, path = "/api/v2/operations/{id}/cancel", tag = "operations", summary = "Cancel, as long as nothing was done",
    security(("device_token" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "Granted or too late", body = ref("#/components/schemas/Cancellation")),
    )
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let account = if caller.has_any(&["admin"]) { None } else { Some(caller.account().to_owned()) };
    let answer = app.store.cancel(caller.tenant(), account, id_of(&id)?, app.clock.now_ms()).await?;
    let answer = answer.ok_or_else(Refusal::not_found)?;
    app.wake.feed_moved();
    app.wake.dispatch_now();
    Ok(Json(json!(answer)))
}

/// What a human knows of an operation whose outcome nobody told.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Decision {
    /// The provider did it.
    Succeeded {
        /// The outcome, an object as the action's schema says.
        outcome: Value,
    },
    /// The provider did not do it, and it shall not be done.
    Failed {
        /// Why.
        reason: String,
    },
    /// The provider did not do it: do it again, as a new effect.
    RunAgain,
}

/// `POST /api/v2/operations/{id}/resolve`: a human says what became of an unresolved operation.
#[utoipa::path(
    post, path = "/api/v2/operations/{id}/resolve", tag = "operations", summary = "Say what became of an unresolved operation",
    request_body(content = ref("#/components/schemas/Decision"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The operation", body = ref("#/components/schemas/OperationView")),
    )
)]
pub(super) async fn resolve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&["admin"])?;
    let id = id_of(&id)?;
    let resolution = match body::json(&headers, body).await? {
        Decision::Succeeded { outcome } if !outcome.is_object() => {
            return Err(Refusal::field(Code::WrongType, "outcome", "must be an object"));
        }
        Decision::Succeeded { outcome } => Resolution::Succeeded { outcome },
        Decision::Failed { reason } => Resolution::Failed { reason },
        Decision::RunAgain => Resolution::RunAgain,
    };
    let row = Box::pin(operator::resolve(&app, &key.tenant, id, resolution, key.key.clone())).await?;
    Ok(Json(view(&row)))
}

/// `POST /api/v2/operations/{id}/redrive`: a dead letter is executed as a new effect.
#[utoipa::path(
    post, path = "/api/v2/operations/{id}/redrive", tag = "operations", summary = "Execute a dead letter as a new effect",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The operation", body = ref("#/components/schemas/OperationView")),
    )
)]
pub(super) async fn redrive(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&["admin"])?;
    let row = Box::pin(operator::redrive(&app, &key.tenant, id_of(&id)?, key.key.clone())).await?;
    Ok(Json(view(&row)))
}

/// An id that is none names nothing.
pub(super) fn id_of(text: &str) -> Result<OperationId, Refusal> {
    text.parse().map_err(|_| Refusal::not_found())
}
