//! The tables, and how an older file becomes a current one. Migrations only go forward.

use rusqlite::{Connection, config::DbConfig};

use crate::store::{Error, Result};

/// Each entry brings the file from the version of its place to the next.
const MIGRATIONS: [&str; 11] = [
    include_str!("migrations/0001_tables.sql"),
    include_str!("migrations/0002_oauth.sql"),
    include_str!("migrations/0003_push_tokens.sql"),
    include_str!("migrations/0004_events.sql"),
    include_str!("migrations/0005_subscriptions.sql"),
    include_str!("migrations/0006_webhooks.sql"),
    include_str!("migrations/0007_limits.sql"),
    include_str!("migrations/0008_adopted.sql"),
    include_str!("migrations/0009_noted.sql"),
    include_str!("migrations/0010_chain.sql"),
    include_str!("migrations/0011_caps.sql"),
];

/// Brings the file to the current schema, in one transaction a step.
pub(super) fn migrate(conn: &mut Connection) -> Result<()> {
    let current = i64::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    loop {
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version > current {
            return Err(Error::Newer(version, current));
        }
        let Some(step) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version)) else {
            return Ok(());
        };
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", version + 1)?;
        tx.commit()?;
    }
}

/// A statement is planned once, whatever is bound to it. Otherwise `SQLite` plans one anew at each use that a partial index might
/// serve (it looks whether the values bound fit the index): half of the time that the server spent in the database. A query that
/// wants such an index spells out its condition.
pub(super) fn plan_once(conn: &Connection) -> Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// What every connection is set to. FULL: what was answered survives a power cut.
pub(super) fn prepare(conn: &Connection) -> Result<()> {
    conn.busy_timeout(std::time::Duration::from_secs(30))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", "OFF")?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    if cfg!(target_vendor = "apple") {
        conn.pragma_update(None, "fullfsync", 1)?;
        conn.pragma_update(None, "checkpoint_fullfsync", 1)?;
    }
    plan_once(conn)?;
    conn.set_prepared_statement_cache_capacity(256);
    Ok(())
}
