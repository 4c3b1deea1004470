//! Pesapal's settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use super::super::{AdapterError, Disposition, SettingSpec, Settings, address};

const SANDBOX: &str = "https://cybqa.pesapal.com/pesapalv3";
const PRODUCTION: &str = "https://pay.pesapal.com/v3";
const WEBHOOK_TOKEN_CHARS_MIN: usize = 16;
const ORDER_MINUTES: i64 = 24 * 60;
const ORDER_MINUTES_MAX: i64 = 3 * 24 * 60;

/// How long until the next question about an order, by polls made; then [`SLOW_POLL`].
const POLLS: [Duration; 5] = [
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
];
const SLOW_POLL: Duration = Duration::from_secs(3_600);
const SETTLE_AFTER: Duration = Duration::from_secs(10);
const REFUND_SETTLE_AFTER: Duration = Duration::from_secs(60);

pub(super) const SETTINGS: &[SettingSpec] = &[
    setting("consumer_key", true, true, "the merchant's consumer key"),
    setting("consumer_secret", true, true, "its secret"),
    setting("webhook_token", true, true, "random path token of our IPN address, at least 16 characters"),
    setting("environment", false, false, "sandbox or production; chooses the host unless base_url is set"),
    setting("base_url", false, false, "another host, for tests; http only on the loopback"),
    setting("ipn_id", false, false, "id of a registered IPN address; left out: ours is looked up, or registered once"),
    setting("ipn_url", false, false, "our IPN address as Pesapal reaches it; default: our public address and webhook_token"),
    setting("ipn_method", false, false, "POST (default) or GET: how Pesapal calls it"),
    setting("callback_url", false, false, "where the payer's browser returns to when the charge names no return_url"),
    setting("cancellation_url", false, false, "where it goes when the payer gives up"),
    setting("branch", false, false, "name of the branch that an order belongs to"),
    setting("refund_username", false, false, "who asks for refunds, as Pesapal's people read it; default tarishi"),
    setting("default_email", false, false, "e-mail of payers who have neither phone nor e-mail"),
    setting("order_minutes", false, false, "an order that was not paid is withdrawn after this, 1 to 4320; default 1440"),
    setting("first_poll_ms", false, false, "wait before the first question about an order; default 15000"),
    setting("poll_ms", false, false, "a fixed wait between questions; default: 15 s growing to an hour"),
    setting("settle_after_ms", false, false, "a lost order is made anew after this; default 10000"),
    setting("refund_settle_after_ms", false, false, "a lost refund is sent once more after this; default 60000"),
];

const fn setting(name: &'static str, secret: bool, required: bool, help: &'static str) -> SettingSpec {
    SettingSpec { name, secret, required, help }
}

/// What a call needs.
pub(super) struct Config<'a> {
    pub(super) base_url: String,
    pub(super) consumer_key: &'a str,
    pub(super) consumer_secret: &'a str,
    pub(super) webhook_token: &'a str,
    pub(super) ipn_id: Option<&'a str>,
    pub(super) ipn_url: Option<&'a str>,
    pub(super) ipn_method: &'a str,
    pub(super) callback_url: Option<&'a str>,
    pub(super) cancellation_url: Option<&'a str>,
    pub(super) branch: Option<&'a str>,
    pub(super) refund_username: &'a str,
    pub(super) default_email: Option<&'a str>,
    pub(super) order_minutes: i64,
    pub(super) waits: Waits,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        let order_minutes = match settings.get("order_minutes").map(str::parse) {
            None => ORDER_MINUTES,
            Some(Ok(minutes @ 1..=ORDER_MINUTES_MAX)) => minutes,
            Some(Ok(_) | Err(_)) => return Err(misconfigured("setting order_minutes must be 1 to 4320")),
        };
        let ipn_method = settings.get("ipn_method").unwrap_or("POST");
        if !matches!(ipn_method, "POST" | "GET") {
            return Err(misconfigured("setting ipn_method must be POST or GET"));
        }
        Ok(Self {
            base_url: base_url(settings)?,
            consumer_key: settings.require("consumer_key")?.trim(),
            consumer_secret: settings.require("consumer_secret")?.trim(),
            webhook_token: settings.require("webhook_token")?,
            ipn_id: settings.get("ipn_id"),
            ipn_url: settings.get("ipn_url"),
            ipn_method,
            callback_url: settings.get("callback_url"),
            cancellation_url: settings.get("cancellation_url"),
            branch: settings.get("branch"),
            refund_username: settings.get("refund_username").unwrap_or("tarishi"),
            default_email: settings.get("default_email"),
            order_minutes,
            waits: Waits::read(settings)?,
        })
    }
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) first_poll: Duration,
    fixed_poll: Option<Duration>,
    /// Nobody holds the page of an order whose answer was lost.
    pub(super) settle_after: Duration,
    /// A lost refund may be sent once more.
    pub(super) refund_settle_after: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { first_poll: POLLS[0], fixed_poll: None, settle_after: SETTLE_AFTER, refund_settle_after: REFUND_SETTLE_AFTER }
    }
}

impl Waits {
    pub(super) fn read(settings: &Settings) -> Result<Self, AdapterError> {
        Ok(Self {
            first_poll: settings.wait("first_poll", POLLS[0])?,
            fixed_poll: settings.get("poll_ms").map(|_| settings.wait("poll", Duration::ZERO)).transpose()?,
            settle_after: settings.wait("settle_after", SETTLE_AFTER)?,
            refund_settle_after: settings.wait("refund_settle_after", REFUND_SETTLE_AFTER)?,
        })
    }

    /// The wait before the next question about an order.
    pub(super) fn poll_after(&self, polls: u32) -> Duration {
        let growing = || POLLS.get(polls as usize).copied().unwrap_or(SLOW_POLL);
        self.fixed_poll.unwrap_or_else(growing)
    }

    /// The wait before the next question about a refund, which people approve.
    pub(super) fn refund_poll(&self) -> Duration {
        self.fixed_poll.unwrap_or(SLOW_POLL)
    }
}

/// Checks all settings.
pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    let config = Config::read(settings)?;
    if config.webhook_token.len() < WEBHOOK_TOKEN_CHARS_MIN {
        return Err(misconfigured("setting webhook_token must have at least 16 characters"));
    }
    for name in ["ipn_url", "callback_url", "cancellation_url"] {
        if settings.get(name).is_some_and(|url| reqwest::Url::parse(url).is_err()) {
            return Err(AdapterError::new(Disposition::Misconfigured, format!("setting {name} must be an address")));
        }
    }
    Ok(())
}

fn base_url(settings: &Settings) -> Result<String, AdapterError> {
    if let Some(text) = settings.get("base_url") {
        return address::base_url("base_url", text);
    }
    match settings.require("environment")? {
        "sandbox" => Ok(SANDBOX.to_owned()),
        "production" => Ok(PRODUCTION.to_owned()),
        _ => Err(misconfigured("setting environment must be sandbox or production")),
    }
}

fn misconfigured(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Misconfigured, message)
}
