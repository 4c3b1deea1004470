//! What every part of the server shares.

use std::{
    collections::{BTreeMap, HashMap},
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters::{Adapter, Outbound, event, registry},
    clock::Clock,
    config::{Config, ConfigError},
    dispatch::{Dispatcher, tokens::Tokens},
    feed::Hub,
    http::Healths,
    integrations::Integrations,
    observe::Metrics,
    store::{self, Ms, Store, TenantRow, TypeRow},
    vault::Vault,
};

/// The tenant that always exists; the environment's credentials are its own.
pub const DEFAULT_TENANT: &str = "default";

/// What every part of the server shares.
pub struct App {
    /// What the server remembers.
    pub store: Arc<dyn Store>,
    /// The adapters of this build.
    pub adapters: BTreeMap<&'static str, Arc<dyn Adapter>>,
    deliveries: Arc<dyn Adapter>,
    /// The time.
    pub clock: Clock,
    /// What the operator decided.
    pub config: Config,
    /// What is secret.
    pub vault: Vault,
    /// The way out.
    pub outbound: Outbound,
    /// Who is woken by what.
    pub wake: Wake,
    /// What is under way.
    pub(crate) dispatcher: Dispatcher,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// The tenants' adapter settings, for a moment.
    pub integrations: Integrations,
    /// What providers said of their health, for a moment.
    pub healths: Healths,
    /// Counters.
    pub metrics: Metrics,
    /// Devices seen since the last flush.
    pub seen: Seen,
    /// Devices that wait for news.
    pub hub: Hub,
    /// Access tokens of providers.
    pub tokens: Tokens,
    /// Held while a device's token is replaced: two requests with one old token must not make two new ones.
    pub rotation: tokio::sync::Mutex<()>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl App {
    /// An app on an open store.
    ///
    /// # Errors
    /// There is no master key.
    pub fn new(config: Config, store: Arc<dyn Store>, clock: Clock) -> Result<Self, ConfigError> {
        let vault = Vault::new(config.master_key.ring(&config.database)?, config.master_key.file(&config.database));
        Ok(Self {
            store,
            adapters: registry(),
            deliveries: Arc::new(event::Deliveries),
            clock,
            vault,
            outbound: Outbound::reaching(config.event_reach()),
            wake: Wake::default(),
            dispatcher: Dispatcher::default(),
            shutdown: CancellationToken::new(),
            integrations: Integrations::default(),
            healths: Healths::default(),
            metrics: Metrics::default(),
            seen: Seen::default(),
            hub: Hub::default(),
            tokens: Tokens::default(),
            rotation: tokio::sync::Mutex::default(),
            config,
        })
    }

    /// Makes the default tenant, if this store is new, and takes the root of all names from the store.
    ///
    /// # Errors
    /// The store failed, or the master key is not this store's: with another root a payment under way would get another name.
    pub async fn prepare(&self) -> store::Result<()> {
        let root = match self.store.sealed_root().await? {
            Some(root) => root,
            None => {
                let root = self.vault.sealed_first_root();
                let root =
                    root.ok_or_else(|| store::Error::Key("a database begins with key 1, which is not here".to_owned()))?;
                self.store.keep_root(root).await?
            }
        };
        let foreign = |error| store::Error::Key(format!("it is not this database's ({error})"));
        self.vault.adopt_root(&root).map_err(foreign)?;
        let tenant =
            TenantRow { tenant: DEFAULT_TENANT.to_owned(), name: "Default".to_owned(), created_at: self.clock.now_ms() };
        self.store.create_tenant(tenant).await?;
        self.decide_as_configured().await
    }

    /// What the file decides about the default tenant's notifications holds from the start on; what it does not name stays.
    async fn decide_as_configured(&self) -> store::Result<()> {
        for (name, route) in &self.config.notification_types {
            let known = self.store.notification_type(DEFAULT_TENANT, name).await?;
            if known.is_some_and(|known| known.route == *route) {
                continue;
            }
            let (name, route) = (name.clone(), route.clone());
            let row = TypeRow { tenant: DEFAULT_TENANT.to_owned(), name, route, updated_at: self.clock.now_ms() };
            self.store.put_notification_type(row).await?;
        }
        Ok(())
    }

    /// The adapter of an operation: one of the registry, or the server's own, which tells of events.
    #[must_use]
    pub fn adapter(&self, name: &str) -> Option<&Arc<dyn Adapter>> {
        self.adapters.get(name).or_else(|| event::subscription_of(name).map(|_| &self.deliveries))
    }

    /// The action changes something at its provider, so a request must name its effect by a key.
    #[must_use]
    pub fn has_effect(&self, adapter: &str, action: &str) -> bool {
        self.adapters
            .get(adapter)
            .and_then(|adapter| adapter.descriptor().action(action))
            .is_some_and(|action| action.has_effect)
    }
}

/// Who is woken by what. Waking only shortens waits; nothing relies on it.
#[derive(Debug)]
pub struct Wake {
    /// Something may be due.
    pub dispatch: Notify,
    feed: watch::Sender<u64>,
}

impl Default for Wake {
    fn default() -> Self {
        Self { dispatch: Notify::new(), feed: watch::Sender::new(0) }
    }
}

impl Wake {
    /// Something may be due now.
    pub fn dispatch_now(&self) {
        self.dispatch.notify_one();
    }

    /// Some feed moved.
    pub fn feed_moved(&self) {
        self.feed.send_modify(|moves| *moves = moves.wrapping_add(1));
    }

    /// Changes whenever some feed moves.
    #[must_use]
    pub fn feed_subscribe(&self) -> watch::Receiver<u64> {
        self.feed.subscribe()
    }
}

/// When devices were last seen; written once a minute, so that an empty poll writes nothing.
#[derive(Debug, Default)]
pub struct Seen(Mutex<HashMap<(String, String), Ms>>);

impl Seen {
    /// This device was here now.
    pub fn note(&self, tenant: &str, device: &str, now: Ms) {
        self.map().insert((tenant.to_owned(), device.to_owned()), now);
    }

    /// Everything noted since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<(String, String, Ms)> {
        mem::take(&mut *self.map()).into_iter().map(|((tenant, device), at)| (tenant, device, at)).collect()
    }

    /// Puts back what could not be written; what was noted since is newer and stays.
    pub fn put_back(&self, seen: Vec<(String, String, Ms)>) {
        let mut map = self.map();
        for (tenant, device, at) in seen {
            map.entry((tenant, device)).or_insert(at);
        }
    }

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Ms>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_flush_forgets_no_device() {
        let seen = Seen::default();
        seen.note("t", "a", 1);
        seen.note("t", "b", 1);
        let taken = seen.take();
        seen.note("t", "a", 5);

        seen.put_back(taken);

        let mut all = seen.take();
        all.sort();
        assert_eq!(all, [("t".to_owned(), "a".to_owned(), 5), ("t".to_owned(), "b".to_owned(), 1)]);
    }
}
