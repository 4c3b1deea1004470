//! Resumable uploads: a session, its bytes piece by piece, the question where it stands.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::book::{File, Session};
use super::{before, closed, error, files, result_of};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::gate;
use crate::world::{World, lock};

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
) -> Response {
    if let Some(refused) = closed(&world, &headers) {
        return refused;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let total = text("x-upload-content-length").and_then(|total| total.parse().ok());
    let (true, Some(total)) = (asked.get("uploadType").is_some_and(|kind| kind == "resumable"), total) else {
        return error(StatusCode::BAD_REQUEST, "invalid");
    };
    let file = match files::read(&world, &serde_json::from_slice(&bytes).unwrap_or_default()) {
        Ok(file) => file,
        Err(refused) => return refused,
    };
    let fault = world.fault(Adapter::GoogleDrive, Call::Open, files::facts(&file));
    if let Some(answer) = before(&line, fault.as_ref()).await {
        return answer;
    }
    let id = world.random_hex(16);
    let host = text("host").unwrap_or("localhost");
    let address = format!("http://{host}/google_drive/upload/drive/v3/files?uploadType=resumable&upload_id={id}");
    lock(&world.google_drive).add_session(id, Session { file, total, bytes: Vec::new(), is_whole: false });
    let answer = (StatusCode::OK, [(header::LOCATION, address)]).into_response();
    gate::after(&line, fault.as_ref(), answer).await
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
) -> Response {
    if let Some(refused) = closed(&world, &headers) {
        return refused;
    }
    let id = asked.get("upload_id").cloned().unwrap_or_default();
    let Some(session) = lock(&world.google_drive).session(&id).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(range) = range(&headers, bytes.len(), session.total) else {
        return error(StatusCode::BAD_REQUEST, "invalid");
    };
    let call = if matches!(range, Range::Question) { Call::Status } else { Call::Chunk };
    let fault = world.fault(Adapter::GoogleDrive, call, files::facts(&session.file));
    if let Some(answer) = before(&line, fault.as_ref()).await {
        return answer;
    }
    let answer = match (range, result_of(fault.as_ref())) {
        (_, Some(word @ (LOST | GONE))) => {
            lock(&world.google_drive).end_session(&id);
            if word == GONE { StatusCode::GONE.into_response() } else { StatusCode::NOT_FOUND.into_response() }
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
    gate::after(&line, fault.as_ref(), answer).await
}

/// Adds bytes where they belong; stores the file when it is whole.
fn take(world: &World, id: &str, first: usize, bytes: &[u8]) -> Response {
    let (session, file) = {
        let mut book = lock(&world.google_drive);
        let Some(session) = book.session(id) else { return StatusCode::NOT_FOUND.into_response() };
        if !session.is_whole {
            if first > session.bytes.len() {
                return error(StatusCode::BAD_REQUEST, "invalid");
            }
            session.bytes.truncate(first);
            session.bytes.extend_from_slice(bytes);
            session.is_whole = session.bytes.len() == session.total;
        }
        (session.clone(), File { bytes: session.bytes.clone(), ..session.file.clone() })
    };
    // The second session of one id meets the file of the first.
    let stored = |file: &File| lock(&world.google_drive).file(&file.id).is_some_and(|known| known.bytes == file.bytes);
    if session.is_whole && !files::store(world, file.clone()) && !stored(&file) {
        return error(StatusCode::CONFLICT, "fileIdInUse");
    }
    standing(&session)
}

fn standing(session: &Session) -> Response {
    if session.is_whole {
        let file = File { bytes: session.bytes.clone(), ..session.file.clone() };
        return Json(files::json_of(&file)).into_response();
    }
    let status = StatusCode::PERMANENT_REDIRECT;
    match session.bytes.len() {
        0 => status.into_response(),
        safe => (status, [(header::RANGE, format!("bytes=0-{}", safe - 1))]).into_response(),
    }
}
