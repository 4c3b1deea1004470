//! Consent to act in somebody's account at a provider: begun, given, taken back.

use uuid::Uuid;

use super::Ms;

/// Consent that was begun.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OAuthStateRow {
    /// SHA-256 of the state.
    pub state_hash: [u8; 32],
    /// Whose.
    pub tenant: String,
    /// For which adapter.
    pub adapter: String,
    /// SHA-256 of the cookie of the browser it was begun in, if it was begun in one.
    pub browser_hash: Option<[u8; 32]>,
    /// What finishes it, sealed.
    pub sealed: Vec<u8>,
    /// Until when it is good.
    pub expires_at: Ms,
}

/// Where a grant stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GrantStatus {
    /// Good.
    Active,
    /// The provider no longer takes it: a human must consent anew.
    NeedsConsent,
    /// Taken back by us; the provider has not heard of it yet.
    Revoking,
    /// Taken back.
    Revoked,
}

impl GrantStatus {
    /// The word in the database and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::NeedsConsent => "needs_consent",
            Self::Revoking => "revoking",
            Self::Revoked => "revoked",
        }
    }

    /// The status of a word that [`GrantStatus::as_str`] wrote.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::NeedsConsent, Self::Revoking, Self::Revoked].into_iter().find(|status| status.as_str() == word)
    }
}

/// Consent that was given: one for each tenant and adapter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OAuthGrantRow {
    /// Whose.
    pub tenant: String,
    /// For which adapter.
    pub adapter: String,
    /// Where it stands.
    pub status: GrantStatus,
    /// The tokens, sealed.
    pub sealed: Vec<u8>,
    /// When the access token is replaced.
    pub refresh_at: Ms,
    /// Until when the access token is good.
    pub expires_at: Ms,
    /// Rises with each change; the store counts it.
    pub version: i64,
    /// Since when it is so.
    pub updated_at: Ms,
}

/// Something that one worker alone does at a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Whose.
    pub tenant: String,
    /// What.
    pub name: String,
    /// The worker.
    pub holder: Uuid,
}
