//! Drive's settings: whose client, whose account, where it is.

use std::fmt;

use super::super::{AdapterError, Disposition, OAuth, SettingSpec, Settings, address::base_url};

const BASE_URL: &str = "https://www.googleapis.com";
const AUTH_URL: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const REVOKE_URL: &str = "https://oauth2.googleapis.com/revoke";
const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/";
/// Only what this app made or the user picked for it.
const SCOPE: &str = "drive.file";
/// Every chunk but the last is a multiple of this.
pub(super) const CHUNK_UNIT: u64 = 262_144;
const CHUNK: u64 = 8 * 1024 * 1024;

const fn setting(name: &'static str, secret: bool, required: bool, help: &'static str) -> SettingSpec {
    SettingSpec { name, secret, required, help }
}

pub(super) const SETTINGS: &[SettingSpec] = &[
    setting("client_id", false, true, "the OAuth client (type: web application)"),
    setting("client_secret", true, true, "the OAuth client's secret"),
    setting("refresh_token", true, false, "a refresh token of one account; used until somebody connects an account"),
    setting("scope", false, false, "drive.file (default: what this app made) or drive (everything)"),
    setting("shared_drive_id", false, false, "the shared drive that holds everything"),
    setting("root_folder_id", false, false, "the folder that paths begin at; default the drive's own"),
    setting("upload_chunk_bytes", false, false, "bytes sent at once, a multiple of 262144; default 8388608"),
    setting("base_url", false, false, "another host of the API, for tests"),
    setting("auth_url", false, false, "another consent page, for tests"),
    setting("token_url", false, false, "another token address, for tests"),
    setting("revoke_url", false, false, "another revocation address, for tests"),
];

/// The settings, read. `Debug` shows no secret.
pub(super) struct Config<'a> {
    pub(super) base_url: String,
    /// The folder that paths begin at.
    pub(super) root: &'a str,
    pub(super) shared_drive: Option<&'a str>,
    pub(super) chunk: u64,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        let shared_drive = plain_id(settings, "shared_drive_id")?;
        let root = plain_id(settings, "root_folder_id")?.or(shared_drive).unwrap_or("root");
        let wrong = || misconfigured("setting upload_chunk_bytes must be a positive multiple of 262144");
        let chunk = settings.get("upload_chunk_bytes").map_or(Ok(CHUNK), |text| text.parse().map_err(|_| wrong()))?;
        if chunk == 0 || chunk % CHUNK_UNIT != 0 {
            return Err(wrong());
        }
        Ok(Self { base_url: address(settings, "base_url", BASE_URL)?, root, shared_drive, chunk })
    }
}

pub(super) fn check(settings: &Settings) -> Result<(), AdapterError> {
    Config::read(settings)?;
    oauth(settings).map(drop)
}

/// Google's OAuth with our client.
pub(super) fn oauth(settings: &Settings) -> Result<OAuth, AdapterError> {
    let scope = settings.get("scope").unwrap_or(SCOPE);
    if !matches!(scope, "drive.file" | "drive") {
        return Err(misconfigured("setting scope must be drive.file or drive"));
    }
    Ok(OAuth {
        authorize_url: address(settings, "auth_url", AUTH_URL)?,
        token_url: address(settings, "token_url", TOKEN_URL)?,
        revoke_url: address(settings, "revoke_url", REVOKE_URL)?,
        client_id: settings.require("client_id")?.to_owned(),
        client_secret: settings.require("client_secret")?.to_owned(),
        scopes: vec![format!("{SCOPE_PREFIX}{scope}")],
        // Without these there is no refresh token, or none the second time.
        authorize_params: &[("access_type", "offline"), ("prompt", "consent"), ("include_granted_scopes", "true")],
        hints: &["login_hint", "hd"],
        kept_params: &[],
        issuers: &["https://accounts.google.com", "accounts.google.com"],
        basic: false,
    })
}

fn address(settings: &Settings, name: &str, default: &str) -> Result<String, AdapterError> {
    settings.get(name).map_or_else(|| Ok(default.to_owned()), |text| base_url(name, text))
}

/// An id that may stand in a path and in a query's quotes.
fn plain_id<'a>(settings: &'a Settings, name: &str) -> Result<Option<&'a str>, AdapterError> {
    let Some(id) = settings.get(name) else { return Ok(None) };
    if super::wire::is_id(id) { Ok(Some(id)) } else { Err(misconfigured(&format!("setting {name} is no id of Drive"))) }
}

fn misconfigured(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Misconfigured, message)
}
