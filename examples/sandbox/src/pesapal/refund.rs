//! Refunds: one request for each payment, approved by people a moment later.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{Response, Result};
use serde_json::Value;
use tokio::time::sleep;

use super::book::Order;
use super::{authorise, bare, before, ipn, order, read};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::gate;
use crate::incoming::field;
use crate::ledger::{Effect, LedgerEntry};
use crate::money::{hundredths, text};
use crate::world::{World, lock};

/// As the outcome of a fault: nobody approves.
const NEVER: &str = "never";

fn check(world: &World, body: &Value) -> Result<(Order, u64), &'static str> {
    let code = field(body, "confirmation_code").ok_or("confirmation_code is required")?;
    let amount = field(body, "amount").as_deref().and_then(hundredths).ok_or("The amount is not valid")?;
    if field(body, "username").is_none() || field(body, "remarks").is_none() {
        return Err("username and remarks are required");
    }
    let mut book = lock(&world.pesapal);
    let order = book.by_confirmation(&code).filter(|order| order.code == 1).ok_or("The payment is not completed")?;
    if order.refund_requested {
        return Err("A refund request already exists for this payment");
    }
    if amount > order.paid || (amount < order.paid && order.method.starts_with("Mpesa")) {
        return Err("The amount is not allowed");
    }
    Ok((order.clone(), amount))
}

pub(super) async fn request(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let (paid, amount) = check(&world, &read(&bytes)).map_err(|message| bare("500", message))?;
    let fault = world.fault(Adapter::Pesapal, Call::Refund, order::facts(&paid));
    before(&line, fault.as_ref()).await?;
    match gate::result_of(fault.as_ref()) {
        Some(NEVER) | None => {}
        Some(message) => return Ok(gate::after(&line, fault.as_ref(), bare("500", message)).await),
    }
    if let Some(order) = lock(&world.pesapal).order_mut(&paid.tracking) {
        order.refund_requested = true;
    }
    if gate::result_of(fault.as_ref()).is_none() {
        let (later, fault) = (Arc::clone(&world), fault.clone());
        world.later(async move {
            sleep(later.options.mpesa_delay).await;
            if let Some(order) = approve(&later, &paid.tracking, amount) {
                ipn::tell(&later, &order, fault.as_ref()).await;
            }
        });
    }
    Ok(gate::after(&line, fault.as_ref(), bare("200", "Refund request successfully")).await)
}

fn approve(world: &World, tracking: &str, amount: u64) -> Option<Order> {
    let mut book = lock(&world.pesapal);
    let order = book.order_mut(tracking)?;
    order.code = 3;
    let order = order.clone();
    drop(book);
    lock(&world.ledger).push(LedgerEntry {
        to: order.phone.clone().or_else(|| order.email.clone()),
        amount: Some(text(amount)),
        currency: Some(order.currency.clone()),
        provider_id: Some(world.random_alphanumeric(10)),
        request_id: Some(order.confirmation_code.clone()),
        ..LedgerEntry::new(Adapter::Pesapal, Effect::MoneyOut)
    });
    Some(order)
}
