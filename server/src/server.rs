//! The server as a whole: lock, store, HTTP, dispatcher, janitor; started and stopped in order.
//!
//! Stopping: no new connections, no new claims, then a wait for the calls under way (each has a deadline), then the store.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::DropGuard;

use crate::{
    app::App,
    clock::Clock,
    config::{Config, ConfigError},
    credentials::TOKEN_LIFE_MS,
    dispatch, feed, http,
    store::{
        self,
        sqlite::{ServeLock, SqliteStore},
    },
};

/// How often it is written when devices were last seen.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened or is in use.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    addr: SocketAddr,
    tasks: Vec<(&'static str, JoinHandle<()>)>,
    http: JoinHandle<()>,
    _stop_if_dropped: DropGuard,
    _lock: ServeLock,
}

impl Server {
    /// Starts; the server listens when this returns.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_at(config, Clock::system()).await
    }

    /// Starts with this clock.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start_at(mut config: Config, clock: Clock) -> Result<Self, StartError> {
        let wait = Duration::from_millis(config.lock_wait_ms.unsigned_abs());
        let lock = lock(&config, wait).await?;
        let store = Arc::new(open(&config)?);
        let listener = TcpListener::bind(config.listen).await.map_err(|error| StartError::Listen(config.listen, error))?;
        config.listen = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
        let addr = config.listen;
        store.take_over(clock.now_ms()).await?;
        let app = Arc::new(App::new(config, store, clock)?);
        app.prepare().await?;
        app.store.note_serving_keys(app.vault.ring().ids().collect()).await?;
        app.register_webhook_tokens().await?;
        let http = tokio::spawn(serve(listener, Arc::clone(&app)));
        let tasks = vec![
            ("dispatch", tokio::spawn(dispatch::run(Arc::clone(&app)))),
            ("feed", tokio::spawn(wake_held(Arc::clone(&app)))),
            ("janitor", tokio::spawn(dispatch::janitor::run(Arc::clone(&app)))),
            ("last seen", tokio::spawn(flush_seen(Arc::clone(&app)))),
        ];
        let _stop_if_dropped = app.shutdown.clone().drop_guard();
        Ok(Self { app, addr, tasks, http, _stop_if_dropped, _lock: lock })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://` and where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Its parts.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Stops in order and returns when everything is on disk and the lock is free.
    pub async fn stop(self) {
        let Self { app, tasks, mut http, _lock, .. } = self;
        app.shutdown.cancel();
        let grace = Duration::from_millis(app.config.shutdown_grace_ms.unsigned_abs());
        if tokio::time::timeout(grace, &mut http).await.is_err() {
            tracing::warn!("some connections did not end in time");
            http.abort();
        }
        for (name, task) in tasks {
            if let Err(error) = task.await {
                tracing::error!(task = name, %error, "a task ended badly");
            }
        }
        write_seen(&app).await;
        app.store.close().await;
    }
}

/// An app beside a server that may be running: no lock, no tasks. With `alone`, what a server left open is taken over.
///
/// # Errors
/// See [`StartError`].
pub async fn beside(config: Config, alone: Option<&ServeLock>) -> Result<App, StartError> {
    let (store, clock) = (Arc::new(open(&config)?), Clock::system());
    if alone.is_some() {
        store.take_over(clock.now_ms()).await?;
    }
    let app = App::new(config, store, clock)?;
    app.prepare().await?;
    Ok(app)
}

/// Takes the lock of the database, waiting this long for it.
///
/// # Errors
/// [`store::Error::Locked`].
pub async fn lock(config: &Config, wait: Duration) -> Result<ServeLock, StartError> {
    make_folder(config)?;
    Ok(SqliteStore::lock(&config.database, wait).await?)
}

fn open(config: &Config) -> Result<SqliteStore, StartError> {
    make_folder(config)?;
    Ok(SqliteStore::open(&config.database)?)
}

fn make_folder(config: &Config) -> Result<(), StartError> {
    match config.database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => Ok(std::fs::create_dir_all(folder).map_err(store::Error::Io)?),
        Some(_) | None => Ok(()),
    }
}

async fn serve(listener: TcpListener, app: Arc<App>) {
    let stopped = app.shutdown.clone().cancelled_owned();
    let service = http::router(app).into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "listening failed");
    }
}

async fn wake_held(app: Arc<App>) {
    feed::run(&app).await;
}

async fn flush_seen(app: Arc<App>) {
    while !elapsed_or_stopped(&app, tokio::time::sleep(SEEN_EVERY)).await {
        write_seen(&app).await;
    }
}

async fn elapsed_or_stopped(app: &App, elapsed: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = app.shutdown.cancelled() => true,
        () = elapsed => false,
    }
}

async fn write_seen(app: &App) {
    let seen = app.seen.take();
    if seen.is_empty() {
        return;
    }
    if let Err(error) = app.store.touch_devices(seen.clone(), app.clock.now_ms() + TOKEN_LIFE_MS).await {
        tracing::warn!(%error, "when devices were seen could not be written");
        app.seen.put_back(seen);
    }
}
