//! Settings of FCM and APNs, read and checked before anything is sent. Either may be left out.

use std::{fmt, fs};

use serde::Deserialize;
use tarishi_protocol::limits::PUSH_TTL_S_MAX;

use super::super::{
    AdapterError, PushKind, SettingSpec, Settings, address,
    settings::{plain, secret},
};
use super::sign;

/// How names of APNs' provider tokens begin.
pub(super) const APNS_TOKEN: &str = "apns:";
const FCM: &str = "https://fcm.googleapis.com";
const APNS: [&str; 2] = ["https://api.push.apple.com", "https://api.sandbox.push.apple.com"];
/// Bytes of a key file, at most.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

pub(super) const SETTINGS: &[SettingSpec] = &[
    secret("fcm_service_account_json", false, "key file of the service account, its path or its JSON; switches FCM on"),
    plain("fcm_project_id", false, "another Firebase project than the key file's"),
    plain("fcm_android_channel_id", false, "notification channel on Android"),
    plain("fcm_analytics_label", false, "label in Firebase's reports"),
    plain("fcm_shown_by", false, "system (default): Android shows it; app: the app does, woken by data alone"),
    secret("apns_key_p8", false, "Apple's .p8 key, its path or its text; switches APNs on"),
    plain("apns_key_id", false, "ten characters: the key's id"),
    plain("apns_team_id", false, "ten characters: the team's id"),
    plain("apns_bundle_id", false, "the app's bundle id, APNs' topic"),
    plain("apns_env", false, "production (default) or sandbox: which host is tried first"),
    plain("default_ttl_s", false, "how long providers keep a notification whose payload names no time; default four weeks"),
    plain("base_url", false, "another host for everything, for tests; http only on the loopback"),
];

/// Who carries a notification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Provider {
    Fcm,
    Apns,
}

impl Provider {
    pub(super) fn of(kind: PushKind) -> Self {
        match kind {
            PushKind::Fcm | PushKind::Fid => Self::Fcm,
            PushKind::Apns => Self::Apns,
        }
    }

    pub(super) fn is_set_up(self, settings: &Settings) -> bool {
        match self {
            Self::Fcm => settings.get("fcm_service_account_json").is_some(),
            Self::Apns => settings.get("apns_key_p8").is_some(),
        }
    }

    /// What its access token is kept as: by key, so that a new key has a new token. `None`: the settings give none.
    pub(super) fn token_name(self, settings: &Settings) -> Option<String> {
        match self {
            Self::Fcm => fcm(settings).ok().map(|config| format!("fcm:{}", config.account.private_key_id)),
            Self::Apns => apns(settings).ok().map(|config| format!("{APNS_TOKEN}{}", config.key_id)),
        }
    }
}

/// Google's key file, as far as it is needed.
#[derive(Deserialize)]
pub(super) struct ServiceAccount {
    #[serde(default)]
    pub(super) project_id: String,
    #[serde(default)]
    pub(super) private_key_id: String,
    pub(super) private_key: String,
    pub(super) client_email: String,
    pub(super) token_uri: String,
}

/// What FCM needs.
pub(super) struct Fcm<'a> {
    pub(super) account: ServiceAccount,
    pub(super) send_url: String,
    pub(super) token_url: String,
    pub(super) channel_id: Option<&'a str>,
    pub(super) analytics_label: Option<&'a str>,
    /// The app draws it, woken by data alone.
    pub(super) shown_by_app: bool,
}

impl fmt::Debug for Fcm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fcm").field("send_url", &self.send_url).finish_non_exhaustive()
    }
}

/// What APNs needs.
pub(super) struct Apns<'a> {
    /// The host of the settings, then the other one.
    pub(super) hosts: [String; 2],
    pub(super) key_id: &'a str,
    pub(super) team_id: &'a str,
    pub(super) topic: &'a str,
}

impl fmt::Debug for Apns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apns").field("hosts", &self.hosts).field("topic", &self.topic).finish_non_exhaustive()
    }
}

pub(super) fn fcm(settings: &Settings) -> Result<Fcm<'_>, AdapterError> {
    let text = text_or_file("fcm_service_account_json", settings.require("fcm_service_account_json")?, '{')?;
    let account: ServiceAccount = serde_json::from_str(&text)
        .map_err(|_| AdapterError::misconfigured("setting fcm_service_account_json is no key file of a service account"))?;
    let own = settings.get("base_url").map(|url| address::base_url("base_url", url)).transpose()?;
    let project = settings.get("fcm_project_id").unwrap_or(&account.project_id);
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.');
    if project.is_empty() || !project.bytes().all(plain) {
        return Err(AdapterError::misconfigured("setting fcm_project_id must be a project's id (the key file names none)"));
    }
    let token_url = match &own {
        Some(base) => format!("{base}/token"),
        None => address::base_url("fcm_service_account_json (its token_uri)", &account.token_uri)?,
    };
    let base = own.unwrap_or_else(|| FCM.to_owned());
    let label = settings.get("fcm_analytics_label");
    if !label.is_none_or(is_label) {
        return Err(AdapterError::misconfigured("setting fcm_analytics_label must be 1 to 50 letters, digits and - _ . ~ %"));
    }
    let shown_by_app = match settings.get("fcm_shown_by").unwrap_or("system") {
        "system" => false,
        "app" => true,
        _ => return Err(AdapterError::misconfigured("setting fcm_shown_by must be system or app")),
    };
    Ok(Fcm {
        send_url: format!("{base}/v1/projects/{project}/messages:send"),
        token_url,
        channel_id: settings.get("fcm_android_channel_id"),
        analytics_label: label,
        shown_by_app,
        account,
    })
}

pub(super) fn apns(settings: &Settings) -> Result<Apns<'_>, AdapterError> {
    settings.require("apns_key_p8")?;
    let mut hosts = match settings.get("base_url") {
        Some(url) => {
            let base = address::base_url("base_url", url)?;
            [base.clone(), format!("{base}/development")]
        }
        None => APNS.map(str::to_owned),
    };
    match settings.get("apns_env").unwrap_or("production") {
        "production" => {}
        "sandbox" => hosts.reverse(),
        _ => return Err(AdapterError::misconfigured("setting apns_env must be production or sandbox")),
    }
    let ten = |name: &str| {
        let text = settings.require(name)?;
        let good = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if good { Ok(text) } else { Err(AdapterError::misconfigured(format!("setting {name} must be ten letters and digits"))) }
    };
    let topic = settings.require("apns_bundle_id")?;
    if !topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
        return Err(AdapterError::misconfigured("setting apns_bundle_id must be a bundle id"));
    }
    Ok(Apns { hosts, key_id: ten("apns_key_id")?, team_id: ten("apns_team_id")?, topic })
}

/// Apple's key, as PEM.
pub(super) fn apns_key(settings: &Settings) -> Result<String, AdapterError> {
    text_or_file("apns_key_p8", settings.require("apns_key_p8")?, '-')
}

/// Seconds that a notification is kept whose payload does not say.
pub(super) fn default_ttl(settings: &Settings) -> Result<u32, AdapterError> {
    settings.number("default_ttl_s", 0..=PUSH_TTL_S_MAX, PUSH_TTL_S_MAX)
}

/// Checks all settings, those of a provider only if it is set up; its key must sign.
pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    default_ttl(settings)?;
    let (by_fcm, by_apns) = (Provider::Fcm.is_set_up(settings), Provider::Apns.is_set_up(settings));
    if !by_fcm && !by_apns {
        return Err(AdapterError::misconfigured("setting fcm_service_account_json or apns_key_p8 is missing"));
    }
    if by_fcm {
        sign::check_rs256(&fcm(settings)?.account.private_key)?;
    }
    if by_apns {
        apns(settings)?;
        sign::check_es256(&apns_key(settings)?)?;
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'%');
    (1..=50).contains(&label.len()) && label.bytes().all(plain)
}

/// A text that begins as it should is itself; anything else is the path of a file.
fn text_or_file(name: &str, text: &str, begins: char) -> Result<String, AdapterError> {
    if text.trim_start().starts_with(begins) {
        return Ok(text.to_owned());
    }
    let wrong = || AdapterError::misconfigured(format!("setting {name} is neither a key nor the path of a readable key file"));
    let is_small = fs::metadata(text).is_ok_and(|file| file.is_file() && file.len() <= KEY_FILE_BYTES_MAX);
    if is_small { fs::read_to_string(text).map_err(|_| wrong()) } else { Err(wrong()) }
}
