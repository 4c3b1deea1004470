//! The durable queue: one SQLite file, one thread that writes, one that reads, a lock beside it.

pub(crate) mod apply;
pub(crate) mod aside;
pub(crate) mod change;
mod checkpoint;
pub(crate) mod command;
pub(crate) mod discard;
pub(crate) mod insert;
mod lock;
pub(crate) mod memory;
pub(crate) mod meta;
pub(crate) mod notice;
pub(crate) mod plan;
pub(crate) mod read;
pub(crate) mod retention;
pub(crate) mod row;
mod salvage;
pub(crate) mod schema;
pub(crate) mod seal;
pub(crate) mod transition;
mod writer;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::{broadcast, oneshot, watch};

pub use salvage::Recovery;

use crate::{Error, Event, Options};
use command::{Context, Tx};
use lock::Lock;
use memory::Memory;
use meta::Uptime;
use read::ReaderHandle;
use schema::OpenError;
use seal::Sealer;
use writer::WriterHandle;

/// The queue of one account on one install.
#[derive(Debug)]
pub(crate) struct Outbox {
    path: PathBuf,
    writer: WriterHandle,
    reader: ReaderHandle,
    context: Arc<Context>,
    lock: Arc<Mutex<Option<Lock>>>,
    recovery: Option<Recovery>,
}

impl Outbox {
    /// Opens the database, or salvages it.
    pub(crate) fn open(options: &Options, events: broadcast::Sender<Event>, work: watch::Sender<()>) -> Result<Self, Error> {
        let path = options.database.clone();
        let lock = Lock::take(&path)?;
        let (connection, recovery) = match schema::open(&path) {
            Ok(connection) => (connection, None),
            Err(OpenError::Other(error)) => return Err(error),
            Err(OpenError::Corrupt) => {
                let (connection, recovery) = salvage::salvage(&path, options.seal_key, options.clock.wall_ms())?;
                (connection, Some(recovery))
            }
        };
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let device = device(&connection)?;
        check_account(&connection, options)?;
        let uptime = Uptime::load(&connection, Arc::clone(&options.clock))?;
        connection.execute_batch("COMMIT")?;
        let memory = Memory::load(&connection)?;
        let context = Arc::new(Context {
            uptime,
            sealer: Sealer::new(options.seal_key, device),
            quota_operations: options.quota_operations,
            quota_bytes: options.quota_bytes,
            retention_ms: i64::try_from(options.retention.as_millis()).unwrap_or(i64::MAX),
        });
        let reader = ReaderHandle::start(schema::open_reader(&path)?)?;
        let writer = WriterHandle::start(connection, memory, Arc::clone(&context), events, work, reader.slot_of_work())?;
        Ok(Self { path, writer, reader, context, lock: Arc::new(Mutex::new(Some(lock))), recovery })
    }

    /// Changes something, in a transaction that others may share.
    pub(crate) fn write<R, F>(&self, work: F) -> impl Future<Output = Result<R, Error>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<R, Error> + Send + 'static,
    {
        self.writer.submit(64, false, work)
    }

    /// As [`Outbox::write`], for work that adds many bytes. `single`: see [`WriterHandle::submit`].
    pub(crate) fn write_heavy<R, F>(
        &self,
        weight: usize,
        single: bool,
        work: F,
    ) -> impl Future<Output = Result<R, Error>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<R, Error> + Send + 'static,
    {
        self.writer.submit(weight, single, work)
    }

    /// See [`WriterHandle::ride`].
    pub(crate) fn ride<R, F>(&self, work: F) -> oneshot::Receiver<Result<R, Error>>
    where
        R: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<R, Error> + Send + 'static,
    {
        self.writer.ride(work)
    }

    /// Reads something.
    pub(crate) fn read<R, F>(&self, work: F) -> impl Future<Output = Result<R, Error>> + Send + use<R, F>
    where
        R: Send + 'static,
        F: FnOnce(&Connection, &Context) -> Result<R, Error> + Send + 'static,
    {
        let context = Arc::clone(&self.context);
        self.reader.query(move |connection| work(connection, &context))
    }

    /// What never changes.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// What was done about a damaged file when this was opened.
    pub(crate) fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    /// Finishes what is queued, moves the log into the file and lets go of every lock.
    pub(crate) async fn suspend(&self) -> Result<(), Error> {
        let close = |connection: &mut Option<Connection>| {
            drop(connection.take());
            Ok(())
        };
        self.reader.slot(close).await?;
        let lock = Arc::clone(&self.lock);
        let work = move |writer: &mut writer::Writer| {
            if let Some(connection) = writer.connection.take() {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            }
            drop(lock.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok(())
        };
        self.writer.control(work).await
    }

    /// Takes the locks again and goes on.
    pub(crate) async fn resume(&self) -> Result<(), Error> {
        let (path, lock) = (self.path.clone(), Arc::clone(&self.lock));
        let work = move |writer: &mut writer::Writer| {
            if writer.connection.is_some() {
                return Ok(());
            }
            let taken = Lock::take(&path)?;
            let connection = schema::open(&path).map_err(|error| match error {
                OpenError::Corrupt => Error::Storage("the database was damaged while suspended; open it anew".to_owned()),
                OpenError::Other(error) => error,
            })?;
            writer.memory = Memory::load(&connection)?;
            writer.connection = Some(connection);
            *lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
            Ok(())
        };
        self.writer.control(work).await?;
        let path = self.path.clone();
        let work = move |connection: &mut Option<Connection>| {
            if connection.is_none() {
                *connection = Some(schema::open_reader(&path)?);
            }
            Ok(())
        };
        self.reader.slot(work).await
    }

    /// Ends both threads, then lets go of the lock.
    pub(crate) fn close(&self) {
        self.reader.close();
        self.writer.close();
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The name of this database; made once.
fn device(connection: &Connection) -> Result<Vec<u8>, Error> {
    if let Some(device) = meta::get::<Vec<u8>>(connection, meta::DEVICE)? {
        return Ok(device);
    }
    let device: [u8; 16] = rand::random();
    meta::put(connection, meta::DEVICE, device)?;
    Ok(device.to_vec())
}

/// A database belongs to one account for good.
fn check_account(connection: &Connection, options: &Options) -> Result<(), Error> {
    let Some(wanted) = &options.account else { return Ok(()) };
    match meta::get::<String>(connection, meta::ACCOUNT)? {
        Some(stored) if stored != *wanted => Err(Error::not_allowed("this database belongs to another account")),
        Some(_) => Ok(()),
        None => Ok(meta::put(connection, meta::ACCOUNT, wanted)?),
    }
}
