//! Payment pages: made by the organisation, paid by whoever holds the address, as often as they like until it expires.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response, Result};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::json;

use super::book::{Page, Payment};
use super::request::Body;
use super::{before, charge, invalid, success};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::incoming::host;
use crate::money::text;
use crate::world::{World, lock};
use crate::{clock, gate};

const MINUTES_MAX: i64 = 1_440;

fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Page, Response> {
    let body = Body::read(headers, bytes)?;
    let minutes = body.get("session_duration").map_or(Ok(MINUTES_MAX), |text| text.parse());
    let minutes = minutes.ok().filter(|minutes| (1..=MINUTES_MAX).contains(minutes));
    Ok(Page {
        payment: Payment {
            tx_ref: body.tx_ref()?,
            amount: body.amount()?,
            currency: body.currency()?,
            phone: body.get("customer.phonenumber"),
            email: body.email("customer.email")?,
        },
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
) -> Result<Response> {
    let page = read(&headers, &bytes)?;
    let fault = world.fault(Adapter::Flutterwave, Call::Charge, page.payment.facts());
    before(&line, fault.as_ref()).await?;
    let token = world.random_hex(12);
    let link = format!("http://{}/flutterwave/checkout/{token}", host(&headers));
    lock(&world.flutterwave).add_page(token, Page { fault: fault.clone(), ..page });
    Ok(gate::after(&line, fault.as_ref(), success("Hosted Link", &json!({ "link": link }))).await)
}

/// What the payer sees.
pub(super) async fn show(State(world): State<Arc<World>>, Path(token): Path<String>) -> Result<Html<String>> {
    let Payment { currency, amount, .. } = open(&world, &token)?.payment;
    Ok(Html(format!("<html><body>Pay {currency} {}</body></html>", text(amount))))
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
) -> Result<Response> {
    let page = open(&world, &token)?;
    let tx_ref = page.payment.tx_ref.clone();
    let id = charge::begin(&world, page.payment, "card", outcome.unwrap_or_else(|| "successful".into()), page.fault).id;
    let back = format!("{}?status=completed&tx_ref={tx_ref}&transaction_id={id}", page.redirect_url);
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response())
}

fn open(world: &World, token: &str) -> Result<Page, StatusCode> {
    let page = lock(&world.flutterwave).page(token).cloned().ok_or(StatusCode::NOT_FOUND)?;
    if clock::now() < page.expires { Ok(page) } else { Err(StatusCode::GONE) }
}
