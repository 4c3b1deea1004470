//! Refunds: as many as the money lasts, known by Flutterwave's number alone.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tokio::time::sleep;

use super::book::{Refund, Transaction};
use super::request::{Body, hundredths, text};
use super::{authorise, before, charge, invalid, page, result_of, success};
use crate::connection::Line;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, lock};
use crate::{clock, gate};

fn read(world: &World, id: &str, headers: &HeaderMap, bytes: &Bytes) -> Result<(Transaction, u64), Response> {
    let body = Body::read(headers, bytes)?;
    let book = lock(&world.flutterwave);
    let paid = id.parse().ok().and_then(|id| book.transaction(id)).filter(|paid| paid.status == "successful");
    let paid = paid.cloned().ok_or_else(|| invalid("No transaction was found for this id"))?;
    let left = paid.amount - book.given_back(paid.id);
    let amount = match body.get("amount") {
        None => left,
        Some(amount) => hundredths(&amount).ok_or_else(|| invalid("amount should be a number"))?,
    };
    if amount == 0 || amount > left {
        return Err(invalid("Refund amount is greater than the amount that is left"));
    }
    Ok((paid, amount))
}

pub(super) async fn create(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let (paid, amount) = match read(&world, &id, &headers, &bytes) {
        Ok(read) => read,
        Err(refusal) => return refusal,
    };
    let mut facts = charge::facts(&paid);
    facts.0.push(("receipt", paid.id.to_string()));
    let fault = world.fault(Adapter::Flutterwave, Call::Refund, facts);
    if let Some(answer) = before(&line, fault.as_ref()).await {
        return answer;
    }
    let refund = begin(&world, &paid, amount, fault.as_ref());
    gate::after(&line, fault.as_ref(), success("Transaction refund initiated", &refund.json())).await
}

/// Takes the money out of the balance; it reaches the payer a moment later. A `result` fault says how it ends instead.
fn begin(world: &Arc<World>, paid: &Transaction, amount: u64, fault: Option<&Fault>) -> Refund {
    let refund = Refund {
        id: charge::new_id(world),
        transaction: paid.id,
        flw_ref: paid.flw_ref.clone(),
        amount,
        status: "completed".into(),
        at: clock::now(),
    };
    lock(&world.flutterwave).add_refund(refund.clone());
    let end = result_of(fault).unwrap_or("completed-momo").to_owned();
    if !end.starts_with("failed") {
        lock(&world.ledger).push(LedgerEntry {
            to: Some(paid.phone.clone().unwrap_or_else(|| paid.email.clone())),
            amount: Some(text(amount)),
            currency: Some(paid.currency.clone()),
            provider_id: Some(refund.id.to_string()),
            request_id: Some(paid.id.to_string()),
            ..LedgerEntry::new(Adapter::Flutterwave, Effect::MoneyOut)
        });
    }
    let (later, id) = (Arc::clone(world), refund.id);
    world.later(async move {
        sleep(later.options.mpesa_delay).await;
        lock(&later.flutterwave).end_refund(id, &end);
    });
    refund
}

#[derive(Deserialize)]
pub(super) struct Filter {
    page: Option<usize>,
}

pub(super) async fn list(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = authorise(&headers) {
        return refusal;
    }
    let fault = world.fault(Adapter::Flutterwave, Call::Query, Facts::default());
    if let Some(answer) = before(&line, fault.as_ref()).await {
        return answer;
    }
    let refunds = lock(&world.flutterwave).refunds();
    gate::after(&line, fault.as_ref(), page("Refunds fetched", &refunds, filter.page.unwrap_or(1))).await
}

pub(super) async fn show(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refusal) = authorise(&headers) {
        return refusal;
    }
    let found = id.parse().ok().and_then(|id| lock(&world.flutterwave).refund(id).map(Refund::json));
    found.map_or_else(|| invalid("No refund was found"), |refund| success("Refund fetched", &refund))
}
