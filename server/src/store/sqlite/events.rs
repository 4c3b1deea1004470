//! The log of what happened. Rows are added and never changed; a fact that is told again is the same row.

use rusqlite::{Connection, Row, params};

use super::map;
use crate::store::{Error, EventPage, EventRow, Ms, Result};

/// Adds one; false if the fact was known.
pub(super) fn record(conn: &Connection, event: &EventRow) -> Result<bool> {
    let sql = "INSERT INTO events (tenant_id, fact, kind, data, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    let row = params![event.tenant, event.fact, event.kind, map::to_json(&event.data)?, event.at];
    Ok(conn.prepare_cached(sql)?.execute(row)? == 1)
}

/// What happened after a cursor; from the beginning if there is none, or one of another store.
pub(super) fn page(conn: &Connection, store_id: &str, tenant: &str, cursor: Option<&str>, limit: u32) -> Result<EventPage> {
    let head = "SELECT coalesce(max(event_seq), 0) FROM events";
    let head: i64 = conn.prepare_cached(head)?.query_row([], |row| row.get(0))?;
    let placed = cursor.map(|cursor| place(cursor, store_id, head));
    let after = placed.flatten().unwrap_or(0);
    let sql = "SELECT event_seq, tenant_id, fact, kind, data, at FROM events WHERE tenant_id = ?1 AND event_seq > ?2 \
               ORDER BY event_seq LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then(params![tenant, after, i64::from(limit) + 1], event)?;
    let mut events = rows.collect::<Result<Vec<_>>>()?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let seq = events.last().map_or(after.unsigned_abs(), |event| event.seq);
    Ok(EventPage { events, cursor: format!("{store_id}.{seq}"), reset: placed == Some(None), more })
}

/// Those of one kind within a time, for the books.
pub(super) fn of_kind(conn: &Connection, tenant: &str, kind: &str, since: Ms) -> Result<Vec<EventRow>> {
    let sql = "SELECT event_seq, tenant_id, fact, kind, data, at FROM events WHERE tenant_id = ?1 AND kind = ?2 AND at >= ?3 \
               ORDER BY event_seq";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then(params![tenant, kind, since], event)?;
    rows.collect()
}

fn place(cursor: &str, store_id: &str, head: i64) -> Option<i64> {
    let (store, seq) = cursor.split_once('.')?;
    let seq: i64 = seq.parse().ok()?;
    (store == store_id && (0..=head).contains(&seq)).then_some(seq)
}

fn event(row: &Row<'_>) -> Result<EventRow> {
    Ok(EventRow {
        seq: row.get::<_, i64>(0)?.unsigned_abs(),
        tenant: row.get(1)?,
        fact: row.get(2)?,
        kind: row.get(3)?,
        data: map::json(row, 4)?.ok_or_else(|| Error::Damaged("an event without data".to_owned()))?,
        at: row.get(5)?,
    })
}
