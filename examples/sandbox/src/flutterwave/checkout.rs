//! Payment pages: made by the organisation, paid by whoever holds the address, as often as they like until it expires.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use super::book::{Page, Transaction};
use super::request::{Body, text};
use super::{before, charge, invalid, success};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::world::{World, lock};
use crate::{clock, gate};

const MINUTES_MAX: i64 = 1_440;

fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Page, Response> {
    let body = Body::read(headers, bytes)?;
    let minutes = body.get("session_duration").map_or(Ok(MINUTES_MAX), |text| text.parse());
    let minutes = minutes.ok().filter(|minutes| (1..=MINUTES_MAX).contains(minutes));
    Ok(Page {
        tx_ref: body.tx_ref()?,
        amount: body.amount()?,
        currency: body.currency()?,
        phone: body.get("customer.phonenumber"),
        email: body.email("customer.email")?,
        redirect_url: body.need("redirect_url")?,
        expires: clock::now() + TimeDelta::minutes(minutes.ok_or_else(|| invalid("session_duration is not valid"))?),
        fault: None,
    })
}

pub(super) async fn create(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let page = match read(&headers, &bytes) {
        Ok(page) => page,
        Err(refusal) => return refusal,
    };
    let amount = text(page.amount);
    let facts = Facts(vec![
        ("phone", page.phone.clone().unwrap_or_default()),
        ("amount", amount.strip_suffix(".00").unwrap_or(&amount).to_owned()),
        ("email", page.email.clone()),
        ("tx_ref", page.tx_ref.clone()),
    ]);
    let fault = world.fault(Adapter::Flutterwave, Call::Charge, facts);
    if let Some(answer) = before(&line, fault.as_ref()).await {
        return answer;
    }
    let token = world.random_hex(12);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let link = format!("http://{host}/flutterwave/checkout/{token}");
    lock(&world.flutterwave).add_page(token, Page { fault: fault.clone(), ..page });
    gate::after(&line, fault.as_ref(), success("Hosted Link", &json!({ "link": link }))).await
}

/// What the payer sees.
pub(super) async fn show(State(world): State<Arc<World>>, Path(token): Path<String>) -> Response {
    match open(&world, &token) {
        Ok(page) => Html(format!("<html><body>Pay {} {}</body></html>", page.currency, text(page.amount))).into_response(),
        Err(status) => status.into_response(),
    }
}

#[derive(Deserialize)]
pub(super) struct Choice {
    /// `successful` or `failed`.
    outcome: Option<String>,
}

/// What the payer does.
pub(super) async fn pay(
    State(world): State<Arc<World>>,
    Path(token): Path<String>,
    Query(Choice { outcome }): Query<Choice>,
) -> Response {
    let page = match open(&world, &token) {
        Ok(page) => page,
        Err(status) => return status.into_response(),
    };
    let id = charge::new_id(&world);
    let back = format!("{}?status=completed&tx_ref={}&transaction_id={id}", page.redirect_url, page.tx_ref);
    let transaction = Transaction {
        id,
        tx_ref: page.tx_ref,
        flw_ref: world.random_alphanumeric(12),
        amount: page.amount,
        currency: page.currency,
        phone: page.phone,
        email: page.email,
        kind: "card".into(),
        status: "pending".into(),
        at: clock::now(),
    };
    charge::begin(&world, transaction, outcome.unwrap_or_else(|| "successful".into()), page.fault);
    (StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response()
}

fn open(world: &World, token: &str) -> Result<Page, StatusCode> {
    let page = lock(&world.flutterwave).page(token).cloned().ok_or(StatusCode::NOT_FOUND)?;
    if clock::now() < page.expires { Ok(page) } else { Err(StatusCode::GONE) }
}
