//! What a consent gave us, as it is sealed in the store.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    adapters::oauth::Tokens,
    store::{self, GrantStatus, Ms, OAuthGrantRow, SealedKind},
    vault::Vault,
};

/// An access token is replaced this long before its end, or at half of a short life.
const AHEAD_MS: Ms = 240_000;

/// The tokens of one consent. `Debug` shows none.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Grant {
    pub(super) access_token: String,
    /// Absent = the one in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
    /// What the provider said beside at the return.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) params: BTreeMap<String, String>,
    /// It comes from the refresh token in the settings: the hash of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) of_setting: Option<String>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Grant {
    /// The grant that a refresh token in the settings stands for.
    pub(super) fn of_setting(refresh_token: &str) -> Self {
        Self { of_setting: Some(hash(refresh_token)), ..Self::default() }
    }

    /// The grant after new tokens.
    pub(super) fn with(self, tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token.or(self.refresh_token),
            scope: tokens.scope.or(self.scope),
            ..self
        }
    }

    pub(super) fn open(vault: &Vault, row: &OAuthGrantRow) -> store::Result<Self> {
        let damaged = |text: String| store::Error::Damaged(format!("consent for {}: {text}", row.adapter));
        let opened =
            vault.open(&row.tenant, &purpose(&row.adapter), &row.sealed).map_err(|error| damaged(error.to_string()))?;
        serde_json::from_slice(&opened).map_err(|_| damaged("cannot be read".to_owned()))
    }

    /// The row of it.
    pub(super) fn row(&self, vault: &Vault, of: &Place<'_>, status: GrantStatus, life: Life) -> OAuthGrantRow {
        let text = serde_json::to_vec(self).expect("texts are JSON");
        OAuthGrantRow {
            tenant: of.tenant.to_owned(),
            adapter: of.adapter.to_owned(),
            status,
            sealed: vault.seal(of.tenant, &purpose(of.adapter), &text),
            refresh_at: life.refresh_at,
            expires_at: life.expires_at,
            version: 0,
            updated_at: of.now,
        }
    }
}

/// Whose, and when.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) tenant: &'a str,
    pub(super) adapter: &'a str,
    pub(super) now: Ms,
}

/// The life of an access token.
#[derive(Clone, Copy)]
pub(super) struct Life {
    pub(super) refresh_at: Ms,
    pub(super) expires_at: Ms,
}

impl Life {
    /// It is over.
    pub(super) const OVER: Self = Self { refresh_at: 0, expires_at: 0 };

    /// It begins now. `jitter` in 0..1 keeps grants of one minute apart.
    pub(super) fn of(tokens: &Tokens, now: Ms, jitter: f64) -> Self {
        let life = Ms::try_from(tokens.expires_in.as_millis()).unwrap_or(Ms::MAX / 4);
        let ahead = AHEAD_MS.min(life / 2);
        let early = (ahead as f64 / 4.0 * jitter) as Ms;
        Self { refresh_at: now + life - ahead - early, expires_at: now + life }
    }
}

pub(super) fn hash(text: &str) -> String {
    hex::encode(Vault::token_hash(text))
}

fn purpose(adapter: &str) -> String {
    SealedKind::OAuthGrant.purpose(adapter)
}
