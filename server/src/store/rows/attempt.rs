//! The log: one line a try, or a piece of evidence.

use serde::Serialize;
use tarishi_protocol::{OperationId, State};
use uuid::Uuid;

use super::{Actor, Ms};

/// What an attempt was for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptKind {
    /// A call that may have an effect.
    Effect,
    /// A question; equal consecutive answers are one row.
    Poll,
    /// News by webhook.
    Webhook,
    /// An operator's decision.
    Operator,
}

impl AttemptKind {
    /// The word in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Poll => "poll",
            Self::Webhook => "webhook",
            Self::Operator => "operator",
        }
    }

    /// The kind of a word that [`AttemptKind::as_str`] wrote.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Effect, Self::Poll, Self::Webhook, Self::Operator].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One line of the log: one try at one provider, or one piece of evidence.
#[derive(Clone, Debug)]
pub struct AttemptRow {
    /// Whose.
    pub tenant: String,
    /// Its id.
    pub attempt: Uuid,
    /// Of which operation.
    pub operation: OperationId,
    /// The operation's adapter.
    pub adapter: String,
    /// The operation's action.
    pub action: String,
    /// The account.
    pub account: String,
    /// Who sent the operation.
    pub actor: Actor,
    /// What it was for.
    pub kind: AttemptKind,
    /// When it began.
    pub opened_at: Ms,
    /// When it was closed; none = open or lost.
    pub closed_at: Option<Ms>,
    /// `succeeded`, `waiting`, `failed`, `not_found`, `next`, or a disposition.
    pub result: Option<String>,
    /// The provider's code.
    pub code: Option<String>,
    /// For a person; redacted.
    pub message: Option<String>,
    /// Equal answers folded into this row.
    pub count: u32,
    /// The operation's state after it.
    pub state_after: Option<State>,
}

/// Which attempts.
#[derive(Clone, Debug, Default)]
pub struct AttemptFilter {
    /// Whose.
    pub tenant: String,
    /// Of one operation.
    pub operation: Option<OperationId>,
    /// Of one adapter.
    pub adapter: Option<String>,
    /// Of one account.
    pub account: Option<String>,
    /// Of one device or key.
    pub actor: Option<String>,
    /// With this result.
    pub result: Option<String>,
    /// Begun at or after.
    pub since: Option<Ms>,
    /// Older than this one.
    pub before: Option<Uuid>,
    /// At most this many (at most 500).
    pub limit: u32,
}
