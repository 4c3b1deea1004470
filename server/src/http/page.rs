//! Pages of a list: a bounded number of rows, newest first, and a cursor that is bound to its tenant and list.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::de::DeserializeOwned;
use tarishi_protocol::{Code, State};
use uuid::Uuid;

use super::refusal::Refusal;
use crate::app::App;

/// Rows of a page when nobody says.
const LIMIT_DEFAULT: u32 = 50;
/// Rows of a page, at most.
pub(super) const LIMIT_MAX: u32 = 500;

/// The query string as `T`; a problem names what is wrong.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|_| Refusal::field(Code::InvalidValue, "query", "a parameter is unknown or has a wrong value"))
    }
}

/// How many rows are asked for.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Refusal> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(Refusal::field(Code::InvalidValue, "limit", format!("must be 1 to {LIMIT_MAX}"))),
    }
}

/// The id in a cursor.
pub(super) fn before(app: &App, tenant: &str, list: &str, cursor: Option<&str>) -> Result<Option<Uuid>, Refusal> {
    let Some(cursor) = cursor else { return Ok(None) };
    let id = app.vault.open_cursor(tenant, list, cursor);
    id.map(Some).ok_or_else(|| Refusal::field(Code::InvalidValue, "cursor", "is not one of this list"))
}

/// The cursor of the next page; none when this page is not full.
pub(super) fn next(app: &App, tenant: &str, list: &str, rows: usize, limit: u32, last: Option<Uuid>) -> Option<String> {
    last.filter(|_| rows >= limit as usize).map(|last| app.vault.cursor(tenant, list, last))
}

/// A comma list of states.
pub(super) fn states(text: Option<&str>) -> Result<Vec<State>, Refusal> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let wrong = || Refusal::field(Code::InvalidValue, "state", "is no state");
    words.map(|word| State::from_word(word).ok_or_else(wrong)).collect()
}
