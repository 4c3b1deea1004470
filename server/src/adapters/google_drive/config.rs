//! Drive's settings: whose client, whose account, where it is.

use std::fmt;

use super::super::{
    AdapterError, OAuth, SettingSpec, Settings,
    address::base_url,
    settings::{plain, secret},
};

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

pub(super) const SETTINGS: &[SettingSpec] = &[
    plain("client_id", true, "the OAuth client (type: web application)"),
    secret("client_secret", true, "the OAuth client's secret"),
    secret("refresh_token", false, "a refresh token of one account; used until somebody connects an account"),
    plain("scope", false, "drive.file (default: what this app made) or drive (everything)"),
    plain("shared_drive_id", false, "the shared drive that holds everything"),
    plain("root_folder_id", false, "the folder that paths begin at; default the drive's own"),
    plain("upload_chunk_bytes", false, "bytes sent at once, a multiple of 262144; default 8388608"),
    plain("base_url", false, "another host of the API, for tests"),
    plain("auth_url", false, "another consent page, for tests"),
    plain("token_url", false, "another token address, for tests"),
    plain("revoke_url", false, "another revocation address, for tests"),
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
        let wrong = || AdapterError::misconfigured("setting upload_chunk_bytes must be a positive multiple of 262144");
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
        return Err(AdapterError::misconfigured("setting scope must be drive.file or drive"));
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
    })
}

fn address(settings: &Settings, name: &str, default: &str) -> Result<String, AdapterError> {
    settings.get(name).map_or_else(|| Ok(default.to_owned()), |text| base_url(name, text))
}

/// An id that may stand in a path and in a query's quotes.
fn plain_id<'a>(settings: &'a Settings, name: &str) -> Result<Option<&'a str>, AdapterError> {
    let Some(id) = settings.get(name) else { return Ok(None) };
    if super::wire::is_id(id) {
        Ok(Some(id))
    } else {
        Err(AdapterError::misconfigured(format!("setting {name} is no id of Drive")))
    }
}
