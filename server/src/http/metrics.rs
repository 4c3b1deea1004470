//! `GET /metrics`.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};

use super::{auth::bearer, refusal::Refusal};
use crate::{app::App, vault::Vault};

#[utoipa::path(
    get, path = "/metrics", tag = "server", summary = "Figures in Prometheus' text format",
    security((), ("metrics_token" = [])),
    responses((status = 200, description = "The figures", content_type = "text/plain", body = String))
)]
pub(super) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Refusal> {
    if let Some(token) = &app.config.metrics_token {
        let shown = bearer(&headers).unwrap_or_default();
        if !Vault::same_hash(&Vault::token_hash(shown), &Vault::token_hash(token)) {
            return Err(Refusal::unauthorized());
        }
    }
    let now = app.clock.now_ms();
    let text = app.metrics.render(&app.store.figures(now).await?, app.hub.held_requests(), now);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
