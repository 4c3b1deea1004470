//! The object an app holds: the core's verbs, each run to its end on a runtime that the clients share.

use std::{
    any::Any,
    collections::HashMap,
    future::Future,
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tarishi_core::{
    CancelOutcome, Client as Core, Filter, Logout, LogoutReport, Network, NewOperation, OperationRecord, Stop as CoreStop,
    SyncReport, Why,
};
use tarishi_protocol::OperationId;

use crate::{
    ClientError, ClientOptions, EventListener, HttpTransport, KeyStore, NetworkMonitor, NetworkSink, ScriptedServer, Stop,
    Subscription, TestClock, TokenSource,
    events::hand_over,
    options::Parts,
    runtime::{self, Shared},
    stop::StopWhenDropped,
};

/// A phone's queue and its sync. Every call may come from any thread.
#[derive(uniffi::Object)]
pub struct Client {
    core: Arc<Core>,
    runtime: Arc<Shared>,
    network_monitor: Option<Arc<dyn NetworkMonitor>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

#[uniffi::export]
impl Client {
    /// Opens the database, and makes it if it is not there. A file that this process has open already is the same queue; its
    /// first options hold. Without a transport the library does HTTP itself. `clock` and `server` are for tests.
    #[uniffi::constructor(default(transport = None, network_monitor = None, key_store = None, clock = None, server = None))]
    pub fn open(
        options: ClientOptions,
        token_source: Arc<dyn TokenSource>,
        transport: Option<Arc<dyn HttpTransport>>,
        network_monitor: Option<Arc<dyn NetworkMonitor>>,
        key_store: Option<Arc<dyn KeyStore>>,
        clock: Option<Arc<TestClock>>,
        server: Option<Arc<ScriptedServer>>,
    ) -> Result<Arc<Self>, ClientError> {
        let runtime = runtime::shared()?;
        let options = options.into_core(Parts { token_source, transport, key_store, clock, server })?;
        let core = guarded(|| {
            let _context = runtime.enter();
            Ok(Arc::new(Core::open(options)?))
        })?;
        // From here on the client's end stops the monitor, even if starting it fails.
        let client = Arc::new(Self { core, runtime, network_monitor });
        if let Some(monitor) = &client.network_monitor {
            monitor.start(NetworkSink::new(&client.core, &client.runtime))?;
        }
        Ok(client)
    }

    /// Stores one operation; it is on disk when this returns, and stays so if the caller is cancelled meanwhile.
    pub async fn enqueue(&self, operation: NewOperation) -> Result<OperationRecord, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.enqueue(operation).await?) }).await
    }

    /// Stores many in one transaction; each has its own result, in the order given.
    pub async fn enqueue_many(&self, operations: Vec<NewOperation>) -> Result<Vec<EnqueueResult>, ClientError> {
        let core = Core::clone(&self.core);
        let results = self.run(async move { Ok(core.enqueue_many(operations).await?) }).await?;
        Ok(results.into_iter().map(EnqueueResult::from).collect())
    }

    /// One operation, if the device knows it.
    pub async fn get(&self, id: OperationId) -> Result<Option<OperationRecord>, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.get(id).await?) }).await
    }

    /// A page of operations, oldest first.
    pub async fn list(&self, filter: Filter) -> Result<Vec<OperationRecord>, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.list(filter).await?) }).await
    }

    /// Cancels at once what was never sent; else the server is asked with every request until it answers.
    pub async fn cancel(&self, id: OperationId) -> Result<CancelOutcome, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.cancel(id).await?) }).await
    }

    /// Cancels and enqueues anew with another payload, to run only if the first never does.
    pub async fn replace(&self, id: OperationId, payload: String) -> Result<OperationRecord, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.replace(id, payload).await?) }).await
    }

    /// A new try after a definite end without the effect; asking twice gives the same new operation.
    pub async fn retry(&self, id: OperationId) -> Result<OperationRecord, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.retry(id).await?) }).await
    }

    /// What an operation waits for.
    pub async fn why(&self, id: OperationId) -> Result<Why, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.why(id).await?) }).await
    }

    /// Exchanges with the server until all is exchanged or the deadline comes; for a background job. `stop` ends it early with
    /// `Stopped`: Swift needs it, since there a cancelled task does not cancel what runs here.
    #[uniffi::method(default(stop = None))]
    pub async fn sync(&self, deadline: Duration, stop: Option<Arc<Stop>>) -> Result<SyncReport, ClientError> {
        let core = Core::clone(&self.core);
        let inner = CoreStop::new();
        let _stop_when_dropped = StopWhenDropped(inner.clone());
        self.run(async move { sync_until(&core, deadline, inner, stop).await }).await
    }

    /// Whose queue this is; the server is asked once. `stop` as in `sync`.
    #[uniffi::method(default(stop = None))]
    pub async fn account(&self, stop: Option<Arc<Stop>>) -> Result<String, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move {
            let Some(stop) = stop else { return Ok(core.account().await?) };
            tokio::select! {
                biased;
                () = stop.stopped() => Err(ClientError::Stopped),
                account = core.account() => Ok(account?),
            }
        })
        .await
    }

    /// A notification reached the device: `true` = show it, `false` = a double that came by another try or channel. The server
    /// is told of the first one with the next exchange.
    pub async fn notification_received(&self, id: String) -> Result<bool, ClientError> {
        self.note(id, Noted::Received).await
    }

    /// The person opened a notification; the server is told once, with the next exchange.
    pub async fn notification_opened(&self, id: String) -> Result<(), ClientError> {
        self.note(id, Noted::Opened).await?;
        Ok(())
    }

    /// Was this notification received or opened here before? Writes nothing.
    pub async fn notification_known(&self, id: String) -> Result<bool, ClientError> {
        self.note(id, Noted::Asked).await
    }

    /// How many operations stand where, by the words of their states.
    pub async fn stats(&self) -> Result<HashMap<String, u64>, ClientError> {
        let core = Core::clone(&self.core);
        let stats = self.run(async move { Ok(core.stats().await?) }).await?;
        Ok(stats.into_iter().collect())
    }

    /// A text to send to support: no secrets, no phone numbers, no payloads.
    pub async fn report(&self) -> Result<String, ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.report().await?) }).await
    }

    /// Drains, and lets go of every lock on the database within the deadline: iOS ends apps that hold one while suspended.
    pub async fn suspend(&self, deadline: Duration) -> Result<(), ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.suspend(deadline).await?) }).await
    }

    /// Goes on after [`Client::suspend`].
    pub async fn resume(&self) -> Result<(), ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move { Ok(core.resume().await?) }).await
    }

    /// Signs out; the client syncs no more. What was never sent, maybe sent and still running is counted apart. `stop` ends a
    /// drain early with `Stopped`, and then nobody is signed out.
    #[uniffi::method(default(stop = None))]
    pub async fn logout(&self, how: Logout, stop: Option<Arc<Stop>>) -> Result<LogoutReport, ClientError> {
        let core = Core::clone(&self.core);
        let inner = CoreStop::new();
        let _stop_when_dropped = StopWhenDropped(inner.clone());
        self.run(async move {
            let (Logout::Drain { deadline }, Some(stop)) = (how, stop) else { return Ok(core.logout(how).await?) };
            // Whatever keeps it from draining is in the counts.
            match sync_until(&core, deadline, inner, Some(stop)).await {
                Err(ClientError::Stopped) => Err(ClientError::Stopped),
                Ok(_) | Err(_) => Ok(core.logout(Logout::Keep).await?),
            }
        })
        .await
    }

    /// The person signed in again, so the token source has another token: a paused sync goes on.
    pub fn token_changed(&self) -> Result<(), ClientError> {
        let _context = self.runtime.enter();
        guarded(|| {
            self.core.token_changed();
            Ok(())
        })
    }

    /// A damaged database was set aside when this client was opened, and a new one took over what could be read.
    pub fn recovery(&self) -> Result<Option<Recovery>, ClientError> {
        guarded(|| Ok(self.core.recovery().map(Recovery::from)))
    }

    /// Starts the scheduler: from now on the library syncs by itself whenever there is something to do.
    pub fn start(&self) -> Result<(), ClientError> {
        let _context = self.runtime.enter();
        guarded(|| {
            self.core.start();
            Ok(())
        })
    }

    /// Stops the scheduler after the exchange under way.
    pub async fn stop(&self) -> Result<(), ClientError> {
        let core = Core::clone(&self.core);
        self.run(async move {
            core.stop().await;
            Ok(())
        })
        .await
    }

    /// Tells what the platform knows of the network.
    pub fn set_network(&self, network: Network) -> Result<(), ClientError> {
        let _context = self.runtime.enter();
        guarded(|| {
            self.core.set_network(network);
            Ok(())
        })
    }

    /// Tells whether the person looks at the app: then answers are awaited at the server.
    pub fn set_foreground(&self, foreground: bool) -> Result<(), ClientError> {
        let _context = self.runtime.enter();
        guarded(|| {
            self.core.set_foreground(foreground);
            Ok(())
        })
    }

    /// Calls the listener with everything that happens from now on, until the subscription is cancelled or dropped.
    pub fn events(&self, listener: Arc<dyn EventListener>) -> Result<Arc<Subscription>, ClientError> {
        let events = self.core.events();
        let task = self.runtime.spawn(hand_over(events, listener));
        Ok(Arc::new(Subscription(task.abort_handle())))
    }
}

impl Client {
    /// Runs a verb to its end even if the caller goes away, and turns its panic into an error.
    fn run<T, F>(&self, work: F) -> Running<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let task = self.spawn(Box::pin(async move { Box::new(work.await) as Box<dyn Any + Send> }));
        Running { task, result: PhantomData }
    }

    /// Apart from [`Client::run`] and without its types: the machinery of a task is in the library once, not once for each verb.
    fn spawn(&self, work: BoxFuture<Box<dyn Any + Send>>) -> BoxFuture<Result<Box<dyn Any + Send>, ClientError>> {
        let task = self.runtime.spawn(work);
        Box::pin(async move { task.await.map_err(ClientError::of_join) })
    }

    /// The verbs about a notification, which have one body for the same reason.
    fn note(&self, id: String, noted: Noted) -> Running<bool> {
        let core = Core::clone(&self.core);
        self.run(async move {
            let answer = match noted {
                Noted::Received => core.notification_received(id).await,
                Noted::Opened => core.notification_opened(id).await.map(|()| true),
                Noted::Asked => core.notification_known(id).await,
            };
            Ok(answer?)
        })
    }
}

/// What an app says of a notification.
#[derive(Clone, Copy)]
enum Noted {
    Received,
    Opened,
    Asked,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A verb under way. By hand: an `async fn` would be in the library once for each verb, not once for each type of result.
struct Running<T> {
    task: BoxFuture<Result<Box<dyn Any + Send>, ClientError>>,
    result: PhantomData<fn() -> T>,
}

impl<T: 'static> Future for Running<T> {
    type Output = Result<T, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.task
            .as_mut()
            .poll(context)
            .map(|done| *done?.downcast().map_err(|_| ClientError::bug("a verb gave another type than its own"))?)
    }
}

/// The app may drop it on any thread. What runs for other clients of the process goes on.
impl Drop for Client {
    fn drop(&mut self) {
        if let Some(monitor) = self.network_monitor.take() {
            // What it throws is the app's own affair, and there is nobody left to tell.
            let _ = monitor.stop();
        }
    }
}

/// Syncs; `stop` ends it with `Stopped` once what is being written is written.
async fn sync_until(
    core: &Core,
    deadline: Duration,
    inner: CoreStop,
    stop: Option<Arc<Stop>>,
) -> Result<SyncReport, ClientError> {
    let mut work = Box::pin(core.sync(deadline, Some(inner.clone())));
    let Some(stop) = stop else { return Ok(work.await?) };
    tokio::select! {
        biased;
        () = stop.stopped() => {
            inner.stop();
            work.await?;
            Err(ClientError::Stopped)
        }
        report = &mut work => Ok(report?),
    }
}

fn guarded<T>(work: impl FnOnce() -> Result<T, ClientError>) -> Result<T, ClientError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(ClientError::of_panic(panic.as_ref())))
}

/// What was done about a damaged database.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct Recovery {
    /// The path of the damaged file; it is kept for support.
    pub set_aside: String,
    /// Operations taken over.
    pub salvaged: u64,
    /// Operations found but not to be trusted: they are listed as dead, `unreadable`.
    pub unreadable: u64,
}

impl From<tarishi_core::Recovery> for Recovery {
    fn from(recovery: tarishi_core::Recovery) -> Self {
        let tarishi_core::Recovery { set_aside, salvaged, unreadable } = recovery;
        Self { set_aside: set_aside.display().to_string(), salvaged, unreadable }
    }
}

/// One of [`Client::enqueue_many`]'s results.
#[derive(Clone, Debug, uniffi::Enum)]
#[expect(clippy::large_enum_variant, reason = "it is written into a buffer at once; uniffi knows no boxes")]
pub enum EnqueueResult {
    /// On disk.
    Stored {
        /// The operation.
        record: OperationRecord,
    },
    /// Not stored; the others were.
    Refused {
        /// Why.
        error: ClientError,
    },
}

impl From<Result<OperationRecord, tarishi_core::Error>> for EnqueueResult {
    fn from(result: Result<OperationRecord, tarishi_core::Error>) -> Self {
        match result {
            Ok(record) => Self::Stored { record },
            Err(error) => Self::Refused { error: error.into() },
        }
    }
}
