//! `/api/v2/subscriptions`: where a tenant's backend is told of events.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tarishi_protocol::Code;

use super::{body, refusal::Refusal};
use crate::{
    app::App,
    clock::date,
    credentials::Caller,
    store::{EVENT_TYPES, SubscriptionRow},
    subscriptions::SUBSCRIPTIONS_MAX,
};

const SCOPES: [&str; 2] = ["subscriptions", "admin"];

/// Where events are to be told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscribe {
    /// Where: `https`, at most 2048 bytes.
    url: String,
    /// Of which types, as `operation.succeeded`; each once.
    types: Vec<String>,
}

/// `POST /api/v2/subscriptions`.
#[utoipa::path(
    post, path = "/api/v2/subscriptions", tag = "events", summary = "Be told of events",
    request_body(content = ref("#/components/schemas/Subscribe"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 201, description = "The subscription and what signs, which is told this once", body = ref("#/components/schemas/Subscribed")),
    )
)]
pub(super) async fn subscribe(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let Subscribe { url, types } = body::json(&headers, body).await?;
    app.config.event_reach().receiver(&url).map_err(|why| Refusal::field(Code::InvalidValue, "url", why))?;
    check_types(&types)?;
    let made = app.subscribe(&key.tenant, url, types).await?;
    let Some((row, secret)) = made else {
        return Err(Refusal::new(Code::TooMany, format!("at most {SUBSCRIPTIONS_MAX} subscriptions; delete one first")));
    };
    let mut told = view(&row);
    told["secret"] = json!(secret);
    Ok((StatusCode::CREATED, Json(told)))
}

fn check_types(types: &[String]) -> Result<(), Refusal> {
    let wrong = |code, detail: String| Err(Refusal::field(code, "types", detail));
    if types.is_empty() {
        return wrong(Code::MissingField, format!("name at least one of {}", EVENT_TYPES.join(", ")));
    }
    for (index, kind) in types.iter().enumerate() {
        if !EVENT_TYPES.contains(&kind.as_str()) {
            return wrong(Code::InvalidValue, format!("entry {index} is none of {}", EVENT_TYPES.join(", ")));
        }
        if types[..index].contains(kind) {
            return wrong(Code::InvalidValue, format!("{kind} is named twice"));
        }
    }
    Ok(())
}

/// `GET /api/v2/subscriptions`: oldest first; there are few.
#[utoipa::path(
    get, path = "/api/v2/subscriptions", tag = "events", summary = "The tenant's subscriptions",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "All of them, without what signs", body = ref("#/components/schemas/SubscriptionList")),
    )
)]
pub(super) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let rows = app.store.subscriptions(&key.tenant).await?;
    Ok(Json(json!({ "subscriptions": rows.iter().map(view).collect::<Vec<_>>() })))
}

/// `DELETE /api/v2/subscriptions/{id}`.
#[utoipa::path(
    delete, path = "/api/v2/subscriptions/{id}", tag = "events", summary = "Be told no more",
    security(("api_key" = [])),
    responses(
        (status = 204, description = "Deleted; what was under way may still arrive"),
    )
)]
pub(super) async fn delete(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let known = app.store.delete_subscription(&key.tenant, &id).await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

/// `POST /api/v2/subscriptions/{id}/rotate-secret`: both secrets sign for a day.
#[utoipa::path(
    post, path = "/api/v2/subscriptions/{id}/rotate-secret", tag = "events", summary = "Replace what signs",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The new secret, which is told this once", body = ref("#/components/schemas/Rotated")),
    )
)]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let rotated = app.rotate_subscription_secret(&key.tenant, &id).await?;
    let (secret, until) = rotated.ok_or_else(Refusal::not_found)?;
    Ok(Json(json!({ "id": id, "secret": secret, "old_secret_until": date(until) })))
}

fn view(row: &SubscriptionRow) -> Value {
    json!({
        "id": row.id, "url": row.url, "types": row.types, "created_at": date(row.created_at),
        "disabled_at": row.disabled_at.map(date),
    })
}
