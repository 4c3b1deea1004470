//! Africa's Talking settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use tarishi_protocol::Money;

use super::super::{
    AdapterError, SettingSpec, Settings,
    address::{self, AllowList},
    messages,
    settings::{plain, secret},
};

const PRODUCTION: &str = "https://api.africastalking.com";
const SANDBOX: &str = "https://api.sandbox.africastalking.com";
/// The user name that means the sandbox.
const SANDBOX_USERNAME: &str = "sandbox";
const MAX_SEGMENTS: usize = 3;
const SEGMENTS_MOST: usize = 100;
const RECEIPT_WAIT: Duration = Duration::from_secs(120);

pub(super) const SETTINGS: &[SettingSpec] = &[
    plain("username", true, "user name of the Africa's Talking app; sandbox chooses the sandbox"),
    secret("api_key", true, "its API key"),
    plain("sender_id", false, "registered short code or sender name, for messages that name none"),
    plain("base_url", false, "another host, for tests; http only on the loopback"),
    secret("webhook_token", false, "random path token of our webhook addresses, at least 32 characters"),
    plain("webhook_allowed_ips", false, "addresses webhooks may come from; default: any"),
    plain("max_segments", false, "longer texts are refused; default 3 parts"),
    plain("low_balance", false, "health is degraded below it: 500, or KES 500.00"),
    plain("receipt_wait_ms", false, "how long an unknown send waits for its delivery report; default 120000"),
    plain("resend", false, "on: an unknown send is then sent again; off: a human is asked; default on"),
];

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
        let max_segments = settings.number("max_segments", 1..=SEGMENTS_MOST, MAX_SEGMENTS)?;
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
    Money::parse(amount, currency).map(Some).map_err(|_| AdapterError::misconfigured("setting low_balance must be an amount"))
}

/// Who may call us back.
pub(super) fn allow_list(settings: &Settings) -> Result<AllowList, AdapterError> {
    AllowList::parse("webhook_allowed_ips", settings.get("webhook_allowed_ips").unwrap_or("*"))
}

/// Checks all settings.
pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    Config::read(settings)?;
    settings.webhook_token()?;
    receipt_wait(settings)?;
    messages::then(settings)?;
    low_balance(settings, "KES")?;
    allow_list(settings).map(drop)
}
