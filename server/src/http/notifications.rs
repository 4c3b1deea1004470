//! `/api/v2/notifications`: what a tenant decides about each type, one notification and what became of it, receipts, figures.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tarishi_protocol::{Code, Money, OperationId};
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
    chain::{Cost, Route, Texts},
    clock::date,
    credentials::Caller,
    store::{ChainFigures, DeliveryRow, NotificationRow, Signal, TemplateRow, TypeRow},
    vault::Vault,
};

const SCOPES: [&str; 2] = ["notifications", "admin"];
/// Bytes of the name of a type or list, at most.
pub(super) const NAME_BYTES_MAX: usize = 64;
/// Days of figures when no time is said.
const FIGURES_DAYS: i64 = 30;

/// `PUT /api/v2/notifications/types/{name}`.
#[utoipa::path(
    put, path = "/api/v2/notifications/types/{name}", tag = "notifications", summary = "Decide about a type of notification",
    request_body(content = ref("#/components/schemas/Route"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The route with everything said", body = ref("#/components/schemas/Route")),
    )
)]
pub(super) async fn put_type(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Route>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    check_name(&name)?;
    let route = body::json::<Route>(&headers, body).await?.complete().map_err(Refusal)?;
    let row = TypeRow { tenant: key.tenant, name, route: route.clone(), updated_at: app.clock.now_ms() };
    app.store.put_notification_type(row).await?;
    Ok(Json(route))
}

/// `GET /api/v2/notifications/types/{name}`.
#[utoipa::path(
    get, path = "/api/v2/notifications/types/{name}", tag = "notifications", summary = "What was decided about a type",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The route", body = ref("#/components/schemas/Route")),
    )
)]
pub(super) async fn show_type(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Route>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let row = app.store.notification_type(&key.tenant, &name).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(row.route))
}

/// `PUT /api/v2/notifications/templates/{name}`: checked now, with what they look like.
#[utoipa::path(
    put, path = "/api/v2/notifications/templates/{name}", tag = "notifications", summary = "Store the texts of a type",
    request_body(content = ref("#/components/schemas/Texts"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "What they look like with the sample", body = ref("#/components/schemas/TextsPreview")),
    )
)]
pub(super) async fn put_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    check_name(&name)?;
    let texts = body::json::<Texts>(&headers, body).await?;
    texts.check().map_err(Refusal)?;
    let told = json!({ "previews": texts.preview() });
    let row = TemplateRow { tenant: key.tenant, name, texts, updated_at: app.clock.now_ms() };
    app.store.put_notification_template(row).await?;
    Ok(Json(told))
}

/// `GET /api/v2/notifications/templates/{name}`.
#[utoipa::path(
    get, path = "/api/v2/notifications/templates/{name}", tag = "notifications", summary = "The texts of a type",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The texts", body = ref("#/components/schemas/Texts")),
    )
)]
pub(super) async fn show_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Texts>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let row = app.store.notification_template(&key.tenant, &name).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(row.texts))
}

/// What holds for all notifications of a tenant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainSettings {
    /// What all of a day (UTC) may be booked at; absent = no cap.
    daily_cap: Option<Money>,
}

/// `PUT /api/v2/notifications/settings`.
#[utoipa::path(
    put, path = "/api/v2/notifications/settings", tag = "notifications", summary = "Set what holds for all notifications",
    request_body(content = ref("#/components/schemas/ChainSettings"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 204, description = "It holds from now on"),
    )
)]
pub(super) async fn put_settings(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let ChainSettings { daily_cap } = body::json(&headers, body).await?;
    app.store.put_daily_cap(&key.tenant, daily_cap).await?;
    Ok(StatusCode::NO_CONTENT)
}

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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FiguresQuery {
    /// Of this type alone.
    r#type: Option<String>,
    /// Of notifications made since then (RFC 3339); 30 days if absent.
    #[param(value_type = Option<String>)]
    since: Option<DateTime<Utc>>,
}

/// `GET /api/v2/notifications/stats`.
#[utoipa::path(
    get, path = "/api/v2/notifications/stats", tag = "notifications", summary = "What became of notifications, by type and channel",
    params(FiguresQuery),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "Figures", body = ref("#/components/schemas/NotificationStats")),
    )
)]
pub(super) async fn stats(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<FiguresQuery>,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let now = app.clock.now();
    let since = query.since.unwrap_or(now - chrono::Duration::days(FIGURES_DAYS));
    let rows = app.store.notification_figures(&key.tenant, query.r#type, since.timestamp_millis()).await?;
    let daily_cap = app.store.daily_cap(&key.tenant, now.timestamp_millis()).await?;
    let today = daily_cap.map(
        |(cap, micros)| json!({ "daily_cap": cap, "booked": Cost { currency: cap.currency().to_owned(), micros }.to_string() }),
    );
    Ok(Json(json!({ "since": since, "channels": rows.iter().map(figures).collect::<Vec<_>>(), "today": today })))
}

fn figures(row: &ChainFigures) -> Value {
    let written = |micros: i64, currency: &str| Cost { currency: currency.to_owned(), micros }.to_string();
    let costs = row.cost.iter().map(|(currency, micros)| written(*micros, currency)).collect::<Vec<_>>();
    let delivered = i64::try_from(row.delivered).unwrap_or(i64::MAX).max(1);
    let each: Map<String, Value> = row
        .cost
        .iter()
        .filter(|_| row.delivered > 0)
        .map(|(currency, micros)| (currency.clone(), json!(written(micros / delivered, currency))))
        .collect();
    json!({
        "type": row.kind, "channel": row.channel, "attempted": row.attempted, "accepted": row.accepted,
        "delivered": row.delivered, "read": row.read, "late_after_escalation": row.late, "escalated": row.escalated,
        "median_ms_to_delivered": row.p50_ms, "p95_ms_to_delivered": row.p95_ms, "cost": costs, "cost_per_delivered": each,
        "estimated": row.estimated,
    })
}

/// The name of a type or list.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(good) {
        return Ok(());
    }
    let detail = format!("must have 1 to {NAME_BYTES_MAX} of a-z, 0-9, _ and -");
    Err(Refusal::field(Code::InvalidValue, "name", detail))
}
