//! Consent at providers, the leases of those who refresh it, and names that mean one thing to all workers.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::sealed;
use crate::store::{Error, GrantStatus, Lease, Ms, OAuthGrantRow, OAuthStateRow, Result};

/// How long begun consent is kept after its time, in milliseconds.
const KEEP_STATES_MS: Ms = 86_400_000;
const FORGET_MAX: u32 = 100;
const GRANT: &str = "tenant_id, adapter, status, sealed, refresh_at, expires_at, version, updated_at";

pub(super) fn put_state(conn: &Connection, row: &OAuthStateRow, now: Ms) -> Result<()> {
    sealed::check_key(conn, &row.sealed)?;
    let sql =
        "DELETE FROM oauth_states WHERE state_hash IN (SELECT state_hash FROM oauth_states WHERE expires_at < ?1 LIMIT ?2)";
    conn.execute(sql, params![now - KEEP_STATES_MS, FORGET_MAX])?;
    let sql = "INSERT INTO oauth_states (state_hash, tenant_id, adapter, browser_hash, sealed, expires_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    conn.execute(sql, params![row.state_hash, row.tenant, row.adapter, row.browser_hash, row.sealed, row.expires_at])?;
    Ok(())
}

/// One statement takes it, so that a double click and a replay find nothing.
pub(super) fn take_state(
    conn: &Connection,
    adapter: &str,
    state_hash: [u8; 32],
    browser_hash: Option<[u8; 32]>,
    now: Ms,
) -> Result<Option<OAuthStateRow>> {
    let sql = "UPDATE oauth_states SET used_at = ?3 WHERE state_hash = ?1 AND adapter = ?2 AND used_at IS NULL \
               AND expires_at > ?3 AND (browser_hash IS NULL OR browser_hash = ?4) \
               RETURNING state_hash, tenant_id, adapter, browser_hash, sealed, expires_at";
    let read = |row: &Row<'_>| {
        Ok(OAuthStateRow {
            state_hash: row.get(0)?,
            tenant: row.get(1)?,
            adapter: row.get(2)?,
            browser_hash: row.get(3)?,
            sealed: row.get(4)?,
            expires_at: row.get(5)?,
        })
    };
    Ok(conn.query_row(sql, params![state_hash, adapter, now, browser_hash], read).optional()?)
}

pub(super) fn grant(conn: &Connection, tenant: &str, adapter: &str) -> Result<Option<OAuthGrantRow>> {
    let sql = format!("SELECT {GRANT} FROM oauth_grants WHERE tenant_id = ?1 AND adapter = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_row([tenant, adapter], |row| Ok(grant_row(row))).optional()?.transpose()
}

pub(super) fn grants(conn: &Connection, status: GrantStatus, limit: u32) -> Result<Vec<OAuthGrantRow>> {
    let sql = format!("SELECT {GRANT} FROM oauth_grants WHERE status = ?1 ORDER BY random() LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![status.as_str(), limit], grant_row)?;
    rows.collect()
}

fn grant_row(row: &Row<'_>) -> Result<OAuthGrantRow> {
    let word: String = row.get(2)?;
    Ok(OAuthGrantRow {
        tenant: row.get(0)?,
        adapter: row.get(1)?,
        status: GrantStatus::from_word(&word).ok_or_else(|| Error::Damaged(format!("status {word} of a grant")))?,
        sealed: row.get(3)?,
        refresh_at: row.get(4)?,
        expires_at: row.get(5)?,
        version: row.get(6)?,
        updated_at: row.get(7)?,
    })
}

pub(super) fn put_grant(conn: &Connection, row: &OAuthGrantRow, if_version: Option<i64>) -> Result<bool> {
    sealed::check_key(conn, &row.sealed)?;
    let sql = "SELECT version FROM oauth_grants WHERE tenant_id = ?1 AND adapter = ?2";
    let version: i64 = conn.query_row(sql, [&row.tenant, &row.adapter], |row| row.get(0)).optional()?.unwrap_or(0);
    if if_version.is_some_and(|wanted| wanted != version) {
        return Ok(false);
    }
    let sql = "INSERT INTO oauth_grants (tenant_id, adapter, status, sealed, refresh_at, expires_at, version, updated_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (tenant_id, adapter) DO UPDATE SET \
               status = excluded.status, sealed = excluded.sealed, refresh_at = excluded.refresh_at, \
               expires_at = excluded.expires_at, version = excluded.version, updated_at = excluded.updated_at";
    let params = params![
        row.tenant,
        row.adapter,
        row.status.as_str(),
        row.sealed,
        row.refresh_at,
        row.expires_at,
        version + 1,
        row.updated_at
    ];
    conn.execute(sql, params)?;
    Ok(true)
}

pub(super) fn take_lease(conn: &Connection, lease: &Lease, now: Ms, until: Ms) -> Result<bool> {
    let sql = "INSERT INTO leases (tenant_id, name, holder, lease_until) VALUES (?1, ?2, ?3, ?5) \
               ON CONFLICT (tenant_id, name) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until \
               WHERE leases.lease_until <= ?4";
    Ok(conn.execute(sql, params![lease.tenant, lease.name, lease.holder.as_bytes(), now, until])? == 1)
}

pub(super) fn end_lease(conn: &Connection, lease: &Lease) -> Result<()> {
    let sql = "DELETE FROM leases WHERE tenant_id = ?1 AND name = ?2 AND holder = ?3";
    conn.execute(sql, params![lease.tenant, lease.name, lease.holder.as_bytes()])?;
    Ok(())
}

pub(super) fn provider_name(
    conn: &Connection,
    tenant: &str,
    adapter: &str,
    name: &str,
    value: &str,
    instead_of: Option<&str>,
) -> Result<String> {
    let sql = "INSERT INTO provider_names (tenant_id, adapter, name, value) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (tenant_id, adapter, name) DO UPDATE SET value = excluded.value WHERE provider_names.value = ?5";
    conn.execute(sql, params![tenant, adapter, name, value, instead_of])?;
    let sql = "SELECT value FROM provider_names WHERE tenant_id = ?1 AND adapter = ?2 AND name = ?3";
    Ok(conn.query_row(sql, [tenant, adapter, name], |row| row.get(0))?)
}
