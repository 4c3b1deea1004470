//! What is sealed, and its move from one master key to the next. The first byte of a sealed value is its key's number.

use rusqlite::{Connection, params};

use super::meta;
use crate::store::{Error, Result, SealedKind, SealedRow};

const ROOT: &str = "vault_root";
const REQUIRED: &str = "vault_key";
const SERVING: &str = "vault_serving";

pub(super) fn root(conn: &Connection) -> Result<Option<Vec<u8>>> {
    let text = meta::get(conn, ROOT)?;
    text.map(|text| hex::decode(text).map_err(|_| Error::Damaged("the sealed root".to_owned()))).transpose()
}

pub(super) fn keep_root(conn: &Connection, sealed: &[u8]) -> Result<Vec<u8>> {
    conn.execute(
        "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        params![ROOT, hex::encode(sealed)],
    )?;
    root(conn)?.ok_or_else(|| Error::Damaged("the sealed root".to_owned()))
}

pub(super) fn reseal_root(conn: &Connection, old: &[u8], new: &[u8]) -> Result<bool> {
    let sql = "UPDATE meta SET value = ?3 WHERE name = ?1 AND value = ?2";
    Ok(conn.execute(sql, params![ROOT, hex::encode(old), hex::encode(new)])? == 1)
}

pub(super) fn require_key(conn: &Connection, id: u8) -> Result<()> {
    meta::put(conn, REQUIRED, &id.to_string())
}

/// A value sealed with a key that is on its way out must not be stored: nobody would seal it again.
pub(super) fn check_key(conn: &Connection, sealed: &[u8]) -> Result<()> {
    let required = meta::get(conn, REQUIRED)?.and_then(|text| text.parse::<u8>().ok());
    match (required, sealed.first()) {
        (Some(required), Some(used)) if required != *used => {
            Err(Error::Key(format!("key {used} is on its way out, {required} seals now; the server must know it")))
        }
        _ => Ok(()),
    }
}

pub(super) fn otherwise(conn: &Connection, id: u8, after: Option<&SealedRow>, limit: u32) -> Result<Vec<SealedRow>> {
    let mut found = Vec::new();
    for kind in SealedKind::ALL {
        if after.is_some_and(|after| after.kind > kind) {
            continue;
        }
        let after = after.filter(|after| after.kind == kind);
        let (tenant, name) = after.map_or(("", ""), |after| (after.tenant.as_str(), after.name.as_str()));
        let Place { table, named, column } = place(kind);
        let sql = format!(
            "SELECT tenant_id, {named}, {column} FROM {table} WHERE {column} IS NOT NULL AND substr({column}, 1, 1) <> ?1 \
             AND (tenant_id, {named}) > (?2, ?3) ORDER BY tenant_id, {named} LIMIT ?4"
        );
        let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let mut statement = conn.prepare_cached(&sql)?;
        let rows = statement.query_map(params![[id].as_slice(), tenant, name, left], |row| {
            Ok(SealedRow { kind, tenant: row.get(0)?, name: row.get(1)?, sealed: row.get(2)? })
        })?;
        found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(found)
}

pub(super) fn reseal(conn: &Connection, rows: &[(SealedRow, Vec<u8>)]) -> Result<usize> {
    let mut done = 0;
    for (row, new) in rows {
        let Place { table, named, column } = place(row.kind);
        let sql = format!("UPDATE {table} SET {column} = ?4 WHERE tenant_id = ?1 AND {named} = ?2 AND {column} = ?3");
        done += conn.prepare_cached(&sql)?.execute(params![row.tenant, row.name, row.sealed, new])?;
    }
    Ok(done)
}

pub(super) fn note_serving(conn: &Connection, ids: &[u8]) -> Result<()> {
    meta::put(conn, SERVING, &ids.iter().map(u8::to_string).collect::<Vec<_>>().join(","))
}

pub(super) fn serving(conn: &Connection) -> Result<Vec<u8>> {
    Ok(meta::get(conn, SERVING)?.unwrap_or_default().split(',').filter_map(|id| id.parse().ok()).collect())
}

/// Where values of a kind lie.
struct Place {
    table: &'static str,
    /// What names one of a tenant's.
    named: &'static str,
    column: &'static str,
}

fn place(kind: SealedKind) -> Place {
    let (table, named, column) = match kind {
        SealedKind::Credentials => ("integrations", "adapter", "credentials"),
        SealedKind::AuthToken => ("auth_tokens", "adapter", "sealed"),
        SealedKind::OAuthGrant => ("oauth_grants", "adapter", "sealed"),
        SealedKind::OAuthState => ("oauth_states", "adapter || '/' || hex(state_hash)", "sealed"),
        SealedKind::PushToken => ("push_tokens", "device_id", "sealed"),
        SealedKind::Subscription => ("subscriptions", "subscription_id", "sealed"),
    };
    Place { table, named, column }
}
