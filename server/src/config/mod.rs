//! The operator's settings of the whole server: defaults, then `tarishi.toml`, then the environment (and `.env`), then flags.
//!
//! Settings of one adapter come from here too, but the tenant's row in the database has the last word
//! ([`crate::integrations`]).

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use crate::{
    adapters::{Reach, event},
    chain::Route,
    dispatch::policy::Retry,
    store::{Ms, Retention},
};

mod file;
mod key;
mod load;
mod retry;
mod sandbox;

pub use key::{MasterKey, replace_key_file};
pub use load::{ConfigError, Flags, Sources};
pub use retry::RetryChange;
pub use sandbox::{
    FLUTTERWAVE_WEBHOOK_TOKEN, MPESA_WEBHOOK_TOKEN, PESAPAL_WEBHOOK_TOKEN, SMS_WEBHOOK_TOKEN, WHATSAPP_WEBHOOK_TOKEN,
    is_sandbox_token,
};

/// Where the database is when nobody says.
pub const DATABASE_DEFAULT: &str = "tarishi.db";
/// Where `serve` listens when nobody says.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8080";
const HOUR_MS: Ms = 3_600_000;
const DAY_MS: Ms = 24 * HOUR_MS;

/// Everything the operator decided. `Debug` shows no secret.
#[derive(Clone)]
pub struct Config {
    /// The SQLite file.
    pub database: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Our address as providers see it, without the last slash; absent = `http://` and where we listen.
    pub public_url: Option<String>,
    /// What everything secret derives from.
    pub master_key: MasterKey,
    /// Who may read `/metrics`; absent = anybody who can reach it.
    pub metrics_token: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Networks that are not public and that events may be sent into; absent = none, in the sandbox the loopback.
    pub event_networks: Option<Reach>,
    /// The simulated providers that stand in for the real ones.
    pub sandbox: Option<String>,
    /// What the file says of each adapter.
    pub adapters: BTreeMap<String, AdapterConfig>,
    /// The default tenant's types of notification that the file decides about, complete.
    pub notification_types: BTreeMap<String, Route>,
    /// Environment variables, for the adapters' settings.
    pub environment: BTreeMap<String, String>,
    /// How long an unresolved operation holds its ordering key.
    pub max_hold_ms: Ms,
    /// How long an operation may wait for its provider before a human is asked.
    pub max_wait_ms: Ms,
    /// How long a stopping server waits for its connections, beyond what the calls under way need.
    pub shutdown_grace_ms: Ms,
    /// How long `serve` waits for the lock of its database.
    pub lock_wait_ms: Ms,
    /// How long things are kept.
    pub retention: Retention,
}

/// What the file says of one adapter.
#[derive(Clone, Debug, Default)]
pub struct AdapterConfig {
    /// Switched on or off; absent = on once its required settings are there.
    pub enabled: Option<bool>,
    /// Settings of the default tenant, by name.
    pub settings: BTreeMap<String, Hidden>,
    /// Retries, by action; `*` = every action that is not named.
    pub retry: BTreeMap<String, RetryChange>,
}

/// A text that `Debug` does not show.
#[derive(Clone, Eq, PartialEq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("database", &self.database)
            .field("listen", &self.listen)
            .field("public_url", &self.public_url)
            .field("sandbox", &self.sandbox)
            .field("adapters", &self.adapters)
            .finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: PathBuf::from(DATABASE_DEFAULT),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            master_key: MasterKey::Beside,
            metrics_token: None,
            trusted_proxies: Vec::new(),
            event_networks: None,
            sandbox: None,
            adapters: BTreeMap::new(),
            notification_types: BTreeMap::new(),
            environment: BTreeMap::new(),
            max_hold_ms: 72 * HOUR_MS,
            max_wait_ms: 72 * HOUR_MS,
            shutdown_grace_ms: 5_000,
            lock_wait_ms: 30_000,
            retention: Retention { operations: 90 * DAY_MS, polls: 30 * DAY_MS, webhooks: 7 * DAY_MS },
        }
    }
}

impl Config {
    /// A server in a folder of its own, on a free port, with the simulated providers at `sandbox_url`.
    #[must_use]
    pub fn for_tests(folder: &Path, sandbox_url: &str) -> Self {
        Self {
            database: folder.join(DATABASE_DEFAULT),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            sandbox: Some(sandbox_url.trim_end_matches('/').to_owned()),
            lock_wait_ms: 5_000,
            ..Self::default()
        }
    }

    /// Retries of one action of one adapter: the default, then what the file says of the adapter, then of the action.
    #[must_use]
    pub fn retry(&self, adapter: &str, action: &str) -> Retry {
        let tables = self.adapters.get(adapter).map(|adapter| &adapter.retry);
        let change = |name: &str| tables.and_then(|tables| tables.get(name)).copied().unwrap_or_default();
        let default = match adapter {
            _ if self.sandbox.is_some() => sandbox::RETRY,
            event::NAME => Retry::EVENTS,
            _ => Retry::DEFAULT,
        };
        change(action).over(change(retry::EVERY).over(default))
    }

    /// Where events may be sent.
    #[must_use]
    pub fn event_reach(&self) -> Reach {
        let default = || if self.sandbox.is_some() { sandbox::reach() } else { Reach::default() };
        self.event_networks.clone().unwrap_or_else(default)
    }

    /// Our address as providers see it, without the last slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// What the operator set for one adapter, lowest layer first: the sandbox's waits, the file, the environment, the
    /// sandbox's addresses and credentials. All but the sandbox's are the default tenant's alone.
    #[must_use]
    pub fn adapter_settings(
        &self,
        descriptor: &crate::adapters::Descriptor,
        is_default_tenant: bool,
    ) -> BTreeMap<String, String> {
        let known = |name: &str| descriptor.settings.iter().any(|spec| spec.name == name);
        let mut settings = BTreeMap::new();
        if self.sandbox.is_some() {
            settings.extend(sandbox::waits());
        }
        if is_default_tenant {
            let file = self.adapters.get(descriptor.name).map(|adapter| &adapter.settings);
            settings.extend(file.into_iter().flatten().map(|(name, text)| (name.clone(), text.0.clone())));
            for spec in descriptor.settings {
                let variable = format!("{}{}", descriptor.env_prefix, spec.name.to_ascii_uppercase());
                let given = |name: &str| self.environment.get(name).filter(|text| !text.is_empty());
                if let Some(text) = given(&variable).or_else(|| own_variable(spec.name).and_then(|name| given(&name))) {
                    settings.insert(spec.name.to_owned(), text.clone());
                }
            }
        }
        if let Some(url) = &self.sandbox {
            settings.extend(sandbox::credentials(descriptor.name, url));
            settings.entry("root".to_owned()).or_insert_with(|| sandbox::files(&self.database));
        }
        settings.retain(|name, _| known(name));
        settings
    }
}

/// Settings of an adapter that speaks to several providers are also known by their provider's name alone: `FCM_…`, `APNS_…`.
fn own_variable(setting: &str) -> Option<String> {
    (setting.starts_with("fcm_") || setting.starts_with("apns_")).then(|| setting.to_ascii_uppercase())
}

#[cfg(test)]
mod tests;
