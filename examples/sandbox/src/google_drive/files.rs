//! Ids made beforehand, folders, one file: shown, fetched, put into the trash.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::book::{File, parent_of};
use super::{FOLDER, authorise, before, error, text};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::gate;
use crate::world::{World, hex_sha256, lock};

const IDS_MAX: usize = 1_000;

type Parameters = Query<HashMap<String, String>>;

pub(super) async fn about(State(world): State<Arc<World>>, headers: HeaderMap) -> Result<Response> {
    authorise(&world, &headers)?;
    Ok(Json(json!({ "storageQuota": { "limit": "16106127360", "usage": "1024" } })).into_response())
}

pub(super) async fn generate_ids(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(asked): Parameters,
    headers: HeaderMap,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let fault = world.fault(Adapter::GoogleDrive, Call::Ids, Facts::default());
    before(&line, fault.as_ref()).await?;
    let count = asked.get("count").map_or(Ok(10), |count| count.parse::<usize>());
    let count = count.ok().filter(|count| (1..=IDS_MAX).contains(count));
    let count = count.ok_or_else(|| error(StatusCode::BAD_REQUEST, "invalidParameter"))?;
    let ids: Vec<String> = (0..count).map(|_| format!("1{}", world.random_hex(16))).collect();
    let answer = Json(json!({ "kind": "drive#generatedIds", "space": "drive", "ids": ids })).into_response();
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

/// A file's metadata, as a create without bytes or a session begins it. The reason says what is wrong.
pub(super) fn read(world: &World, body: &Value) -> Result<File, Response> {
    let invalid = || error(StatusCode::BAD_REQUEST, "invalid");
    let parents = body.get("parents").and_then(Value::as_array).filter(|parents| parents.len() == 1).ok_or_else(invalid)?;
    let parent = parent_of(parents[0].as_str().ok_or_else(invalid)?).to_owned();
    let id = text(body, "id").ok_or_else(invalid)?.to_owned();
    let book = lock(&world.google_drive);
    if !book.is_parent(&parent) {
        return Err(error(StatusCode::NOT_FOUND, "notFound"));
    }
    if book.file(&id).is_some() {
        return Err(error(StatusCode::CONFLICT, "fileIdInUse"));
    }
    Ok(File {
        id,
        name: text(body, "name").ok_or_else(invalid)?.to_owned(),
        parent,
        mime_type: text(body, "mimeType").unwrap_or("application/octet-stream").to_owned(),
        bytes: Vec::new(),
        op: body.get("appProperties").and_then(|all| text(all, "op")).map(str::to_owned),
        trashed: false,
        number: 0,
    })
}

pub(super) async fn make_folder(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let facts = Facts(vec![("name", text(&body, "name").unwrap_or_default().to_owned())]);
    let fault = world.fault(Adapter::GoogleDrive, Call::Folder, facts);
    before(&line, fault.as_ref()).await?;
    if text(&body, "mimeType") != Some(FOLDER) {
        return Ok(error(StatusCode::BAD_REQUEST, "invalid"));
    }
    let folder = read(&world, &body)?;
    let answer = Json(json!({ "id": folder.id })).into_response();
    store(&world, folder);
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

/// Stores it, once: an id that two sessions race for is the first one's.
pub(super) fn store(world: &World, file: File) -> bool {
    let mut book = lock(&world.google_drive);
    if book.file(&file.id).is_some() {
        return false;
    }
    let entry = book.add(file);
    drop(book);
    lock(&world.ledger).push(entry);
    true
}

/// As Drive shows it.
pub(super) fn json_of(file: &File) -> Value {
    let mut shown = json!({
        "id": file.id, "name": file.name, "mimeType": file.mime_type, "parents": [file.parent], "trashed": file.trashed,
        "createdTime": created(file.number), "appProperties": file.op.iter().map(|op| ("op", op)).collect::<HashMap<_, _>>(),
    });
    if file.mime_type != FOLDER {
        shown["size"] = json!(file.bytes.len().to_string());
        shown["sha256Checksum"] = json!(hex_sha256(&file.bytes));
        shown["headRevisionId"] = json!("0B1");
    }
    shown
}

fn created(number: u64) -> String {
    let begin = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap_or_default();
    crate::clock::stamp(begin + TimeDelta::seconds(i64::try_from(number).unwrap_or(0)))
}

pub(super) async fn show(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(id): Path<String>,
    Query(asked): Parameters,
    headers: HeaderMap,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let media = asked.get("alt").is_some_and(|alt| alt == "media");
    let found = lock(&world.google_drive).file(&id).cloned();
    let call = if media { Call::Download } else { Call::Get };
    let fault = world.fault(Adapter::GoogleDrive, call, found.as_ref().map_or_else(Facts::default, facts));
    before(&line, fault.as_ref()).await?;
    let answer = match found {
        None => error(StatusCode::NOT_FOUND, "notFound"),
        Some(file) if media => file.bytes.into_response(),
        Some(file) => Json(json_of(&file)).into_response(),
    };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

pub(super) async fn change(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let found = lock(&world.google_drive).file(&id).cloned();
    let fault = world.fault(Adapter::GoogleDrive, Call::Delete, found.as_ref().map_or_else(Facts::default, facts));
    before(&line, fault.as_ref()).await?;
    let (Some(_), Some(trashed)) = (found, body.get("trashed").and_then(Value::as_bool)) else {
        return Ok(error(StatusCode::NOT_FOUND, "notFound"));
    };
    let entry = lock(&world.google_drive).set_trashed(&id, trashed);
    entry.into_iter().for_each(|entry| lock(&world.ledger).push(entry));
    let answer = Json(json!({ "id": id, "trashed": trashed })).into_response();
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

pub(super) fn facts(file: &File) -> Facts {
    Facts(vec![("name", file.name.clone()), ("id", file.id.clone())])
}
