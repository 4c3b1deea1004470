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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chain::caps::Scope,
        store::sqlite::chain::{booked_today, caps},
    };

    const DAY_MS: i64 = 86_400_000;

    /// A file as a server of this version left it.
    fn of_version(version: usize) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        for step in &MIGRATIONS[..version] {
            conn.execute_batch(step).unwrap();
        }
        conn.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
        conn
    }

    #[test]
    fn a_file_of_any_older_server_becomes_what_a_new_one_is() {
        let tables = |conn: &Connection| {
            let mut statement = conn.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
            let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.collect::<rusqlite::Result<Vec<_>>>().unwrap()
        };
        let new = of_version(MIGRATIONS.len());
        for version in 0..MIGRATIONS.len() {
            let mut conn = of_version(version);
            migrate(&mut conn).unwrap();
            assert_eq!(tables(&conn), tables(&new), "{version}");
        }
    }

    #[test]
    fn a_file_of_a_newer_server_is_refused_and_left_alone() {
        let mut conn = of_version(0);
        let newer = i64::try_from(MIGRATIONS.len()).unwrap() + 1;
        conn.pragma_update(None, "user_version", newer).unwrap();
        assert!(matches!(migrate(&mut conn), Err(Error::Newer(version, _)) if version == newer));
        let count: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 0);
    }

    #[test]
    fn the_cap_of_a_day_and_what_was_booked_outlive_the_version_that_knew_one_cap_only() {
        let mut conn = of_version(10);
        conn.execute_batch(
            r#"INSERT INTO notification_settings (tenant_id, daily_cap) VALUES ('school', '{"amount":"50.00","currency":"KES"}'),
               ('free', NULL);
               INSERT INTO notification_costs (tenant_id, day, currency, micros) VALUES ('school', 7, 'KES', 1600000)"#,
        )
        .unwrap();

        migrate(&mut conn).unwrap();

        let cap = caps(&conn, "school").unwrap();
        assert_eq!(
            serde_json::to_value(&cap).unwrap(),
            serde_json::json!({ "daily_cap": { "amount": "50.00", "currency": "KES" } })
        );
        assert_eq!(caps(&conn, "free").unwrap(), crate::chain::DailyCaps::default());
        assert_eq!(booked_today(&conn, "school", Scope::All, "KES", 7 * DAY_MS).unwrap(), 1_600_000);
        assert_eq!(booked_today(&conn, "school", Scope::All, "KES", 8 * DAY_MS).unwrap(), 0);
    }
}
