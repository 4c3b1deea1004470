//! Asking about transactions: by number, by reference, in a list.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{Response, Result};
use serde::Deserialize;
use serde_json::Value;

use super::book::Transaction;
use super::{authorise, before, invalid, page, success};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::gate;
use crate::world::{World, lock};

const NOT_FOUND: &str = "No transaction was found for this id";

#[derive(Deserialize)]
pub(super) struct Filter {
    tx_ref: Option<String>,
    pub(super) page: Option<usize>,
}

pub(super) async fn verify(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let found = id.parse().ok().and_then(|id| lock(&world.flutterwave).transaction(id).cloned());
    tell(&world, &line, &headers, found).await
}

pub(super) async fn verify_by_reference(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response> {
    let tx_ref = filter.tx_ref.ok_or_else(|| invalid("tx_ref is required"))?;
    let found = lock(&world.flutterwave).of_reference(&tx_ref).into_iter().next();
    tell(&world, &line, &headers, found).await
}

/// A `result` fault says another status than is so, or `not_found`.
async fn tell(world: &World, line: &Line, headers: &HeaderMap, found: Option<Transaction>) -> Result<Response> {
    authorise(headers)?;
    let facts = found.as_ref().map_or_else(Facts::default, |found| found.payment.facts());
    let fault = world.fault(Adapter::Flutterwave, Call::Query, facts);
    before(line, fault.as_ref()).await?;
    let answer = match (found, gate::result_of(fault.as_ref())) {
        (None, _) | (_, Some("not_found")) => invalid(NOT_FOUND),
        (Some(found), said) => {
            let mut data = found.json();
            if let Some(said) = said {
                data["status"] = said.into();
            }
            success("Transaction fetched successfully", &data)
        }
    };
    Ok(gate::after(line, fault.as_ref(), answer).await)
}

pub(super) async fn list(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response> {
    authorise(&headers)?;
    let tx_ref = filter.tx_ref.unwrap_or_default();
    let found = lock(&world.flutterwave).of_reference(&tx_ref);
    let facts = found.first().map_or_else(Facts::default, |found| found.payment.facts());
    let found: Vec<Value> = found.iter().map(Transaction::json).collect();
    page(&world, &line, facts, "Transactions fetched", &found, filter.page).await
}
