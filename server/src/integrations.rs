//! What one adapter of one tenant works with: the operator's settings under the tenant's own.
//!
//! Layers, lowest first: the configuration ([`Config::adapter_settings`](crate::Config::adapter_settings)), then the tenant's
//! row in the database, whose credentials are sealed. Kept for [`KEPT_MS`]; a change made here counts at once, one made by
//! another process after that time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    adapters::{Descriptor, Settings, event},
    app::{App, DEFAULT_TENANT},
    store::{self, IntegrationRow, Ms, SealedKind},
};

/// How long settings are kept in memory.
pub const KEPT_MS: Ms = 5_000;
/// Settings kept in memory, at most; more, and all are read again.
const KEPT_MAX: usize = 10_000;

/// What an adapter of one tenant works with.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    /// Operations may be sent to it.
    pub enabled: bool,
    /// Settings and credentials.
    pub settings: Settings,
    /// Actions the operator paused.
    pub paused: BTreeSet<String>,
}

/// The tenants' adapter settings, for a moment.
#[derive(Default)]
pub struct Integrations(Mutex<Kept>);

/// By tenant and adapter: when it was read, and what.
type Kept = HashMap<(String, &'static str), (Ms, Effective)>;

impl fmt::Debug for Integrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Integrations")
    }
}

impl Integrations {
    fn map(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change of a tenant's settings: what is absent stays, a text that is `None` is removed.
#[derive(Clone, Default)]
pub struct Change {
    /// On, off, or by completeness.
    pub enabled: Option<Option<bool>>,
    /// Settings and credentials by name; the adapter's schema says which are sealed.
    pub settings: BTreeMap<String, Option<String>>,
    /// The actions to pause, all of them.
    pub paused: Option<BTreeSet<String>>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("enabled", &self.enabled)
            .field("settings", &self.settings.keys())
            .finish_non_exhaustive()
    }
}

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No such adapter in this build.
    #[error("there is no adapter of this name")]
    UnknownAdapter,
    /// The adapter has no such setting.
    #[error("the adapter has no setting {0}")]
    UnknownSetting(String),
    /// The adapter has no such action.
    #[error("the adapter has no action {0}")]
    UnknownAction(String),
    /// The settings do not work.
    #[error("{0}")]
    Invalid(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl App {
    /// What an adapter of one tenant works with; `None` = no such adapter in this build.
    ///
    /// # Errors
    /// The store failed, or the credentials do not open.
    pub async fn effective(&self, tenant: &str, adapter: &str) -> store::Result<Option<Effective>> {
        if let Some(id) = event::subscription_of(adapter) {
            return self.receiver(tenant, id).await.map(Some);
        }
        let Some(descriptor) = self.adapters.get(adapter).map(|adapter| *adapter.descriptor()) else { return Ok(None) };
        let now = self.clock.now_ms();
        let key = (tenant.to_owned(), descriptor.name);
        if let Some((read_at, effective)) = self.integrations.map().get(&key)
            && now - read_at < KEPT_MS
        {
            return Ok(Some(effective.clone()));
        }
        let row = self.store.integration(tenant, adapter).await?;
        let effective = self.combine(tenant, &descriptor, row.as_ref())?;
        let mut map = self.integrations.map();
        if map.len() >= KEPT_MAX {
            map.clear();
        }
        map.insert(key, (now, effective.clone()));
        Ok(Some(effective))
    }

    /// Changes a tenant's settings for one adapter, all or nothing.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub async fn change_integration(&self, tenant: &str, adapter: &str, change: Change) -> Result<Effective, ChangeError> {
        let found = self.adapters.get(adapter).ok_or(ChangeError::UnknownAdapter)?;
        let descriptor = *found.descriptor();
        let row = self.store.integration(tenant, adapter).await?;
        let row = self.changed(tenant, &descriptor, row, change)?;
        let effective = self.combine(tenant, &descriptor, Some(&row))?;
        let complete = missing(&descriptor, &effective.settings).is_empty() && found.is_complete(&effective.settings);
        if complete || row.enabled == Some(true) {
            found.check_settings(&effective.settings).map_err(|error| ChangeError::Invalid(error.message))?;
        }
        self.store.put_integration(row).await?;
        self.register_webhook_token(tenant, descriptor.name, &effective.settings).await?;
        self.integrations.map().remove(&(tenant.to_owned(), descriptor.name));
        self.wake.dispatch_now();
        Ok(effective)
    }

    /// Makes the webhook tokens in all tenants' settings known, so that their paths are found.
    ///
    /// # Errors
    /// The store failed.
    pub async fn register_webhook_tokens(&self) -> store::Result<()> {
        for tenant in self.store.tenants().await? {
            for adapter in self.adapters.values().filter(|adapter| adapter.descriptor().webhooks) {
                let name = adapter.descriptor().name;
                match self.effective(&tenant.tenant, name).await {
                    Ok(Some(effective)) => self.register_webhook_token(&tenant.tenant, name, &effective.settings).await?,
                    Ok(None) => {}
                    Err(error) => tracing::warn!(tenant = tenant.tenant, adapter = name, %error, "settings cannot be read"),
                }
            }
        }
        Ok(())
    }

    async fn register_webhook_token(&self, tenant: &str, adapter: &str, settings: &Settings) -> store::Result<()> {
        match settings.get("webhook_token") {
            // The sandbox's fixed token is the default tenant's; a token names one tenant.
            Some(token) if tenant != DEFAULT_TENANT && crate::config::is_sandbox_token(token) => Ok(()),
            Some(token) => self.store.put_webhook_token(tenant, adapter, crate::vault::Vault::token_hash(token)).await,
            None => Ok(()),
        }
    }

    fn combine(&self, tenant: &str, descriptor: &Descriptor, row: Option<&IntegrationRow>) -> store::Result<Effective> {
        let is_default = tenant == DEFAULT_TENANT;
        let mut settings = self.config.adapter_settings(descriptor, is_default);
        if let Some(row) = row {
            settings.extend(texts(&row.settings)?);
            settings.extend(self.credentials(row)?);
        }
        let settings = Settings(settings);
        let by_file = self.config.adapters.get(descriptor.name).and_then(|adapter| adapter.enabled).filter(|_| is_default);
        let enabled = row.and_then(|row| row.enabled).or(by_file);
        let complete = || {
            let adapter = self.adapters.get(descriptor.name);
            missing(descriptor, &settings).is_empty() && adapter.is_none_or(|adapter| adapter.is_complete(&settings))
        };
        let enabled = enabled.unwrap_or_else(complete);
        Ok(Effective { enabled, settings, paused: row.map(|row| row.paused.clone()).unwrap_or_default() })
    }

    fn credentials(&self, row: &IntegrationRow) -> store::Result<BTreeMap<String, String>> {
        let Some(sealed) = &row.credentials else { return Ok(BTreeMap::new()) };
        let opened = self.vault.open(&row.tenant, &purpose(&row.adapter), sealed);
        let opened = opened.map_err(|error| store::Error::Damaged(format!("credentials of {}: {error}", row.adapter)))?;
        texts(&String::from_utf8_lossy(&opened))
    }

    fn changed(
        &self,
        tenant: &str,
        descriptor: &Descriptor,
        row: Option<IntegrationRow>,
        change: Change,
    ) -> Result<IntegrationRow, ChangeError> {
        let mut row = row.unwrap_or_else(|| IntegrationRow {
            tenant: tenant.to_owned(),
            adapter: descriptor.name.to_owned(),
            enabled: None,
            paused: BTreeSet::new(),
            settings: "{}".to_owned(),
            credentials: None,
        });
        let mut plain = texts(&row.settings)?;
        let mut secret = self.credentials(&row)?;
        for (name, text) in change.settings {
            let spec = descriptor.settings.iter().find(|spec| spec.name == name);
            let spec = spec.ok_or_else(|| ChangeError::UnknownSetting(name.clone()))?;
            let texts = if spec.secret { &mut secret } else { &mut plain };
            match text {
                Some(text) => texts.insert(name, text),
                None => texts.remove(&name),
            };
        }
        if let Some(paused) = change.paused {
            if let Some(action) = paused.iter().find(|action| descriptor.action(action).is_none()) {
                return Err(ChangeError::UnknownAction(action.clone()));
            }
            row.paused = paused;
        }
        row.enabled = change.enabled.unwrap_or(row.enabled);
        row.settings = json(&plain);
        row.credentials =
            (!secret.is_empty()).then(|| self.vault.seal(tenant, &purpose(descriptor.name), json(&secret).as_bytes()));
        Ok(row)
    }
}

/// The required settings that are not there.
#[must_use]
pub fn missing(descriptor: &Descriptor, settings: &Settings) -> Vec<&'static str> {
    descriptor.settings.iter().filter(|spec| spec.required && settings.get(spec.name).is_none()).map(|spec| spec.name).collect()
}

fn purpose(adapter: &str) -> String {
    SealedKind::Credentials.purpose(adapter)
}

fn texts(json: &str) -> store::Result<BTreeMap<String, String>> {
    serde_json::from_str(json).map_err(|_| store::Error::Damaged("settings of an adapter".to_owned()))
}

fn json(texts: &BTreeMap<String, String>) -> String {
    serde_json::to_string(texts).expect("texts are JSON")
}
