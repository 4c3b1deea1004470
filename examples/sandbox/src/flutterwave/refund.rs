//! Refunds: as many as the money lasts, known by Flutterwave's number alone.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{Response, Result};
use tokio::time::sleep;

use super::book::{Refund, Transaction};
use super::request::Body;
use super::transactions::Filter;
use super::{authorise, before, charge, invalid, page, success};
use crate::connection::Line;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::ledger::{Effect, LedgerEntry};
use crate::money::{hundredths, text};
use crate::world::{World, lock};
use crate::{clock, gate};

fn read(world: &World, id: &str, headers: &HeaderMap, bytes: &Bytes) -> Result<(Transaction, u64), Response> {
    let body = Body::read(headers, bytes)?;
    let book = lock(&world.flutterwave);
    let paid = id.parse().ok().and_then(|id| book.transaction(id)).filter(|paid| paid.status == "successful");
    let paid = paid.cloned().ok_or_else(|| invalid("No transaction was found for this id"))?;
    let left = paid.payment.amount - book.given_back(paid.id);
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
) -> Result<Response> {
    let (paid, amount) = read(&world, &id, &headers, &bytes)?;
    let mut facts = paid.payment.facts();
    facts.0.push(("receipt", paid.id.to_string()));
    let fault = world.fault(Adapter::Flutterwave, Call::Refund, facts);
    before(&line, fault.as_ref()).await?;
    let refund = begin(&world, &paid, amount, fault.as_ref());
    Ok(gate::after(&line, fault.as_ref(), success("Transaction refund initiated", &refund.json())).await)
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
    let end = gate::result_of(fault).unwrap_or("completed-momo").to_owned();
    if !end.starts_with("failed") {
        lock(&world.ledger).push(LedgerEntry {
            to: Some(paid.payment.payer()),
            amount: Some(text(amount)),
            currency: Some(paid.payment.currency.clone()),
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

pub(super) async fn list(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response> {
    authorise(&headers)?;
    let refunds = lock(&world.flutterwave).refunds();
    page(&world, &line, Facts::default(), "Refunds fetched", &refunds, filter.page).await
}

pub(super) async fn show(State(world): State<Arc<World>>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response> {
    authorise(&headers)?;
    let found = id.parse().ok().and_then(|id| lock(&world.flutterwave).refund(id).map(Refund::json));
    Ok(success("Refund fetched", &found.ok_or_else(|| invalid("No refund was found"))?))
}
