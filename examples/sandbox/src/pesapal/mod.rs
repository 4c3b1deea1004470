//! Pesapal 3.0: tokens of five minutes, IPN addresses, orders paid on a page, their status, refunds that people approve.
//!
//! As with Pesapal refusals come with HTTP 200, an order's name is good once, and each payment takes one refund request.

mod book;
mod ipn;
mod order;
mod refund;
mod token;

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use self::book::Book;
use crate::clock;
use crate::connection::Line;
use crate::fault::Fault;
use crate::gate;
use crate::incoming::authorization;
use crate::world::{World, lock};

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/api/Auth/RequestToken", post(token::request))
        .route("/api/URLSetup/RegisterIPN", post(ipn::register))
        .route("/api/URLSetup/GetIpnList", get(ipn::list))
        .route("/api/Transactions/SubmitOrderRequest", post(order::submit))
        .route("/api/Transactions/GetTransactionStatus", get(order::status))
        .route("/api/Transactions/CancelOrder", post(order::cancel))
        .route("/api/Transactions/RefundRequest", post(refund::request))
        .route("/page", get(order::show).post(order::pay))
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({ "Message": "No HTTP resource was found" }))) })
        .method_not_allowed_fallback(|| async {
            (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "Message": "The requested resource does not support this method." })))
        })
}

/// A refusal: HTTP 200, and the error within.
fn refusal(code: &str, message: &str) -> Response {
    let error = json!({ "error_type": "api_error", "code": code, "message": message, "call_back_url": null });
    Json(json!({ "error": error, "status": "500" })).into_response()
}

/// A bare message, as refunds and cancellations answer.
fn bare(status: &str, message: &str) -> Response {
    Json(json!({ "status": status, "message": message })).into_response()
}

/// Refuses who has no token that is still good.
fn authorise(world: &World, headers: &HeaderMap) -> Result<(), Response> {
    match authorization(headers, "Bearer") {
        Some(token) if lock(&world.pesapal).is_token(token, clock::now()) => Ok(()),
        Some(_) | None => {
            let refusal = json!({ "message": "Invalid Access Token", "status": "401" });
            Err((StatusCode::UNAUTHORIZED, Json(refusal)).into_response())
        }
    }
}

/// The JSON of a body; nothing if it is none.
fn read(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// What a fault makes of the call before it has any effect. The code of a `status` fault is the error's code.
async fn before(line: &Line, fault: Option<&Fault>) -> Result<(), Response> {
    gate::before(line, fault, |status, code| match code {
        Some(code) => {
            let error = json!({ "error_type": "api_error", "code": code, "message": code });
            (status, Json(json!({ "error": error, "status": "500" }))).into_response()
        }
        None => (status, "<html><body>The gateway has no more to say.</body></html>").into_response(),
    })
    .await
}

/// `8-4-4-4-12` hex digits.
fn guid(world: &World) -> String {
    let hex = world.random_hex(16);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
