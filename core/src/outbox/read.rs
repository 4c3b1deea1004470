//! The reading side: a thread with a connection of its own that cannot write, so that a list never waits for a commit.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, mpsc::channel},
    thread::JoinHandle,
};

use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
use tarishi_protocol::OperationId;
use tokio::sync::oneshot;

use super::{
    checkpoint::{self, Slot},
    row::{Row, columns, id_at, read_record, record_columns},
    seal::Sealer,
};
use crate::{DeviceState, Error, Filter, OperationRecord};

/// What the thread is asked.
pub(crate) type Work = Box<dyn FnOnce(&mut Option<Connection>) + Send>;

/// Hands queries to the thread.
pub(crate) struct ReaderHandle {
    sender: Slot<Work>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl core::fmt::Debug for ReaderHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ReaderHandle")
    }
}

impl ReaderHandle {
    /// Where its work is sent, for the checkpoints.
    pub(super) fn slot_of_work(&self) -> Slot<Work> {
        Arc::clone(&self.sender)
    }

    pub(crate) fn start(connection: Connection) -> Result<Self, Error> {
        let (sender, receiver) = channel::<Work>();
        let mut connection = Some(connection);
        let thread = std::thread::Builder::new().name("tarishi-reader".to_owned()).spawn(move || {
            while let Ok(work) = receiver.recv() {
                work(&mut connection);
            }
        });
        let thread = thread.map_err(|error| Error::Storage(error.to_string()))?;
        Ok(Self { sender: Arc::new(Mutex::new(Some(sender))), thread: Mutex::new(Some(thread)) })
    }

    /// Runs a query.
    pub(crate) fn query<R, F>(&self, work: F) -> impl Future<Output = Result<R, Error>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&Connection) -> Result<R, Error> + Send + 'static,
    {
        self.slot(move |connection| connection.as_ref().ok_or(Error::Suspended).and_then(work))
    }

    /// Runs work on the connection's place itself: to close it, to put another there.
    pub(crate) fn slot<R, F>(&self, work: F) -> impl Future<Output = Result<R, Error>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&mut Option<Connection>) -> Result<R, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let _ = reply.send(work(connection));
        });
        let queued = if checkpoint::send(&self.sender, work) { Ok(()) } else { Err(Error::Closed) };
        async move {
            queued?;
            answer.await.unwrap_or(Err(Error::Closed))
        }
    }

    pub(crate) fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl Drop for ReaderHandle {
    fn drop(&mut self) {
        self.close();
    }
}

/// One record.
pub(crate) fn get(connection: &Connection, sealer: &Sealer, id: OperationId) -> Result<Option<OperationRecord>, Error> {
    let sql = concat!("SELECT ", record_columns!(), " FROM operations WHERE id = ?1");
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row([id.as_bytes()], |row| read_record(row, sealer)).optional()?)
}

/// Records per list, unless the caller says otherwise, and at most.
const LIST_DEFAULT: u32 = 100;
const LIST_MAX: u32 = 1_000;

/// A page of records, oldest first.
pub(crate) fn list(connection: &Connection, sealer: &Sealer, filter: &Filter) -> Result<Vec<OperationRecord>, Error> {
    let mut sql = concat!("SELECT ", record_columns!(), " FROM operations WHERE seq > ?").to_owned();
    let mut values = vec![Value::Integer(i64::try_from(filter.after.unwrap_or(0)).unwrap_or(i64::MAX))];
    if !filter.states.is_empty() {
        let marks = vec!["?"; filter.states.len()].join(", ");
        // The plus keeps SQLite on the order of `seq` instead of sorting an index on states.
        sql.push_str(&format!(" AND +state IN ({marks})"));
        values.extend(filter.states.iter().map(|state| Value::Integer(state.code())));
    }
    for (column, wanted) in [("ordering_key", &filter.ordering_key), ("adapter", &filter.adapter)] {
        if let Some(wanted) = wanted {
            sql.push_str(&format!(" AND {column} = ?"));
            values.push(Value::Text(wanted.clone()));
        }
    }
    sql.push_str(" ORDER BY seq LIMIT ?");
    values.push(Value::Integer(i64::from(filter.limit.unwrap_or(LIST_DEFAULT).min(LIST_MAX))));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| read_record(row, sealer))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How many operations stand where, every state named.
pub(crate) fn stats(connection: &Connection) -> Result<BTreeMap<String, u64>, Error> {
    let mut stats: BTreeMap<String, u64> = DeviceState::ALL.map(|state| (state.as_str().to_owned(), 0)).into();
    for sql in [
        "SELECT state, COUNT(*) FROM operations WHERE state = 0 GROUP BY state",
        "SELECT state, COUNT(*) FROM operations WHERE state >= 1 AND state <= 4 GROUP BY state",
        "SELECT state, COUNT(*) FROM operations WHERE state >= 1 AND state >= 5 GROUP BY state",
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        for row in rows {
            let (state, count) = row?;
            if let Some(state) = DeviceState::from_code(state) {
                stats.insert(state.as_str().to_owned(), u64::try_from(count).unwrap_or(0));
            }
        }
    }
    Ok(stats)
}

/// A row and what stands before it in its key.
pub(crate) fn with_predecessor(connection: &Connection, id: OperationId) -> Result<Option<(Row, Option<OperationId>)>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM operations WHERE id = ?1");
    let row = connection.prepare_cached(sql)?.query_row([id.as_bytes()], Row::read).optional()?;
    let Some(row) = row else { return Ok(None) };
    let behind = match &row.ordering_key {
        Some(key) if row.state.is_unreceipted() && !row.aside && !row.wish => {
            let sql = "SELECT id FROM operations
                WHERE ordering_key = ?1 AND state <= 1 AND aside = 0 AND wish = 0 AND seq < ?2 ORDER BY seq DESC LIMIT 1";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_row(params![key, row.seq], |row| id_at(row, 0)).optional()?.flatten()
        }
        Some(_) | None => None,
    };
    Ok(Some((row, behind)))
}

/// What there is to do, by index look-ups alone.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Agenda {
    /// Something may be sent now.
    pub(crate) ready: bool,
    /// A wish or a notification receipt waits.
    pub(crate) errands: bool,
    /// The next time something may be sent.
    pub(crate) parked_until: Option<i64>,
    /// The next time something grows too old.
    pub(crate) expires: Option<i64>,
    /// Something is at the server.
    pub(crate) open: bool,
}

/// Looks what there is to do.
pub(crate) fn work(connection: &Connection, now: i64) -> Result<Agenda, Error> {
    let sql = "SELECT
        EXISTS (SELECT 1 FROM operations WHERE head = 1 AND parked = 0 AND state <= 1 AND lane = 0)
            OR EXISTS (SELECT 1 FROM operations WHERE head = 1 AND parked = 0 AND state <= 1 AND lane = 1)
            OR EXISTS (SELECT 1 FROM operations WHERE parked = 1 AND state <= 1 AND not_before <= ?1),
        EXISTS (SELECT 1 FROM links WHERE kind = 4) OR EXISTS (SELECT 1 FROM notices),
        (SELECT MIN(not_before) FROM operations WHERE parked = 1 AND state <= 1 AND not_before > ?1),
        (SELECT MIN(expires_up) FROM operations WHERE state = 0),
        EXISTS (SELECT 1 FROM operations WHERE state >= 1 AND state >= 2 AND state <= 4)";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Agenda {
            ready: row.get(0)?,
            errands: row.get(1)?,
            parked_until: row.get(2)?,
            expires: row.get(3)?,
            open: row.get(4)?,
        })
    };
    Ok(statement.query_row([now], read)?)
}

/// A value the app stored.
pub(crate) fn setting(connection: &Connection, name: &str) -> Result<Option<String>, Error> {
    let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}
