//! Where devices take their notifications.

use rusqlite::{Connection, Row, params};
use tarishi_protocol::Audience;

use super::sealed;
use crate::store::{Ms, PushTokenRow, Result};

/// Devices that one push goes to, at most.
const TARGETS_MAX: i64 = 1_000;

/// A registration that another device had (the account before on the same phone) is that one's no more.
pub(super) fn put(conn: &Connection, row: &PushTokenRow) -> Result<()> {
    sealed::check_key(conn, &row.sealed)?;
    let sql = "DELETE FROM push_tokens WHERE tenant_id = ?1 AND token_hash = ?2 AND device_id <> ?3";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.token_hash, row.device])?;
    let sql = "INSERT INTO push_tokens (tenant_id, device_id, kind, sealed, token_hash, registered_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (tenant_id, device_id) DO UPDATE SET kind = excluded.kind, sealed = excluded.sealed, \
               token_hash = excluded.token_hash, registered_at = excluded.registered_at";
    let values = params![row.tenant, row.device, row.kind, row.sealed, row.token_hash, row.registered_at];
    conn.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn remove(conn: &Connection, tenant: &str, device: &str) -> Result<bool> {
    let sql = "DELETE FROM push_tokens WHERE tenant_id = ?1 AND device_id = ?2";
    Ok(conn.prepare_cached(sql)?.execute([tenant, device])? == 1)
}

/// Only what was sent to: a registration made meanwhile stays.
pub(super) fn forget(conn: &Connection, dead: &PushTokenRow) -> Result<bool> {
    let sql = "DELETE FROM push_tokens WHERE tenant_id = ?1 AND device_id = ?2 AND token_hash = ?3 AND registered_at = ?4";
    let values = params![dead.tenant, dead.device, dead.token_hash, dead.registered_at];
    Ok(conn.prepare_cached(sql)?.execute(values)? == 1)
}

/// By device, in the order of their ids; a user's devices are those that are not revoked.
pub(super) fn targets(conn: &Connection, tenant: &str, to: &Audience) -> Result<Vec<PushTokenRow>> {
    let (column, wanted) = match to {
        Audience::User(account) => ("d.account", std::slice::from_ref(account)),
        Audience::Device(device) => ("d.device_id", std::slice::from_ref(device)),
        Audience::List(accounts) => ("d.account", accounts.as_slice()),
    };
    let sql = format!(
        "SELECT t.tenant_id, t.device_id, t.kind, t.sealed, t.token_hash, t.registered_at \
         FROM push_tokens t JOIN devices d ON d.tenant_id = t.tenant_id AND d.device_id = t.device_id \
         WHERE t.tenant_id = ?1 AND d.revoked_at IS NULL AND {column} IN (SELECT value FROM json_each(?2)) \
         ORDER BY t.device_id LIMIT {TARGETS_MAX}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![tenant, super::map::to_json(&wanted)?], token_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many phones of a person take notifications, and of how many anything was heard since a time.
pub(super) fn phones(conn: &Connection, tenant: &str, account: &str, since: Ms) -> Result<(u32, u32)> {
    let sql = "SELECT count(*), count(CASE WHEN max(t.registered_at, d.last_seen) > ?3 THEN 1 END) \
               FROM push_tokens t JOIN devices d ON d.tenant_id = t.tenant_id AND d.device_id = t.device_id \
               WHERE t.tenant_id = ?1 AND d.account = ?2 AND d.revoked_at IS NULL";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_row(params![tenant, account, since], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

fn token_row(row: &Row<'_>) -> rusqlite::Result<PushTokenRow> {
    Ok(PushTokenRow {
        tenant: row.get(0)?,
        device: row.get(1)?,
        kind: row.get(2)?,
        sealed: row.get(3)?,
        token_hash: row.get(4)?,
        registered_at: row.get(5)?,
    })
}
