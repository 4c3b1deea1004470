//! Echo's settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use super::super::{
    AdapterError, SettingSpec, Settings, address,
    settings::{plain, secret},
};

const PRODUCTION: &str = "https://api.echo.example";
const POLL: Duration = Duration::from_secs(30);
/// Echo's page: a text that was taken can be asked about within a minute.
pub(super) const SETTLE_AFTER: Duration = Duration::from_secs(60);

pub(super) const SETTINGS: &[SettingSpec] = &[
    secret("api_key", true, "our key at Echo"),
    secret("webhook_secret", true, "what Echo signs its webhooks with"),
    plain("base_url", false, "another host, for tests; http only on the loopback"),
    plain("poll_ms", false, "how long between questions; default 30000"),
    plain("settle_after_ms", false, "how long after a lost call \"unknown_key\" is believed; default 60000"),
];

/// What a call needs.
pub(super) struct Config<'a> {
    pub(super) base_url: String,
    pub(super) api_key: &'a str,
    pub(super) webhook_secret: &'a str,
    pub(super) poll: Duration,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        Ok(Self {
            base_url: address::base_url("base_url", settings.get("base_url").unwrap_or(PRODUCTION))?,
            api_key: settings.require("api_key")?,
            webhook_secret: settings.require("webhook_secret")?,
            poll: settings.wait("poll", POLL)?,
        })
    }
}

/// How long after a lost call Echo's "I know nothing of it" is believed.
pub(super) fn settle_after(settings: &Settings) -> Result<Duration, AdapterError> {
    settings.wait("settle_after", SETTLE_AFTER)
}
