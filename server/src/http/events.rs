//! `/api/v2/events`: what happened, in order, for the tenant's backend.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{
    page::{self, Query},
    refusal::Refusal,
};
use crate::{
    app::App,
    credentials::Caller,
    store::{EventPage, EventRow},
};

const SCOPES: [&str; 2] = ["logs:read", "admin"];

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    /// Where the answer before ended; absent = from the oldest.
    cursor: Option<String>,
    /// Rows of a page, 1 to 500.
    limit: Option<u32>,
}

/// `GET /api/v2/events?cursor=`: oldest first; the cursor of an answer is where the next one goes on.
#[utoipa::path(
    get, path = "/api/v2/events", tag = "events", summary = "What happened, oldest first",
    params(EventQuery),
    security(("api_key" = [])),
    responses(
        (status = 200, description = "A page", body = ref("#/components/schemas/EventPage")),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<EventQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.key_with(&SCOPES)?.tenant;
    let limit = page::limit(query.limit)?;
    let EventPage { events, cursor, reset, more } = app.store.events_after(&tenant, query.cursor, limit).await?;
    let events: Vec<Value> = events.iter().map(EventRow::told).collect();
    Ok(Json(json!({ "events": events, "cursor": cursor, "reset": reset, "more": more })))
}
