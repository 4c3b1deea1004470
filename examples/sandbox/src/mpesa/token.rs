//! Access tokens, read strictly: each request ends the token before it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use super::{Refusal, before};
use crate::connection::Line;
use crate::credentials::{MPESA_CONSUMER_KEY, MPESA_CONSUMER_SECRET};
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::incoming::authorization;
use crate::world::{World, lock};
use crate::{clock, gate};

const LIFETIME_SECS: i64 = 3_599;

#[derive(Deserialize)]
pub(super) struct Grant {
    grant_type: Option<String>,
}

pub(super) async fn generate(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(grant): Query<Grant>,
    headers: HeaderMap,
) -> Result<Response> {
    let basic = authorization(&headers, "Basic").ok_or_else(|| Refusal::new("400.008.01", "Invalid Authentication passed"))?;
    if grant.grant_type.as_deref() != Some("client_credentials") {
        return Err(Refusal::new("400.008.02", "Invalid grant type passed").into());
    }
    if basic != STANDARD.encode(format!("{MPESA_CONSUMER_KEY}:{MPESA_CONSUMER_SECRET}")) {
        return Err(StatusCode::BAD_REQUEST.into());
    }
    let fault = world.fault(Adapter::Mpesa, Call::Token, Facts::default());
    before(&line, fault.as_ref()).await?;
    // Recognisable wherever it is found; as long as Safaricom's.
    let token = format!("sandboxMpesaToken{}", world.random_alphanumeric(11));
    let expires = clock::now() + TimeDelta::seconds(LIFETIME_SECS);
    lock(&world.mpesa).set_token(token.clone(), expires);
    let answer = Json(json!({ "access_token": token, "expires_in": LIFETIME_SECS.to_string() })).into_response();
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

/// Lets only the bearer of the current token pass.
pub(super) fn authorise(world: &World, headers: &HeaderMap) -> Result<(), Refusal> {
    let bearer = authorization(headers, "Bearer").ok_or_else(|| Refusal::new("404.001.04", "Invalid Authentication Header"))?;
    if lock(&world.mpesa).is_token(bearer, clock::now()) {
        return Ok(());
    }
    Err(Refusal::new("404.001.03", "Invalid Access Token"))
}
