//! M-Pesa's settings, read and checked before anything is sent.

use std::{fmt, time::Duration};

use super::super::{
    AdapterError, SettingSpec, Settings,
    address::{self, AllowList},
    polls::Polls,
    settings::{plain, secret},
};

const SANDBOX: &str = "https://sandbox.safaricom.co.ke";
const PRODUCTION: &str = "https://api.safaricom.co.ke";

/// The addresses that Safaricom publishes for its callbacks.
const CALLBACK_IPS: &str = "196.201.214.200,196.201.214.206,196.201.214.207,196.201.214.208,196.201.213.114,196.201.213.44,\
                            196.201.212.127,196.201.212.138,196.201.212.129,196.201.212.136,196.201.212.74,196.201.212.69";

/// When Daraja is asked about a charge.
const POLLS: Polls = Polls::new(&[15, 15, 20, 30, 30, 60], 600);
const NEGATIVE_AFTER: Duration = Duration::from_secs(90);
const RECEIPT_WAIT: Duration = Duration::from_secs(15 * 60);

pub(super) const SETTINGS: &[SettingSpec] = &[
    secret("consumer_key", true, "consumer key of the Daraja app"),
    secret("consumer_secret", true, "consumer secret of the Daraja app"),
    plain("shortcode", true, "the organisation's shortcode, 5 to 7 digits (for a till: the head office or store number)"),
    secret("passkey", true, "Lipa na M-Pesa passkey"),
    plain("environment", false, "sandbox or production; chooses the host unless base_url is set"),
    plain("base_url", false, "another host, for tests; http only on the loopback"),
    plain("transaction_type", false, "CustomerPayBillOnline (default) or CustomerBuyGoodsOnline"),
    plain("party_b", false, "who is credited: the shortcode (default), or the till number"),
    plain("initiator_name", false, "API operator for refunds"),
    secret("initiator_password", false, "password of the API operator; needs certificate_path"),
    plain("certificate_path", false, "Safaricom's certificate of this environment, PEM or DER"),
    secret("security_credential", false, "the encrypted password, instead of initiator_password and certificate_path"),
    secret("webhook_token", false, "path token of the address that paybill payments are told to; adapter webhook-url makes it"),
    plain(
        "paybill_response_type",
        false,
        "Completed (default) or Cancelled: what becomes of a payment that we cannot validate",
    ),
    plain("paybill_references", false, "beginnings of account numbers that validation accepts, a comma list; default: all"),
    plain("nominated_number", false, "the number that was nominated for the list of payments; needed once, to register for it"),
    plain("callback_allowed_ips", false, "addresses callbacks may come from; * turns the check off; default: Safaricom's list"),
    plain("first_poll_ms", false, "wait before the first question about a charge; default 15000"),
    plain("poll_ms", false, "a fixed wait between questions; default: 15 s growing to 10 min"),
    plain("negative_after_ms", false, "no charge is believed to have failed before this; default 90000"),
    plain(
        "receipt_wait_ms",
        false,
        "how long an unknown outcome waits for its callback before a human is asked; default 900000",
    ),
];

/// What charge, query and the token call need.
pub(super) struct Config<'a> {
    pub(super) base_url: String,
    pub(super) consumer_key: &'a str,
    pub(super) consumer_secret: &'a str,
    pub(super) shortcode: &'a str,
    pub(super) passkey: &'a str,
    pub(super) transaction_type: &'a str,
    pub(super) party_b: &'a str,
    pub(super) waits: Waits,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base_url", &self.base_url).field("shortcode", &self.shortcode).finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        let shortcode = settings.require("shortcode")?;
        if !digits(shortcode, 5..=7) {
            return Err(AdapterError::misconfigured("setting shortcode must be 5 to 7 digits"));
        }
        let party_b = settings.get("party_b").unwrap_or(shortcode);
        if !digits(party_b, 5..=9) {
            return Err(AdapterError::misconfigured("setting party_b must be digits"));
        }
        Ok(Self {
            base_url: address::by_environment(settings, SANDBOX, PRODUCTION)?,
            consumer_key: settings.require("consumer_key")?,
            consumer_secret: settings.require("consumer_secret")?,
            shortcode,
            passkey: settings.require("passkey")?,
            transaction_type: transaction_type(settings)?,
            party_b,
            waits: Waits::read(settings)?,
        })
    }
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) polls: Polls,
    pub(super) negative_after: Duration,
    pub(super) receipt_wait: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { polls: POLLS, negative_after: NEGATIVE_AFTER, receipt_wait: RECEIPT_WAIT }
    }
}

impl Waits {
    pub(super) fn read(settings: &Settings) -> Result<Self, AdapterError> {
        Ok(Self {
            polls: POLLS.with(settings)?,
            negative_after: settings.wait("negative_after", NEGATIVE_AFTER)?,
            receipt_wait: settings.wait("receipt_wait", RECEIPT_WAIT)?,
        })
    }

    /// "Not reached" is believed once it was said twice, this far apart.
    pub(super) fn repeat_after(&self) -> Duration {
        self.negative_after / 6
    }
}

/// Who asks for refunds.
pub(super) struct Initiator<'a> {
    pub(super) name: &'a str,
    pub(super) credential: Credential<'a>,
}

/// How the initiator's password is sealed.
pub(super) enum Credential<'a> {
    /// By the operator, beforehand.
    Given(&'a str),
    /// By us, with this certificate.
    Password { password: &'a str, certificate_path: &'a str },
}

impl<'a> Initiator<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        let name = settings.require("initiator_name")?;
        let credential = match settings.get("security_credential") {
            Some(given) => Credential::Given(given),
            None => Credential::Password {
                password: settings.require("initiator_password")?,
                certificate_path: settings.require("certificate_path")?,
            },
        };
        Ok(Self { name, credential })
    }
}

/// Who may call us back.
pub(super) fn allow_list(settings: &Settings) -> Result<AllowList, AdapterError> {
    AllowList::parse("callback_allowed_ips", settings.get("callback_allowed_ips").unwrap_or(CALLBACK_IPS))
}

/// Checks all settings, those of refunds only if there are any.
pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    Config::read(settings)?;
    allow_list(settings)?;
    response_type(settings)?;
    settings.webhook_token()?;
    let refunds = ["initiator_name", "initiator_password", "security_credential", "certificate_path"];
    if refunds.iter().any(|name| settings.get(name).is_some()) {
        Initiator::read(settings)?;
    }
    Ok(())
}

fn transaction_type(settings: &Settings) -> Result<&str, AdapterError> {
    match settings.get("transaction_type").unwrap_or("CustomerPayBillOnline") {
        kind @ ("CustomerPayBillOnline" | "CustomerBuyGoodsOnline") => Ok(kind),
        _ => {
            Err(AdapterError::misconfigured("setting transaction_type must be CustomerPayBillOnline or CustomerBuyGoodsOnline"))
        }
    }
}

/// What becomes of a payment that we cannot validate in time.
pub(super) fn response_type(settings: &Settings) -> Result<&str, AdapterError> {
    let kind @ ("Completed" | "Cancelled") = settings.get("paybill_response_type").unwrap_or("Completed") else {
        return Err(AdapterError::misconfigured("setting paybill_response_type must be Completed or Cancelled"));
    };
    Ok(kind)
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
