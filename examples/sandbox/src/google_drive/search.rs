//! `files.list`: the part of its query language that is used here, in pages.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response, Result};
use serde_json::{Value, json};

use super::book::{File, parent_of};
use super::{authorise, before, error, files};
use crate::connection::Line;
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::gate;
use crate::world::{World, lock};

/// As the outcome of a fault: the search does not see what is there.
const LAG: &str = "lag";

/// One condition of a query.
#[derive(Debug, PartialEq)]
enum Term {
    In(String),
    Named(String),
    Kind(String),
    NotKind(String),
    NotTrashed,
}

impl Term {
    fn holds(&self, file: &File) -> bool {
        match self {
            Self::In(parent) => file.parent == parent_of(parent),
            // Names are compared without regard to case.
            Self::Named(name) => file.name.eq_ignore_ascii_case(name),
            Self::Kind(kind) => file.mime_type == *kind,
            Self::NotKind(kind) => file.mime_type != *kind,
            Self::NotTrashed => !file.trashed,
        }
    }
}

/// Reads conditions joined by `and`; none if it is not one of ours.
fn read(mut q: &str) -> Option<Vec<Term>> {
    let mut terms = Vec::new();
    loop {
        q = q.trim_start();
        let term = if let Some(rest) = q.strip_prefix("trashed = false") {
            q = rest;
            Term::NotTrashed
        } else if q.starts_with('\'') {
            let (id, rest) = quoted(q)?;
            q = rest.strip_prefix(" in parents")?;
            Term::In(id)
        } else if let Some(rest) = q.strip_prefix("name = ") {
            let (name, rest) = quoted(rest)?;
            q = rest;
            Term::Named(name)
        } else if let Some(rest) = q.strip_prefix("mimeType = ") {
            let (kind, rest) = quoted(rest)?;
            q = rest;
            Term::Kind(kind)
        } else {
            let (kind, rest) = quoted(q.strip_prefix("mimeType != ")?)?;
            q = rest;
            Term::NotKind(kind)
        };
        terms.push(term);
        match q.strip_prefix(" and ") {
            Some(rest) => q = rest,
            None => return q.trim().is_empty().then_some(terms),
        }
    }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('\'')?;
    let mut read = String::new();
    let mut chars = inner.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => read.push(chars.next()?.1),
            '\'' => return Some((read, &inner[at + 1..])),
            other => read.push(other),
        }
    }
    None
}

pub(super) async fn list(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response> {
    authorise(&world, &headers)?;
    let get = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let invalid = || error(StatusCode::BAD_REQUEST, "invalid");
    let terms = read(get("q")).ok_or_else(invalid)?;
    let name = terms.iter().find_map(|term| if let Term::Named(name) = term { Some(name.clone()) } else { None });
    let call = if name.is_some() { Call::Find } else { Call::List };
    let fault = world.fault(Adapter::GoogleDrive, call, Facts(vec![("name", name.unwrap_or_default())]));
    before(&line, fault.as_ref()).await?;
    let lagging = gate::result_of(fault.as_ref()) == Some(LAG);
    let mut found: Vec<File> =
        lock(&world.google_drive).files().filter(|file| terms.iter().all(|term| term.holds(file))).cloned().collect();
    match get("orderBy") {
        "name" => found.sort_by(|a, b| a.name.cmp(&b.name)),
        "createdTime desc" => found.sort_by_key(|file| std::cmp::Reverse(file.number)),
        _ => found.sort_by_key(|file| file.number),
    }
    let size = get("pageSize").parse().unwrap_or(100);
    // A token is good as long as nothing was forgotten.
    let skip = match get("pageToken") {
        "" => Some(0),
        token => token.strip_prefix("page-").and_then(|number| number.parse::<usize>().ok()),
    };
    let skip = skip.ok_or_else(invalid)?;
    let more = found.len() > skip + size;
    let page: Vec<Value> = found.iter().skip(skip).take(size).filter(|_| !lagging).map(files::json_of).collect();
    let mut answer = json!({ "files": page, "incompleteSearch": false });
    if more && get("fields").contains("nextPageToken") {
        answer["nextPageToken"] = json!(format!("page-{}", skip + size));
    }
    Ok(gate::after(&line, fault.as_ref(), Json(answer).into_response()).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_with_its_quotes() {
        let terms = read("'root' in parents and name = 'O\\'Neil \\\\ and' and mimeType != 'x/y' and trashed = false").unwrap();
        let wanted =
            [Term::In("root".into()), Term::Named("O'Neil \\ and".into()), Term::NotKind("x/y".into()), Term::NotTrashed];
        assert_eq!(terms, wanted);
        for bad in ["", "fullText contains 'x'", "name = 'x", "trashed = false or name = 'x'"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
