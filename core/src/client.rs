//! The public verbs.

use core::{fmt, time::Duration};
use std::{collections::BTreeMap, sync::Arc};

use tarishi_protocol::{OperationId, check_notification_id};
use tokio::sync::broadcast;

use crate::{
    CancelOutcome, Error, Event, Filter, Logout, LogoutReport, Network, NewOperation, OperationRecord, Options, Recovery, Stop,
    SyncReport, Why, failpoint,
    inner::Inner,
    outbox::{
        change,
        command::Tx,
        insert::{self, Prepared},
        notice, read,
    },
    registry::{self, Handle},
    sync::scheduler,
};

/// A durable queue of operations and its sync. Clones are the same client; the last one closes the database.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

impl Client {
    /// Opens the queue. The same file opened twice in one process is the same client.
    ///
    /// # Errors
    /// [`Error::AlreadyOpen`] if another process has it, [`Error::NotAllowed`] if it belongs to another account,
    /// [`Error::Storage`] if the file cannot be used. A damaged file is no error: see [`Client::recovery`].
    pub fn open(options: Options) -> Result<Self, Error> {
        Ok(Self { handle: registry::open(options)? })
    }

    fn inner(&self) -> &Inner {
        &self.handle.inner
    }

    /// Stores an operation durably. A known key with the same content gives the operation that is there already.
    ///
    /// Once polled, dropping the future does not undo it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] names the field; [`Error::KeyReused`], [`Error::QueueFull`], [`Error::Storage`].
    pub async fn enqueue(&self, new: NewOperation) -> Result<OperationRecord, Error> {
        let new = insert::prepare(self.inner().outbox.context(), new)?;
        let stored = self.inner().outbox.write_heavy(new.weight(), new.is_single(), move |tx| insert::insert(tx, new)).await?;
        failpoint::hit("device.after_enqueue_commit");
        Ok(stored)
    }

    /// Stores many operations in one transaction; each has its own answer, in order.
    ///
    /// # Errors
    /// [`Error::Storage`], and then none is stored.
    pub async fn enqueue_many(&self, new: Vec<NewOperation>) -> Result<Vec<Result<OperationRecord, Error>>, Error> {
        let context = self.inner().outbox.context();
        let prepared: Vec<Result<Prepared, Error>> = new.into_iter().map(|new| insert::prepare(context, new)).collect();
        let weight = prepared.iter().flatten().map(Prepared::weight).sum();
        let work = move |tx: &mut Tx<'_>| {
            let mut stored = Vec::with_capacity(prepared.len());
            for new in prepared {
                match new.and_then(|new| insert::insert(tx, new)) {
                    // The whole transaction is in doubt.
                    Err(Error::Storage(text)) => return Err(Error::Storage(text)),
                    result => stored.push(result),
                }
            }
            Ok(stored)
        };
        let stored = self.inner().outbox.write_heavy(weight, false, work).await?;
        failpoint::hit("device.after_enqueue_commit");
        Ok(stored)
    }

    /// One operation.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn get(&self, id: OperationId) -> Result<Option<OperationRecord>, Error> {
        self.inner().outbox.read(move |connection, context| read::get(connection, &context.sealer, id)).await
    }

    /// A page of operations, oldest first.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn list(&self, filter: Filter) -> Result<Vec<OperationRecord>, Error> {
        self.inner().outbox.read(move |connection, context| read::list(connection, &context.sealer, &filter)).await
    }

    /// Cancels what was never sent; for the rest, asks the server with every request until it answers.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Storage`].
    pub async fn cancel(&self, id: OperationId) -> Result<CancelOutcome, Error> {
        self.inner().outbox.write(move |tx| change::cancel(tx, id)).await
    }

    /// Replaces an operation that has not ended by one with another payload. If the old one was sent, the new one runs only
    /// if the server grants the cancellation of the old.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] if it ended or was replaced differently, [`Error::InvalidInput`], [`Error::NotFound`].
    pub async fn replace(&self, id: OperationId, payload: String) -> Result<OperationRecord, Error> {
        let outbox = &self.inner().outbox;
        let template = outbox.write(move |tx| change::template(tx, id, Some(payload))).await?;
        let (id, new) = template.prepare(outbox.context())?;
        outbox.write_heavy(new.weight(), false, move |tx| change::replace(tx, id, new)).await
    }

    /// Tries again what ended without its effect: a new operation, its key suffixed. Asking twice gives the same one.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] if it has not ended or has succeeded, [`Error::NotFound`].
    pub async fn retry(&self, id: OperationId) -> Result<OperationRecord, Error> {
        let outbox = &self.inner().outbox;
        if let Some(known) = outbox.write(move |tx| change::retried(tx, id)).await? {
            return Ok(known);
        }
        let template = outbox.write(move |tx| change::template(tx, id, None)).await?;
        let (id, new) = template.prepare(outbox.context())?;
        outbox.write_heavy(new.weight(), false, move |tx| change::retry(tx, id, new)).await
    }

    /// Why an operation has not ended.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Storage`].
    pub async fn why(&self, id: OperationId) -> Result<Why, Error> {
        self.inner().why(id).await
    }

    /// Syncs until nothing is left to do or the time is up; needs a tokio runtime. A network that fails is no error: the
    /// report says what is left.
    ///
    /// # Errors
    /// [`Error::NeedsAuth`], [`Error::UpgradeRequired`], [`Error::CopiedDevice`], [`Error::Storage`], [`Error::Suspended`].
    pub async fn sync(&self, deadline: Duration, stop: Option<Stop>) -> Result<SyncReport, Error> {
        self.inner().sync(deadline, stop).await
    }

    /// Syncs by itself from now on, on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(&self) {
        let mut scheduler = self.inner().scheduler.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if scheduler.as_ref().is_none_or(tokio::task::JoinHandle::is_finished) {
            *scheduler = Some(scheduler::spawn(&self.handle.inner));
        }
    }

    /// Stops syncing by itself.
    pub async fn stop(&self) {
        self.inner().stop_scheduler().await;
    }

    /// The app says what network there is.
    pub fn set_network(&self, network: Network) {
        let mut conditions = self.inner().conditions();
        if conditions.network != network {
            conditions.network = network;
            conditions.forgive();
            self.inner().transport.network_changed();
        }
        drop(conditions);
        self.inner().nudge();
    }

    /// The app says whether somebody looks at it; it is taken to be so until said otherwise.
    pub fn set_foreground(&self, foreground: bool) {
        self.inner().conditions().foreground = foreground;
        self.inner().nudge();
    }

    /// The token source has another token, or the app was updated: pauses end.
    pub fn token_changed(&self) {
        self.inner().conditions().asked_for();
        self.inner().nudge();
    }

    /// What changes, from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner().events.subscribe()
    }

    /// How many operations stand where, every state named.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn stats(&self) -> Result<BTreeMap<String, u64>, Error> {
        self.inner().outbox.read(|connection, _| read::stats(connection)).await
    }

    /// A text to send to support: no secret, no phone number, no payload, no key.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn report(&self) -> Result<String, Error> {
        self.inner().report().await
    }

    /// Whose queue this is; asks the server if nobody knows yet.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::NeedsAuth`].
    pub async fn account(&self) -> Result<String, Error> {
        self.inner().account().await
    }

    /// What was done about a damaged database when this client was opened.
    #[must_use]
    pub fn recovery(&self) -> Option<Recovery> {
        self.inner().outbox.recovery().cloned()
    }

    /// A notification reached this device. `true`: show it. `false`: a double, which came by another try or channel; do not.
    /// The server is told of the first one with the next exchange.
    ///
    /// An id is known for 30 days of the device's running, the newest 10,000 of them.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] names `id`; [`Error::Storage`].
    pub async fn notification_received(&self, id: impl Into<String>) -> Result<bool, Error> {
        self.note(id.into(), false).await
    }

    /// The person opened a notification, which says that it was received too. Told to the server once, with the next exchange.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] names `id`; [`Error::Storage`].
    pub async fn notification_opened(&self, id: impl Into<String>) -> Result<(), Error> {
        self.note(id.into(), true).await.map(drop)
    }

    async fn note(&self, id: String, opened: bool) -> Result<bool, Error> {
        check_notification_id(&id)?;
        self.inner().outbox.write(move |tx| notice::note(tx, &id, opened)).await
    }

    /// Was this notification received or opened here before? Writes nothing.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] names `id`; [`Error::Storage`].
    pub async fn notification_known(&self, id: impl Into<String>) -> Result<bool, Error> {
        let id = id.into();
        check_notification_id(&id)?;
        self.inner().outbox.read(move |connection, context| notice::is_known(connection, &context.uptime, &id)).await
    }

    /// Finishes what runs, closes the database and lets go of every lock, within the deadline as far as the disk allows.
    /// Until [`Client::resume`] every call answers [`Error::Suspended`].
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn suspend(&self, deadline: Duration) -> Result<(), Error> {
        self.inner().suspend(deadline).await
    }

    /// Goes on after [`Client::suspend`].
    ///
    /// # Errors
    /// [`Error::AlreadyOpen`] if another process took the database meanwhile, [`Error::Storage`].
    pub async fn resume(&self) -> Result<(), Error> {
        self.inner().resume().await
    }

    /// Signs out. The client syncs no more; open the database again to sign in as the same account.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn logout(&self, how: Logout) -> Result<LogoutReport, Error> {
        self.inner().logout(how).await
    }

    /// Keeps a small value of the app beside the queue.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn store_value(&self, name: impl Into<String>, value: impl Into<String>) -> Result<(), Error> {
        let (name, value) = (name.into(), value.into());
        let work = move |tx: &mut Tx<'_>| {
            let sql =
                "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            tx.connection.prepare_cached(sql)?.execute([name, value])?;
            Ok(())
        };
        self.inner().outbox.write(work).await
    }

    /// A value that [`Client::store_value`] kept.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn load_value(&self, name: impl Into<String>) -> Result<Option<String>, Error> {
        let name = name.into();
        self.inner().outbox.read(move |connection, _| read::setting(connection, &name)).await
    }
}
