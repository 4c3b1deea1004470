//! IPN addresses, and the notifications that go there: by GET or POST, without a word of how the order stands.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response, Result};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::book::{Ipn, Order};
use super::{authorise, before, guid, read, refusal};
use crate::connection::Line;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::gate;
use crate::incoming::field;
use crate::world::{World, lock};

/// How often a notification is tried again while nobody answers 200.
const RETRIES: u32 = 3;

fn json_of(ipn: &Ipn) -> Value {
    json!({
        "url": ipn.url,
        "created_date": "2026-11-24T07:15:00Z",
        "ipn_id": ipn.id,
        "notification_type": u8::from(ipn.method == "POST"),
        "ipn_notification_type_description": ipn.method,
        "ipn_status": 1,
        // Misspelt, as on the wire.
        "ipn_status_decription": "Active",
        "error": null,
        "status": "200",
    })
}

pub(super) async fn register(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let body = read(&bytes);
    let url = field(&body, "url").filter(|url| Url::parse(url).is_ok());
    let method = field(&body, "ipn_notification_type").filter(|method| matches!(method.as_str(), "GET" | "POST"));
    let (Some(url), Some(method)) = (url, method) else { return Ok(refusal("invalid_url", "The URL is not valid")) };
    let fault = world.fault(Adapter::Pesapal, Call::Register, Facts::default());
    before(&line, fault.as_ref()).await?;
    let ipn = Ipn { id: guid(&world), url, method };
    lock(&world.pesapal).add_ipn(ipn.clone());
    Ok(gate::after(&line, fault.as_ref(), Json(json_of(&ipn)).into_response()).await)
}

pub(super) async fn list(State(world): State<Arc<World>>, headers: HeaderMap) -> Result<Response> {
    authorise(&world, &headers)?;
    let list: Vec<Value> = lock(&world.pesapal).ipns().iter().map(json_of).collect();
    Ok(Json(list).into_response())
}

/// Says that something has changed.
pub(super) async fn tell(world: &World, order: &Order, fault: Option<&Fault>) {
    let Some(ipn) = lock(&world.pesapal).ipn(&order.ipn).cloned() else { return };
    let fields = [
        ("OrderTrackingId", order.tracking.as_str()),
        ("OrderNotificationType", "IPNCHANGE"),
        ("OrderMerchantReference", &order.reference),
    ];
    for pause in gate::webhook_pauses(fault) {
        sleep(pause).await;
        if ipn.method == "GET" {
            let Ok(url) = Url::parse_with_params(&ipn.url, fields) else { return };
            world.callbacks.get(url.as_str(), RETRIES).await;
        } else {
            let body: serde_json::Map<String, Value> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            let body = Value::Object(body).to_string();
            world.callbacks.post_signed(&ipn.url, ("Accept", "application/json"), body, RETRIES).await;
        }
    }
}
