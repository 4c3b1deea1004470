//! STK push query: how a prompt stands, by `CheckoutRequestID` and nothing else.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response, Result};
use serde_json::json;

use super::charge::STILL_PROCESSING;
use super::request::Body;
use super::{Refusal, before, result_code};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::gate;
use crate::world::{World, lock};

pub(super) async fn query(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let body = Body::read(&world, &headers, &bytes)?;
    body.check_password()?;
    let id = body.need("CheckoutRequestID", |id| !id.is_empty())?;
    let charge = lock(&world.mpesa).charge(&id).cloned();
    let mut facts = Facts(vec![("checkout_request_id", id.clone())]);
    if let Some(charge) = &charge {
        facts.0.extend([("phone", charge.phone.clone()), ("amount", charge.amount.to_string())]);
    }
    let fault = world.fault(Adapter::Mpesa, Call::Query, facts);
    before(&line, fault.as_ref()).await?;
    let answer = match charge {
        None => Refusal::new("500.001.1001", "The transaction does not Exist").into_response(),
        Some(charge) => {
            let code = gate::result_of(fault.as_ref()).or(charge.code.as_deref()).unwrap_or(STILL_PROCESSING);
            Json(json!({
                "ResponseCode": "0",
                "ResponseDescription": "The service request has been accepted successsfully",
                "MerchantRequestID": charge.merchant_request_id,
                "CheckoutRequestID": id,
                "ResultCode": code,
                "ResultDesc": result_code::description(code),
            }))
            .into_response()
        }
    };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}
