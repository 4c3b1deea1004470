//! Asking about transactions: by number, by reference, in a list.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::book::Transaction;
use super::{authorise, before, charge, invalid, page, result_of, success};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::gate;
use crate::world::{World, lock};

const NOT_FOUND: &str = "No transaction was found for this id";

#[derive(Deserialize)]
pub(super) struct Filter {
    tx_ref: Option<String>,
    page: Option<usize>,
}

pub(super) async fn verify(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = id.parse().ok().and_then(|id| lock(&world.flutterwave).transaction(id).cloned());
    tell(&world, &line, &headers, found).await
}

pub(super) async fn verify_by_reference(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Response {
    let Some(tx_ref) = filter.tx_ref else { return invalid("tx_ref is required") };
    let found = lock(&world.flutterwave).of_reference(&tx_ref).into_iter().next();
    tell(&world, &line, &headers, found).await
}

/// A `result` fault says another status than is so, or `not_found`.
async fn tell(world: &World, line: &Line, headers: &HeaderMap, found: Option<Transaction>) -> Response {
    if let Err(refusal) = authorise(headers) {
        return refusal;
    }
    let facts = found.as_ref().map_or_else(Facts::default, charge::facts);
    let fault = world.fault(Adapter::Flutterwave, Call::Query, facts);
    if let Some(answer) = before(line, fault.as_ref()).await {
        return answer;
    }
    let answer = match (found, result_of(fault.as_ref())) {
        (None, _) | (_, Some("not_found")) => invalid(NOT_FOUND),
        (Some(found), said) => {
            let mut data = found.json();
            if let Some(said) = said {
                data["status"] = said.into();
            }
            success("Transaction fetched successfully", &data)
        }
    };
    gate::after(line, fault.as_ref(), answer).await
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
    let tx_ref = filter.tx_ref.unwrap_or_default();
    let found = lock(&world.flutterwave).of_reference(&tx_ref);
    let facts = found.first().map_or_else(Facts::default, charge::facts);
    let fault = world.fault(Adapter::Flutterwave, Call::Query, facts);
    if let Some(answer) = before(&line, fault.as_ref()).await {
        return answer;
    }
    let found: Vec<Value> = found.iter().map(Transaction::json).collect();
    gate::after(&line, fault.as_ref(), page("Transactions fetched", &found, filter.page.unwrap_or(1))).await
}
