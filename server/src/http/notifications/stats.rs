//! What became of notifications, in figures.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

use super::SCOPES;
use crate::{
    app::App,
    chain::Cost,
    credentials::Caller,
    http::{page::Query, refusal::Refusal},
    store::{ChainFigures, ChainSavings, Ms},
};

/// Days of figures when no time is said.
const FIGURES_DAYS: i64 = 30;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct FiguresQuery {
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
pub(in crate::http) async fn stats(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<FiguresQuery>,
) -> Result<Json<Value>, Refusal> {
    let key = caller.key_with(&SCOPES)?;
    let now = app.clock.now();
    let since = query.since.unwrap_or(now - chrono::Duration::days(FIGURES_DAYS));
    let rows = app.store.notification_figures(&key.tenant, query.r#type.clone(), since.timestamp_millis()).await?;
    let savings = app.store.notification_savings(&key.tenant, query.r#type, since.timestamp_millis()).await?;
    let today = today(&app, &key.tenant, now.timestamp_millis()).await?;
    Ok(Json(json!({
        "since": since,
        "channels": rows.iter().map(figures).collect::<Vec<_>>(),
        "types": savings.iter().map(saved).collect::<Vec<_>>(),
        "today": today,
    })))
}

/// What is booked today towards each cap of the day, but those of single people.
async fn today(app: &App, tenant: &str, now: Ms) -> Result<Vec<Value>, Refusal> {
    let caps = app.store.notification_caps(tenant).await?;
    let of_all = caps.daily_cap.iter().map(|cap| (None, cap));
    let of_channels = caps.daily_cap_by_channel.iter().map(|(channel, cap)| (Some(*channel), cap));
    let mut today = Vec::new();
    for (channel, cap) in of_all.chain(of_channels) {
        let micros = app.store.booked_today(tenant, channel, cap.currency(), now).await?;
        today.push(json!({ "channel": channel, "cap": cap, "booked": written(micros, cap.currency()) }));
    }
    Ok(today)
}

fn written(micros: i64, currency: &str) -> String {
    Cost { currency: currency.to_owned(), micros }.to_string()
}

fn saved(row: &ChainSavings) -> Value {
    let written = |micros| written(micros, &row.currency);
    json!({
        "type": row.kind, "told": row.told, "all_sms": written(row.all_sms), "cost": written(row.cost),
        "saved": written(row.all_sms.saturating_sub(row.cost)),
    })
}

fn figures(row: &ChainFigures) -> Value {
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
        "estimated": row.estimated, "suggested_wait_s": row.p95_ms.map(suggested_wait),
    })
}

/// The wait within which 95 of 100 of what arrived would have, in whole seconds.
fn suggested_wait(p95_ms: Ms) -> Ms {
    p95_ms.max(1).saturating_add(999) / 1_000
}
