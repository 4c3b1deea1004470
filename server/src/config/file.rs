//! The shape of `tarishi.toml`, and of the environment and flags that are laid over it.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use serde::Deserialize;

use super::{AdapterConfig, Config, ConfigError, Hidden, MasterKey, RetryChange};
use crate::{
    adapters::Reach,
    chain::{Route, route::check_name},
    store::Ms,
};

const DAY_MS: Ms = 24 * 3_600_000;

/// Everything that may be said; what is left out keeps its default.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Layers {
    database: Option<PathBuf>,
    listen: Option<String>,
    public_url: Option<String>,
    master_key: Option<String>,
    metrics_token: Option<String>,
    trusted_proxies: Option<Proxies>,
    event_networks: Option<String>,
    sandbox: Option<String>,
    max_hold_ms: Option<u32>,
    max_wait_ms: Option<u32>,
    shutdown_grace_ms: Option<u32>,
    lock_wait_ms: Option<u32>,
    keep_operations_days: Option<u16>,
    keep_polls_days: Option<u16>,
    keep_webhooks_days: Option<u16>,
    adapters: BTreeMap<String, AdapterLayer>,
    notifications: NotificationsLayer,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NotificationsLayer {
    types: BTreeMap<String, Route>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AdapterLayer {
    enabled: Option<bool>,
    settings: BTreeMap<String, Scalar>,
    retry: BTreeMap<String, RetryChange>,
}

/// TOML has numbers and booleans where the environment has texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Whole(i64),
    Yes(bool),
}

/// A list in the file, a comma list in the environment.
#[derive(Deserialize)]
#[serde(untagged)]
enum Proxies {
    List(Vec<IpAddr>),
    Text(String),
}

impl Layers {
    pub(super) fn into_config(self, environment: BTreeMap<String, String>) -> Result<Config, ConfigError> {
        let base = Config { environment, ..Config::default() };
        let mut retention = base.retention;
        let days = |days: Option<u16>, kept: &mut Ms| *kept = days.map_or(*kept, |days| Ms::from(days) * DAY_MS);
        days(self.keep_operations_days, &mut retention.operations);
        days(self.keep_polls_days, &mut retention.polls);
        days(self.keep_webhooks_days, &mut retention.webhooks);
        Ok(Config {
            database: self.database.unwrap_or(base.database),
            listen: self.listen.map_or(Ok(base.listen), |text| text.parse().map_err(|_| ConfigError::Listen(text)))?,
            public_url: self.public_url.map(|url| address("public_url", &url)).transpose()?,
            master_key: self.master_key.map_or(Ok(MasterKey::Beside), |text| MasterKey::parse(&text))?,
            metrics_token: self.metrics_token,
            trusted_proxies: self.trusted_proxies.map_or(Ok(Vec::new()), Proxies::read)?,
            event_networks: self.event_networks.map(|text| networks(&text)).transpose()?,
            sandbox: self.sandbox.map(|url| address("sandbox", &url)).transpose()?,
            adapters: self.adapters.into_iter().map(|(name, layer)| (name, layer.into())).collect(),
            notification_types: self.notifications.types.into_iter().map(complete).collect::<Result<_, _>>()?,
            max_hold_ms: self.max_hold_ms.map_or(base.max_hold_ms, Ms::from),
            max_wait_ms: self.max_wait_ms.map_or(base.max_wait_ms, Ms::from),
            shutdown_grace_ms: self.shutdown_grace_ms.map_or(base.shutdown_grace_ms, Ms::from),
            lock_wait_ms: self.lock_wait_ms.map_or(base.lock_wait_ms, Ms::from),
            retention,
            environment: base.environment,
        })
    }
}

/// A type of notification with everything said.
fn complete((name, route): (String, Route)) -> Result<(String, Route), ConfigError> {
    if let Err(problem) = check_name(&name) {
        return Err(ConfigError::Route(name, problem.detail));
    }
    match route.complete() {
        Ok(route) => Ok((name, route)),
        Err(problem) => {
            let field = problem.field.map_or_else(|| name.clone(), |field| format!("{name}.{field}"));
            Err(ConfigError::Route(field, problem.detail))
        }
    }
}

impl From<AdapterLayer> for AdapterConfig {
    fn from(layer: AdapterLayer) -> Self {
        let texts = layer.settings.into_iter().map(|(name, value)| (name, Hidden(value.text())));
        Self { enabled: layer.enabled, settings: texts.collect(), retry: layer.retry }
    }
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Yes(yes) => yes.to_string(),
        }
    }
}

impl Proxies {
    fn read(self) -> Result<Vec<IpAddr>, ConfigError> {
        match self {
            Self::List(list) => Ok(list),
            Self::Text(text) => text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| part.parse().map_err(|_| ConfigError::Proxy(part.to_owned())))
                .collect(),
        }
    }
}

fn networks(text: &str) -> Result<Reach, ConfigError> {
    Reach::parse(text).map_err(|_| ConfigError::Networks(text.to_owned()))
}

fn address(setting: &'static str, url: &str) -> Result<String, ConfigError> {
    let good = reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none());
    if good { Ok(url.trim_end_matches('/').to_owned()) } else { Err(ConfigError::Url(setting, url.to_owned())) }
}
