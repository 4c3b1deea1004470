//! Reads the layers. The environment is an argument, so that tests have one of their own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Format as _, Serialized, Toml},
};
use serde::Serialize;

use super::{Config, file::Layers};

/// Variables that are texts whatever they look like.
const TEXTS: [&str; 8] =
    ["database", "listen", "public_url", "master_key", "metrics_token", "trusted_proxies", "event_networks", "sandbox"];
/// Variables that are numbers.
const NUMBERS: [&str; 7] = [
    "max_hold_ms",
    "max_wait_ms",
    "shutdown_grace_ms",
    "lock_wait_ms",
    "keep_operations_days",
    "keep_polls_days",
    "keep_webhooks_days",
];
const PREFIX: &str = "TARISHI_";
/// The file that is read when it is there and nobody names another.
const FILE_DEFAULT: &str = "tarishi.toml";

/// What the command line says of the configuration; the last word.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Flags {
    /// `--database`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<PathBuf>,
    /// `--listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// `--sandbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
}

/// Where the configuration comes from.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config` or `TARISHI_CONFIG`; absent = `tarishi.toml` here, if it is there.
    pub file: Option<PathBuf>,
    /// The environment's variables.
    pub environment: BTreeMap<String, String>,
    /// The command line.
    pub flags: Flags,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("file", &self.file).field("flags", &self.flags).finish_non_exhaustive()
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or a variable is wrong.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(Box<figment::Error>),
    /// A named file is not there.
    #[error("there is no file {0}")]
    NoFile(PathBuf),
    /// The master key is none.
    #[error("the master key must be 32 bytes in base64, or several as ID:BASE64 behind commas, the current one first")]
    MasterKey,
    /// The master key's file cannot be read or made.
    #[error("the master key's file {0} failed: {1}")]
    KeyFile(PathBuf, std::io::Error),
    /// No address to listen on.
    #[error("cannot listen on `{0}`: an address and a port are needed, as 127.0.0.1:8080")]
    Listen(String),
    /// No URL.
    #[error("{0} must be an http or https address without a query, not `{1}`")]
    Url(&'static str, String),
    /// No address of a proxy.
    #[error("`{0}` in trusted_proxies is no IP address")]
    Proxy(String),
    /// No list of networks.
    #[error("`{0}` in event_networks is no comma list of addresses and networks, as 10.0.0.0/8")]
    Networks(String),
    /// A type of notification that cannot be.
    #[error("notifications.types.{0}: {1}")]
    Route(String, String),
    /// Retries that make no sense.
    #[error("{0}: {1}")]
    Retry(String, String),
}

impl Sources {
    /// The process's environment with `.env` beneath it; an unreadable `.env` line is skipped.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>, flags: Flags) -> Self {
        let mut environment = BTreeMap::new();
        if let Ok(lines) = dotenvy::dotenv_iter() {
            environment.extend(lines.flatten());
        }
        environment
            .extend(std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?))));
        Self { file, environment, flags }
    }
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let Sources { file, environment, flags } = sources;
        let named = file.or_else(|| environment.get("TARISHI_CONFIG").map(PathBuf::from));
        let mut figment = Figment::new();
        match named {
            Some(path) if !path.is_file() => return Err(ConfigError::NoFile(path)),
            Some(path) => figment = figment.merge(Toml::file_exact(path)),
            None if Path::new(FILE_DEFAULT).is_file() => figment = figment.merge(Toml::file_exact(FILE_DEFAULT)),
            None => {}
        }
        let layers: Layers = figment
            .merge(Serialized::defaults(variables(&environment)))
            .merge(Serialized::defaults(flags))
            .extract()
            .map_err(|error| ConfigError::Unreadable(Box::new(error)))?;
        let config = layers.into_config(environment)?;
        super::retry::check(&config)?;
        Ok(config)
    }
}

/// Our own variables, without the prefix.
fn variables(environment: &BTreeMap<String, String>) -> BTreeMap<String, figment::value::Value> {
    let mut variables = BTreeMap::new();
    for (variable, text) in environment {
        let Some(name) = variable.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else { continue };
        if text.is_empty() {
            continue;
        }
        if TEXTS.contains(&name.as_str()) {
            variables.insert(name, text.clone().into());
        } else if NUMBERS.contains(&name.as_str()) {
            let value = text.parse::<u32>().map_or_else(|_| text.clone().into(), Into::into);
            variables.insert(name, value);
        }
    }
    variables
}
