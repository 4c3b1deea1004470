//! Google's token call for service accounts.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response, Result};
use chrono::TimeDelta;
use serde_json::json;

use super::{jwt, page};
use crate::connection::Line;
use crate::credentials::{FCM_CLIENT_EMAIL, FCM_KEY_ID, FCM_TOKEN_URI};
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::world::{World, lock};
use crate::{clock, gate};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const LIFETIME_S: i64 = 3_599;
/// How far a caller's clock may be off.
const SKEW_S: i64 = 300;

pub(super) async fn token(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Response> {
    let fault = world.fault(Adapter::Push, Call::Token, Facts::default());
    gate::before(&line, fault.as_ref(), |status, _| page(status)).await?;
    let refusal = match gate::result_of(fault.as_ref()) {
        Some(code) => Some(code),
        None => check(&form).err(),
    };
    let answer = match refusal {
        Some(code) => {
            let body = json!({ "error": code, "error_description": "Simulated." });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
        None => {
            let token = format!("ya29.{}", world.random_hex(24));
            lock(&world.push).issue(&token, clock::now() + TimeDelta::seconds(LIFETIME_S));
            Json(json!({ "access_token": token, "expires_in": LIFETIME_S, "token_type": "Bearer" })).into_response()
        }
    };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

fn check(form: &HashMap<String, String>) -> Result<(), &'static str> {
    if form.get("grant_type").map(String::as_str) != Some(GRANT) {
        return Err("unsupported_grant_type");
    }
    let token = form.get("assertion").and_then(|assertion| jwt::google(assertion)).ok_or("invalid_grant")?;
    let claims = &token.claims;
    let number = |name: &str| claims[name].as_i64().unwrap_or(0);
    let now = clock::now().timestamp();
    let in_time = (now - number("iat")).abs() <= SKEW_S && number("exp") > now && number("exp") - number("iat") <= 3_600;
    let known = claims["iss"] == FCM_CLIENT_EMAIL && claims["aud"] == FCM_TOKEN_URI && token.header["kid"] == FCM_KEY_ID;
    if !in_time || !known {
        return Err("invalid_grant");
    }
    let scope = claims["scope"].as_str().unwrap_or_default();
    if scope.contains("https://www.googleapis.com/auth/firebase.messaging") { Ok(()) } else { Err("invalid_scope") }
}
