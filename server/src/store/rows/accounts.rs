//! Tenants, devices, keys, and what they may do.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tarishi_protocol::catalog;

use super::Ms;

/// An organisation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TenantRow {
    /// Its id: lower-case letters, digits, `-`, `_`.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// Since when.
    pub created_at: Ms,
}

/// A stored token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenRow {
    /// SHA-256 of the secret part.
    pub hash: [u8; 32],
    /// Until when it is good.
    pub expires_at: Ms,
}

/// What a credential may do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Grants {
    /// `adapter:action` patterns; API keys also know `admin`, `devices`, `logs:read`, `subscriptions`.
    pub scopes: Vec<String>,
    /// Caps; absent = none.
    #[serde(default)]
    pub caps: Caps,
}

/// How much a credential may do.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Minor units of one payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_per_operation: Option<i64>,
    /// Minor units of all payments of a day (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_per_day: Option<i64>,
    /// Messages of a day (UTC), counted per recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_day: Option<i64>,
    /// The only phones it may charge or message; absent = any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<String>>,
}

impl Grants {
    /// Do the scopes cover this action?
    #[must_use]
    pub fn allow(&self, adapter: &str, action: &str) -> bool {
        self.scopes.iter().any(|scope| catalog::pattern_covers(scope, adapter, action))
    }

    /// Is this word (`admin`, `logs:read`) among the scopes?
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.scopes.iter().any(|scope| scope == word)
    }
}

/// One account on one install.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeviceRow {
    /// Whose.
    pub tenant: String,
    /// Its id.
    pub device: String,
    /// The account it acts for.
    pub account: String,
    /// What it may do.
    pub grants: Grants,
    /// Its token.
    pub token: TokenRow,
    /// The token before, good for the overlap.
    pub old_token: Option<TokenRow>,
    /// Since when it is no longer good.
    pub revoked_at: Option<Ms>,
    /// When it was last seen.
    pub last_seen: Ms,
    /// Since when.
    pub created_at: Ms,
}

/// A tenant's backend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKeyRow {
    /// Whose.
    pub tenant: String,
    /// Its id.
    pub key: String,
    /// The account it acts for when a request names none.
    pub account: String,
    /// What it may do.
    pub grants: Grants,
    /// SHA-256 of the secret part.
    pub hash: [u8; 32],
    /// Since when it is no longer good.
    pub revoked_at: Option<Ms>,
    /// Since when.
    pub created_at: Ms,
}

/// A tenant's settings for one adapter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IntegrationRow {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub adapter: String,
    /// Switched on or off by hand; absent = on once its credentials are complete.
    pub enabled: Option<bool>,
    /// Actions the operator paused.
    pub paused: BTreeSet<String>,
    /// Plain settings, a JSON object of texts.
    pub settings: String,
    /// Sealed credentials, a JSON object of texts inside.
    pub credentials: Option<Vec<u8>>,
}

/// A sealed access token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthTokenRow {
    /// Whose.
    pub tenant: String,
    /// Of which adapter.
    pub adapter: String,
    /// Sealed.
    pub sealed: Vec<u8>,
    /// Until when it is good.
    pub expires_at: Ms,
}

/// Where one device takes its notifications. `Debug` shows no token.
#[derive(Clone, Eq, PartialEq)]
pub struct PushTokenRow {
    /// Whose.
    pub tenant: String,
    /// Which device.
    pub device: String,
    /// `fcm`, `fid` or `apns`.
    pub kind: String,
    /// The token, sealed.
    pub sealed: Vec<u8>,
    /// SHA-256 of it.
    pub token_hash: [u8; 32],
    /// Since when; moved by each registration.
    pub registered_at: Ms,
}

impl std::fmt::Debug for PushTokenRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushTokenRow").field("device", &self.device).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Where something is sealed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SealedKind {
    /// [`IntegrationRow::credentials`].
    Credentials,
    /// [`AuthTokenRow::sealed`].
    AuthToken,
    /// [`super::OAuthGrantRow::sealed`].
    OAuthGrant,
    /// [`super::OAuthStateRow::sealed`].
    OAuthState,
    /// [`PushTokenRow::sealed`].
    PushToken,
    /// [`super::SubscriptionRow::sealed`].
    Subscription,
}

impl SealedKind {
    /// Every place.
    pub const ALL: [Self; 6] =
        [Self::Credentials, Self::AuthToken, Self::OAuthGrant, Self::OAuthState, Self::PushToken, Self::Subscription];

    /// What a value of this name is sealed for.
    #[must_use]
    pub fn purpose(self, name: &str) -> String {
        match self {
            Self::Credentials => format!("credentials:{name}"),
            Self::AuthToken => format!("auth_token:{name}"),
            Self::OAuthGrant => format!("oauth_grant:{name}"),
            // Of the adapter alone: the state's hash is unique without.
            Self::OAuthState => format!("oauth_state:{}", name.split('/').next().unwrap_or_default()),
            Self::PushToken => "push_token".to_owned(),
            Self::Subscription => format!("subscription:{name}"),
        }
    }

    /// It is over in minutes and begun again by whoever wanted it: one that does not open is no loss.
    #[must_use]
    pub fn is_short_lived(self) -> bool {
        match self {
            Self::OAuthState => true,
            Self::Credentials | Self::AuthToken | Self::OAuthGrant | Self::PushToken | Self::Subscription => false,
        }
    }
}

/// One sealed value, wherever it lies.
#[derive(Clone, Eq, PartialEq)]
pub struct SealedRow {
    /// Where.
    pub kind: SealedKind,
    /// Whose.
    pub tenant: String,
    /// Its name there: an adapter, an adapter's token (`push/fcm`), an adapter's state (`google_drive/HASH`), a device, a
    /// subscription.
    pub name: String,
    /// Sealed.
    pub sealed: Vec<u8>,
}

impl std::fmt::Debug for SealedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, tenant, name, .. } = self;
        f.debug_struct("SealedRow").field("kind", kind).field("tenant", tenant).field("name", name).finish_non_exhaustive()
    }
}

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Actor {
    /// A device.
    Device {
        /// Its id.
        device: String,
    },
    /// An API key.
    Key {
        /// Its id.
        key: String,
    },
    /// The operator's command line.
    Operator,
    /// Nobody: it tells a tenant's backend of an event.
    Event,
    /// Nobody: it is a step of a notification's chain.
    Notification,
}

impl Actor {
    /// The id in logs.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Device { device } => device,
            Self::Key { key } => key,
            Self::Operator => "operator",
            Self::Event => "event",
            Self::Notification => "notification",
        }
    }
}
