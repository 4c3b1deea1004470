//! `POST /api/v2/sync`: one exchange with one device.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use serde_json::value::RawValue;
use tarishi_protocol::{Code, SyncRequest, SyncResponse};

use super::{body, refusal::Refusal};
use crate::{app::App, credentials::Caller, intake};

#[utoipa::path(
    post, path = "/api/v2/sync", tag = "devices", summary = "One exchange of one device: operations up, receipts and changes down",
    request_body(content = ref("#/components/schemas/SyncRequest"), content_type = "application/json"),
    security(("device_token" = [])),
    responses(
        (status = 200, description = "The batch was read; each operation has a receipt", body = ref("#/components/schemas/SyncResponse")),
    )
)]
pub(super) async fn sync(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SyncResponse>, Refusal> {
    let device = caller.device()?;
    let bytes = body::read(&headers, body).await?;
    let request: SyncRequest<Box<RawValue>> = serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::new(Code::Malformed, format!("the body is no exchange: line {}, column {}", error.line(), error.column()))
    })?;
    drop(bytes);
    let mut response = Box::pin(intake::sync(&app, &device.row, request)).await?;
    // After the exchange: a late copy of a request was refused above and replaces no token.
    response.token = app.next_token(&device).await?;
    Ok(Json(response))
}
