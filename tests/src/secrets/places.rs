//! The places that a run leaves: answers, columns of a database, logs.

use std::{fs, path::Path};

use rusqlite::{Connection, types::ValueRef};
use serde_json::Value;

use super::{Canaries, Kind, may};
use crate::harness::{Result, gather::with_suffix, recorder::ANSWER};

/// One answer of a server.
pub(super) struct Answer<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) status: &'a str,
    head: &'a str,
    body: &'a str,
}

/// The answers in a record of them.
pub(super) fn answers(bytes: &[u8]) -> Vec<Answer<'_>> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let one = |text| {
        let (line, rest) = str::split_once(text, '\n')?;
        let mut words = line.split(' ');
        let (method, path, status) = (words.next()?, words.next()?, words.next()?);
        let (head, body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
        Some(Answer { method, path, status, head, body })
    };
    text.split(ANSWER).skip(1).filter_map(one).collect()
}

impl Answer<'_> {
    /// What must not be in it. What it may show is taken out before.
    pub(super) fn search(&self, canaries: &Canaries) -> Vec<(Kind, String)> {
        let may = |kind| may::ANSWERS.iter().filter(move |may| may.kind == kind && may.method == self.method);
        let fields = |kind| may(kind).filter(|may| may::is_path(may.path, self.path)).map(|may| may.field);
        let without = |kind| {
            let parsed: Option<Value> = serde_json::from_str(self.body).ok().filter(|_| self.is_success());
            let body = parsed.map(|mut body| {
                fields(kind).for_each(|field| take_out(&mut body, field));
                body.to_string()
            });
            format!("{}\n{}", self.head, body.as_deref().unwrap_or(self.body))
        };
        let secrets = canaries.secrets_in(without(Kind::Secret).as_bytes()).into_iter().map(|name| (Kind::Secret, name));
        // A text may be nowhere, a number where it is said.
        let private = canaries.private_in(without(Kind::Phone).as_bytes());
        secrets.chain(private).collect()
    }

    /// The method and the shape of the path.
    pub(super) fn route(&self) -> String {
        let shape = may::ROUTES_TO_SEE.iter().find(|shape| {
            shape.split_once(' ').is_some_and(|(method, path)| method == self.method && may::is_path(path, self.path))
        });
        shape.map_or_else(|| format!("{} {}", self.method, self.path), |shape| (*shape).to_owned())
    }

    fn is_success(&self) -> bool {
        self.status.starts_with('2')
    }
}

/// Takes what a path of names leads to out of a value.
fn take_out(value: &mut Value, field: &str) {
    let (name, rest) = field.split_once('.').map_or((field, None), |(name, rest)| (name, Some(rest)));
    if let ("**", Some(inner)) = (name, rest) {
        take_out(value, inner);
        match value {
            Value::Object(object) => object.values_mut().for_each(|deeper| take_out(deeper, field)),
            Value::Array(list) => list.iter_mut().for_each(|deeper| take_out(deeper, field)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        return;
    }
    match (value, rest) {
        (Value::Object(object), None) => {
            object.remove(name);
        }
        (Value::Object(object), Some(rest)) => {
            if let Some(inner) = object.get_mut(name) {
                take_out(inner, rest);
            }
        }
        (Value::Array(list), Some(rest)) if name == "*" => list.iter_mut().for_each(|inner| take_out(inner, rest)),
        _ => {}
    }
}

/// A column of a table.
pub(super) struct Column {
    pub(super) table: String,
    pub(super) column: String,
}

/// Phones and texts in columns that may not hold any. Secrets are searched for in the file's bytes.
pub(super) fn columns(database: &Path, canaries: &Canaries) -> Result<Vec<(Kind, String, Column)>> {
    // Opening a database moves its log into it; what is searched stays as it was.
    let copy = tempfile::tempdir()?;
    let own = copy.path().join("copy.db");
    for suffix in ["", "-wal"].iter().filter(|suffix| with_suffix(database, suffix).exists()) {
        fs::copy(with_suffix(database, suffix), with_suffix(&own, suffix))?;
    }
    let conn = Connection::open(own)?;
    let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let tables = tables.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut found = Vec::new();
    for table in tables {
        let mut statement = conn.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (at, column) in names.iter().enumerate().filter(|(_, column)| !is_free(&table, column)) {
                // A hash is no number, even if its digits look like one.
                let ValueRef::Text(text) = row.get_ref(at)? else { continue };
                for (kind, name) in canaries.private_in(text) {
                    found.push((kind, name, Column { table: table.clone(), column: column.clone() }));
                }
            }
        }
    }
    Ok(found)
}

fn is_free(table: &str, column: &str) -> bool {
    may::COLUMNS.iter().any(|(free, of, _)| (*free, *of) == (table, column))
}

/// Was this log written at a level below the usual one?
pub(super) fn is_verbose(log: &[u8]) -> bool {
    let text = String::from_utf8_lossy(log);
    text.contains("\"DEBUG\"") || text.contains("\"TRACE\"") || text.contains("DEBUG ") || text.contains("TRACE ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_taken_out_wherever_its_path_leads() {
        let mut body = json!({ "token": "t", "changes": [{ "outcome": 1, "id": 2 }, { "id": 3 }], "deep": { "token": "u" } });
        for field in ["token", "changes.*.outcome", "nothing.at.all", "changes.outcome"] {
            take_out(&mut body, field);
        }
        assert_eq!(body, json!({ "changes": [{ "id": 2 }, { "id": 3 }], "deep": { "token": "u" } }));
        take_out(&mut body, "**.id");
        assert_eq!(body, json!({ "changes": [{}, {}], "deep": { "token": "u" } }));
    }
}
