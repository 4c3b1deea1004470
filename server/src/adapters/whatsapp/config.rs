//! WhatsApp settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use super::super::{
    AdapterError, SettingSpec, Settings, address, messages,
    settings::{plain, secret},
};
use super::rates::Rates;

const PRODUCTION: &str = "https://graph.facebook.com";
/// The Graph version of the newest official clients at the time of writing.
const GRAPH_VERSION: &str = "v26.0";
const RECEIPT_WAIT: Duration = Duration::from_secs(120);

pub(super) const SETTINGS: &[SettingSpec] = &[
    plain("phone_number_id", true, "Meta's id of the sending number; not the number itself"),
    secret("access_token", true, "token of a system user with whatsapp_business_messaging; the dashboard's ends in a day"),
    secret("app_secret", true, "the app's secret: webhooks are signed with it"),
    secret("verify_token", true, "our random word of the webhook's handshake"),
    secret("webhook_token", true, "random path token of our webhook address, at least 32 characters"),
    plain("graph_version", false, "version of the Graph API; default v26.0"),
    plain("base_url", false, "another host, for tests; http only on the loopback"),
    plain("receipt_wait_ms", false, "how long an unknown send waits for a status of its message; default 120000"),
    plain("rates", false, "prices by country code and category, as USD 254/utility=0.0040, */*=0.05; for booked costs"),
    plain("resend", false, "on: an unknown send is then sent again; off: a human is asked; default on"),
];

/// What a call needs.
pub(super) struct Config<'a> {
    /// Host and version.
    pub(super) graph: String,
    pub(super) phone_number_id: &'a str,
    pub(super) access_token: &'a str,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("graph", &self.graph).finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        let base = address::base_url("base_url", settings.get("base_url").unwrap_or(PRODUCTION))?;
        let version = settings.get("graph_version").unwrap_or(GRAPH_VERSION);
        let plain = version.strip_prefix('v').is_some_and(|number| {
            number.split_once('.').is_some_and(|(major, minor)| is_digits(major, 3) && is_digits(minor, 3))
        });
        if !plain {
            return Err(AdapterError::misconfigured("setting graph_version must be a version, as v26.0"));
        }
        let phone_number_id = settings.require("phone_number_id")?;
        if !is_digits(phone_number_id, 20) {
            return Err(AdapterError::misconfigured("setting phone_number_id must be digits: Meta's id of the number"));
        }
        Ok(Self { graph: format!("{base}/{version}"), phone_number_id, access_token: settings.require("access_token")? })
    }

    /// Where messages are posted.
    pub(super) fn messages_url(&self) -> String {
        format!("{}/{}/messages", self.graph, self.phone_number_id)
    }

    /// The number itself.
    pub(super) fn number_url(&self) -> String {
        format!("{}/{}", self.graph, self.phone_number_id)
    }
}

fn is_digits(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How long an unknown send waits for a status of its message.
pub(super) fn receipt_wait(settings: &Settings) -> Duration {
    settings.wait("receipt_wait", RECEIPT_WAIT).unwrap_or(RECEIPT_WAIT)
}

/// Checks all settings.
pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    Config::read(settings)?;
    settings.require("app_secret")?;
    settings.require("verify_token")?;
    settings.require("webhook_token")?;
    settings.webhook_token()?;
    Rates::of(settings)?;
    settings.wait("receipt_wait", RECEIPT_WAIT)?;
    messages::then(settings).map(drop)
}
