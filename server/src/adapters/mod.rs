//! One provider, one adapter: one step of one call, and what was learnt from it.
//!
//! An adapter never retries, sleeps, stores or decides. It turns an operation into a request, sends it through [`Outbound`],
//! and reads the answer as one of [`Answer`]; an error says by its [`Disposition`] what may be done next. Silence is never
//! failure: what is not known is [`Answer::Waiting`] or [`Disposition::Ambiguous`].
//!
//! A folder a provider, always with the same files: `mod.rs` (the [`Adapter`]), `config.rs` (settings, hidden in `Debug`),
//! `wire.rs` (pure: payload → request, answer → [`Answer`]), `webhook.rs` (pure: verify and parse), `docs.md`, `fixtures/`,
//! `tests.rs`. Adding one = a folder and a line in [`registry`].

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tarishi_protocol::{Code, OperationId, Payload, State, catalog::Category};
use uuid::Uuid;

mod address;
#[cfg(test)]
mod contract;
pub mod http;
pub mod local_storage;
pub mod mpesa;
pub mod sms;

pub use http::Outbound;

/// Every adapter of this build, by name.
#[must_use]
pub fn registry() -> BTreeMap<&'static str, Arc<dyn Adapter>> {
    let all: [Arc<dyn Adapter>; 3] =
        [Arc::new(local_storage::LocalStorage::default()), Arc::new(mpesa::Mpesa::default()), Arc::new(sms::Sms::default())];
    all.into_iter().map(|adapter| (adapter.descriptor().name, adapter)).collect()
}

/// One provider.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// What it can do and what it needs.
    fn descriptor(&self) -> &Descriptor;

    /// What follows an unknown outcome of this action, with this tenant's waits.
    fn recovery(&self, action: &str, settings: &Settings) -> Recovery;

    /// Checks a tenant's settings before they are stored or used.
    ///
    /// # Errors
    /// [`Disposition::Misconfigured`], naming the setting.
    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError>;

    /// One step of the call. Called only while the operation is `calling`, with an identity that is already durable.
    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError>;

    /// Asks the provider what became of a call: a poll with the reference known, or after a lost answer without one.
    /// Never causes an effect.
    async fn recover(&self, call: &Call<'_>, known: Option<&Reference>) -> Result<Answer, AdapterError>;

    /// Verifies and reads a webhook. Pure.
    ///
    /// # Errors
    /// [`Disposition::Rejected`] if it is not authentic or cannot be read.
    fn read_webhook(&self, hook: &Hook<'_>) -> Result<HookRead, AdapterError>;

    /// Asks the provider cheaply whether it answers and knows us.
    async fn health(&self, call: &HealthCall<'_>) -> Health;

    /// Gets a new access token. Called by the dispatcher alone, one at a time per tenant and adapter.
    ///
    /// # Errors
    /// As for any call; the default is [`Disposition::Unsupported`].
    async fn fetch_token(&self, _settings: &Settings, _outbound: &Outbound) -> Result<AccessToken, AdapterError> {
        Err(AdapterError::new(Disposition::Unsupported, "this provider has no tokens"))
    }

    /// A text that a receipt without our reference may be recognised by (the recipient, for an SMS to one number).
    fn correlation(&self, _action: &str, _payload: &Payload) -> Option<String> {
        None
    }
}

/// What an adapter can do and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// Its name in operations, routes and settings.
    pub name: &'static str,
    /// What it deals with.
    pub category: Category,
    /// Its actions.
    pub actions: &'static [ActionSpec],
    /// Its settings, by the names of the environment variables without the prefix, in lower case.
    pub settings: &'static [SettingSpec],
    /// The prefix of its environment variables: `MPESA_`.
    pub env_prefix: &'static str,
    /// Calls that may be open at once for one tenant.
    pub slots: u32,
    /// It takes webhooks.
    pub webhooks: bool,
    /// Its page.
    pub docs: &'static str,
}

impl Descriptor {
    /// The action of this name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&'static ActionSpec> {
        self.actions.iter().find(|action| action.name == name)
    }
}

/// One action of an adapter.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    /// Its name.
    pub name: &'static str,
    /// How long one call may take; the lease is this and 15 s.
    pub call_deadline: Duration,
    /// The call carries an access token.
    pub needs_token: bool,
    /// It changes something at the provider.
    pub has_effect: bool,
}

/// One setting of an adapter.
#[derive(Clone, Copy, Debug)]
pub struct SettingSpec {
    /// Its name in lower case: `consumer_key` is `MPESA_CONSUMER_KEY` in the environment.
    pub name: &'static str,
    /// Sealed at rest, never shown.
    pub secret: bool,
    /// The adapter cannot work without it.
    pub required: bool,
    /// What it is for.
    pub help: &'static str,
}

/// A tenant's settings and credentials for one adapter: name → text. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Settings(pub BTreeMap<String, String>);

impl Settings {
    /// The setting, if it is there and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The setting, or which one is missing.
    ///
    /// # Errors
    /// [`Disposition::Misconfigured`].
    pub fn require(&self, name: &str) -> Result<&str, AdapterError> {
        self.get(name).ok_or_else(|| AdapterError::new(Disposition::Misconfigured, format!("setting {name} is missing")))
    }

    /// A wait in milliseconds (`<name>_ms`), or the default.
    ///
    /// # Errors
    /// [`Disposition::Misconfigured`] if it is no number.
    pub fn wait(&self, name: &str, default: Duration) -> Result<Duration, AdapterError> {
        let name = format!("{name}_ms");
        let Some(text) = self.get(&name) else { return Ok(default) };
        text.parse()
            .map(Duration::from_millis)
            .map_err(|_| AdapterError::new(Disposition::Misconfigured, format!("setting {name} must be whole milliseconds")))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What an adapter is told. Everything in it was durable before the call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Whose.
    pub tenant: &'a str,
    /// Which operation.
    pub operation_id: OperationId,
    /// What is asked.
    pub action: &'a str,
    /// With what.
    pub payload: &'a Payload,
    /// Names this one call.
    pub attempt_id: Uuid,
    /// Names the effect; the same over all tries (hex, 64 characters).
    pub effect_key: &'a str,
    /// What an earlier step left.
    pub memo: Option<&'a Value>,
    /// For an action about another operation (`query`, `refund`): what is known of that one.
    pub related: Option<&'a Related>,
    /// The tenant's settings.
    pub settings: &'a Settings,
    /// The access token, where the action needs one.
    pub access_token: Option<&'a str>,
    /// Where the provider may tell this attempt's outcome: `https://host/k/{attempt}/{token}`; more path may follow.
    pub callback_url: &'a str,
    /// When the operation's first attempt was opened.
    pub first_opened_at: DateTime<Utc>,
    /// Polls made so far for this operation.
    pub polls: u32,
    /// Now, by the server's clock.
    pub now: DateTime<Utc>,
    /// The way out.
    pub outbound: &'a Outbound,
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("operation", &self.operation_id).field("attempt", &self.attempt_id).finish_non_exhaustive()
    }
}

/// What is known of the operation that a `query` or `refund` is about.
#[derive(Clone, Debug)]
pub struct Related {
    /// Its id.
    pub operation_id: OperationId,
    /// Its action.
    pub action: String,
    /// Where it stands.
    pub state: State,
    /// What the provider calls it.
    pub reference: Option<Reference>,
    /// How it ended.
    pub outcome: Option<Value>,
}

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

/// What was learnt.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum Answer {
    /// This step is done; commit the memo and call again at once.
    Next {
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

/// A webhook as it came, with this tenant's settings.
#[derive(Clone, Copy)]
pub struct Hook<'a> {
    /// The attempt that the path names (`/k/{attempt}/{token}`), verified.
    pub attempt_id: Option<Uuid>,
    /// The action of that attempt's operation.
    pub action: Option<&'a str>,
    /// What follows the token in the path.
    pub rest: &'a str,
    /// The query string.
    pub query: &'a str,
    /// Header names (lower case) and values.
    pub headers: &'a [(String, String)],
    /// The peer's address.
    pub peer: Option<std::net::IpAddr>,
    /// The body's bytes.
    pub body: &'a [u8],
    /// The tenant's settings.
    pub settings: &'a Settings,
    /// Now, by the server's clock.
    pub now: DateTime<Utc>,
}

impl fmt::Debug for Hook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("attempt", &self.attempt_id).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// What a webhook says, and the reply the provider wants.
#[derive(Clone, Debug, PartialEq)]
pub struct HookRead {
    /// News, in order.
    pub events: Vec<HookEvent>,
    /// The reply.
    pub reply: Reply,
}

/// One piece of news.
#[derive(Clone, Debug, PartialEq)]
pub struct HookEvent {
    /// What it is about.
    pub target: Target,
    /// The provider's own id of this event: the only thing repeats are told by.
    pub event_id: Option<String>,
    /// What was learnt. [`Answer::Waiting`] with `poll_after` zero = "ask the provider to confirm this".
    pub news: News,
    /// What [`Adapter::correlation`] gave for the operation that this may be about.
    pub correlation: Option<String>,
}

/// What a webhook is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// The attempt in the path.
    Attempt(Uuid),
    /// The operation with this reference.
    Reference(String),
    /// Nothing of ours; kept for the log.
    Nobody,
}

/// What a webhook tells.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub enum News {
    /// As if the call had answered this.
    Answer(Answer),
    /// The delivery of one message: changes its entry in a [`tarishi_protocol::MessagesOutcome`].
    Message(MessageNews),
    /// Nothing to settle.
    Nothing,
}

/// The delivery of one message. Ranks only climb: a late "sent" never undoes "delivered".
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MessageNews {
    /// The provider's id of the message.
    pub id: String,
    /// `sent`, `delivered`, `read` or `failed`.
    pub status: String,
    /// Height of the status.
    pub rank: u8,
    /// The recipient the report names; must be the stored one.
    pub to: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// The reply to a webhook.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: &'static str,
    /// Body.
    pub body: String,
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

/// What [`Adapter::health`] is told.
#[derive(Clone, Copy, Debug)]
pub struct HealthCall<'a> {
    /// The tenant's settings.
    pub settings: &'a Settings,
    /// The access token, for adapters whose actions need one; absent = none could be had.
    pub access_token: Option<&'a str>,
    /// The way out.
    pub outbound: &'a Outbound,
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
