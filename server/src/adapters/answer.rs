//! What an adapter learnt, and what may follow.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tarishi_protocol::Code;

/// What the provider calls what we asked for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reference {
    /// The provider's id; webhooks are matched by it.
    pub id: String,
    /// What else the adapter wants to remember; merged field by field over the operation's life.
    #[serde(default)]
    pub data: serde_json::Map<String, Value>,
}

impl Reference {
    /// A reference of this id.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), data: serde_json::Map::new() }
    }

    /// Remembers one more thing.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }
}

/// The code of a payment that was made and then given back.
pub const REVERSED: &str = "reversed";

/// What was learnt.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Answer {
    /// This step is done; commit the memo and call again at once.
    Next {
        /// For the next step.
        memo: Value,
    },
    /// As [`Answer::Next`], after a step that only looked: nothing was done by it.
    Looked {
        /// For the next step.
        memo: Value,
    },
    /// The effect exists.
    Succeeded {
        /// The outcome of the action's type.
        outcome: Value,
        /// What the provider calls it.
        reference: Option<Reference>,
        /// The provider's receipt of money; unique per tenant and adapter.
        receipt: Option<String>,
    },
    /// The provider has it, or may have it.
    Waiting {
        /// What the provider calls it, once known.
        reference: Option<Reference>,
        /// When to ask next.
        poll_after: Duration,
        /// What the device may show meanwhile ([`tarishi_protocol::Interim`]).
        interim: Option<Value>,
    },
    /// The provider says there is and will be no effect.
    Failed {
        /// The provider's code.
        code: String,
        /// For a person; without phone numbers and secrets.
        message: String,
    },
    /// The provider affirms that it knows no such effect. Believed only after the action's `settle_after`.
    NotFound,
}

impl Answer {
    /// Of a webhook: it claims that money came in, or went back, and wants confirming.
    #[must_use]
    pub fn is_claim(&self) -> bool {
        matches!(self, Self::Waiting { reference: Some(_), poll_after, .. } if poll_after.is_zero())
    }
}

/// A call that only reads may be repeated for this long.
const READ_WINDOW: Duration = Duration::from_secs(3_600);

/// What follows an unknown outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recovery {
    /// The provider (or our own id) makes a repeat harmless within this time of the first attempt.
    ResendSameKey {
        /// From the first attempt.
        window: Duration,
    },
    /// Ask; "not found" is believed this long after the attempt.
    Query {
        /// From the attempt.
        settle_after: Duration,
    },
    /// Wait for a webhook this long, then do as said.
    Receipts {
        /// From the moment the outcome became unknown.
        wait: Duration,
        /// What then.
        then: Then,
    },
    /// Ask a human at once.
    Human,
}

impl Recovery {
    /// Of an action that only reads.
    pub const READ: Self = Self::ResendSameKey { window: READ_WINDOW };
}

/// What follows when no receipt came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Then {
    /// Execute again: a double is harmless (messages).
    Resend,
    /// Ask a human (money).
    Unresolved,
}

/// What an error allows next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disposition {
    /// Certainly nothing was done; the same call may be made again.
    Transient,
    /// Certainly nothing was done; not before `retry_after`, and the whole lane waits.
    RateLimited,
    /// Nobody knows whether something was done.
    Ambiguous,
    /// Certainly nothing was done, and the same call will never succeed.
    Rejected,
    /// Certainly nothing was done; the access token is no longer good.
    Unauthorized,
    /// Certainly nothing was done; the operator must correct the settings or the account.
    Misconfigured,
    /// The adapter cannot do this.
    Unsupported,
}

/// A call that gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct AdapterError {
    /// What may be done next.
    pub disposition: Disposition,
    /// A more exact problem code than the disposition's own.
    pub problem: Option<Code>,
    /// The provider's code.
    pub code: Option<String>,
    /// For a person; without phone numbers and secrets.
    pub message: String,
    /// Not before this.
    pub retry_after: Option<Duration>,
}

impl AdapterError {
    /// An error of this disposition.
    #[must_use]
    pub fn new(disposition: Disposition, message: impl Into<String>) -> Self {
        Self { disposition, problem: None, code: None, message: message.into(), retry_after: None }
    }

    /// The operator must correct the settings or the account; the message names which.
    #[must_use]
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self::new(Disposition::Misconfigured, message)
    }

    /// The same error of a call without effect: when its answer is lost, certainly nothing was done.
    #[must_use]
    pub fn harmless(self) -> Self {
        match self.disposition {
            Disposition::Ambiguous => Self { disposition: Disposition::Transient, ..self },
            Disposition::Transient
            | Disposition::RateLimited
            | Disposition::Rejected
            | Disposition::Unauthorized
            | Disposition::Misconfigured
            | Disposition::Unsupported => self,
        }
    }

    /// Names the problem more exactly.
    #[must_use]
    pub fn with_problem(mut self, problem: Code) -> Self {
        self.problem = Some(problem);
        self
    }

    /// Keeps the provider's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// An access token and its life.
#[derive(Clone)]
pub struct AccessToken {
    /// The token.
    pub token: String,
    /// Its life from now.
    pub expires_in: Duration,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// How the provider is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    /// It answers and knows us.
    pub ok: bool,
    /// It answers, but something wants attention (a low balance).
    pub degraded: bool,
    /// For an operator; without secrets.
    pub message: String,
}

impl Health {
    /// All is well.
    #[must_use]
    pub fn good(message: impl Into<String>) -> Self {
        Self { ok: true, degraded: false, message: message.into() }
    }

    /// It works, and somebody should look.
    #[must_use]
    pub fn degraded(message: impl Into<String>) -> Self {
        Self { ok: true, degraded: true, message: message.into() }
    }

    /// It does not work.
    #[must_use]
    pub fn bad(message: impl Into<String>) -> Self {
        Self { ok: false, degraded: false, message: message.into() }
    }
}
