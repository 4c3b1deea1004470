//! What a tenant decides about its notifications: the route of each type, its texts, and what all may cost.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde_json::{Value, json};

use super::SCOPES;
use crate::{
    app::App,
    chain::{DailyCaps, Route, Texts, route::check_name},
    credentials::Caller,
    http::{body, refusal::Refusal},
    store::{TemplateRow, TypeRow},
};

/// `PUT /api/v2/notifications/types/{name}`.
#[utoipa::path(
    put, path = "/api/v2/notifications/types/{name}", tag = "notifications", summary = "Decide about a type of notification",
    request_body(content = ref("#/components/schemas/Route"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The route with everything said", body = ref("#/components/schemas/Route")),
    )
)]
pub(in crate::http) async fn put_type(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Route>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    check_name(&name).map_err(Refusal)?;
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
pub(in crate::http) async fn show_type(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Route>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let row = app.store.notification_type(&key.tenant, &name).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(row.route))
}

/// `DELETE /api/v2/notifications/types/{name}`.
#[utoipa::path(
    delete, path = "/api/v2/notifications/types/{name}", tag = "notifications", summary = "Forget a type of notification",
    security(("api_key" = [])),
    responses(
        (status = 204, description = "Forgotten; what has begun goes on as it began"),
    )
)]
pub(in crate::http) async fn delete_type(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let known = app.store.delete_notification_type(&key.tenant, &name).await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
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
pub(in crate::http) async fn put_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    check_name(&name).map_err(Refusal)?;
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
pub(in crate::http) async fn show_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Texts>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let row = app.store.notification_template(&key.tenant, &name).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(row.texts))
}

/// `DELETE /api/v2/notifications/templates/{name}`.
#[utoipa::path(
    delete, path = "/api/v2/notifications/templates/{name}", tag = "notifications", summary = "Forget the texts of a type",
    security(("api_key" = [])),
    responses(
        (status = 204, description = "Forgotten; what has begun goes on as it began"),
    )
)]
pub(in crate::http) async fn delete_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let known = app.store.delete_notification_template(&key.tenant, &name).await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

/// `PUT /api/v2/notifications/settings`: what is left out is forgotten.
#[utoipa::path(
    put, path = "/api/v2/notifications/settings", tag = "notifications", summary = "Set what all notifications of a day may cost",
    request_body(content = ref("#/components/schemas/DailyCaps"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 204, description = "It holds from now on"),
    )
)]
pub(in crate::http) async fn put_settings(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let caps = body::json::<DailyCaps>(&headers, body).await?;
    app.store.put_notification_caps(&key.tenant, caps).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v2/notifications/settings`.
#[utoipa::path(
    get, path = "/api/v2/notifications/settings", tag = "notifications", summary = "What all notifications of a day may cost",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The caps", body = ref("#/components/schemas/DailyCaps")),
    )
)]
pub(in crate::http) async fn show_settings(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<DailyCaps>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    Ok(Json(app.store.notification_caps(&key.tenant).await?))
}
