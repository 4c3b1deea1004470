//! What a tenant decides about one type of notification: which channels, in which order, for how long. Data, checked when it is
//! stored; a notification keeps the route that it began with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tarishi_protocol::{Code, Money, Problem};

use super::{Cost, quiet::QuietHours};
use crate::store::Ms;

/// The longest wait for one channel, in seconds: three days, in which providers report.
pub const WAIT_S_MAX: u32 = 259_200;
/// The longest that a whole chain may go on beginning steps, in seconds: seven days.
pub const DEADLINE_S_MAX: u32 = 604_800;
/// The longest time in which a second notification with the same `dedupe_key` is the first, in seconds: seven days.
pub const DEDUPE_S_MAX: u32 = 604_800;
/// When `dedupe_window_s` is not said, in seconds.
pub const DEDUPE_S_DEFAULT: u32 = 600;

/// Bytes of the name of a type or list, at most.
pub const NAME_BYTES_MAX: usize = 64;

/// Whether a type or list may be called so.
///
/// # Errors
/// It may not, and by which rule.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(good) {
        return Ok(());
    }
    let detail = format!("must have 1 to {NAME_BYTES_MAX} of a-z, 0-9, _ and -");
    Err(Problem::new(Code::InvalidValue, detail).with_field("name"))
}

/// A way to a person.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A notification on each of the person's phones that has the app.
    Push,
    /// A WhatsApp message.
    Whatsapp,
    /// A text message.
    Sms,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Push, Self::Whatsapp, Self::Sms];

    /// The word on the wire, which is its adapter's name too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
        }
    }

    /// The channel of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == word)
    }
}

/// How far a message came. Each includes those before it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The provider took it.
    Accepted,
    /// The provider handed it to the network.
    Sent,
    /// It is on the person's phone. For push: the app said so (`received`).
    Delivered,
    /// The person opened it.
    Read,
}

impl Reach {
    /// From the least to the farthest.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Sent, Self::Delivered, Self::Read];

    /// The word on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    /// The reach of this word; none for a word that says that it did not come.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reach| reach.as_str() == word)
    }
}

/// How urgent a type is. It chooses what the route does not say.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Seconds matter (a code, an alarm): quiet hours do not hold it up.
    Urgent,
    /// Today.
    #[default]
    Normal,
    /// To many, and cheap: no SMS unless the route names it.
    Bulk,
}

/// What follows when nobody knows whether a channel's provider took the message.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncertain {
    /// The next channel after half of the wait. Where none is left, the message is sent a second time if its adapter's setting
    /// allows that.
    #[default]
    Escalate,
    /// The next channel after the whole wait.
    Wait,
    /// The same, and meanwhile it is sent a second time where its adapter's setting allows that: once its report is overdue.
    ResendOnce,
}

/// One channel of a route.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// Which; each once in a route.
    pub channel: Channel,
    /// What is enough.
    #[serde(default = "delivered")]
    pub success: Reach,
    /// Seconds after which the next channel is tried, 1 to 259200; the provider keeps the message no longer where it can be told.
    pub wait_s: u32,
    /// What one message is booked at until the provider says what it cost, and if it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tariff: Option<Money>,
}

fn delivered() -> Reach {
    Reach::Delivered
}

fn yes() -> bool {
    true
}

fn dedupe_default() -> u32 {
    DEDUPE_S_DEFAULT
}

/// What a tenant decides about one type of notification.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// How urgent.
    #[serde(default)]
    pub priority: Priority,
    /// The channels, in their order: never two at once, never one twice. By priority if absent.
    #[serde(default)]
    pub channels: Vec<Leg>,
    /// Seconds after which no further channel is begun, 1 to 604800. By priority if absent. Quiet hours do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_s: Option<u32>,
    /// When the person is not to be disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<QuietHours>,
    /// Seconds in which a second one to the same person with the same `dedupe_key` is the first, 0 to 604800.
    #[serde(default = "dedupe_default")]
    pub dedupe_window_s: u32,
    /// What one notification may cost, summed over its channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<Money>,
    /// What follows an unknown answer of a provider.
    #[serde(default)]
    pub on_uncertain: Uncertain,
    /// Whether another channel may follow the first one. An approval, say, must not turn into a text message.
    #[serde(default = "yes")]
    pub fallback_allowed: bool,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            priority: Priority::default(),
            channels: Vec::new(),
            deadline_s: None,
            quiet_hours: None,
            dedupe_window_s: DEDUPE_S_DEFAULT,
            max_cost: None,
            on_uncertain: Uncertain::default(),
            fallback_allowed: true,
        }
    }
}

impl Route {
    /// The route with everything said that was left to the priority.
    ///
    /// # Errors
    /// Names the field that cannot be.
    pub fn complete(mut self) -> Result<Self, Problem> {
        if self.channels.is_empty() {
            self.channels = usual(self.priority);
        }
        self.deadline_s = Some(self.deadline_s.unwrap_or(match self.priority {
            Priority::Urgent => 900,
            Priority::Normal => 7_200,
            Priority::Bulk => 86_400,
        }));
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), Problem> {
        let invalid = |field: String, detail: String| Err(Problem::new(Code::InvalidValue, detail).with_field(field));
        for (index, leg) in self.channels.iter().enumerate() {
            let field = |name: &str| format!("channels[{index}].{name}");
            if self.channels[..index].iter().any(|other| other.channel == leg.channel) {
                return invalid(field("channel"), format!("{} is named twice", leg.channel.as_str()));
            }
            if !(1..=WAIT_S_MAX).contains(&leg.wait_s) {
                return invalid(field("wait_s"), format!("must be 1 to {WAIT_S_MAX}"));
            }
            let other = leg.tariff.as_ref().zip(self.max_cost.as_ref());
            if other.is_some_and(|(tariff, cap)| tariff.currency() != cap.currency()) {
                return invalid(field("tariff"), "must be in the currency of max_cost".to_owned());
            }
            if self.max_cost.is_some() && leg.tariff.is_none() && leg.channel != Channel::Push {
                return invalid(field("tariff"), "is needed where max_cost is set".to_owned());
            }
        }
        if !self.deadline_s.is_none_or(|deadline| (1..=DEADLINE_S_MAX).contains(&deadline)) {
            return invalid("deadline_s".to_owned(), format!("must be 1 to {DEADLINE_S_MAX}"));
        }
        if self.dedupe_window_s > DEDUPE_S_MAX {
            return invalid("dedupe_window_s".to_owned(), format!("must be 0 to {DEDUPE_S_MAX}"));
        }
        match &self.quiet_hours {
            Some(quiet) => quiet.check(),
            None => Ok(()),
        }
    }

    /// For how long after its beginning a chain may begin steps, in milliseconds.
    #[must_use]
    pub fn deadline_ms(&self) -> Ms {
        Ms::from(self.deadline_s.unwrap_or(DEADLINE_S_MAX)) * 1_000
    }
}

impl Leg {
    /// How long the channel may take, in milliseconds.
    #[must_use]
    pub fn wait_ms(&self) -> Ms {
        Ms::from(self.wait_s) * 1_000
    }

    /// What one message is booked at.
    #[must_use]
    pub fn cost(&self) -> Option<Cost> {
        self.tariff.as_ref().map(Cost::of)
    }
}

/// Seconds and minutes for what is urgent, minutes otherwise; SMS is the end of the chain, and waits for its report.
fn usual(priority: Priority) -> Vec<Leg> {
    let leg = |channel, wait_s| Leg { channel, success: Reach::Delivered, wait_s, tariff: None };
    match priority {
        Priority::Urgent => vec![leg(Channel::Push, 30), leg(Channel::Whatsapp, 120), leg(Channel::Sms, 600)],
        Priority::Normal => vec![leg(Channel::Push, 300), leg(Channel::Whatsapp, 900), leg(Channel::Sms, 86_400)],
        Priority::Bulk => vec![leg(Channel::Push, 300), leg(Channel::Whatsapp, 900)],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn route(text: &Value) -> Result<Route, Problem> {
        serde_json::from_value::<Route>(text.clone()).unwrap().complete()
    }

    fn field(text: &Value) -> Option<String> {
        route(text).unwrap_err().field
    }

    #[test]
    fn what_is_not_said_comes_from_the_priority() {
        let waits = |priority: &str| {
            let route = route(&json!({ "priority": priority })).unwrap();
            route.channels.iter().map(|leg| (leg.channel.as_str(), leg.wait_s)).collect::<Vec<_>>()
        };
        assert_eq!(waits("urgent"), [("push", 30), ("whatsapp", 120), ("sms", 600)]);
        assert_eq!(waits("normal"), [("push", 300), ("whatsapp", 900), ("sms", 86_400)]);
        assert_eq!(waits("bulk"), [("push", 300), ("whatsapp", 900)]);
        assert_eq!(route(&json!({})).unwrap().deadline_ms(), 7_200_000);
    }

    #[test]
    fn a_channel_stands_once_in_a_route() {
        let push = json!({ "channel": "push", "wait_s": 30 });
        assert_eq!(field(&json!({ "channels": [push, push] })).as_deref(), Some("channels[1].channel"));
    }

    #[test]
    fn waits_and_deadlines_have_their_edges() {
        let wait = |wait_s: u32| json!({ "channels": [{ "channel": "sms", "wait_s": wait_s }] });
        for good in [1, WAIT_S_MAX] {
            assert!(route(&wait(good)).is_ok());
        }
        for bad in [0, WAIT_S_MAX + 1] {
            assert_eq!(field(&wait(bad)).as_deref(), Some("channels[0].wait_s"));
        }
        for (good, bad) in [(1, 0), (DEADLINE_S_MAX, DEADLINE_S_MAX + 1)] {
            assert!(route(&json!({ "deadline_s": good })).is_ok());
            assert_eq!(field(&json!({ "deadline_s": bad })).as_deref(), Some("deadline_s"));
        }
        assert!(route(&json!({ "dedupe_window_s": DEDUPE_S_MAX })).is_ok());
        assert_eq!(field(&json!({ "dedupe_window_s": DEDUPE_S_MAX + 1 })).as_deref(), Some("dedupe_window_s"));
    }

    #[test]
    fn a_cap_in_money_needs_tariffs_in_its_currency() {
        let with = |tariff: Value| {
            let cap = json!({ "amount": "2.00", "currency": "KES" });
            json!({ "max_cost": cap, "channels": [{ "channel": "sms", "wait_s": 60, "tariff": tariff }] })
        };
        assert!(route(&with(json!({ "amount": "0.80", "currency": "KES" }))).is_ok());
        assert_eq!(field(&with(json!({ "amount": "0.01", "currency": "USD" }))).as_deref(), Some("channels[0].tariff"));
        assert_eq!(field(&with(Value::Null)).as_deref(), Some("channels[0].tariff"));
    }
}
