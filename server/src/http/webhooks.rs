//! What providers tell us. The bytes are passed on as they came: signatures are over bytes.
//!
//! These routes know no tokens of devices or backends. Who may speak is decided by
//! [`dispatch::webhook`](crate::dispatch::webhook): the path's token, then the provider's signature, before anything is stored.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{ConnectInfo, Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{body, peer, refusal::Refusal};
use crate::{
    adapters::Reply,
    app::{App, DEFAULT_TENANT},
    dispatch::webhook::{self, Incoming, Route},
};

/// Bytes of a webhook, at most: what Meta says of its own.
const BYTES_MAX: usize = 3 * 1024 * 1024;

type Parts = HashMap<String, String>;

/// `/k/{attempt}/{token}`: a callback of one attempt.
#[utoipa::path(
    method(get, post), path = "/k/{attempt}/{token}", tag = "webhooks", summary = "A provider tells of one attempt",
    responses((status = 200, description = "Stored; the body is what the provider expects"))
)]
pub(super) async fn attempt(
    state: State<Arc<App>>,
    Path(mut parts): Path<Parts>,
    peer: ConnectInfo<SocketAddr>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let attempt = part(&mut parts, "attempt").parse().map_err(|_| Refusal::not_found())?;
    let route = Route::Attempt { attempt, token: part(&mut parts, "token") };
    Box::pin(receive(state, route, parts, peer, query, headers, body)).await
}

/// `/h/{token}`: webhooks of one adapter of one tenant.
#[utoipa::path(
    method(get, post), path = "/h/{token}", tag = "webhooks", summary = "A provider tells one tenant's adapter something",
    responses((status = 200, description = "Stored; the body is what the provider expects"))
)]
pub(super) async fn token(
    state: State<Arc<App>>,
    Path(mut parts): Path<Parts>,
    peer: ConnectInfo<SocketAddr>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let route = Route::Token { token: part(&mut parts, "token") };
    Box::pin(receive(state, route, parts, peer, query, headers, body)).await
}

/// `/api/v2/integrations/{adapter}/webhook`: the older path, of the default tenant alone.
#[utoipa::path(
    method(get, post), path = "/api/v2/integrations/{adapter}/webhook", tag = "webhooks", summary = "A provider tells the default tenant's adapter something",
    responses((status = 200, description = "Stored; the body is what the provider expects"))
)]
pub(super) async fn legacy(
    state: State<Arc<App>>,
    Path(mut parts): Path<Parts>,
    peer: ConnectInfo<SocketAddr>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let route = Route::Legacy { tenant: DEFAULT_TENANT.to_owned(), adapter: part(&mut parts, "adapter") };
    Box::pin(receive(state, route, parts, peer, query, headers, body)).await
}

async fn receive(
    State(app): State<Arc<App>>,
    route: Route,
    mut parts: Parts,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::raw(body, BYTES_MAX).await.inspect_err(|refusal| {
        tracing::warn!(code = refusal.0.code, "a webhook was refused before it was read");
    })?;
    let rest = part(&mut parts, "rest");
    let incoming = Incoming {
        route,
        rest,
        query: query.unwrap_or_default(),
        headers: texts(&headers),
        peer: Some(peer::address(peer, &headers, &app.config.trusted_proxies)),
        body: body.into(),
    };
    let Reply { status, content_type, body } = webhook::receive(&app, incoming).await?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok((status, [(header::CONTENT_TYPE, content_type)], body).into_response())
}

fn part(parts: &mut Parts, name: &str) -> String {
    parts.remove(name).unwrap_or_default()
}

/// Header names in lower case, and the values that are text.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &axum::http::HeaderValue| value.to_str().ok().map(str::to_owned);
    headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
}
