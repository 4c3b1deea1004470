//! Flutterwave's settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use super::super::{
    AdapterError, SettingSpec, Settings, address,
    polls::Polls,
    settings::{plain, secret},
};

const HOST: &str = "https://api.flutterwave.com";
const SECRET_KEY: &str = "FLWSECK";
const PUBLIC_KEY: &str = "FLWPUBK";
/// How long the page of a link may be used, at most.
const LINK_MINUTES_MAX: u64 = 1_440;
const LINK_MINUTES: u64 = 60;

/// When Flutterwave is asked.
const POLLS: Polls = Polls::new(&[30, 60, 120, 300, 600], 3_600);
const SETTLE_AFTER: Duration = Duration::from_secs(3_600);
const REFUND_SETTLE_AFTER: Duration = Duration::from_secs(900);

pub(super) const SETTINGS: &[SettingSpec] = &[
    secret("secret_key", true, "secret key of the account, FLWSECK-… or FLWSECK_TEST-…; it chooses live or test"),
    secret("secret_hash", true, "secret hash of the webhook settings in the dashboard"),
    secret("webhook_token", true, "random path token of our webhook address, at least 32 characters"),
    plain("public_key", false, "public key; only checked to be of the same mode as secret_key"),
    plain("redirect_url", false, "where a payment page returns to when the charge names no return_url"),
    plain("default_email", false, "e-mail of payers who have none; Flutterwave wants one for each"),
    plain("link_minutes", false, "how long a payment page may be used, 1 to 1440; default 60"),
    plain("base_url", false, "another host, for tests; http only on the loopback"),
    plain("first_poll_ms", false, "wait before the first question about a charge; default 30000"),
    plain("poll_ms", false, "a fixed wait between questions; default: 30 s growing to an hour"),
    plain("settle_after_ms", false, "a charge that Flutterwave does not know was not made; default 3600000"),
    plain("refund_settle_after_ms", false, "a refund that Flutterwave does not list was not made; default 900000"),
];

/// What a call needs.
pub(super) struct Config<'a> {
    pub(super) base_url: String,
    pub(super) secret_key: &'a str,
    pub(super) redirect_url: Option<&'a str>,
    pub(super) default_email: Option<&'a str>,
    pub(super) link_minutes: u64,
    pub(super) waits: Waits,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        let base_url = address::base_url("base_url", settings.get("base_url").unwrap_or(HOST))?;
        Ok(Self {
            base_url,
            secret_key: secret_key(settings)?,
            redirect_url: settings.page("redirect_url")?,
            default_email: settings.get("default_email"),
            link_minutes: settings.number("link_minutes", 1..=LINK_MINUTES_MAX, LINK_MINUTES)?,
            waits: Waits::read(settings)?,
        })
    }
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) polls: Polls,
    /// "No such transaction" is believed of a charge this long after it was sent.
    pub(super) settle_after: Duration,
    /// "No such refund" is believed this long after it was sent.
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
    let config = Config::read(settings)?;
    settings.require("secret_hash")?;
    settings.require("webhook_token")?;
    settings.webhook_token()?;
    if let Some(key) = settings.get("public_key") {
        let tests = key
            .strip_prefix(PUBLIC_KEY)
            .ok_or_else(|| AdapterError::misconfigured("setting public_key must begin with FLWPUBK"))?;
        if is_test(tests) != is_test(&config.secret_key[SECRET_KEY.len()..]) {
            return Err(AdapterError::misconfigured(
                "settings public_key and secret_key: one is for tests and the other is not",
            ));
        }
    }
    Ok(())
}

fn secret_key(settings: &Settings) -> Result<&str, AdapterError> {
    let key = settings.require("secret_key")?;
    let shaped = key.strip_prefix(SECRET_KEY).is_some_and(|rest| rest.starts_with('-') || is_test(rest));
    if shaped {
        Ok(key)
    } else {
        Err(AdapterError::misconfigured("setting secret_key must begin with FLWSECK- or FLWSECK_TEST-"))
    }
}

fn is_test(rest: &str) -> bool {
    rest.starts_with("_TEST-")
}
