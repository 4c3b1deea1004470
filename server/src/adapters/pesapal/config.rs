//! Pesapal's settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use super::super::{
    AdapterError, SettingSpec, Settings, address,
    polls::Polls,
    settings::{plain, secret},
};

const SANDBOX: &str = "https://cybqa.pesapal.com/pesapalv3";
const PRODUCTION: &str = "https://pay.pesapal.com/v3";
const ORDER_MINUTES: i64 = 24 * 60;
const ORDER_MINUTES_MAX: i64 = 3 * 24 * 60;

/// When Pesapal is asked about an order.
const POLLS: Polls = Polls::new(&[15, 30, 60, 120, 300], 3_600);
const SETTLE_AFTER: Duration = Duration::from_secs(10);
const REFUND_SETTLE_AFTER: Duration = Duration::from_secs(60);

pub(super) const SETTINGS: &[SettingSpec] = &[
    secret("consumer_key", true, "the merchant's consumer key"),
    secret("consumer_secret", true, "its secret"),
    secret("webhook_token", true, "random path token of our IPN address, at least 32 characters"),
    plain("environment", false, "sandbox or production; chooses the host unless base_url is set"),
    plain("base_url", false, "another host, for tests; http only on the loopback"),
    plain("ipn_id", false, "id of a registered IPN address; left out: ours is looked up, or registered once"),
    plain("ipn_url", false, "our IPN address as Pesapal reaches it; default: our public address and webhook_token"),
    plain("ipn_method", false, "POST (default) or GET: how Pesapal calls it"),
    plain("callback_url", false, "where the payer's browser returns to when the charge names no return_url"),
    plain("cancellation_url", false, "where it goes when the payer gives up"),
    plain("branch", false, "name of the branch that an order belongs to"),
    plain("refund_username", false, "who asks for refunds, as Pesapal's people read it; default tarishi"),
    plain("default_email", false, "e-mail of payers who have neither phone nor e-mail"),
    plain("order_minutes", false, "an order that was not paid is withdrawn after this, 1 to 4320; default 1440"),
    plain("first_poll_ms", false, "wait before the first question about an order; default 15000"),
    plain("poll_ms", false, "a fixed wait between questions; default: 15 s growing to an hour"),
    plain("settle_after_ms", false, "a lost order is made anew after this; default 10000"),
    plain("refund_settle_after_ms", false, "a lost refund is sent once more after this; default 60000"),
];

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
        let ipn_method = settings.get("ipn_method").unwrap_or("POST");
        if !matches!(ipn_method, "POST" | "GET") {
            return Err(AdapterError::misconfigured("setting ipn_method must be POST or GET"));
        }
        Ok(Self {
            base_url: address::by_environment(settings, SANDBOX, PRODUCTION)?,
            consumer_key: settings.require("consumer_key")?.trim(),
            consumer_secret: settings.require("consumer_secret")?.trim(),
            webhook_token: settings.require("webhook_token")?,
            ipn_id: settings.get("ipn_id"),
            ipn_url: settings.page("ipn_url")?,
            ipn_method,
            callback_url: settings.page("callback_url")?,
            cancellation_url: settings.page("cancellation_url")?,
            branch: settings.get("branch"),
            refund_username: settings.get("refund_username").unwrap_or("tarishi"),
            default_email: settings.get("default_email"),
            order_minutes: settings.number("order_minutes", 1..=ORDER_MINUTES_MAX, ORDER_MINUTES)?,
            waits: Waits::read(settings)?,
        })
    }
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) polls: Polls,
    /// Nobody holds the page of an order whose answer was lost.
    pub(super) settle_after: Duration,
    /// A lost refund may be sent once more.
    pub(super) refund_settle_after: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { polls: POLLS, settle_after: SETTLE_AFTER, refund_settle_after: REFUND_SETTLE_AFTER }
    }
}

impl Waits {
    pub(super) fn read(settings: &Settings) -> Result<Self, AdapterError> {
        Ok(Self {
            polls: POLLS.with(settings)?,
            settle_after: settings.wait("settle_after", SETTLE_AFTER)?,
            refund_settle_after: settings.wait("refund_settle_after", REFUND_SETTLE_AFTER)?,
        })
    }
}

/// Checks all settings.
pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    Config::read(settings)?;
    settings.webhook_token().map(drop)
}
