//! Notifications: what a tenant decided, the people, and each person's chain.

use tarishi_protocol::OperationId;
use uuid::Uuid;

use super::Ms;
use crate::chain::{Channel, Reach, Recipient, Route, Texts};

/// How one person's chain stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChainState {
    /// It goes on.
    Active,
    /// A channel did it, or the person said that it is done.
    Succeeded,
    /// No channel is left; a provider took it, and nobody knows more.
    Unconfirmed,
    /// No channel is left, and none took it.
    Exhausted,
    /// Its time was over before a channel took it.
    DeadlinePassed,
    /// It came in quiet hours, in which this type is dropped.
    Dropped,
    /// The same was sent shortly before.
    Duplicate,
}

impl ChainState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Active,
        Self::Succeeded,
        Self::Unconfirmed,
        Self::Exhausted,
        Self::DeadlinePassed,
        Self::Dropped,
        Self::Duplicate,
    ];

    /// The word in the store and in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Succeeded => "succeeded",
            Self::Unconfirmed => "unconfirmed",
            Self::Exhausted => "exhausted",
            Self::DeadlinePassed => "deadline_passed",
            Self::Dropped => "dropped",
            Self::Duplicate => "duplicate",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// A message that arrives late makes it a success after all.
    #[must_use]
    pub fn may_yet_succeed(self) -> bool {
        match self {
            Self::Active | Self::Unconfirmed | Self::Exhausted | Self::DeadlinePassed => true,
            Self::Succeeded | Self::Dropped | Self::Duplicate => false,
        }
    }
}

/// One type of notification, as a tenant decided.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeRow {
    /// Whose.
    pub tenant: String,
    /// Its name; its texts have the same.
    pub name: String,
    /// Channels and times, complete.
    pub route: Route,
    /// Since when.
    pub updated_at: Ms,
}

/// The texts of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateRow {
    /// Whose.
    pub tenant: String,
    /// The type's name.
    pub name: String,
    /// By channel and locale.
    pub texts: Texts,
    /// Since when.
    pub updated_at: Ms,
}

/// One person of the address book.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipientRow {
    /// Whose.
    pub tenant: String,
    /// Who: an account of the tenant.
    pub account: String,
    /// What the tenant says.
    pub recipient: Recipient,
    /// Since when.
    pub updated_at: Ms,
}

/// A list of people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListRow {
    /// Whose.
    pub tenant: String,
    /// Its name.
    pub name: String,
    /// Accounts, each once.
    pub members: Vec<String>,
    /// Since when.
    pub updated_at: Ms,
}

/// One person's chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotificationRow {
    /// Whose.
    pub tenant: String,
    /// Its id: in every channel the same.
    pub id: Uuid,
    /// The `notify` that it is of.
    pub operation: OperationId,
    /// Who.
    pub account: String,
    /// The type.
    pub kind: String,
    /// How it stands.
    pub state: ChainState,
    /// The channel that did it.
    pub channel: Option<Channel>,
    /// Why it ended so, where the state does not say it.
    pub reason: Option<String>,
    /// What it is booked at so far, in millionths of the cap's currency.
    pub spent: i64,
    /// Since when.
    pub created_at: Ms,
    /// No step begins from then on.
    pub deadline_at: Ms,
    /// Quiet hours hold it up until then.
    pub deferred_until: Ms,
    /// When somebody must look next.
    pub next_at: Option<Ms>,
    /// When it ended.
    pub ended_at: Option<Ms>,
}

/// One channel of one chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeliveryRow {
    /// Which leg of the route.
    pub leg: usize,
    /// Which channel.
    pub channel: Channel,
    /// The step; none if the channel was left out.
    pub operation: Option<OperationId>,
    /// Why it was left out, or what it failed with.
    pub reason: Option<String>,
    /// It will not come by this channel.
    pub lost: bool,
    /// How far it came.
    pub reach: Option<Reach>,
    /// It arrived after the chain had gone on.
    pub late: bool,
    /// When it was begun.
    pub begun_at: Ms,
    /// When its provider took it.
    pub accepted_at: Option<Ms>,
    /// When it was on the person's phone.
    pub delivered_at: Option<Ms>,
    /// When the person opened it.
    pub read_at: Option<Ms>,
    /// When the chain went on, or ended.
    pub over_at: Option<Ms>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Millionths.
    pub cost: i64,
    /// The cost is the tariff's: the provider has not said what it cost.
    pub estimated: bool,
}

/// What an operation of the server's own is to a chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChainPart {
    /// The chain's id.
    pub chain: Uuid,
    /// It takes the chain's push back; otherwise it is one of its steps.
    pub retracts: bool,
}

/// What a device, an app's extension or a backend says of a notification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// It is on the phone.
    Received,
    /// The person opened it.
    Opened,
    /// What it is about is done.
    Done,
}

/// What notifications of one type cost in one currency, and what an SMS to each person would have.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ChainSavings {
    /// The type.
    pub kind: String,
    /// ISO 4217.
    pub currency: String,
    /// People to whom anything was sent.
    pub told: u64,
    /// An SMS to each of them, at its tariff, in millionths.
    pub all_sms: i64,
    /// What is booked, in millionths.
    pub cost: i64,
}

/// Figures of one type and channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChainFigures {
    /// The type.
    pub kind: String,
    /// The channel.
    pub channel: String,
    /// Steps that were begun.
    pub attempted: u64,
    /// Steps that a provider took.
    pub accepted: u64,
    /// Messages that arrived, the late ones too.
    pub delivered: u64,
    /// Messages that were opened.
    pub read: u64,
    /// Messages that arrived after the chain had gone on.
    pub late: u64,
    /// Why the chain went on from here, and how often.
    pub escalated: std::collections::BTreeMap<String, u64>,
    /// Half of what arrived took no longer, in milliseconds.
    pub p50_ms: Option<Ms>,
    /// 95 of 100 of what arrived took no longer, in milliseconds.
    pub p95_ms: Option<Ms>,
    /// By currency: millionths.
    pub cost: std::collections::BTreeMap<String, i64>,
    /// Costs among them that are the tariff's.
    pub estimated: u64,
}
