//! A damaged database is set aside, never deleted, and read row by row into a new one.
//!
//! A row that had no receipt counts as *maybe sent*, and is sent only if its fingerprint still fits its payload: a flipped bit
//! in an amount must not travel. What cannot be trusted is kept as dead, so that somebody sees it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};
use tarishi_protocol::{Code, Fingerprint, OperationId, Problem};

use super::{
    lock::beside,
    meta,
    schema::{self, OpenError},
    seal::{Column, Sealer},
    transition,
};
use crate::{DeviceState, Error};

/// What was done about a damaged database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recovery {
    /// The damaged file, set aside beside the new one.
    pub set_aside: PathBuf,
    /// Operations taken over.
    pub salvaged: u64,
    /// Operations found but not to be trusted: they are listed as dead, `unreadable`.
    pub unreadable: u64,
}

/// How far a rebuilt exchange counter jumps above the last known number.
const EXCHANGE_JUMP: i64 = 1_000;
/// Damaged stretches that are stepped over before giving up in one direction.
const GAPS_MAX: u32 = 64;

const COPIED: &[&str] = &[
    "seq",
    "id",
    "key",
    "fingerprint",
    "adapter",
    "action",
    "version",
    "state",
    "sent",
    "size",
    "ordering_key",
    "halt",
    "lane",
    "after_id",
    "after_on",
    "blobs",
    "retry_of",
    "replaces",
    "origin",
    "held_before",
    "created_wall",
    "created_up",
    "boot",
    "queued_after",
    "ttl_ms",
    "expires_up",
    "settled_up",
    "compact",
    "problem",
    "outcome_form",
    "outcome",
    "form",
    "payload",
    "wish",
];

/// Sets the damaged file aside and builds a new one from what it still holds.
pub(crate) fn salvage(path: &Path, seal_key: Option<[u8; 32]>, wall_ms: i64) -> Result<(Connection, Recovery), Error> {
    let aside = set_aside(path)?;
    let fresh = schema::open(path).map_err(|error| match error {
        OpenError::Corrupt => Error::Storage("a new database is damaged at once".to_owned()),
        OpenError::Other(error) => error,
    })?;
    let mut recovery = Recovery { set_aside: aside.clone(), salvaged: 0, unreadable: 0 };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    fresh.execute_batch("BEGIN IMMEDIATE")?;
    if let Ok(old) = Connection::open_with_flags(&aside, flags) {
        // Reads on where the damage is in the schema.
        let _ = old.pragma_update(None, "writable_schema", true);
        copy_facts(&old, &fresh);
        let device = meta::get(&fresh, meta::DEVICE)?.unwrap_or_default();
        copy_rows(&old, &fresh, &Sealer::new(seal_key, device), &mut recovery)?;
    }
    let end: Option<i64> = meta::get(&fresh, meta::EXCHANGE_END)?;
    // Without a counter the time serves: it is above any number that was counted.
    let end = end.map_or(wall_ms / 1_000, |end| end.saturating_add(EXCHANGE_JUMP));
    meta::put(&fresh, meta::EXCHANGE_END, end)?;
    rebuild_order(&fresh)?;
    fresh.execute_batch("COMMIT")?;
    tracing::warn!(salvaged = recovery.salvaged, unreadable = recovery.unreadable, "a damaged outbox was set aside");
    Ok((fresh, recovery))
}

fn set_aside(path: &Path) -> Result<PathBuf, Error> {
    let aside = (1_u32..).map(|number| beside(path, &format!(".corrupt-{number}"))).find(|aside| !aside.exists());
    let aside = aside.ok_or_else(|| Error::Storage("no name left for a damaged file".to_owned()))?;
    let storage = |error: std::io::Error| Error::Storage(error.to_string());
    std::fs::rename(path, &aside).map_err(storage)?;
    // The log belongs to the file; the shared memory is rebuilt.
    for suffix in ["-wal", "-shm"] {
        let from = beside(path, suffix);
        if from.exists() {
            std::fs::rename(from, beside(&aside, suffix)).map_err(storage)?;
        }
    }
    Ok(aside)
}

/// Takes over what names the device; the cursor is left out, so that the feed is read again from its beginning.
fn copy_facts(old: &Connection, fresh: &Connection) {
    for name in [meta::DEVICE, meta::ACCOUNT, meta::EXCHANGE_END, meta::SERVER_TIME, meta::CEILING] {
        if let Ok(Some(value)) = meta::get::<Value>(old, name) {
            let _ = meta::put(fresh, name, value);
        }
    }
    let Ok(mut statement) = old.prepare("SELECT name, value FROM settings") else { return };
    let rows = statement.query_map([], |row| Ok([row.get::<_, String>(0)?, row.get(1)?]));
    for pair in rows.into_iter().flatten().flatten() {
        let _ = fresh.execute("INSERT OR IGNORE INTO settings (name, value) VALUES (?1, ?2)", pair);
    }
}

fn copy_rows(old: &Connection, fresh: &Connection, sealer: &Sealer, recovery: &mut Recovery) -> Result<(), Error> {
    let columns = COPIED.join(", ");
    // Forwards from the beginning, then backwards from the end: a damaged page is stepped over from both sides.
    for (order, compare, direction) in [("ASC", ">=", 1_i64), ("DESC", "<=", -1)] {
        let sql = format!("SELECT {columns} FROM operations WHERE seq {compare} ?1 ORDER BY seq {order}");
        let mut at = if direction > 0 { i64::MIN } else { i64::MAX };
        let mut step = 1_i64;
        for _ in 0..GAPS_MAX {
            let Ok(mut statement) = old.prepare(&sql) else { break };
            let Ok(mut rows) = statement.query([at]) else { break };
            let damaged = loop {
                match rows.next() {
                    Ok(Some(row)) => {
                        let values: Result<Vec<Value>, _> = (0..COPIED.len()).map(|index| row.get(index)).collect();
                        let Ok(values) = values else { continue };
                        if let Value::Integer(seq) = values[0] {
                            at = seq.saturating_add(direction);
                            step = 1;
                        }
                        copy_row(fresh, sealer, values, recovery)?;
                    }
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            if !damaged || at == i64::MIN || at == i64::MAX {
                break;
            }
            at = at.saturating_add(direction.saturating_mul(step));
            step = step.saturating_mul(2);
        }
    }
    Ok(())
}

fn copy_row(fresh: &Connection, sealer: &Sealer, mut values: Vec<Value>, recovery: &mut Recovery) -> Result<(), Error> {
    let at = |name: &str| COPIED.iter().position(|column| *column == name).unwrap_or(0);
    let Some(state) = integer(&values[at("state")]).and_then(DeviceState::from_code) else { return Ok(()) };
    let trusted = fits(&values, sealer);
    if state.is_unreceipted() {
        let to = if trusted { DeviceState::InFlight } else { DeviceState::Dead };
        values[at("state")] = Value::Integer(to.code());
        values[at("sent")] = Value::Integer(1);
        if !trusted {
            let problem = Problem::new(Code::Unreadable, "it was found in a damaged database and cannot be trusted");
            values[at("problem")] = Value::Text(transition::as_json(&problem));
            values[at("wish")] = Value::Integer(0);
        }
    } else if !trusted && !matches!(values[at("payload")], Value::Null) {
        values[at("payload")] = Value::Null;
        values[at("form")] = Value::Integer(0);
    }
    let marks = vec!["?"; COPIED.len()].join(", ");
    let sql = format!("INSERT OR IGNORE INTO operations ({}) VALUES ({marks})", COPIED.join(", "));
    // What the schema refuses was not this row.
    if fresh.prepare_cached(&sql)?.execute(params_from_iter(values)).unwrap_or(0) > 0 {
        recovery.salvaged += 1;
        recovery.unreadable += u64::from(state.is_unreceipted() && !trusted);
    }
    Ok(())
}

/// Does the payload still have the fingerprint it was stored with?
fn fits(values: &[Value], sealer: &Sealer) -> bool {
    let at = |name: &str| COPIED.iter().position(|column| *column == name).map(|index| &values[index]);
    let (Some(Value::Blob(id)), Some(Value::Blob(print)), Some(Value::Blob(payload))) =
        (at("id"), at("fingerprint"), at("payload"))
    else {
        return false;
    };
    let (Some(Value::Text(adapter)), Some(Value::Text(action)), Some(form)) =
        (at("adapter"), at("action"), at("form").and_then(integer))
    else {
        return false;
    };
    let text = OperationId::from_bytes(id).and_then(|id| sealer.unwrap(id, Column::Payload, form, payload));
    let found = text.and_then(|text| Fingerprint::of(adapter, action, &text).ok());
    found.is_some() && found == Fingerprint::from_bytes(print)
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Null | Value::Real(_) | Value::Text(_) | Value::Blob(_) => None,
    }
}

/// Works out anew who stands first in each key and who waits for a parent.
fn rebuild_order(fresh: &Connection) -> rusqlite::Result<()> {
    fresh.execute_batch(
        "INSERT OR IGNORE INTO links SELECT 1, after_id, seq FROM operations WHERE after_id IS NOT NULL;
         INSERT OR IGNORE INTO links SELECT 2, retry_of, seq FROM operations WHERE retry_of IS NOT NULL;
         INSERT OR IGNORE INTO links SELECT 3, replaces, seq FROM operations WHERE replaces IS NOT NULL;
         INSERT OR IGNORE INTO links SELECT 4, id, seq FROM operations WHERE wish = 1;
         UPDATE operations SET head = 1 WHERE state <= 1 AND wish = 0 AND ordering_key IS NULL;
         UPDATE operations SET head = 1 WHERE seq IN (SELECT MIN(seq) FROM operations
             WHERE ordering_key IS NOT NULL AND state <= 1 AND aside = 0 AND wish = 0 GROUP BY ordering_key);
         UPDATE operations SET parked = 2 WHERE after_id IS NOT NULL AND state <= 1
             AND after_id IN (SELECT id FROM operations WHERE state <= 1);",
    )
}
