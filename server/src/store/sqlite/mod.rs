//! The embedded store: one SQLite file, one group-committing writer, a pool of readers.
//!
//! rusqlite and not sqlx: a transaction is a plain function here, cannot be cancelled half way, and costs no task switch per
//! statement. Each file holds the transactions of one subject as functions over a connection, `store.rs` hands them on.

use std::{path::Path, sync::Mutex};

use rusqlite::{Connection, OpenFlags};

use super::{Error, Ms, Result};

mod accounts;
mod apply;
mod caps;
mod chain;
mod dispatch;
mod events;
mod exchange;
mod feed;
mod intake;
mod integrations;
mod lock;
mod map;
mod meta;
mod oauth;
mod order;
mod own;
mod push;
mod read;
mod refunds;
mod schema;
mod sealed;
mod settle;
mod store;
mod subscriptions;
#[cfg(test)]
mod tests;
mod upkeep;
mod webhooks;
mod writer;

pub use lock::ServeLock;

/// Readers beside the writer.
const READERS: usize = 4;

/// The embedded store.
pub struct SqliteStore {
    writer: writer::Writer,
    readers: Mutex<Vec<Connection>>,
    free: tokio::sync::Semaphore,
    id: Mutex<String>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file, creating or migrating it. Does not take the lock of `serve`.
    ///
    /// # Errors
    /// [`Error::Newer`] if the file is of a newer server.
    pub fn open(path: &Path) -> Result<Self> {
        let mut conn = Connection::open(path)?;
        schema::prepare(&conn)?;
        schema::migrate(&mut conn)?;
        let id = upkeep::store_id(&conn)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = Connection::open_with_flags(path, flags)?;
            reader.busy_timeout(std::time::Duration::from_secs(30))?;
            reader.pragma_update(None, "query_only", 1)?;
            schema::plan_once(&reader)?;
            reader.set_prepared_statement_cache_capacity(128);
            readers.push(reader);
        }
        Ok(Self {
            writer: writer::Writer::start(conn)?,
            readers: Mutex::new(readers),
            free: tokio::sync::Semaphore::new(READERS),
            id: Mutex::new(id),
        })
    }

    /// Takes the lock that lets one process serve the file, waiting up to `wait`.
    ///
    /// # Errors
    /// [`Error::Locked`] if another keeps it.
    pub async fn lock(path: &Path, wait: std::time::Duration) -> Result<ServeLock> {
        ServeLock::take(path, wait).await
    }

    /// What only the one process that serves may do at its start: the leases of the process before it are void, and its open
    /// calls are looked at at once.
    ///
    /// # Errors
    /// The database's.
    pub async fn take_over(&self, now: Ms) -> Result<()> {
        self.writer.write(move |conn| dispatch::take_over(conn, now)).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send,
        F: FnOnce(&Connection) -> Result<T> + Send,
    {
        let _permit = self.free.acquire().await.map_err(|_| Error::Closed)?;
        let reader = self.readers.lock().map_err(|_| Error::Closed)?.pop().ok_or(Error::Closed)?;
        // Reads are short and from the page cache; a hand-over to another thread costs more than they do.
        let result = work(&reader);
        if let Ok(mut readers) = self.readers.lock() {
            readers.push(reader);
        }
        result
    }

    fn current_id(&self) -> String {
        self.id.lock().map(|id| id.clone()).unwrap_or_default()
    }
}
