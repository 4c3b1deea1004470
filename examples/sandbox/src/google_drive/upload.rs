//! Resumable uploads: a session, its bytes piece by piece, the question where it stands.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response, Result};

use super::book::{File, Session};
use super::{authorise, before, error, files};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::world::{World, lock};
use crate::{gate, incoming};

/// As the outcome of a chunk's fault: the session is forgotten, with nothing stored.
const LOST: &str = "lost";
/// The same, told by 410.
const GONE: &str = "gone";
/// The file is stored and the session forgotten.
const LOST_WHOLE: &str = "lost_whole";
/// So many bytes are taken and no more: `partial:7`.
const PARTIAL: &str = "partial:";

type Parameters = Query<HashMap<String, String>>;

pub(super) async fn open(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(asked): Parameters,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let total = incoming::header(&headers, "x-upload-content-length").and_then(|total| total.parse().ok());
    let (true, Some(total)) = (asked.get("uploadType").is_some_and(|kind| kind == "resumable"), total) else {
        return Ok(error(StatusCode::BAD_REQUEST, "invalid"));
    };
    let file = files::read(&world, &serde_json::from_slice(&bytes).unwrap_or_default())?;
    let fault = world.fault(Adapter::GoogleDrive, Call::Open, files::facts(&file));
    before(&line, fault.as_ref()).await?;
    let id = world.random_hex(16);
    let host = incoming::host(&headers);
    let address = format!("http://{host}/google_drive/upload/drive/v3/files?uploadType=resumable&upload_id={id}");
    lock(&world.google_drive).add_session(id, Session { file, total, is_whole: false });
    let answer = (StatusCode::OK, [(header::LOCATION, address)]).into_response();
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

/// Where the sent bytes begin; none for the question.
enum Range {
    Question,
    From(usize),
}

fn range(headers: &HeaderMap, length: usize, total: usize) -> Option<Range> {
    let Some(text) = headers.get(header::CONTENT_RANGE) else { return (length == total).then_some(Range::From(0)) };
    let (bytes, of) = text.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    if of.parse() != Ok(total) {
        return None;
    }
    if bytes == "*" {
        return (length == 0).then_some(Range::Question);
    }
    let (first, last) = bytes.split_once('-')?;
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    (last < total && last + 1 == first + length).then_some(Range::From(first))
}

pub(super) async fn put(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(asked): Parameters,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let id = asked.get("upload_id").cloned().unwrap_or_default();
    let session = lock(&world.google_drive).session(&id).cloned().ok_or(StatusCode::NOT_FOUND)?;
    let range = range(&headers, bytes.len(), session.total).ok_or_else(|| error(StatusCode::BAD_REQUEST, "invalid"))?;
    let call = if matches!(range, Range::Question) { Call::Status } else { Call::Chunk };
    let fault = world.fault(Adapter::GoogleDrive, call, files::facts(&session.file));
    before(&line, fault.as_ref()).await?;
    let answer = match (range, gate::result_of(fault.as_ref())) {
        (_, Some(word @ (LOST | GONE))) => {
            lock(&world.google_drive).end_session(&id);
            if word == GONE { StatusCode::GONE } else { StatusCode::NOT_FOUND }.into_response()
        }
        (Range::Question, _) => standing(&session),
        (Range::From(first), outcome) => {
            let most = outcome.and_then(|word| word.strip_prefix(PARTIAL)).and_then(|most| most.parse().ok());
            let taken = take(&world, &id, first, &bytes[..bytes.len().min(most.unwrap_or(usize::MAX))]);
            if outcome == Some(LOST_WHOLE) {
                lock(&world.google_drive).end_session(&id);
                StatusCode::NOT_FOUND.into_response()
            } else {
                taken
            }
        }
    };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

/// Adds bytes where they belong; stores the file when it is whole.
fn take(world: &World, id: &str, first: usize, bytes: &[u8]) -> Response {
    let session = {
        let mut book = lock(&world.google_drive);
        let Some(session) = book.session(id) else { return StatusCode::NOT_FOUND.into_response() };
        if !session.is_whole {
            let taken = &mut session.file.bytes;
            if first > taken.len() {
                return error(StatusCode::BAD_REQUEST, "invalid");
            }
            taken.truncate(first);
            taken.extend_from_slice(bytes);
            session.is_whole = taken.len() == session.total;
        }
        session.clone()
    };
    // The second session of one id meets the file of the first.
    let stored = |file: &File| lock(&world.google_drive).file(&file.id).is_some_and(|known| known.bytes == file.bytes);
    if session.is_whole && !files::store(world, session.file.clone()) && !stored(&session.file) {
        return error(StatusCode::CONFLICT, "fileIdInUse");
    }
    standing(&session)
}

fn standing(session: &Session) -> Response {
    if session.is_whole {
        return Json(files::json_of(&session.file)).into_response();
    }
    let status = StatusCode::PERMANENT_REDIRECT;
    match session.file.bytes.len() {
        0 => status.into_response(),
        safe => (status, [(header::RANGE, format!("bytes=0-{}", safe - 1))]).into_response(),
    }
}
