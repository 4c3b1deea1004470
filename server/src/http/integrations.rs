//! `/api/v2/integrations`: which adapters there are, and a tenant's settings of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use tarishi_protocol::Code;

use super::{body, refusal::Refusal, schemas};
use crate::{
    adapters::Descriptor,
    app::{App, DEFAULT_TENANT},
    credentials::Caller,
    integrations::{Change, ChangeError, Effective, missing},
    oauth,
};

/// Settings that name this machine's files and neighbours: over HTTP they are the default tenant's, which is the operator.
const OPERATORS: [&str; 6] = ["auth_url", "base_url", "certificate_path", "revoke_url", "root", "token_url"];

/// `GET /api/v2/integrations/`.
#[utoipa::path(
    get, path = "/api/v2/integrations", tag = "integrations", summary = "Every adapter and whether it is on",
    security(("device_token" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "All of them", body = ref("#/components/schemas/IntegrationList")),
    )
)]
pub(super) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Value>, Refusal> {
    let mut all = Vec::new();
    for (name, adapter) in &app.adapters {
        let Some(effective) = app.effective(caller.tenant(), name).await? else { continue };
        all.push(view(adapter.descriptor(), &effective, caller.has_any(&["admin"])));
    }
    Ok(Json(json!({ "integrations": all })))
}

/// `GET /api/v2/integrations/{adapter}`: with the schemas of its settings and of each action's payload and outcome.
#[utoipa::path(
    get, path = "/api/v2/integrations/{adapter}", tag = "integrations", summary = "An adapter, with the JSON Schemas of its settings, payloads and outcomes",
    security(("device_token" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The adapter", body = ref("#/components/schemas/Integration")),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(adapter): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let effective = app.effective(caller.tenant(), &adapter).await?.ok_or_else(Refusal::not_found)?;
    let adapter = app.adapters.get(adapter.as_str()).ok_or_else(Refusal::not_found)?;
    let is_admin = caller.has_any(&["admin"]);
    let mut view = view(adapter.descriptor(), &effective, is_admin);
    view["schemas"] = schemas::of(adapter.descriptor());
    if is_admin && let Some(consent) = oauth::view(&app, caller.tenant(), &**adapter, &effective.settings).await? {
        view["oauth"] = consent;
    }
    Ok(Json(view))
}

/// What is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    /// Absent = as it is, null = on once the settings are complete.
    #[serde(default, deserialize_with = "present")]
    enabled: Option<Option<bool>>,
    /// Null removes one.
    #[serde(default)]
    settings: BTreeMap<String, Option<String>>,
    /// Null removes one.
    #[serde(default)]
    credentials: BTreeMap<String, Option<String>>,
    /// The actions to pause, all of them.
    paused: Option<BTreeSet<String>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<bool>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `PUT /api/v2/integrations/{adapter}`: effective without a restart. What is left out stays as it is.
#[utoipa::path(
    put, path = "/api/v2/integrations/{adapter}", tag = "integrations", summary = "Change a tenant's settings and credentials",
    request_body(content = ref("#/components/schemas/IntegrationChange"), content_type = "application/json"),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "The adapter; credentials are named, never shown", body = ref("#/components/schemas/Integration")),
    )
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(adapter): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.key_with(&["admin"])?.tenant;
    let descriptor = *app.adapters.get(adapter.as_str()).ok_or_else(Refusal::not_found)?.descriptor();
    let ChangeBody { enabled, settings, credentials, paused } = body::json(&headers, body).await?;
    if tenant != DEFAULT_TENANT
        && let Some(name) = settings.keys().chain(credentials.keys()).find(|name| OPERATORS.contains(&name.as_str()))
    {
        return Err(Refusal(
            tarishi_protocol::Problem::new(Code::Forbidden, "only the operator sets this")
                .with_field(format!("settings.{name}")),
        ));
    }
    for name in settings.keys() {
        if descriptor.settings.iter().any(|spec| spec.name == name && spec.secret) {
            return Err(Refusal::field(Code::InvalidValue, format!("settings.{name}"), "is secret: give it in credentials"));
        }
    }
    let change = Change { enabled, settings: settings.into_iter().chain(credentials).collect(), paused };
    let effective = app.change_integration(&tenant, &adapter, change).await.map_err(refused)?;
    Ok(Json(view(&descriptor, &effective, true)))
}

fn refused(error: ChangeError) -> Refusal {
    match error {
        ChangeError::UnknownAdapter => Refusal::not_found(),
        ChangeError::UnknownSetting(name) => {
            Refusal::field(Code::UnknownField, format!("settings.{name}"), "is no setting of this adapter")
        }
        ChangeError::UnknownAction(name) => {
            Refusal::field(Code::UnknownAction, "paused", format!("{name} is no action of this adapter"))
        }
        ChangeError::Invalid(detail) => Refusal::field(Code::InvalidValue, "settings", detail),
        ChangeError::Store(error) => error.into(),
    }
}

/// Credentials are named, never shown.
fn view(descriptor: &Descriptor, effective: &Effective, is_admin: bool) -> Value {
    let mut view = json!({
        "adapter": descriptor.name,
        "enabled": effective.enabled,
        "actions": descriptor.actions.iter().map(|action| action.name).collect::<Vec<_>>(),
        "paused": effective.paused,
    });
    if is_admin {
        let is_secret = |name: &str| descriptor.settings.iter().any(|spec| spec.name == name && spec.secret);
        let plain: BTreeMap<_, _> = effective.settings.0.iter().filter(|(name, _)| !is_secret(name)).collect();
        let secret: Vec<_> = effective.settings.0.keys().filter(|name| is_secret(name)).collect();
        view["settings"] = json!(plain);
        view["credentials"] = json!(secret);
        view["missing"] = json!(missing(descriptor, &effective.settings));
    }
    view
}
