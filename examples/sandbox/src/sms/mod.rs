//! Africa's Talking: the classic form endpoint, delivery reports, the balance.
//!
//! As with the real provider nothing is idempotent: the same request twice is two messages.

mod parts;
mod recipient;
mod report;
mod send;

use std::sync::Arc;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::connection::Line;
use crate::credentials::{SMS_API_KEY, SMS_USERNAME};
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::gate;
use crate::world::World;

const BALANCE: &str = "KES 1785.50";

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new().route("/version1/messaging", post(send::send)).route("/version1/user", get(balance))
}

#[derive(Deserialize)]
struct Account {
    username: Option<String>,
}

async fn balance(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(account): Query<Account>,
    headers: HeaderMap,
) -> Result<Response> {
    if !authorised(&headers, account.username.as_deref()) {
        return Err(unauthorised().into());
    }
    let fault = world.fault(Adapter::Sms, Call::Balance, Facts::default());
    before(&line, fault.as_ref()).await?;
    let answer = Json(json!({ "UserData": { "balance": BALANCE } })).into_response();
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

fn authorised(headers: &HeaderMap, username: Option<&str>) -> bool {
    headers.get("apiKey").is_some_and(|key| key.as_bytes() == SMS_API_KEY.as_bytes()) && username == Some(SMS_USERNAME)
}

/// Plain text where one would expect JSON.
fn unauthorised() -> Response {
    (StatusCode::UNAUTHORIZED, "The supplied authentication is invalid").into_response()
}

async fn before(line: &Line, fault: Option<&Fault>) -> Result<(), Response> {
    gate::before(line, fault, |status, _| (status, "The request could not be served").into_response()).await
}
