//! `/api/v2/devices`: a tenant's backend registers the phones of its users; a phone asks who it is.

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
use utoipa::IntoParams;

use super::{
    body,
    page::{self, Query},
    refusal::Refusal,
};
use crate::{
    adapters::PushKind,
    app::App,
    clock::date,
    credentials::{Caller, bad_scope, is_account},
    store::{Caps, DeviceRow, Grants},
};

const SCOPES: [&str; 2] = ["admin", "devices"];
/// Bytes of a push token, at most.
const PUSH_TOKEN_BYTES_MAX: usize = 4_096;

/// `GET /api/v2/devices/me`.
#[utoipa::path(
    get, path = "/api/v2/devices/me", tag = "devices", summary = "Who the device is",
    security(("device_token" = [])),
    responses(
        (status = 200, description = "The device", body = ref("#/components/schemas/Me")),
    )
)]
pub(super) async fn me(caller: Caller) -> Result<Json<Value>, Refusal> {
    let device = caller.device()?.row;
    Ok(Json(json!({
        "tenant": device.tenant, "device": device.device, "account": device.account,
        "scopes": device.grants.scopes, "caps": device.grants.caps,
    })))
}

/// Where a phone takes its notifications.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PushToken {
    /// What kind of token: `fcm`, `fid` or `apns`.
    kind: String,
    /// The provider's text as it is.
    token: String,
}

/// `PUT /api/v2/devices/me/push-token`: where this device takes its notifications; said at each start of the app.
#[utoipa::path(
    put, path = "/api/v2/devices/me/push-token", tag = "devices", summary = "Where the device takes its notifications",
    request_body(content = ref("#/components/schemas/PushToken"), content_type = "application/json"),
    security(("device_token" = [])),
    responses(
        (status = 204, description = "Notifications go there from now on"),
    )
)]
pub(super) async fn take_pushes(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let device = caller.device()?.row;
    let PushToken { kind, token } = body::json(&headers, body).await?;
    let Some(kind) = PushKind::from_word(&kind) else {
        return Err(Refusal::field(Code::InvalidValue, "kind", "must be fcm, fid or apns"));
    };
    let plain = match kind {
        PushKind::Fcm | PushKind::Fid => token.bytes().all(|byte| byte.is_ascii_graphic()),
        PushKind::Apns => token.bytes().all(|byte| byte.is_ascii_hexdigit()),
    };
    if token.is_empty() || token.len() > PUSH_TOKEN_BYTES_MAX || !plain {
        let detail = "must be the provider's text as it is: visible ASCII, hex digits for APNs";
        return Err(Refusal::field(Code::InvalidValue, "token", detail));
    }
    app.register_push_token(&device.tenant, &device.device, kind, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v2/devices/me/push-token`: it takes none any more (the user signed out).
#[utoipa::path(
    delete, path = "/api/v2/devices/me/push-token", tag = "devices", summary = "The device takes no notifications any more",
    security(("device_token" = [])),
    responses(
        (status = 204, description = "None goes to it from now on"),
    )
)]
pub(super) async fn take_no_pushes(State(app): State<Arc<App>>, caller: Caller) -> Result<StatusCode, Refusal> {
    let device = caller.device()?.row;
    app.store.remove_push_token(&device.tenant, &device.device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A phone to be registered.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrol {
    /// Who uses it.
    account: String,
    /// What it may do: `adapter:action` patterns, at least one.
    #[serde(default)]
    scopes: Vec<String>,
    /// How much it may do.
    #[serde(default)]
    caps: Caps,
}

/// `POST /api/v2/devices`.
#[utoipa::path(
    post, path = "/api/v2/devices", tag = "devices", summary = "Register a device",
    request_body(content = ref("#/components/schemas/Enrol"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 201, description = "The device and its token, which is told this once", body = ref("#/components/schemas/Enrolled")),
    )
)]
pub(super) async fn enrol(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let Enrol { account, scopes, caps } = body::json(&headers, body).await?;
    if !is_account(&account) {
        return Err(Refusal::field(Code::InvalidValue, "account", "must have 1 to 64 bytes and no control characters"));
    }
    if scopes.is_empty() {
        return Err(Refusal::field(Code::MissingField, "scopes", "name what the device may do, as mpesa:charge"));
    }
    if let Some(index) = bad_scope(&scopes, &[]) {
        return Err(Refusal::field(
            Code::InvalidValue,
            format!("scopes[{index}]"),
            "is no adapter:action pattern, or one too many",
        ));
    }
    let (device, token) = app.enrol(&key.tenant, &account, Grants { scopes, caps }).await?;
    let made = json!({
        "tenant": device.tenant, "device": device.device, "account": device.account, "token": token,
        "scopes": device.grants.scopes, "caps": device.grants.caps,
    });
    Ok((StatusCode::CREATED, Json(made)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// The last id of the page before.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500.
    limit: Option<u32>,
}

/// `GET /api/v2/devices`: by id; the cursor is the last id.
#[utoipa::path(
    get, path = "/api/v2/devices", tag = "devices", summary = "The tenant's devices",
    params(ListQuery),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "A page", body = ref("#/components/schemas/DevicePage")),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let limit = page::limit(query.limit)?;
    let rows = app.store.devices(&key.tenant, query.cursor, limit).await?;
    let cursor = rows.last().filter(|_| rows.len() >= limit as usize).map(|row| row.device.clone());
    Ok(Json(json!({ "devices": rows.iter().map(view).collect::<Vec<_>>(), "cursor": cursor })))
}

/// `DELETE /api/v2/devices/{device}`: its token is refused from now on.
#[utoipa::path(
    delete, path = "/api/v2/devices/{device}", tag = "devices", summary = "Refuse a device from now on",
    security(("api_key" = [])),
    responses(
        (status = 204, description = "Revoked"),
    )
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(device): Path<String>,
) -> Result<StatusCode, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let known = app.store.revoke_device(&key.tenant, &device, app.clock.now_ms()).await?;
    if known { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

fn view(row: &DeviceRow) -> Value {
    json!({
        "device": row.device, "account": row.account, "scopes": row.grants.scopes, "caps": row.grants.caps,
        "created_at": date(row.created_at), "last_seen": date(row.last_seen), "expires_at": date(row.token.expires_at),
        "revoked_at": row.revoked_at.map(date),
    })
}
