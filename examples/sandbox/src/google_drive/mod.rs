//! Google Drive (API v3) and its OAuth: a consent page that consents at once, tokens, ids made beforehand, files, sessions.
//!
//! As at Google an id is good once, names are not unique, two folders of one name are made if two ask, and a search may not see
//! what was just made (a `find` fault with the outcome `lag`). Folders are in the ledger as files whose path ends with `/`.

mod book;
mod files;
mod oauth;
mod search;
mod upload;

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use self::book::Book;
use crate::clock;
use crate::connection::Line;
use crate::fault::Fault;
use crate::gate;
use crate::incoming::authorization;
use crate::world::{World, lock};

const FOLDER: &str = "application/vnd.google-apps.folder";

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/o/oauth2/v2/auth", get(oauth::consent))
        .route("/token", post(oauth::token))
        .route("/revoke", post(oauth::revoke))
        .route("/drive/v3/about", get(files::about))
        .route("/drive/v3/files/generateIds", get(files::generate_ids))
        .route("/drive/v3/files", get(search::list).post(files::make_folder))
        .route("/drive/v3/files/{id}", get(files::show).patch(files::change))
        .route("/upload/drive/v3/files", post(upload::open).put(upload::put))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "notFound") })
}

/// An error as Drive writes it.
fn error(status: StatusCode, reason: &str) -> Response {
    let code = status.as_u16();
    let error = json!({
        "code": code, "message": "Simulated.",
        "errors": [{ "domain": "global", "reason": reason, "message": "Simulated." }],
    });
    (status, Json(json!({ "error": error }))).into_response()
}

/// Refuses who has no token that is still good.
fn authorise(world: &World, headers: &HeaderMap) -> Result<(), Response> {
    match authorization(headers, "Bearer") {
        Some(token) if lock(&world.google_drive).is_access_token(token, clock::now()) => Ok(()),
        Some(_) | None => Err(error(StatusCode::UNAUTHORIZED, "authError")),
    }
}

/// What a fault makes of the call before it has any effect. The code of a `status` fault is the error's reason.
async fn before(line: &Line, fault: Option<&Fault>) -> Result<(), Response> {
    gate::before(line, fault, |status, reason| match reason {
        Some(reason) => error(status, reason),
        None if status == StatusCode::UNAUTHORIZED => error(status, "authError"),
        None => (status, "<html><body>Error</body></html>").into_response(),
    })
    .await
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}
