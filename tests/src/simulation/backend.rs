//! The server of one run: the real intake, store and dispatch on a real file, driven a step at a time.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use tarishi_protocol::OperationId;
use tarishi_server::{
    App, Config,
    app::DEFAULT_TENANT,
    clock::Clock,
    config::{AdapterConfig, MasterKey, SMS_WEBHOOK_TOKEN},
    dispatch::{
        policy::Retry,
        step,
        webhook::{self, Incoming, Route},
    },
    store::{Ms, OperationRow, sqlite::SqliteStore},
    vault::KeyRing,
};
use tokio::task::JoinHandle;

use super::{
    adapters::registry,
    books::{Address, Callback, Provider},
};
use crate::harness::{Error, Result};

const CLAIM_MS: Ms = 15_000;
/// Jitter is not seeded, so waits are too short for it to matter.
const RETRY: Retry = Retry { attempts_max: 12, base_ms: 2, factor: 1.0, cap_ms: 2, ..Retry::DEFAULT };

/// A step that hangs in its provider, by the number of the hang.
type Hung = BTreeMap<u64, JoinHandle<tarishi_server::store::Result<()>>>;

pub(super) struct Backend {
    pub(super) app: Arc<App>,
    pub(super) provider: Arc<Provider>,
    folder: PathBuf,
    hung: Hung,
}

impl Backend {
    pub(super) async fn open(folder: PathBuf, clock: Clock, provider: Arc<Provider>) -> Result<Self> {
        let app = open(&folder, clock, &provider).await?;
        Ok(Self { app, provider, folder, hung: Hung::new() })
    }

    /// The process dies with everything that is under way, and another takes over.
    pub(super) async fn crash(&mut self) -> Result<()> {
        self.provider.books().hangs.clear();
        for (_, step) in std::mem::take(&mut self.hung) {
            step.abort();
            // Aborted: there is nothing to learn from it.
            let _ = step.await;
        }
        self.quiet().await;
        self.app.store.close().await;
        self.app = open(&self.folder, self.app.clock.clone(), &self.provider).await?;
        webhook::drain(&self.app).await;
        Ok(())
    }

    /// One round of dispatch; each claimed operation is taken a step unless `skip` says that its worker sleeps.
    pub(super) async fn round(&mut self, limit: u32, mut skip: impl FnMut() -> bool) -> Result<usize> {
        let now = self.app.clock.now_ms();
        let store = Arc::clone(&self.app.store);
        store.expire_due(now).await?;
        let mut steps = 0;
        for lane in store.due_lanes(now, 64).await? {
            for row in store.claim(&lane.tenant, &lane.adapter, now, now + CLAIM_MS, limit).await? {
                if !skip() {
                    steps += 1;
                    self.step(row).await?;
                }
            }
        }
        Ok(steps)
    }

    async fn step(&mut self, row: OperationRow) -> Result<()> {
        let app = Arc::clone(&self.app);
        let mut task = tokio::spawn(async move { step(&app, row).await });
        tokio::select! {
            biased;
            done = &mut task => done??,
            () = self.provider.hung.notified() => {
                let id = self.provider.books().hangs.last().map(|hang| hang.id);
                self.hung.insert(id.ok_or_else(|| Error::from("a call hangs and is not there"))?, task);
            }
        }
        Ok(())
    }

    /// A call that hung goes on; says which operation's.
    pub(super) async fn let_go(&mut self, index: usize) -> Result<OperationId> {
        let hang = self.provider.books().hangs.swap_remove(index);
        let (id, operation) = (hang.id, hang.operation);
        hang.let_go();
        if let Some(task) = self.hung.remove(&id) {
            task.await??;
        }
        Ok(operation)
    }

    /// A provider calls back.
    pub(super) async fn call_back(&self, callback: Callback) -> Result<()> {
        let route = match &callback.address {
            Address::Reports => Route::Token { token: SMS_WEBHOOK_TOKEN.to_owned() },
            Address::Url(url) => {
                let mut parts = url.rsplit('/');
                let (token, attempt) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                Route::Attempt { attempt: attempt.parse()?, token: token.to_owned() }
            }
        };
        let incoming = Incoming {
            route,
            rest: String::new(),
            query: String::new(),
            headers: Vec::new(),
            peer: None,
            body: callback.body.into_bytes(),
        };
        webhook::receive(&self.app, incoming).await.map_err(|problem| format!("a callback was refused: {problem}"))?;
        self.quiet().await;
        Ok(())
    }

    /// Waits until nothing runs but what hangs: a step, and the call in it.
    async fn quiet(&self) {
        let metrics = tokio::runtime::Handle::current().metrics();
        while metrics.num_alive_tasks() > 2 * self.hung.len() {
            tokio::task::yield_now().await;
        }
    }

    /// Everything in the books of the store that should not be. Nobody dispatches between two jumps of the clock, so what
    /// is overdue says nothing.
    pub(super) async fn findings(&self) -> Result<Vec<String>> {
        let mut findings = self.app.store.doctor(self.app.clock.now_ms()).await?;
        findings.retain(|finding| !finding.contains("overdue"));
        Ok(findings)
    }

    pub(super) async fn end(mut self) {
        self.provider.books().hangs.clear();
        for (_, step) in std::mem::take(&mut self.hung) {
            step.abort();
        }
        self.app.store.close().await;
    }
}

async fn open(folder: &std::path::Path, clock: Clock, provider: &Arc<Provider>) -> Result<Arc<App>> {
    let mut config = Config::for_tests(folder, "http://simulated.invalid");
    config.master_key = MasterKey::Given(KeyRing::one([7; 32]));
    let actions = [("mpesa", "charge"), ("flutterwave", "charge"), ("sms", "send"), ("local_storage", "upload")];
    for (adapter, action) in actions {
        let retry = BTreeMap::from([(action.to_owned(), RETRY.into())]);
        config.adapters.insert(adapter.to_owned(), AdapterConfig { retry, ..AdapterConfig::default() });
    }
    let store = SqliteStore::open(&config.database)?;
    store.take_over(clock.now_ms()).await?;
    let mut app = App::new(config, Arc::new(store), clock)?;
    app.adapters = registry(provider);
    app.prepare().await?;
    app.register_webhook_tokens().await?;
    Ok(Arc::new(app))
}

/// The tenant of all runs.
pub(super) const TENANT: &str = DEFAULT_TENANT;
