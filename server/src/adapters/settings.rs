//! A tenant's settings for one adapter: what there may be, and how they are read.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use super::AdapterError;
#[cfg(doc)]
use super::Disposition;

/// Characters of a webhook's path token, at least.
const WEBHOOK_TOKEN_CHARS_MIN: usize = 32;

/// One setting of an adapter.
#[derive(Clone, Copy, Debug)]
pub struct SettingSpec {
    /// Its name in lower case: `consumer_key` is `MPESA_CONSUMER_KEY` in the environment.
    pub name: &'static str,
    /// Sealed at rest, never shown.
    pub secret: bool,
    /// The adapter cannot work without it.
    pub required: bool,
    /// What it is for.
    pub help: &'static str,
}

/// A setting that may be shown.
pub(super) const fn plain(name: &'static str, required: bool, help: &'static str) -> SettingSpec {
    SettingSpec { name, secret: false, required, help }
}

/// A setting that is sealed at rest and never shown.
pub(super) const fn secret(name: &'static str, required: bool, help: &'static str) -> SettingSpec {
    SettingSpec { name, secret: true, required, help }
}

/// A tenant's settings and credentials for one adapter: name → text. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Settings(pub BTreeMap<String, String>);

impl Settings {
    /// The setting, if it is there and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The setting, or which one is missing.
    ///
    /// # Errors
    /// [`Disposition::Misconfigured`].
    pub fn require(&self, name: &str) -> Result<&str, AdapterError> {
        self.get(name).ok_or_else(|| AdapterError::misconfigured(format!("setting {name} is missing")))
    }

    /// A wait in milliseconds (`<name>_ms`), or the default.
    ///
    /// # Errors
    /// [`Disposition::Misconfigured`] if it is no number.
    pub fn wait(&self, name: &str, default: Duration) -> Result<Duration, AdapterError> {
        let name = format!("{name}_ms");
        let Some(text) = self.get(&name) else { return Ok(default) };
        text.parse()
            .map(Duration::from_millis)
            .map_err(|_| AdapterError::misconfigured(format!("setting {name} must be whole milliseconds")))
    }

    /// A number within bounds, or the default.
    pub(super) fn number<T>(&self, name: &str, allowed: RangeInclusive<T>, default: T) -> Result<T, AdapterError>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        let (least, most) = (allowed.start(), allowed.end());
        number.ok_or_else(|| AdapterError::misconfigured(format!("setting {name} must be {least} to {most}")))
    }

    /// A page that a browser is sent to.
    pub(super) fn page(&self, name: &str) -> Result<Option<&str>, AdapterError> {
        let page = self.get(name);
        if page.is_some_and(|url| reqwest::Url::parse(url).is_err()) {
            return Err(AdapterError::misconfigured(format!("setting {name} must be an address")));
        }
        Ok(page)
    }

    /// The path token of our own webhook address: whoever knows it may speak to us.
    pub(super) fn webhook_token(&self) -> Result<Option<&str>, AdapterError> {
        let token = self.get("webhook_token");
        if token.is_some_and(|token| token.len() < WEBHOOK_TOKEN_CHARS_MIN) {
            let least = format!("setting webhook_token must have at least {WEBHOOK_TOKEN_CHARS_MIN} characters");
            return Err(AdapterError::misconfigured(least));
        }
        Ok(token)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
