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
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use self::book::Book;
use crate::clock;
use crate::connection::Line;
use crate::fault::{Fault, FaultKind};
use crate::gate;
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

fn unauthorised() -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "message": "Invalid Access Token", "status": "401" }))).into_response()
}

/// Refuses who has no token that is still good.
fn closed(world: &World, headers: &HeaderMap) -> Option<Response> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match token {
        Some(token) if lock(&world.pesapal).is_token(token, clock::now()) => None,
        Some(_) | None => Some(unauthorised()),
    }
}

/// A JSON object's body.
struct Body(Value);

impl Body {
    fn read(bytes: &Bytes) -> Self {
        Self(serde_json::from_slice(bytes).unwrap_or_default())
    }

    /// The text or number at a path of names, if it is not empty.
    fn get(&self, path: &str) -> Option<String> {
        let value = path.split('.').try_fold(&self.0, |value, name| value.get(name))?;
        match value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// What a fault makes of the call before it has any effect. The code of a `status` fault is the error's code.
async fn before(line: &Line, fault: Option<&Fault>) -> Option<Response> {
    gate::before(line, fault, |status, code| match code {
        Some(code) => {
            let error = json!({ "error_type": "api_error", "code": code, "message": code });
            (status, Json(json!({ "error": error, "status": "500" }))).into_response()
        }
        None => (status, "<html><body>The gateway has no more to say.</body></html>").into_response(),
    })
    .await
}

/// The outcome a fault asks for.
fn result_of(fault: Option<&Fault>) -> Option<&str> {
    let fault = fault?;
    match fault.kind {
        Some(FaultKind::Result | FaultKind::TimeoutAfter) => fault.result_code.as_deref(),
        Some(FaultKind::TimeoutBefore | FaultKind::Status) | None => None,
    }
}

/// `8-4-4-4-12` hex digits.
fn guid(world: &World) -> String {
    let hex = world.random_hex(16);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
