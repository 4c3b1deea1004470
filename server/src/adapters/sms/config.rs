//! Africa's Talking settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use tarishi_protocol::Money;

use super::super::{
    AdapterError, Disposition, SettingSpec, Settings,
    address::{self, AllowList},
};

const PRODUCTION: &str = "https://api.africastalking.com";
const SANDBOX: &str = "https://api.sandbox.africastalking.com";
/// The user name that means the sandbox.
const SANDBOX_USERNAME: &str = "sandbox";
const MAX_SEGMENTS: usize = 3;
const RECEIPT_WAIT: Duration = Duration::from_secs(120);

pub(super) const SETTINGS: &[SettingSpec] = &[
    setting("username", false, true, "user name of the Africa's Talking app; sandbox chooses the sandbox"),
    setting("api_key", true, true, "its API key"),
    setting("sender_id", false, false, "registered short code or sender name, for messages that name none"),
    setting("base_url", false, false, "another host, for tests; http only on the loopback"),
    setting("webhook_token", true, false, "random path token of our webhook addresses, at least 32 characters"),
    setting("webhook_allowed_ips", false, false, "addresses webhooks may come from; default: any"),
    setting("max_segments", false, false, "longer texts are refused; default 3 parts"),
    setting("low_balance", false, false, "health is degraded below it: 500, or KES 500.00"),
    setting("receipt_wait_ms", false, false, "how long an unknown send waits for its delivery report; default 120000"),
];

const fn setting(name: &'static str, secret: bool, required: bool, help: &'static str) -> SettingSpec {
    SettingSpec { name, secret, required, help }
}

/// What a call needs.
pub(super) struct Config<'a> {
    pub(super) base_url: String,
    pub(super) username: &'a str,
    pub(super) api_key: &'a str,
    pub(super) sender_id: Option<&'a str>,
    pub(super) max_segments: usize,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base_url", &self.base_url).field("username", &self.username).finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        let username = settings.require("username")?;
        let base_url = match settings.get("base_url") {
            Some(text) => address::base_url("base_url", text)?,
            None if username == SANDBOX_USERNAME => SANDBOX.to_owned(),
            None => PRODUCTION.to_owned(),
        };
        let max_segments = match settings.get("max_segments").map(str::parse) {
            None => MAX_SEGMENTS,
            Some(Ok(count @ 1..=100)) => count,
            Some(Ok(_) | Err(_)) => return Err(misconfigured("setting max_segments must be 1 to 100")),
        };
        let api_key = settings.require("api_key")?;
        Ok(Self { base_url, username, api_key, sender_id: settings.get("sender_id"), max_segments })
    }
}

/// How long an unknown send waits for its delivery report.
pub(super) fn receipt_wait(settings: &Settings) -> Result<Duration, AdapterError> {
    settings.wait("receipt_wait", RECEIPT_WAIT)
}

/// Below this the balance is low: in the balance's own currency, unless it names one.
pub(super) fn low_balance(settings: &Settings, currency: &str) -> Result<Option<Money>, AdapterError> {
    let Some(text) = settings.get("low_balance") else { return Ok(None) };
    let (currency, amount) = text.split_once(' ').unwrap_or((currency, text));
    Money::parse(amount, currency).map(Some).map_err(|_| misconfigured("setting low_balance must be an amount"))
}

/// Who may call us back.
pub(super) fn allow_list(settings: &Settings) -> Result<AllowList, AdapterError> {
    AllowList::parse("webhook_allowed_ips", settings.get("webhook_allowed_ips").unwrap_or("*"))
}

/// Checks all settings.
pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    Config::read(settings)?;
    receipt_wait(settings)?;
    low_balance(settings, "KES")?;
    allow_list(settings).map(drop)
}

fn misconfigured(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Misconfigured, message)
}
