//! What is said to Drive and what it says of a file. Pure.

use serde::Deserialize;
use serde_json::{Value, json};
use tarishi_protocol::{Code, FileRef, limits};

use super::super::{AdapterError, Disposition, http::HttpAnswer};
use super::{config::Config, errors};

pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";
pub(super) const SHORTCUT: &str = "application/vnd.google-apps.shortcut";
/// Documents of Google's own kinds have no bytes.
const NATIVE: &str = "application/vnd.google-apps.";
/// What is asked of one file.
pub(super) const FILE_FIELDS: &str =
    "id,name,mimeType,size,sha256Checksum,parents,trashed,createdTime,headRevisionId,appProperties,shortcutDetails(targetId)";
const ID_BYTES_MAX: usize = 256;
/// Hits of a look-up, at most.
const HITS_MAX: u32 = 100;

/// What Drive says of a file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mime_type: String,
    /// 64-bit numbers are text.
    pub(super) size: Option<String>,
    pub(super) sha256_checksum: Option<String>,
    pub(super) parents: Vec<String>,
    pub(super) trashed: bool,
    pub(super) created_time: String,
    pub(super) app_properties: std::collections::BTreeMap<String, String>,
    pub(super) shortcut_details: Option<Shortcut>,
}

/// Where a shortcut points.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Shortcut {
    pub(super) target_id: String,
}

impl File {
    pub(super) fn is_folder(&self) -> bool {
        self.mime_type == FOLDER
    }

    pub(super) fn is_native(&self) -> bool {
        self.mime_type.starts_with(NATIVE)
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        self.size.as_deref()?.parse().ok()
    }
}

/// One page of files.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Page {
    pub(super) next_page_token: Option<String>,
    pub(super) files: Vec<File>,
}

/// Reads a file; one without an id is none.
pub(super) fn read_file(answer: &HttpAnswer) -> Result<File, AdapterError> {
    if !matches!(answer.status, 200 | 201) {
        return Err(errors::read(answer));
    }
    let file: File = serde_json::from_slice(&answer.body).map_err(|_| errors::unreadable())?;
    if is_id(&file.id) { Ok(file) } else { Err(errors::unreadable()) }
}

/// Reads a page; an object without a list is none.
pub(super) fn read_page(answer: &HttpAnswer) -> Result<Page, AdapterError> {
    if answer.status != 200 {
        return Err(errors::read(answer));
    }
    let body = answer.json().filter(|body| body.get("files").is_some_and(Value::is_array)).ok_or_else(errors::unreadable)?;
    let page: Page = serde_json::from_value(body).map_err(|_| errors::unreadable())?;
    if page.files.iter().all(|file| is_id(&file.id)) { Ok(page) } else { Err(errors::unreadable()) }
}

/// Reads ids made for us.
pub(super) fn read_ids(answer: &HttpAnswer, wanted: usize) -> Result<Vec<String>, AdapterError> {
    if answer.status != 200 {
        return Err(errors::read(answer));
    }
    let ids = answer.json().and_then(|body| serde_json::from_value::<Vec<String>>(body.get("ids")?.clone()).ok());
    let ids = ids.filter(|ids| ids.len() >= wanted && ids.iter().all(|id| is_id(id)));
    ids.ok_or_else(errors::unreadable)
}

/// An id may stand in a path and in quotes.
pub(super) fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(plain)
}

/// A path's folders and its last part.
pub(super) fn split(path: &str) -> Result<(Vec<&str>, &str), AdapterError> {
    let mut folders = parts(path)?;
    let name = folders.pop().ok_or_else(|| invalid_path("a path names a file"))?;
    Ok((folders, name))
}

/// A path's parts: plain names. A Drive name may hold `/`; none of ours does.
pub(super) fn parts(path: &str) -> Result<Vec<&str>, AdapterError> {
    let bad_part = |part: &&str| matches!(*part, "" | "." | "..") || part.len() > 255;
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = path.split('/').collect();
    if path.len() > limits::PATH_BYTES_MAX || parts.iter().any(bad_part) || path.chars().any(|c| c.is_control() || c == '\\') {
        return Err(invalid_path("a path must be relative and of plain names"));
    }
    Ok(parts)
}

pub(super) fn invalid_path(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(Code::InvalidPath)
}

/// What a payload names.
pub(super) enum Named<'a> {
    Id(&'a str),
    Path(Vec<&'a str>, &'a str),
}

pub(super) fn named(file: &FileRef) -> Result<Named<'_>, AdapterError> {
    match (&file.file_id, &file.path) {
        (Some(id), None) if is_id(id) => Ok(Named::Id(id)),
        (None, Some(path)) => split(path).map(|(folders, name)| Named::Path(folders, name)),
        (Some(_), _) | (None, None) => Err(invalid_path("give exactly one of path and file_id")),
    }
}

/// A text within a query's quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The folder of this name in that one.
pub(super) fn find_folder(config: &Config<'_>, parent: &str, name: &str) -> Vec<(&'static str, String)> {
    let q = format!("{} in parents and name = {} and mimeType = '{FOLDER}' and trashed = false", quoted(parent), quoted(name));
    page(config, q, HITS_MAX, "createdTime", "id,name,createdTime", None)
}

/// The files of this name in that folder, newest first.
pub(super) fn find_files(config: &Config<'_>, parent: &str, name: &str) -> Vec<(&'static str, String)> {
    let q = format!("{} in parents and name = {} and mimeType != '{FOLDER}' and trashed = false", quoted(parent), quoted(name));
    page(config, q, HITS_MAX, "createdTime desc", "id,name,createdTime", None)
}

/// Everything in a folder, by name.
pub(super) fn children(config: &Config<'_>, parent: &str, limit: u32, cursor: Option<&str>) -> Vec<(&'static str, String)> {
    page(config, format!("{} in parents and trashed = false", quoted(parent)), limit, "name", "id,name,mimeType,size", cursor)
}

fn page(
    config: &Config<'_>,
    q: String,
    size: u32,
    order: &str,
    fields: &str,
    cursor: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut query = vec![
        ("q", q),
        ("spaces", "drive".to_owned()),
        ("pageSize", size.to_string()),
        ("orderBy", order.to_owned()),
        // Without nextPageToken there would be no second page.
        ("fields", format!("nextPageToken,incompleteSearch,files({fields})")),
        ("supportsAllDrives", "true".to_owned()),
    ];
    query.extend(cursor.map(|cursor| ("pageToken", cursor.to_owned())));
    if let Some(drive) = config.shared_drive {
        query.extend([
            ("corpora", "drive".to_owned()),
            ("driveId", drive.to_owned()),
            ("includeItemsFromAllDrives", "true".to_owned()),
        ]);
    }
    query
}

/// The oldest of several folders of one name, then the one of the smallest id: every worker takes the same.
pub(super) fn eldest(page: &Page, name: &str) -> Option<String> {
    let same = page.files.iter().filter(|file| file.name == name);
    same.min_by(|a, b| (&a.created_time, &a.id).cmp(&(&b.created_time, &b.id))).map(|file| file.id.clone())
}

/// The files that have exactly this name, newest first.
pub(super) fn newest_first(page: Page, name: &str) -> Vec<String> {
    let mut files: Vec<File> = page.files.into_iter().filter(|file| file.name == name).collect();
    files.sort_by(|a, b| (&b.created_time, &b.id).cmp(&(&a.created_time, &a.id)));
    files.into_iter().map(|file| file.id).collect()
}

/// What makes a folder.
pub(super) fn folder_body(id: &str, name: &str, parent: &str) -> Value {
    json!({ "id": id, "name": name, "mimeType": FOLDER, "parents": [parent] })
}

/// What begins a file. `op` names our operation, for those who look at the file.
pub(super) fn file_body(id: &str, name: &str, parent: &str, content_type: &str, op: &str) -> Value {
    json!({ "id": id, "name": name, "parents": [parent], "mimeType": content_type, "appProperties": { "op": op } })
}

/// A media type that may stand in a header; anything else is bytes.
pub(super) fn content_type(asked: Option<&str>) -> &str {
    let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    asked
        .filter(|text| text.contains('/') && text.len() <= 200 && text.bytes().all(plain))
        .unwrap_or("application/octet-stream")
}
