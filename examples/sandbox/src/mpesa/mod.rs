//! Safaricom Daraja: access token, STK push and its query, reversal, transaction status, paybill payments and their list.
//!
//! As with Daraja an accepted charge is a prompt and not a payment, nothing is idempotent, each token request ends the
//! token before it, webhooks carry no signature and are sent once.

mod book;
mod charge;
mod conversation;
mod paybill;
mod query;
mod refund;
mod request;
mod result_code;
mod status;
mod token;

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use self::book::Book;
pub(crate) use self::paybill::{Payer, pay, tell};
use crate::connection::Line;
use crate::fault::Fault;
use crate::gate;
use crate::world::World;

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/oauth/v1/generate", get(token::generate))
        .route("/mpesa/stkpush/v1/processrequest", post(charge::charge))
        .route("/mpesa/stkpushquery/v1/query", post(query::query))
        .route("/mpesa/reversal/v1/request", post(refund::refund))
        .route("/mpesa/transactionstatus/v1/query", post(status::status))
        .route("/mpesa/c2b/v2/registerurl", post(paybill::register))
        .route("/pulltransactions/v1/register", post(paybill::register_pull))
        .route("/pulltransactions/v1/query", post(paybill::pull))
        .fallback(|| async { Refusal::new("404.001.01", "Resource not found") })
        .method_not_allowed_fallback(|| async { Refusal::new("405.001", "Method Not Allowed") })
}

/// Daraja's error envelope; the HTTP status is the code's first three digits.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// `400.002.02`, naming the field.
    fn invalid(field: &str) -> Self {
        Self::new("400.002.02", format!("Bad Request - Invalid {field}"))
    }

    /// An error code chosen by a fault.
    fn coded(code: &str) -> Self {
        Self { code: code.to_owned().into(), message: result_code::error_message(code).into() }
    }

    fn envelope(&self) -> Json<Value> {
        Json(json!({ "requestId": "sandbox-request", "errorCode": self.code, "errorMessage": self.message }))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.code.get(..3).and_then(|digits| digits.parse().ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::BAD_REQUEST);
        (status, self.envelope()).into_response()
    }
}

/// What a fault makes of the call before it has any effect. A `result` fault with an error code (`NNN.NNN.NN`) is
/// Daraja's refusal on the spot.
async fn before(line: &Line, fault: Option<&Fault>) -> Result<(), Response> {
    if let Some(code) = gate::result_of(fault).filter(|code| code.contains('.')) {
        tokio::time::sleep(fault.map(Fault::answer_delay).unwrap_or_default()).await;
        return Err(Refusal::coded(code).into());
    }
    gate::before(line, fault, |status, code| match code {
        Some(code) => (status, Refusal::coded(code).envelope()).into_response(),
        None => (status, Html("<html><body>The gateway has no more to say.</body></html>")).into_response(),
    })
    .await
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        refusal.into_response()
    }
}
