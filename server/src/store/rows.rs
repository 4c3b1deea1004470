//! What goes into the store and comes out of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tarishi_protocol::{
    Fingerprint, NotificationReceipt, OnFailure, OperationId, Payload, Problem, State, SyncResponse, catalog,
};
use uuid::Uuid;

use crate::{
    adapters::{Answer, MessageNews, News, Reference},
    dispatch::policy::{Failure, Rules},
};

/// Milliseconds since 1970 by the server's clock.
pub type Ms = i64;

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
    /// `adapter:action` patterns; API keys also know `admin` and `logs:read`.
    pub scopes: Vec<String>,
    /// Caps; absent = none.
    #[serde(default)]
    pub caps: Caps,
}

/// How much a credential may do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
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
}

impl Actor {
    /// The id in logs.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Device { device } => device,
            Self::Key { key } => key,
            Self::Operator => "operator",
        }
    }
}

/// One operation that passed all checks that need no database.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The envelope.
    pub operation: tarishi_protocol::Operation,
    /// Its payload's fingerprint.
    pub fingerprint: Fingerprint,
    /// Its typed payload.
    pub payload: Payload,
    /// Name of what must not be under way twice (payments).
    pub money_reference: Option<String>,
    /// What a receipt without reference may be recognised by.
    pub correlation: Option<String>,
    /// When it becomes too old to begin.
    pub expires_at: Ms,
    /// When it was enqueued, by our clock.
    pub enqueued_at: Ms,
}

/// What the checks say of one operation, before the database is asked.
#[derive(Clone, Debug)]
pub enum Preview {
    /// It may be taken.
    Take(Box<Checked>),
    /// It must be refused for good, unless its id or key is known already.
    Refuse {
        /// Its id.
        id: OperationId,
        /// Its key, if it could be read.
        key: Option<String>,
        /// Its fingerprint, if its payload could be read.
        fingerprint: Option<Fingerprint>,
        /// Its ordering key, if it could be read.
        ordering_key: Option<String>,
        /// Why.
        problem: Problem,
    },
    /// It may come again, unless its id or key is known already.
    Later {
        /// Its id.
        id: OperationId,
        /// Its key.
        key: String,
        /// Its fingerprint.
        fingerprint: Option<Fingerprint>,
        /// Its ordering key: what follows in it must wait too.
        ordering_key: Option<String>,
        /// Why.
        problem: Problem,
    },
}

/// One exchange of one device.
#[derive(Clone, Debug)]
pub struct Intake {
    /// Whose.
    pub tenant: String,
    /// Which device.
    pub device: String,
    /// Its account.
    pub account: String,
    /// The request's counter.
    pub exchange: u64,
    /// Operations, in the order sent.
    pub operations: Vec<Preview>,
    /// Wishes to cancel.
    pub cancellations: Vec<OperationId>,
    /// Notification receipts.
    pub notification_receipts: Vec<NotificationReceipt>,
    /// Where the device's feed stands.
    pub cursor: Option<String>,
    /// Now.
    pub now: Ms,
}

/// How an exchange went.
#[derive(Clone, Debug)]
pub enum ExchangeOutcome {
    /// Committed; the answer.
    Done(Box<SyncResponse>),
    /// The counter is not above the highest seen; nothing was changed.
    Stale {
        /// The highest seen.
        highest: u64,
    },
}

/// An operation that no device sent.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose.
    pub tenant: String,
    /// Who asks.
    pub actor: Actor,
    /// The account it is for.
    pub account: String,
    /// Every device of this account hears of it.
    pub deliver_to: Option<String>,
    /// What.
    pub preview: Preview,
    /// Now.
    pub now: Ms,
}

/// The lane of one adapter of one tenant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LaneRow {
    /// Whose.
    pub tenant: String,
    /// Which adapter.
    pub adapter: String,
    /// Closed until (rate limit, open breaker).
    pub not_before: Ms,
    /// Failures in a row that say the provider is down.
    pub failures: u32,
    /// When it was last served.
    pub last_served: Ms,
    /// Calls under way.
    pub in_use: u32,
    /// Operations that wait to be executed.
    pub depth: u64,
}

/// One operation, whole.
#[derive(Clone, Debug)]
pub struct OperationRow {
    /// Whose.
    pub tenant: String,
    /// Its id.
    pub id: OperationId,
    /// For whom.
    pub account: String,
    /// Who sent it.
    pub actor: Actor,
    /// Its key.
    pub idempotency_key: String,
    /// Its order.
    pub ordering_key: Option<String>,
    /// What its failure does to its key.
    pub on_failure: OnFailure,
    /// The adapter.
    pub adapter: String,
    /// The action.
    pub action: String,
    /// The payload's version.
    pub version: u32,
    /// The payload, verbatim.
    pub payload: String,
    /// Where it stands.
    pub state: State,
    /// Its outcome or interim.
    pub outcome: Option<serde_json::Value>,
    /// How it failed.
    pub problem: Option<Problem>,
    /// What the provider calls it.
    pub reference: Option<Reference>,
    /// What the last step left.
    pub memo: Option<serde_json::Value>,
    /// Rises only with a redrive.
    pub effect_number: u32,
    /// Calls with an effect so far.
    pub attempts: u32,
    /// Polls so far.
    pub polls: u32,
    /// The open or last attempt.
    pub attempt_id: Option<Uuid>,
    /// When the first attempt of this effect was opened.
    pub first_opened_at: Option<Ms>,
    /// Since when the outcome is unknown and no reference is known.
    pub ambiguous_at: Option<Ms>,
    /// A call of this effect before the last may have had it. Only `settle` looks; elsewhere it is false.
    pub earlier_unknown: bool,
    /// When it was taken in.
    pub created_at: Ms,
    /// When it becomes too old to begin.
    pub expires_at: Ms,
    /// When somebody must look next.
    pub next_at: Option<Ms>,
    /// When it ended.
    pub ended_at: Option<Ms>,
    /// What it waits for.
    pub parent: Option<(OperationId, tarishi_protocol::AfterOn)>,
}

/// What was answered about an id that never became an operation.
#[derive(Clone, Debug)]
pub struct VerdictRow {
    /// Refused, or cancelled before it came, or the same as another.
    pub verdict: Verdict,
    /// Whose account asked.
    pub account: String,
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Refused for good.
    Refused(Problem),
    /// Cancelled before it came.
    Cancelled,
    /// The same key as this operation.
    DuplicateOf(OperationId),
}

/// Which operations.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// Whose.
    pub tenant: String,
    /// Of this account only.
    pub account: Option<String>,
    /// In these states; empty = all.
    pub states: Vec<State>,
    /// Of this adapter.
    pub adapter: Option<String>,
    /// Only dead letters: unresolved, `attempts_exhausted`, `dependency_failed`.
    pub dead_letters: bool,
    /// Older than this one.
    pub before: Option<OperationId>,
    /// At most this many (at most 500).
    pub limit: u32,
}

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

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub struct Open {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub id: OperationId,
    /// The new attempt's id.
    pub attempt: Uuid,
    /// Nothing is sent after this.
    pub send_before: Ms,
    /// The answer is here by then, or lost.
    pub answer_by: Ms,
    /// Nobody else looks before this.
    pub lease_until: Ms,
    /// Now.
    pub now: Ms,
}

/// May the call be made?
#[derive(Clone, Debug)]
pub enum Opened {
    /// Yes: the attempt is on record.
    Yes {
        /// The operation as it stands now.
        operation: Box<OperationRow>,
        /// For an action about another operation: that one.
        related: Option<Box<OperationRow>>,
    },
    /// No: what forbade it has been settled.
    No,
}

/// Where evidence came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// The call of this attempt.
    Call {
        /// The attempt.
        attempt: Uuid,
    },
    /// A poll or recovery.
    Poll,
    /// A webhook.
    Webhook,
    /// A human.
    Operator {
        /// Who.
        who: String,
    },
}

/// What was learnt about an operation.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// An answer of the provider.
    Answer(Answer),
    /// A call that gave none.
    Failure(Failure),
    /// The attempt's time is over and nobody closed it.
    Lost,
    /// The wait for a receipt is over.
    ReceiptOverdue,
    /// A message's delivery.
    Message(MessageNews),
    /// A human's decision.
    Resolve(Resolution),
}

/// A human's decision about an unresolved operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// The effect exists.
    Succeeded {
        /// Its outcome.
        outcome: serde_json::Value,
    },
    /// It does not and will not.
    Failed {
        /// Why.
        reason: String,
    },
    /// It does not; execute it again.
    RunAgain,
}

/// Evidence to settle.
#[derive(Clone, Debug)]
pub struct Settle {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub id: OperationId,
    /// Where it came from.
    pub source: Source,
    /// What was learnt.
    pub evidence: Evidence,
    /// The tenant's waits and retries for this action.
    pub rules: Rules,
    /// Now.
    pub now: Ms,
}

/// What settling did.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// The state before and after; none = no such operation.
    pub moved: Option<(State, State)>,
    /// It succeeded after it had been told failed or expired.
    pub late_success: bool,
    /// Webhook events that wait for this operation may match now.
    pub news: bool,
}

/// A verified webhook, as it came.
#[derive(Clone, Debug)]
pub struct WebhookRow {
    /// Whose.
    pub tenant: String,
    /// Of which adapter.
    pub adapter: String,
    /// What followed the token in the path, and the query.
    pub path: String,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// When.
    pub received_at: Ms,
}

/// One piece of news of a webhook.
#[derive(Clone, Debug)]
pub struct WebhookEventRow {
    /// Its row; 0 before it is stored.
    pub id: i64,
    /// Whose.
    pub tenant: String,
    /// Of which adapter.
    pub adapter: String,
    /// The attempt it is about.
    pub attempt: Option<Uuid>,
    /// The reference it is about.
    pub reference: Option<String>,
    /// The provider's id of it.
    pub event_id: Option<String>,
    /// What it may be recognised by.
    pub correlation: Option<String>,
    /// What it says.
    pub news: News,
    /// When it came.
    pub received_at: Ms,
}

/// What became of a webhook event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventState {
    /// To be settled, or waits for its operation.
    Open,
    /// Settled.
    Done,
    /// Of nothing of ours.
    Dropped,
}

/// How long things are kept, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Operations that moved no money, after their end.
    pub operations: Ms,
    /// Lines of the log that had no effect.
    pub polls: Ms,
    /// Webhooks, and events that matched nothing.
    pub webhooks: Ms,
}

/// Figures for `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Operations not ended, by adapter and state.
    pub depth: Vec<(String, State, u64)>,
    /// Operations ended, by adapter and state.
    pub ended: Vec<(String, State, u64)>,
    /// Attempts, by adapter and result.
    pub attempts: Vec<(String, String, u64)>,
    /// Lanes.
    pub lanes: Vec<LaneRow>,
    /// Dead letters.
    pub dead_letters: u64,
    /// Webhook events that match nothing yet.
    pub unmatched_events: u64,
}
