//! Who calls: a device by its token or a backend by its key, looked up at each request, so that a revocation counts at once.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::refusal::Refusal;
use crate::{
    app::App,
    credentials::{Caller, Device},
    store::{Actor, ApiKeyRow, Grants},
};

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or_else(Refusal::unauthorized)?;
        let caller = app.caller(token).await?.ok_or_else(Refusal::unauthorized)?;
        if let Self::Device(device) = &caller {
            app.seen.note(&device.row.tenant, &device.row.device, app.clock.now_ms());
        }
        Ok(caller)
    }
}

/// The text after `Bearer` in `Authorization`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl Caller {
    pub(super) fn tenant(&self) -> &str {
        match self {
            Self::Device(device) => &device.row.tenant,
            Self::Key(key) => &key.tenant,
        }
    }

    /// The caller's own account.
    pub(super) fn account(&self) -> &str {
        match self {
            Self::Device(device) => &device.row.account,
            Self::Key(key) => &key.account,
        }
    }

    pub(super) fn grants(&self) -> &Grants {
        match self {
            Self::Device(device) => &device.row.grants,
            Self::Key(key) => &key.grants,
        }
    }

    pub(super) fn actor(&self) -> Actor {
        match self {
            Self::Device(device) => Actor::Device { device: device.row.device.clone() },
            Self::Key(key) => Actor::Key { key: key.key.clone() },
        }
    }

    /// The device, where nobody else has business.
    pub(super) fn device(self) -> Result<Device, Refusal> {
        match self {
            Self::Device(device) => Ok(device),
            Self::Key(_) => Err(Refusal::forbidden("a device token is needed here")),
        }
    }

    /// Does the caller have one of these words among its scopes? A device never has.
    pub(super) fn has_any(&self, words: &[&str]) -> bool {
        match self {
            Self::Device(_) => false,
            Self::Key(key) => words.iter().any(|word| key.grants.has(word)),
        }
    }

    /// The key, if it has one of these words among its scopes.
    pub(super) fn key_with(self, words: &[&str]) -> Result<ApiKeyRow, Refusal> {
        match self {
            Self::Key(key) if words.iter().any(|word| key.grants.has(word)) => Ok(key),
            Self::Key(_) | Self::Device(_) => {
                Err(Refusal::forbidden(&format!("an API key with scope {} is needed", words.join(" or "))))
            }
        }
    }

    /// The account whose operations the caller may see; `None` = every account of its tenant.
    pub(super) fn sees(&self) -> Option<String> {
        if self.has_any(&["admin", "logs:read"]) { None } else { Some(self.account().to_owned()) }
    }
}
