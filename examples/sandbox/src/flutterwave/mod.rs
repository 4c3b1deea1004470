//! Flutterwave v3: mobile-money charges, payment pages, verification, lists, refunds, webhooks.
//!
//! As with Flutterwave nothing is idempotent: the same `tx_ref` twice is two transactions, the same refund twice is two
//! refunds as long as money is left. A webhook carries the secret hash and is tried again until somebody answers 200.

mod book;
mod charge;
mod checkout;
mod refund;
mod request;
mod transactions;

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use self::book::Book;
use crate::connection::Line;
use crate::credentials::FLUTTERWAVE_SECRET_KEY;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::gate;
use crate::incoming::authorization;
use crate::world::World;

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/v3/charges", post(charge::charge))
        .route("/v3/payments", post(checkout::create))
        .route("/checkout/{token}", get(checkout::show).post(checkout::pay))
        .route("/v3/transactions", get(transactions::list))
        .route("/v3/transactions/verify_by_reference", get(transactions::verify_by_reference))
        .route("/v3/transactions/{id}/verify", get(transactions::verify))
        .route("/v3/transactions/{id}/refund", post(refund::create))
        .route("/v3/refunds", get(refund::list))
        .route("/v3/refunds/{id}", get(refund::show))
        .route("/v3/balances/{currency}", get(balance))
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "Cannot find this route") })
}

async fn balance(headers: HeaderMap) -> Result<Response> {
    authorise(&headers)?;
    let data = json!({ "currency": "KES", "available_balance": 250_000, "ledger_balance": 250_000 });
    Ok(success("Wallet balance fetched", &data))
}

/// The envelope of every refusal.
fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "status": "error", "message": message, "data": null }))).into_response()
}

fn invalid(message: &str) -> Response {
    refusal(StatusCode::BAD_REQUEST, message)
}

/// The envelope of every answer.
fn success(message: &str, data: &Value) -> Response {
    Json(json!({ "status": "success", "message": message, "data": data })).into_response()
}

/// Answers with a page of a list.
async fn page(
    world: &World,
    line: &Line,
    facts: Facts,
    message: &str,
    items: &[Value],
    page: Option<usize>,
) -> Result<Response> {
    const ITEMS: usize = 10;
    let fault = world.fault(Adapter::Flutterwave, Call::Query, facts);
    before(line, fault.as_ref()).await?;
    let page = page.unwrap_or(1);
    let total_pages = items.len().div_ceil(ITEMS);
    let data: Vec<&Value> = items.iter().skip(page.saturating_sub(1) * ITEMS).take(ITEMS).collect();
    let info = json!({ "total": items.len(), "current_page": page, "total_pages": total_pages });
    let answer = json!({ "status": "success", "message": message, "meta": { "page_info": info }, "data": data });
    Ok(gate::after(line, fault.as_ref(), Json(answer).into_response()).await)
}

fn authorise(headers: &HeaderMap) -> Result<(), Response> {
    match authorization(headers, "Bearer") {
        Some(FLUTTERWAVE_SECRET_KEY) => Ok(()),
        Some(_) => Err(refusal(StatusCode::UNAUTHORIZED, "Invalid authorization key")),
        None => Err(refusal(StatusCode::UNAUTHORIZED, "Authorization required")),
    }
}

/// What a fault makes of the call before it has any effect. The code of a `status` fault is the message of its envelope;
/// without one a 503 is Flutterwave's own time-out, and every other status a page.
async fn before(line: &Line, fault: Option<&Fault>) -> Result<(), Response> {
    gate::before(line, fault, |status, message| match message {
        Some(message) => refusal(status, message),
        None if status == StatusCode::SERVICE_UNAVAILABLE => refusal(status, "An error occurred. Please contact support"),
        None => (status, "<html><body>The gateway has no more to say.</body></html>").into_response(),
    })
    .await
}
