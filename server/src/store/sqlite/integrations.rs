//! Settings of adapters and their access tokens.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    map::{json, to_json},
    sealed,
};
use crate::store::{AuthTokenRow, IntegrationRow, Result};

pub(super) fn integration(conn: &Connection, tenant: &str, adapter: &str) -> Result<Option<IntegrationRow>> {
    let sql = "SELECT tenant_id, adapter, enabled, paused, settings, credentials FROM integrations \
               WHERE tenant_id = ?1 AND adapter = ?2";
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_row([tenant, adapter], |row| Ok(integration_row(row))).optional()?.transpose()
}

pub(super) fn integrations(conn: &Connection, tenant: &str) -> Result<Vec<IntegrationRow>> {
    let sql = "SELECT tenant_id, adapter, enabled, paused, settings, credentials FROM integrations \
               WHERE tenant_id = ?1 ORDER BY adapter";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([tenant], integration_row)?;
    rows.collect()
}

fn integration_row(row: &Row<'_>) -> Result<IntegrationRow> {
    Ok(IntegrationRow {
        tenant: row.get(0)?,
        adapter: row.get(1)?,
        enabled: row.get(2)?,
        paused: json::<BTreeSet<String>>(row, 3)?.unwrap_or_default(),
        settings: row.get(4)?,
        credentials: row.get(5)?,
    })
}

pub(super) fn put_integration(conn: &Connection, row: &IntegrationRow) -> Result<()> {
    sealed::check_key(conn, row.credentials.as_deref().unwrap_or_default())?;
    let sql = "INSERT INTO integrations (tenant_id, adapter, enabled, paused, settings, credentials) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (tenant_id, adapter) DO UPDATE SET enabled = excluded.enabled, paused = excluded.paused, \
               settings = excluded.settings, credentials = excluded.credentials";
    conn.execute(sql, params![row.tenant, row.adapter, row.enabled, to_json(&row.paused)?, row.settings, row.credentials])?;
    Ok(())
}

pub(super) fn auth_token(conn: &Connection, tenant: &str, adapter: &str) -> Result<Option<AuthTokenRow>> {
    let sql = "SELECT tenant_id, adapter, sealed, expires_at FROM auth_tokens WHERE tenant_id = ?1 AND adapter = ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        Ok(AuthTokenRow { tenant: row.get(0)?, adapter: row.get(1)?, sealed: row.get(2)?, expires_at: row.get(3)? })
    };
    Ok(statement.query_row([tenant, adapter], read).optional()?)
}

pub(super) fn put_auth_token(conn: &Connection, row: &AuthTokenRow) -> Result<()> {
    sealed::check_key(conn, &row.sealed)?;
    let sql = "INSERT INTO auth_tokens (tenant_id, adapter, sealed, expires_at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (tenant_id, adapter) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at";
    conn.execute(sql, params![row.tenant, row.adapter, row.sealed, row.expires_at])?;
    Ok(())
}
