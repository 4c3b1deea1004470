//! Is the server well, is a provider well?

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use tarishi_protocol::Code;

use super::refusal::Refusal;
use crate::{
    adapters::{Adapter, Health, HealthCall, Settings},
    app::{App, DEFAULT_TENANT},
    credentials::Caller,
    dispatch::{policy::BREAKER_FAILURES, tokens},
    store::{self, LaneRow, Ms},
};

mod kept;

use kept::Asked;
pub use kept::{HEALTH_KEPT_MS, Healths};

/// How long a provider is waited for.
const DEADLINE: Duration = Duration::from_secs(20);

/// How one provider is.
#[derive(Clone, Debug, Serialize)]
pub struct AdapterHealth {
    /// Which.
    pub adapter: String,
    /// `ok`, `degraded`, `down` or `disabled`.
    pub status: &'static str,
    /// For an operator; without secrets.
    pub message: String,
    /// How long the answer took.
    pub latency_ms: Option<Ms>,
    /// `closed` (as it should be), `open` or `half_open`.
    pub breaker: &'static str,
    /// Nothing is sent until then: by the breaker if that is open, else because the provider asked us to slow down.
    pub closed_until: Option<DateTime<Utc>>,
    /// When the provider was asked.
    pub checked_at: DateTime<Utc>,
}

/// `GET /health`: a word, for load balancers. Asks no provider.
#[utoipa::path(
    get, path = "/health", tag = "server", summary = "Is the server well?",
    responses(
        (status = 200, description = "It serves", body = ref("#/components/schemas/ServerHealth")),
        (status = 503, description = "It does not", body = ref("#/components/schemas/ServerHealth")),
    )
)]
pub(super) async fn server(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    let (code, status) = match word(&app).await {
        Ok(status) => (StatusCode::OK, status),
        Err(error) => {
            tracing::error!(%error, "the store failed");
            (StatusCode::SERVICE_UNAVAILABLE, "down")
        }
    };
    (code, Json(json!({ "status": status })))
}

/// A breaker that is open is `degraded`; a provider that only asked us to slow down is `limited`.
async fn word(app: &App) -> store::Result<&'static str> {
    let now = app.clock.now_ms();
    let mut word = "ok";
    for name in app.adapters.keys() {
        let lane = app.store.lane(DEFAULT_TENANT, name).await?;
        if breaker(lane.as_ref(), now) == "open" {
            return Ok("degraded");
        }
        if closed_until(lane.as_ref(), now).is_some() {
            word = "limited";
        }
    }
    Ok(word)
}

/// `GET /api/v2/integrations/health/{adapter}` and `/{adapter}/status`.
#[utoipa::path(
    get, path = "/api/v2/integrations/health/{adapter}", tag = "integrations", summary = "Is a provider well? Asks it",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "How it is", body = ref("#/components/schemas/AdapterHealth")),
    )
)]
pub(super) async fn adapter(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(adapter): Path<String>,
) -> Result<Json<AdapterHealth>, Refusal> {
    let Caller::Key(key) = caller else { return Err(Refusal::forbidden("an API key is needed here")) };
    match Box::pin(check(&app, &key.tenant, &adapter)).await? {
        Some(health) => Ok(Json(health)),
        None => Err(Refusal::new(Code::NotFound, "there is no such adapter")),
    }
}

/// Asks one provider, unless it was asked within [`HEALTH_KEPT_MS`]; `None` = no such adapter in this build.
///
/// # Errors
/// The store failed.
pub async fn check(app: &App, tenant: &str, name: &str) -> store::Result<Option<AdapterHealth>> {
    let Some(adapter) = app.adapters.get(name) else { return Ok(None) };
    let Some(effective) = app.effective(tenant, name).await? else { return Ok(None) };
    let now = app.clock.now_ms();
    let lane = app.store.lane(tenant, name).await?;
    let (breaker, closed_until) = (breaker(lane.as_ref(), now), closed_until(lane.as_ref(), now));
    let health = |status, message, latency_ms, checked_at| {
        Ok(Some(AdapterHealth { adapter: name.to_owned(), status, message, latency_ms, breaker, closed_until, checked_at }))
    };
    if !effective.enabled {
        return health("disabled", "not enabled".to_owned(), None, app.clock.now());
    }
    let kept = app.healths.get(tenant, name, &effective.settings, now);
    let Asked { status, message, latency_ms, checked_at } = match kept {
        Some(kept) => kept,
        None => {
            let asked = ask(app, tenant, adapter.as_ref(), &effective.settings).await;
            app.healths.put(tenant, name, effective.settings, asked.clone());
            asked
        }
    };
    let held_up = breaker != "closed" || closed_until.is_some();
    let status = if status == "ok" && held_up { "degraded" } else { status };
    health(status, message, Some(latency_ms), checked_at)
}

async fn ask(app: &App, tenant: &str, adapter: &dyn Adapter, settings: &Settings) -> Asked {
    let began = app.clock.now_ms();
    let ask = async {
        adapter.check_settings(settings).map_err(|error| error.message)?;
        let token = tokens::errand_token(app, tenant, adapter, settings).await;
        let token = token.map_err(|error| error.message)?;
        let call = HealthCall { settings, access_token: token.as_deref(), outbound: &app.outbound };
        Ok(adapter.health(&call).await)
    };
    let answer = tokio::time::timeout(DEADLINE, ask).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    let (status, message) = match answer {
        Ok(Health { ok: false, message, .. }) | Err(message) => ("down", message),
        Ok(Health { degraded: true, message, .. }) => ("degraded", message),
        Ok(Health { message, .. }) => ("ok", message),
    };
    Asked { status, message, latency_ms: app.clock.now_ms() - began, checked_at: app.clock.now() }
}

fn closed_until(lane: Option<&LaneRow>, now: Ms) -> Option<DateTime<Utc>> {
    lane.filter(|lane| lane.not_before > now).and_then(|lane| DateTime::from_timestamp_millis(lane.not_before))
}

fn breaker(lane: Option<&LaneRow>, now: Ms) -> &'static str {
    match lane {
        Some(lane) if lane.failures >= BREAKER_FAILURES && lane.not_before > now => "open",
        Some(lane) if lane.failures >= BREAKER_FAILURES => "half_open",
        Some(_) | None => "closed",
    }
}
