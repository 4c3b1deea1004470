//! The control API under `/_sandbox`: read the ledger, arm faults, begin again.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::fault::Fault;
use crate::ledger::LedgerEntry;
use crate::mpesa;
use crate::world::{World, lock};

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/ledger", get(read_ledger).delete(clear_ledger))
        .route("/faults", post(arm).delete(disarm_all))
        .route("/faults/{id}", delete(disarm))
        .route("/reset", post(reset))
        .route("/config", post(configure))
        .route("/mpesa/paybill", post(pay))
        .route("/mpesa/payments/{receipt}/tell", post(tell))
}

async fn read_ledger(State(world): State<Arc<World>>) -> Json<Vec<LedgerEntry>> {
    Json(lock(&world.ledger).entries().to_vec())
}

async fn clear_ledger(State(world): State<Arc<World>>) -> StatusCode {
    lock(&world.ledger).clear();
    StatusCode::NO_CONTENT
}

async fn arm(State(world): State<Arc<World>>, Json(fault): Json<Fault>) -> Response {
    match fault.check() {
        Ok(()) => (StatusCode::CREATED, Json(json!({ "id": lock(&world.faults).arm(fault) }))).into_response(),
        Err(problem) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": problem }))).into_response(),
    }
}

async fn disarm(State(world): State<Arc<World>>, Path(id): Path<u64>) -> StatusCode {
    if lock(&world.faults).disarm(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn disarm_all(State(world): State<Arc<World>>) -> StatusCode {
    lock(&world.faults).clear();
    StatusCode::NO_CONTENT
}

async fn reset(State(world): State<Arc<World>>) -> StatusCode {
    world.reset();
    StatusCode::NO_CONTENT
}

/// What can be set while running. `null` for nowhere; what is left out stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default, deserialize_with = "present")]
    sms_delivery_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    flutterwave_webhook_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    whatsapp_webhook_url: Option<Option<String>>,
}

fn present<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(source).map(Some)
}

async fn configure(State(world): State<Arc<World>>, Json(config): Json<Config>) -> StatusCode {
    if let Some(url) = config.sms_delivery_url {
        *lock(&world.sms_delivery_url) = url;
    }
    if let Some(url) = config.flutterwave_webhook_url {
        *lock(&world.flutterwave_webhook_url) = url;
    }
    if let Some(url) = config.whatsapp_webhook_url {
        *lock(&world.whatsapp_webhook_url) = url;
    }
    StatusCode::NO_CONTENT
}

/// Somebody pays to the paybill by hand.
async fn pay(State(world): State<Arc<World>>, Json(payer): Json<mpesa::Payer>) -> Response {
    if payer.phone.len() < 9 || !payer.phone.bytes().all(|byte| byte.is_ascii_digit()) {
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": "phone: digits only" }))).into_response();
    }
    match mpesa::pay(&world, &payer).await {
        Some(receipt) => (StatusCode::CREATED, Json(json!({ "receipt": receipt }))).into_response(),
        None => (StatusCode::CONFLICT, Json(json!({ "error": "the organisation refused the payment" }))).into_response(),
    }
}

/// A payment by a prompt is told to the paybill's address as well.
async fn tell(State(world): State<Arc<World>>, Path(receipt): Path<String>) -> StatusCode {
    if mpesa::tell(&world, &receipt) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
