//! Orders: made, paid by whoever holds the page, asked about by Pesapal's id, withdrawn.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::book::Order;
use super::{authorise, bare, before, guid, ipn, read, refusal};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::incoming::{field, host};
use crate::ledger::{Effect, LedgerEntry};
use crate::money::{decimal, hundredths, text};
use crate::world::{World, lock};
use crate::{gate, money};

/// As the outcome of a fault: half of the money comes in.
const HALF: &str = "underpaid";

fn check(world: &World, body: &Value) -> Result<Order, (&'static str, String)> {
    let need = |name: &'static str| field(body, name).ok_or_else(|| ("missing_field", format!("{name} is required")));
    let reference = need("id")?;
    let shaped = reference.len() <= 50 && reference.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !shaped {
        return Err(("invalid_id", "The id is not valid".into()));
    }
    if need("description")?.chars().count() > 100 {
        return Err(("invalid_description", "The description is too long".into()));
    }
    let (phone, email) = (field(body, "billing_address.phone_number"), field(body, "billing_address.email_address"));
    if phone.is_none() && email.is_none() {
        return Err(("missing_field", "billing_address needs email_address or phone_number".into()));
    }
    let amount = hundredths(&need("amount")?).filter(|amount| *amount > 0);
    let notification = need("notification_id")?;
    let book = lock(&world.pesapal);
    if book.ipn(&notification).is_none() {
        return Err(("InvalidIpnId", "The IPN ID is not valid".into()));
    }
    if book.is_used(&reference) {
        return Err(("duplicate_reference", "Duplicate merchant reference".into()));
    }
    Ok(Order {
        tracking: String::new(),
        reference,
        amount: amount.ok_or_else(|| ("invalid_amount", "The amount is not valid".to_owned()))?,
        currency: need("currency")?,
        phone,
        email,
        callback_url: need("callback_url")?,
        ipn: notification,
        code: 0,
        paid: 0,
        confirmation_code: String::new(),
        method: String::new(),
        withdrawn: false,
        refund_requested: false,
        fault: None,
    })
}

pub(super) async fn submit(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let order = check(&world, &read(&bytes)).map_err(|(code, message)| refusal(code, &message))?;
    let fault = world.fault(Adapter::Pesapal, Call::Charge, facts(&order));
    before(&line, fault.as_ref()).await?;
    let order = Order { tracking: guid(&world), fault: fault.clone(), ..order };
    let answer = Json(json!({
        "order_tracking_id": order.tracking,
        "merchant_reference": order.reference,
        "redirect_url": format!("http://{}/pesapal/page?OrderTrackingId={}", host(&headers), order.tracking),
        "error": null,
        "status": "200",
    }))
    .into_response();
    lock(&world.pesapal).add_order(order);
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

#[derive(Deserialize)]
pub(super) struct Visit {
    #[serde(rename = "OrderTrackingId", alias = "orderTrackingId", default)]
    tracking: String,
    /// `completed` or `failed`.
    outcome: Option<String>,
    /// `MpesaKE`, `Visa`…
    method: Option<String>,
}

/// What the payer sees.
pub(super) async fn show(State(world): State<Arc<World>>, Query(visit): Query<Visit>) -> Result<Html<String>> {
    let order = open(&world, &visit.tracking)?;
    Ok(Html(format!("<html><body>Pay {} {}</body></html>", order.currency, text(order.amount))))
}

/// What the payer does.
pub(super) async fn pay(State(world): State<Arc<World>>, Query(visit): Query<Visit>) -> Result<Response> {
    let order = open(&world, &visit.tracking)?;
    let back = format!(
        "{}?OrderTrackingId={}&OrderMerchantReference={}&OrderNotificationType=CALLBACKURL",
        order.callback_url, order.tracking, order.reference
    );
    let later = Arc::clone(&world);
    world.later(async move {
        sleep(later.options.mpesa_delay).await;
        if let Some(order) = conclude(&later, &visit) {
            ipn::tell(&later, &order, order.fault.as_ref()).await;
        }
    });
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response())
}

fn open(world: &World, tracking: &str) -> Result<Order, StatusCode> {
    let order = lock(&world.pesapal).order(tracking).cloned().ok_or(StatusCode::NOT_FOUND)?;
    if order.withdrawn || matches!(order.code, 1 | 3) { Err(StatusCode::GONE) } else { Ok(order) }
}

/// The payment ends; money moves once.
fn conclude(world: &World, visit: &Visit) -> Option<Order> {
    let confirmation_code = world.random_alphanumeric(10);
    let mut book = lock(&world.pesapal);
    let order = book.order_mut(&visit.tracking).filter(|order| !order.withdrawn && !matches!(order.code, 1 | 3))?;
    order.method = visit.method.clone().unwrap_or_else(|| "MpesaKE".into());
    if visit.outcome.as_deref() == Some("failed") {
        order.code = 2;
        return Some(order.clone());
    }
    let half = gate::result_of(order.fault.as_ref()) == Some(HALF);
    (order.code, order.confirmation_code) = (1, confirmation_code);
    order.paid = if half { order.amount / 2 } else { order.amount };
    let order = order.clone();
    drop(book);
    lock(&world.ledger).push(LedgerEntry {
        to: order.phone.clone().or_else(|| order.email.clone()),
        amount: Some(text(order.paid)),
        currency: Some(order.currency.clone()),
        provider_id: Some(order.confirmation_code.clone()),
        request_id: Some(order.tracking.clone()),
        ..LedgerEntry::new(Adapter::Pesapal, Effect::MoneyIn)
    });
    Some(order)
}

/// How an order stands. A `result` fault says another code.
pub(super) async fn status(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(visit): Query<Visit>,
    headers: HeaderMap,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let found = lock(&world.pesapal).order(&visit.tracking).cloned();
    let fault = world.fault(Adapter::Pesapal, Call::Query, found.as_ref().map_or_else(Facts::default, facts));
    before(&line, fault.as_ref()).await?;
    let answer = match found {
        None => refusal("payment_details_not_found", "Pending Payment"),
        Some(order) => {
            let code = gate::result_of(fault.as_ref()).and_then(|code| code.parse().ok()).unwrap_or(order.code);
            Json(standing(&order, code)).into_response()
        }
    };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

fn standing(order: &Order, code: u8) -> Value {
    let word = ["INVALID", "Completed", "Failed", "Reversed"].get(usize::from(code)).copied().unwrap_or("INVALID");
    // An error of nothing is no error.
    let error = match code {
        0 => json!({ "error_type": "api_error", "code": "payment_details_not_found", "message": "Pending Payment" }),
        _ => json!({ "error_type": null, "code": null, "message": null, "call_back_url": null }),
    };
    json!({
        "payment_method": order.method,
        "amount": decimal(order.paid),
        "created_date": "2026-11-24T10:16:09.763",
        "confirmation_code": order.confirmation_code,
        "payment_status_description": word,
        "message": "Request processed successfully",
        "payment_account": "2547xxx45678",
        "call_back_url": order.callback_url,
        "status_code": code,
        "merchant_reference": order.reference,
        "currency": order.currency,
        "error": error,
        "status": if code == 0 { "500" } else { "200" },
    })
}

pub(super) async fn cancel(State(world): State<Arc<World>>, headers: HeaderMap, bytes: Bytes) -> Result<Response> {
    authorise(&world, &headers)?;
    let tracking = field(&read(&bytes), "order_tracking_id").unwrap_or_default();
    match lock(&world.pesapal).order_mut(&tracking).filter(|order| !order.withdrawn && matches!(order.code, 0 | 2)) {
        Some(order) => order.withdrawn = true,
        None => return Ok(bare("500", "Order could not be cancelled")),
    }
    Ok(bare("200", "Order successfully cancelled."))
}

pub(super) fn facts(order: &Order) -> Facts {
    Facts(vec![
        ("phone", order.phone.clone().unwrap_or_default()),
        ("email", order.email.clone().unwrap_or_default()),
        ("amount", money::fact(order.amount)),
        ("reference", order.reference.clone()),
        ("receipt", order.confirmation_code.clone()),
    ])
}
