//! Flutterwave's settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use super::super::{AdapterError, Disposition, SettingSpec, Settings, address};

const HOST: &str = "https://api.flutterwave.com";
const SECRET_KEY: &str = "FLWSECK";
const PUBLIC_KEY: &str = "FLWPUBK";
const WEBHOOK_TOKEN_CHARS_MIN: usize = 16;
/// How long the page of a link may be used, at most.
const LINK_MINUTES_MAX: u64 = 1_440;
const LINK_MINUTES: u64 = 60;

/// How long until the next question, by polls made; then [`SLOW_POLL`].
const POLLS: [Duration; 5] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
    Duration::from_secs(600),
];
const SLOW_POLL: Duration = Duration::from_secs(3_600);
const SETTLE_AFTER: Duration = Duration::from_secs(3_600);
const REFUND_SETTLE_AFTER: Duration = Duration::from_secs(900);

pub(super) const SETTINGS: &[SettingSpec] = &[
    setting("secret_key", true, true, "secret key of the account, FLWSECK-… or FLWSECK_TEST-…; it chooses live or test"),
    setting("secret_hash", true, true, "secret hash of the webhook settings in the dashboard"),
    setting("webhook_token", true, true, "random path token of our webhook address, at least 16 characters"),
    setting("public_key", false, false, "public key; only checked to be of the same mode as secret_key"),
    setting("redirect_url", false, false, "where a payment page returns to when the charge names no return_url"),
    setting("default_email", false, false, "e-mail of payers who have none; Flutterwave wants one for each"),
    setting("link_minutes", false, false, "how long a payment page may be used, 1 to 1440; default 60"),
    setting("base_url", false, false, "another host, for tests; http only on the loopback"),
    setting("first_poll_ms", false, false, "wait before the first question about a charge; default 30000"),
    setting("poll_ms", false, false, "a fixed wait between questions; default: 30 s growing to an hour"),
    setting("settle_after_ms", false, false, "a charge that Flutterwave does not know was not made; default 3600000"),
    setting("refund_settle_after_ms", false, false, "a refund that Flutterwave does not list was not made; default 900000"),
];

const fn setting(name: &'static str, secret: bool, required: bool, help: &'static str) -> SettingSpec {
    SettingSpec { name, secret, required, help }
}

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
        let link_minutes = match settings.get("link_minutes").map(str::parse) {
            None => LINK_MINUTES,
            Some(Ok(minutes @ 1..=LINK_MINUTES_MAX)) => minutes,
            Some(Ok(_) | Err(_)) => return Err(misconfigured("setting link_minutes must be 1 to 1440")),
        };
        Ok(Self {
            base_url,
            secret_key: secret_key(settings)?,
            redirect_url: settings.get("redirect_url"),
            default_email: settings.get("default_email"),
            link_minutes,
            waits: Waits::read(settings)?,
        })
    }
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) first_poll: Duration,
    fixed_poll: Option<Duration>,
    /// "No such transaction" is believed of a charge this long after it was sent.
    pub(super) settle_after: Duration,
    /// "No such refund" is believed this long after it was sent.
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

    /// The wait before the next question.
    pub(super) fn poll_after(&self, polls: u32) -> Duration {
        let growing = || POLLS.get(polls as usize).copied().unwrap_or(SLOW_POLL);
        self.fixed_poll.unwrap_or_else(growing)
    }
}

/// Checks all settings.
pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    let config = Config::read(settings)?;
    settings.require("secret_hash")?;
    if settings.require("webhook_token")?.len() < WEBHOOK_TOKEN_CHARS_MIN {
        return Err(misconfigured("setting webhook_token must have at least 16 characters"));
    }
    if let Some(key) = settings.get("public_key") {
        let tests = key.strip_prefix(PUBLIC_KEY).ok_or_else(|| misconfigured("setting public_key must begin with FLWPUBK"))?;
        if is_test(tests) != is_test(&config.secret_key[SECRET_KEY.len()..]) {
            return Err(misconfigured("settings public_key and secret_key: one is for tests and the other is not"));
        }
    }
    match config.redirect_url {
        Some(url) if reqwest::Url::parse(url).is_err() => Err(misconfigured("setting redirect_url must be an address")),
        Some(_) | None => Ok(()),
    }
}

fn secret_key(settings: &Settings) -> Result<&str, AdapterError> {
    let key = settings.require("secret_key")?;
    let shaped = key.strip_prefix(SECRET_KEY).is_some_and(|rest| rest.starts_with('-') || is_test(rest));
    if shaped { Ok(key) } else { Err(misconfigured("setting secret_key must begin with FLWSECK- or FLWSECK_TEST-")) }
}

fn is_test(rest: &str) -> bool {
    rest.starts_with("_TEST-")
}

fn misconfigured(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Misconfigured, message)
}
