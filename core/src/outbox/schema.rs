//! The database's shape, its migrations, and the pragmas that make a commit durable.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{Error, error::is_corrupt};

/// One step per version of the schema; a released step is never edited.
const MIGRATIONS: [&str; 2] = [V1, V2];

/// Files up to this size are checked whole whenever they are opened.
const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// State codes: 0 pending, 1 in_flight, 2 accepted, 3 waiting, 4 unresolved, 5 and above ended (see `state.rs`).
///
/// `head`: may stand first in a batch: without an ordering key, or the oldest of its key in the order.
/// `parked`: 1 = not before `not_before`, 2 = its parent has no receipt yet. `aside`: out of its key's order for good.
/// `wish`: the person wants it cancelled and the server has not answered. Times ending in `_up` are of the uptime clock.
///
/// Every index is opened by every insert, so what few rows need lies in `links` instead: kind 1 = `seq` waits for the parent
/// `id`, 2 = `seq` tries `id` again, 3 = `seq` replaces `id`, 4 = somebody wishes to cancel `id`.
const V1: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE notices (seq INTEGER PRIMARY KEY, notification_id TEXT NOT NULL, event TEXT NOT NULL, at_up INTEGER NOT NULL);
CREATE TABLE links (
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (kind, id, seq)
) WITHOUT ROWID;
CREATE TABLE operations (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    key TEXT,
    fingerprint BLOB NOT NULL,
    adapter TEXT NOT NULL,
    action TEXT NOT NULL,
    version INTEGER NOT NULL,
    state INTEGER NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL,
    ordering_key TEXT,
    halt INTEGER NOT NULL DEFAULT 0,
    lane INTEGER NOT NULL DEFAULT 1,
    head INTEGER NOT NULL DEFAULT 0,
    parked INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    aside INTEGER NOT NULL DEFAULT 0,
    wish INTEGER NOT NULL DEFAULT 0,
    strikes INTEGER NOT NULL DEFAULT 0,
    strikes_up INTEGER NOT NULL DEFAULT 0,
    after_id BLOB,
    after_on TEXT,
    blobs TEXT,
    retry_of BLOB,
    replaces BLOB,
    origin INTEGER NOT NULL DEFAULT 0,
    held_before INTEGER NOT NULL DEFAULT 0,
    created_wall INTEGER NOT NULL,
    created_up INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    queued_after INTEGER,
    ttl_ms INTEGER,
    expires_up INTEGER NOT NULL,
    settled_up INTEGER NOT NULL DEFAULT 0,
    compact INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    outcome_form INTEGER NOT NULL DEFAULT 0,
    outcome BLOB,
    form INTEGER NOT NULL,
    payload BLOB
);
CREATE UNIQUE INDEX operations_id ON operations (id);
CREATE UNIQUE INDEX operations_key ON operations (key) WHERE key IS NOT NULL;
CREATE INDEX operations_heads ON operations (lane, seq) WHERE head = 1 AND parked = 0 AND state <= 1;
CREATE INDEX operations_keyed ON operations (ordering_key, seq)
    WHERE ordering_key IS NOT NULL AND state <= 1 AND aside = 0 AND wish = 0;
CREATE INDEX operations_parked ON operations (not_before) WHERE parked = 1 AND state <= 1;
CREATE INDEX operations_expiring ON operations (expires_up, size) WHERE state = 0;
CREATE INDEX operations_states ON operations (state, size) WHERE state >= 1;
CREATE INDEX operations_settled ON operations (settled_up) WHERE state >= 5 AND compact = 0;
";

/// The notifications that this device knows. Rows are made in the order of `seen_up` and go from the front, so that `seq` has no
/// gaps. What waited to travel is known already.
const V2: &str = "
CREATE TABLE notifications (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    opened INTEGER NOT NULL,
    seen_up INTEGER NOT NULL
);
CREATE INDEX notifications_seen ON notifications (seen_up);
INSERT INTO notifications (id, opened, seen_up)
    SELECT notification_id, MAX(event = 'opened'), MIN(at_up) FROM notices GROUP BY notification_id ORDER BY MIN(at_up);
";

/// Why a file could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The file is damaged: set it aside and salvage.
    Corrupt,
    /// Anything else; the file is left alone.
    Other(Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        if is_corrupt(&error) { Self::Corrupt } else { Self::Other(error.into()) }
    }
}

/// Opens a database for writing, checks and migrates it.
pub(crate) fn open(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    if std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES_MAX) {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(OpenError::Corrupt);
        }
    }
    migrate(&connection)?;
    Ok(connection)
}

/// Opens a second connection that cannot write.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(core::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    // It moves the log into the file, so its syncs must be as good as the writer's.
    sync_fully(&connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The pragmas of the writing connection. A receipt or an `enqueue` must survive power loss, so every commit is synced.
pub(crate) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(core::time::Duration::from_secs(5))?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    sync_fully(connection)?;
    connection.query_row(&format!("PRAGMA wal_autocheckpoint = {}", super::checkpoint::PAGES_MAX), [], |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.query_row("PRAGMA journal_size_limit = 8388608", [], |_| Ok(()))?;
    // A statement is planned once: otherwise anew at each use that a partial index might serve, whatever is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn sync_fully(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    if cfg!(target_vendor = "apple") {
        // There a plain fsync leaves the data in the drive's cache.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    }
    Ok(())
}

/// Brings the schema to this version, a transaction per step.
fn migrate(connection: &Connection) -> Result<(), OpenError> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        let text = format!("the database is of version {version}, this library knows {}", MIGRATIONS.len());
        return Err(OpenError::Other(Error::Storage(text)));
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let whole = format!("BEGIN IMMEDIATE; {sql} PRAGMA user_version = {}; COMMIT;", step + 1);
        connection.execute_batch(&whole)?;
    }
    Ok(())
}

/// An empty database in memory, for the tests of what runs inside a transaction.
#[cfg(test)]
pub(crate) fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&MIGRATIONS.concat()).unwrap();
    connection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_durable_by_its_pragmas() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("q.db")).unwrap();
        let text = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(text("PRAGMA journal_mode"), "wal");
        let level: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        assert_eq!(level, 2);
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.db");
        drop(open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(open(&path), Err(OpenError::Other(Error::Storage(_)))));
    }

    #[test]
    fn the_hot_queries_use_their_partial_indexes() {
        let connection = in_memory();
        let plan = |sql: &str| -> String {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let count = statement.parameter_count();
            let rows =
                statement.query_map(rusqlite::params_from_iter(vec![0_i64; count]), |row| row.get::<_, String>(3)).unwrap();
            rows.map(Result::unwrap).collect::<Vec<_>>().join("; ")
        };
        for (sql, index) in [
            (super::super::plan::HEADS, "operations_heads"),
            (super::super::plan::NEXT_OF_KEY, "operations_keyed"),
            (super::super::plan::CHILDREN, "PRIMARY KEY (kind=? AND id=?)"),
            (super::super::transition::RELEASE, "PRIMARY KEY (kind=? AND id=?)"),
            (super::super::plan::UNPARK, "operations_parked"),
            (super::super::plan::WISHES, "PRIMARY KEY (kind=?)"),
            (super::super::transition::EXPIRED, "operations_expiring"),
            (super::super::retention::SETTLED, "operations_settled"),
            (super::super::notice::FORGET, "notifications_seen"),
        ] {
            let plan = plan(sql);
            assert!(plan.contains(index), "{index}: {plan}");
            assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN operations"), "{index}: {plan}");
        }
    }
}
