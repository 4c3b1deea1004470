//! `/api/v2/recipients`, `/api/v2/lists`: a tenant's address book.

use std::{collections::HashSet, sync::Arc};

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
    chain::{Recipient, route::check_name},
    clock::date,
    credentials::{Caller, is_account},
    store::{ListRow, RecipientRow},
};

const SCOPES: [&str; 2] = ["recipients", "admin"];
/// People of one list, at most.
const LIST_MEMBERS_MAX: usize = 10_000;

/// `PUT /api/v2/recipients/{user}`: all that is known of a person; what is left out is forgotten.
#[utoipa::path(
    put, path = "/api/v2/recipients/{user}", tag = "recipients", summary = "Say how a person is reached",
    request_body(content = ref("#/components/schemas/Recipient"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 204, description = "It holds from the next step on"),
    )
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    if !is_account(&user) {
        return Err(Refusal::field(Code::InvalidValue, "user", "must have 1 to 64 bytes and no control characters"));
    }
    let recipient = body::json::<Recipient>(&headers, body).await?;
    recipient.check().map_err(Refusal)?;
    let row = RecipientRow { tenant: key.tenant, account: user, recipient, updated_at: app.clock.now_ms() };
    app.store.put_recipient(row).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v2/recipients/{user}`.
#[utoipa::path(
    get, path = "/api/v2/recipients/{user}", tag = "recipients", summary = "How a person is reached",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "What was said", body = ref("#/components/schemas/Recipient")),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<Json<Recipient>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let row = app.store.recipient(&key.tenant, &user).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(row.recipient))
}

/// `DELETE /api/v2/recipients/{user}`.
#[utoipa::path(
    delete, path = "/api/v2/recipients/{user}", tag = "recipients", summary = "Forget a person",
    security(("api_key" = [])),
    responses(
        (status = 204, description = "Forgotten; the phones that have the app stay"),
    )
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(user): Path<String>,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let known = app.store.delete_recipient(&key.tenant, &user).await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

/// A list of people.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Accounts, at most 10000; one named twice counts once.
    members: Vec<String>,
}

/// `PUT /api/v2/lists/{name}`.
#[utoipa::path(
    put, path = "/api/v2/lists/{name}", tag = "recipients", summary = "Store a list of people",
    request_body(content = ref("#/components/schemas/List"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 204, description = "It holds for the next notification"),
    )
)]
pub(super) async fn put_list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    check_name(&name).map_err(Refusal)?;
    let List { mut members } = body::json(&headers, body).await?;
    if members.len() > LIST_MEMBERS_MAX {
        return Err(Refusal::field(Code::TooMany, "members", format!("at most {LIST_MEMBERS_MAX} people")));
    }
    if let Some(index) = members.iter().position(|member| !is_account(member)) {
        let detail = "must have 1 to 64 bytes and no control characters";
        return Err(Refusal::field(Code::InvalidValue, format!("members[{index}]"), detail));
    }
    let mut seen = HashSet::new();
    members.retain(|member| seen.insert(member.clone()));
    app.store.put_list(ListRow { tenant: key.tenant, name, members, updated_at: app.clock.now_ms() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v2/lists/{name}`.
#[utoipa::path(
    delete, path = "/api/v2/lists/{name}", tag = "recipients", summary = "Forget a list",
    security(("api_key" = [])),
    responses(
        (status = 204, description = "Forgotten; its people stay, and what has begun goes on"),
    )
)]
pub(super) async fn delete_list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let known = app.store.delete_list(&key.tenant, &name).await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

/// `GET /api/v2/lists/{name}`.
#[utoipa::path(
    get, path = "/api/v2/lists/{name}", tag = "recipients", summary = "The people of a list",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The list", body = ref("#/components/schemas/ListShown")),
    )
)]
pub(super) async fn show_list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let row = app.store.list(&key.tenant, &name).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(json!({ "name": row.name, "members": row.members, "updated_at": date(row.updated_at) })))
}
