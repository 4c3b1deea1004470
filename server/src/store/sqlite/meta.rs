//! What the store knows of itself, by name.

use rusqlite::{Connection, OptionalExtension};

use crate::store::Result;

pub(super) fn get(conn: &Connection, name: &str) -> Result<Option<String>> {
    Ok(conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?)
}

pub(super) fn put(conn: &Connection, name: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    conn.execute(sql, [name, value])?;
    Ok(())
}
