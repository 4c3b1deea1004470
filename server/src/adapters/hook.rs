//! Webhooks: what comes in, and what it says.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tarishi_protocol::Money;
use uuid::Uuid;

use super::{Answer, Reference, Settings};

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
    /// It was verified when it came and is read again from the store, which keeps no signature: it is not verified anew.
    pub verified: bool,
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
    /// What [`super::Adapter::correlation`] gave for the operation that this may be about.
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
    /// Money came in.
    Payment(PaymentNews),
    /// Somebody wrote to us.
    Inbound(InboundNews),
    /// Nothing to settle.
    Nothing,
}

/// What somebody wrote to us. `Debug` shows no more than its id.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub struct InboundNews {
    /// The provider's id of the message: one message, however often it is told.
    pub id: String,
    /// Who, as E.164 where the provider tells a number.
    pub from: String,
    /// To which of our numbers, where the provider tells.
    pub to: Option<String>,
    /// What it is: `text`, or the provider's word for another kind.
    pub kind: String,
    /// What it says, as far as it is text.
    pub text: Option<String>,
    /// When it was written.
    pub sent_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for InboundNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundNews").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Money that came in, by the provider's word. If the reference is that of a call of ours it is a claim for that call.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct PaymentNews {
    /// The provider's receipt; one payment, however often it is told.
    pub receipt: String,
    /// How much.
    pub amount: Money,
    /// When it was paid.
    pub paid_at: Option<DateTime<Utc>>,
    /// What the payer gave as account or reference.
    pub reference: String,
    /// The payer, as far as the provider says; may be masked.
    pub payer: Option<String>,
    /// The payer's phone as the provider writes it; may be masked or a hash.
    pub payer_phone: Option<String>,
    /// What it says to a call of ours that bears the reference.
    pub claim: Box<Answer>,
}

/// What a webhook claimed of a charge that has ended since.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The claim, as the webhook was read.
    pub reference: &'a Reference,
    /// What is known of the charge.
    pub known: Option<&'a Reference>,
    /// The receipt that the charge was told with.
    pub receipt: Option<&'a str>,
    /// How long ago the claim came.
    pub age: Duration,
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
    /// What it cost, as `USD 0.0040`, where a report tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
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
