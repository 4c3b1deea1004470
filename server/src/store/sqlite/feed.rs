//! A device's numbered list of changes: one row a device and operation, renumbered at each change.

use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tarishi_protocol::{Change, OperationId, Origin, Problem, State, SyncResponse, limits};

use super::map;
use crate::store::{Error, Ms, Result};

/// Subscribes a device to an operation, under the id that the device used. The first subscription stays.
pub(super) fn subscribe(
    conn: &Connection,
    tenant: &str,
    device: &str,
    id: OperationId,
    local: OperationId,
    now: Ms,
) -> Result<()> {
    let sql = "INSERT INTO feed (tenant_id, device_id, operation_id, local_id, seq, at) VALUES (?1, ?2, ?3, ?4, 0, ?5) \
               ON CONFLICT DO NOTHING";
    conn.prepare_cached(sql)?.execute(params![tenant, device, id.as_bytes(), local.as_bytes(), now])?;
    Ok(())
}

/// Subscribes a device that asked again under another id: news go to that id from now on.
pub(super) fn resubscribe(
    conn: &Connection,
    tenant: &str,
    device: &str,
    id: OperationId,
    local: OperationId,
    now: Ms,
) -> Result<()> {
    let sql = "INSERT INTO feed (tenant_id, device_id, operation_id, local_id, seq, at) VALUES (?1, ?2, ?3, ?4, 0, ?5) \
               ON CONFLICT (tenant_id, device_id, operation_id) DO UPDATE SET local_id = excluded.local_id";
    conn.prepare_cached(sql)?.execute(params![tenant, device, id.as_bytes(), local.as_bytes(), now])?;
    Ok(())
}

/// Subscribes every device of an account that is not revoked.
pub(super) fn subscribe_account(conn: &Connection, tenant: &str, account: &str, id: OperationId, now: Ms) -> Result<()> {
    let sql = "SELECT device_id FROM devices WHERE tenant_id = ?1 AND account = ?2 AND revoked_at IS NULL";
    let devices: Vec<String> =
        conn.prepare_cached(sql)?.query_map([tenant, account], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for device in devices {
        subscribe(conn, tenant, &device, id, id, now)?;
    }
    Ok(())
}

/// Gives every subscriber of an operation news of it.
pub(super) fn publish(conn: &Connection, tenant: &str, id: OperationId, now: Ms) -> Result<()> {
    let sql = "SELECT device_id FROM feed WHERE tenant_id = ?1 AND operation_id = ?2 ORDER BY device_id";
    let devices: Vec<String> = conn
        .prepare_cached(sql)?
        .query_map(params![tenant, id.as_bytes()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for device in devices {
        let next = "INSERT INTO feeds (tenant_id, device_id, last_seq) VALUES (?1, ?2, 1) \
                    ON CONFLICT (tenant_id, device_id) DO UPDATE SET last_seq = last_seq + 1 RETURNING last_seq";
        let seq: i64 = conn.prepare_cached(next)?.query_row([tenant, &device], |row| row.get(0))?;
        let sql = "UPDATE feed SET seq = ?4, at = ?5 WHERE tenant_id = ?1 AND device_id = ?2 AND operation_id = ?3";
        conn.prepare_cached(sql)?.execute(params![tenant, device, id.as_bytes(), seq, now])?;
    }
    Ok(())
}

/// Where a device's feed ends.
fn head(conn: &Connection, tenant: &str, device: &str) -> Result<i64> {
    let sql = "SELECT last_seq FROM feeds WHERE tenant_id = ?1 AND device_id = ?2";
    Ok(conn.prepare_cached(sql)?.query_row([tenant, device], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Where the feeds of many devices end, in one statement.
pub(super) fn heads(conn: &Connection, devices: &[(String, String)]) -> Result<Vec<u64>> {
    let sql = "SELECT coalesce(f.last_seq, 0) FROM json_each(?1) d LEFT JOIN feeds f \
               ON f.tenant_id = d.value ->> 0 AND f.device_id = d.value ->> 1 ORDER BY d.key";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([map::to_json(&devices)?], |row| row.get::<_, i64>(0))?;
    Ok(rows.map(|row| row.map(i64::unsigned_abs)).collect::<rusqlite::Result<_>>()?)
}

/// The place that a cursor names, or `None` if it is of another store or ahead of the feed: begin again.
fn place(cursor: &str, store_id: &str, head: i64) -> Option<i64> {
    let (store, seq) = cursor.split_once('.')?;
    let seq: i64 = seq.parse().ok()?;
    (store == store_id && (0..=head).contains(&seq)).then_some(seq)
}

/// What is new for a device since its cursor.
pub(super) fn answer(
    conn: &Connection,
    store_id: &str,
    tenant: &str,
    device: &str,
    cursor: Option<&str>,
    now: Ms,
) -> Result<SyncResponse> {
    let head = head(conn, tenant, device)?;
    let placed = cursor.map(|cursor| place(cursor, store_id, head));
    let reset = placed == Some(None);
    let after = placed.flatten().unwrap_or(0);
    let sql = "SELECT f.seq, f.local_id, f.operation_id, o.actor_kind, o.actor_id, o.state, o.outcome, o.problem, f.at, o.adapter, \
               o.action FROM feed f JOIN operations o ON o.tenant_id = f.tenant_id AND o.operation_id = f.operation_id \
               WHERE f.tenant_id = ?1 AND f.device_id = ?2 AND f.seq > ?3 ORDER BY f.seq LIMIT ?4";
    let limit = i64::try_from(limits::CHANGES_MAX).expect("a small number");
    let mut statement = conn.prepare_cached(sql)?;
    let mut changes: Vec<Change> = statement
        .query_and_then(params![tenant, device, after, limit + 1], |row| change(row, device))?
        .collect::<Result<_>>()?;
    let more = changes.len() > limits::CHANGES_MAX;
    changes.truncate(limits::CHANGES_MAX);
    let seq = changes.last().map_or(after, |change| i64::try_from(change.seq).unwrap_or(i64::MAX));
    Ok(SyncResponse {
        server_time: time(now)?,
        changes,
        cursor: Some(format!("{store_id}.{seq}")),
        reset,
        more,
        ..SyncResponse::default()
    })
}

fn change(row: &Row<'_>, device: &str) -> Result<Change> {
    let local = map::operation_id(&row.get::<_, Vec<u8>>(1)?)?;
    let original = map::operation_id(&row.get::<_, Vec<u8>>(2)?)?;
    let kind: String = row.get(3)?;
    let actor: String = row.get(4)?;
    // The device knows what it sent; of anything else it needs to be told what it is.
    let own = (kind == "device" && actor == device) || local != original;
    let state: String = row.get(5)?;
    let state = State::from_word(&state).ok_or_else(|| Error::Damaged(format!("state {state}")))?;
    Ok(Change {
        seq: row.get::<_, i64>(0)?.unsigned_abs(),
        id: local,
        origin: if own { Origin::Device } else { Origin::Server },
        state: told(state),
        outcome: map::json(row, 6)?,
        problem: map::json::<Problem>(row, 7)?,
        at: time(row.get(8)?)?,
        adapter: if own { None } else { Some(row.get(9)?) },
        action: if own { None } else { Some(row.get(10)?) },
    })
}

/// The state as a device is told: what goes on inside the server is "waiting".
fn told(state: State) -> State {
    match state {
        State::Held | State::Ready | State::Calling | State::Waiting => State::Waiting,
        State::Unresolved | State::Expired | State::Cancelled | State::Failed | State::Succeeded => state,
    }
}

fn time(ms: Ms) -> Result<DateTime<chrono::Utc>> {
    DateTime::from_timestamp_millis(ms).ok_or_else(|| Error::Damaged(format!("time {ms}")))
}
