//! Meta's WhatsApp Cloud API: messages, their signed statuses, the number.
//!
//! As with the real provider nothing is idempotent: the same request twice is two messages. Everybody has written within the
//! last 24 hours, so that free text is taken; every template is approved, in the languages of [`LANGUAGES`].

mod message;
mod report;
mod send;

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::credentials::{WHATSAPP_ACCESS_TOKEN, WHATSAPP_PHONE_NUMBER_ID};
use crate::incoming::authorization;
use crate::world::World;

/// Languages that templates are approved in.
const LANGUAGES: [&str; 6] = ["en", "en_US", "en_GB", "sw", "fr", "rw_RW"];

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new().route("/{version}/{number}/messages", post(send::send)).route("/{version}/{number}", get(number))
}

async fn number(Path((_, number)): Path<(String, String)>, headers: HeaderMap) -> Result<Response> {
    known(&headers, &number)?;
    let body = json!({
        "id": number, "display_phone_number": "254700000000", "verified_name": "Sandbox", "status": "CONNECTED",
        "quality_rating": "GREEN", "name_status": "APPROVED", "account_mode": "SANDBOX",
        "health_status": { "can_send_message": "AVAILABLE", "entities": [] },
    });
    Ok(Json(body).into_response())
}

/// The token is good and the number is ours.
fn known(headers: &HeaderMap, number: &str) -> Result<(), Response> {
    if authorization(headers, "Bearer") != Some(WHATSAPP_ACCESS_TOKEN) {
        return Err(error(StatusCode::UNAUTHORIZED, 190));
    }
    if number != WHATSAPP_PHONE_NUMBER_ID {
        return Err(error(StatusCode::BAD_REQUEST, 33));
    }
    Ok(())
}

/// An error as the Graph API writes it: the status says little, the code all.
fn error(status: StatusCode, code: u32) -> Response {
    let error = json!({
        "message": format!("(#{code}) The request could not be served"), "type": "OAuthException", "code": code,
        "error_data": { "messaging_product": "whatsapp", "details": "Simulated." }, "fbtrace_id": "A4O5a8R",
    });
    (status, Json(json!({ "error": error }))).into_response()
}

/// The status that Meta gives a code with.
fn status_of(code: u32) -> StatusCode {
    match code {
        0 | 190 => StatusCode::UNAUTHORIZED,
        2 => StatusCode::SERVICE_UNAVAILABLE,
        131_000 | 131_016 => StatusCode::INTERNAL_SERVER_ERROR,
        132_001 => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    }
}
