//! Access tokens: five minutes, and a new one does not end the one before.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::json;

use super::{before, read, refusal};
use crate::connection::Line;
use crate::credentials::{PESAPAL_CONSUMER_KEY, PESAPAL_CONSUMER_SECRET};
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::incoming::field;
use crate::world::{World, lock};
use crate::{clock, gate};

const LIFETIME_SECS: i64 = 300;

pub(super) async fn request(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    bytes: Bytes,
) -> Result<Response> {
    let body = read(&bytes);
    let fault = world.fault(Adapter::Pesapal, Call::Token, Facts::default());
    before(&line, fault.as_ref()).await?;
    let known = field(&body, "consumer_key").as_deref() == Some(PESAPAL_CONSUMER_KEY)
        && field(&body, "consumer_secret").as_deref() == Some(PESAPAL_CONSUMER_SECRET);
    if !known {
        return Ok(refusal("invalid_consumer_key_or_secret_provided", ""));
    }
    let now = clock::now();
    let expires = now + TimeDelta::seconds(LIFETIME_SECS);
    let payload = json!({ "jti": world.random_hex(8), "iat": now.timestamp(), "exp": expires.timestamp() });
    let token = format!("e30.{}.{}", URL_SAFE_NO_PAD.encode(payload.to_string()), world.random_hex(8));
    lock(&world.pesapal).add_token(token.clone(), expires);
    let answer = json!({
        "token": token,
        "expiryDate": expires.format("%Y-%m-%dT%H:%M:%S%.3f0000Z").to_string(),
        "error": null,
        "status": "200",
        "message": "Request processed successfully",
    });
    Ok(gate::after(&line, fault.as_ref(), Json(answer).into_response()).await)
}
