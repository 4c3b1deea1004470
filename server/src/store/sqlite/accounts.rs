//! Tenants, devices and API keys.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::map::{json, to_json};
use crate::store::{ApiKeyRow, DeviceRow, Error, Ms, Result, TenantRow, TokenRow};

const DEVICE: &str = "tenant_id, device_id, account, grants, token_hash, token_expires_at, old_token_hash, old_token_until, \
     revoked_at, last_seen, created_at";

pub(super) fn create_tenant(conn: &Connection, tenant: &TenantRow) -> Result<bool> {
    let sql = "INSERT INTO tenants (tenant_id, name, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    Ok(conn.execute(sql, params![tenant.tenant, tenant.name, tenant.created_at])? == 1)
}

pub(super) fn tenants(conn: &Connection) -> Result<Vec<TenantRow>> {
    let mut statement = conn.prepare_cached("SELECT tenant_id, name, created_at FROM tenants ORDER BY tenant_id")?;
    let rows = statement.query_map([], tenant_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn tenant(conn: &Connection, tenant: &str) -> Result<Option<TenantRow>> {
    let mut statement = conn.prepare_cached("SELECT tenant_id, name, created_at FROM tenants WHERE tenant_id = ?1")?;
    Ok(statement.query_row([tenant], tenant_row).optional()?)
}

fn tenant_row(row: &Row<'_>) -> rusqlite::Result<TenantRow> {
    Ok(TenantRow { tenant: row.get(0)?, name: row.get(1)?, created_at: row.get(2)? })
}

pub(super) fn create_device(conn: &Connection, device: &DeviceRow) -> Result<()> {
    let sql = "INSERT INTO devices (tenant_id, device_id, account, grants, token_hash, token_expires_at, last_seen, created_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    conn.execute(
        sql,
        params![
            device.tenant,
            device.device,
            device.account,
            to_json(&device.grants)?,
            device.token.hash,
            device.token.expires_at,
            device.last_seen,
            device.created_at
        ],
    )?;
    Ok(())
}

pub(super) fn device(conn: &Connection, tenant: &str, device: &str) -> Result<Option<DeviceRow>> {
    let sql = format!("SELECT {DEVICE} FROM devices WHERE tenant_id = ?1 AND device_id = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_row([tenant, device], |row| Ok(device_row(row))).optional()?.transpose()
}

pub(super) fn devices(conn: &Connection, tenant: &str, after: Option<&str>, limit: u32) -> Result<Vec<DeviceRow>> {
    let sql = format!("SELECT {DEVICE} FROM devices WHERE tenant_id = ?1 AND device_id > ?2 ORDER BY device_id LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![tenant, after.unwrap_or(""), limit.min(500)], device_row)?;
    rows.collect()
}

fn device_row(row: &Row<'_>) -> Result<DeviceRow> {
    let old_token = match (row.get::<_, Option<[u8; 32]>>(6)?, row.get::<_, Option<Ms>>(7)?) {
        (Some(hash), Some(expires_at)) => Some(TokenRow { hash, expires_at }),
        _ => None,
    };
    Ok(DeviceRow {
        tenant: row.get(0)?,
        device: row.get(1)?,
        account: row.get(2)?,
        grants: json(row, 3)?.ok_or_else(|| Error::Damaged("a device without grants".to_owned()))?,
        token: TokenRow { hash: row.get(4)?, expires_at: row.get(5)? },
        old_token,
        revoked_at: row.get(8)?,
        last_seen: row.get(9)?,
        created_at: row.get(10)?,
    })
}

pub(super) fn revoke_device(conn: &Connection, tenant: &str, device: &str, now: Ms) -> Result<bool> {
    super::push::remove(conn, tenant, device)?;
    let sql = "UPDATE devices SET revoked_at = coalesce(revoked_at, ?3) WHERE tenant_id = ?1 AND device_id = ?2";
    Ok(conn.execute(sql, params![tenant, device, now])? == 1)
}

pub(super) fn rotate_device_token(conn: &Connection, tenant: &str, device: &str, new: &TokenRow, old_until: Ms) -> Result<()> {
    let sql = "UPDATE devices SET old_token_hash = token_hash, old_token_until = ?5, token_hash = ?3, token_expires_at = ?4 \
               WHERE tenant_id = ?1 AND device_id = ?2";
    conn.execute(sql, params![tenant, device, new.hash, new.expires_at, old_until])?;
    Ok(())
}

pub(super) fn touch_devices(conn: &Connection, seen: &[(String, String, Ms)], expires_at: Ms) -> Result<()> {
    let mut statement = conn.prepare_cached(
        "UPDATE devices SET last_seen = max(last_seen, ?3), token_expires_at = max(token_expires_at, ?4) \
         WHERE tenant_id = ?1 AND device_id = ?2",
    )?;
    for (tenant, device, at) in seen {
        statement.execute(params![tenant, device, at, expires_at])?;
    }
    Ok(())
}

pub(super) fn create_api_key(conn: &Connection, key: &ApiKeyRow) -> Result<()> {
    let sql =
        "INSERT INTO api_keys (tenant_id, key_id, account, grants, token_hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    conn.execute(sql, params![key.tenant, key.key, key.account, to_json(&key.grants)?, key.hash, key.created_at])?;
    Ok(())
}

pub(super) fn api_key(conn: &Connection, tenant: &str, key: &str) -> Result<Option<ApiKeyRow>> {
    let sql = "SELECT tenant_id, key_id, account, grants, token_hash, revoked_at, created_at FROM api_keys \
               WHERE tenant_id = ?1 AND key_id = ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let read = |row: &Row<'_>| {
        Ok(ApiKeyRow {
            tenant: row.get(0)?,
            key: row.get(1)?,
            account: row.get(2)?,
            grants: json(row, 3)?.ok_or_else(|| Error::Damaged("a key without grants".to_owned()))?,
            hash: row.get(4)?,
            revoked_at: row.get(5)?,
            created_at: row.get(6)?,
        })
    };
    statement.query_row([tenant, key], |row| Ok(read(row))).optional()?.transpose()
}

pub(super) fn revoke_api_key(conn: &Connection, tenant: &str, key: &str, now: Ms) -> Result<bool> {
    let sql = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?3) WHERE tenant_id = ?1 AND key_id = ?2";
    Ok(conn.execute(sql, params![tenant, key, now])? == 1)
}
