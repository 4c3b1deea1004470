//! One span and one count for each request, named by the route's pattern.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use crate::app::App;

pub(super) async fn trace(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let id =
        request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).filter(|id| id.len() <= 64).unwrap_or_default();
    let method = method(&request);
    let span = tracing::info_span!("request", method, route, id);
    let began = app.clock.now_ms();
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let took_ms = app.clock.now_ms() - began;
    span.in_scope(|| tracing::debug!(status, took_ms, "answered"));
    app.metrics.count_request(method, &route, status);
    response
}

/// The method's name, if it is a usual one: made-up ones would make series without end.
fn method(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}
