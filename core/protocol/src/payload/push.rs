//! Notifications: to devices, and to people on the best channel.

use serde::{Deserialize, Serialize};

/// `send` of `push`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PushSend {
    /// A user or a device of the tenant.
    pub to: Audience,
    /// The headline.
    pub title: String,
    /// The text.
    pub body: String,
    /// For the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Map<String, serde_json::Value>>,
    /// Seconds that the provider keeps it for a phone that is off, up to [`crate::limits::PUSH_TTL_S_MAX`]; 0 = now or never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
    /// Whether it may wake a sleeping phone; high when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<PushPriority>,
    /// Of several with the same key only the newest is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collapse_key: Option<String>,
}

impl PushSend {
    /// `data` as the providers take it: every value is a text; what is none becomes its JSON.
    #[must_use]
    pub fn data_texts(&self) -> std::collections::BTreeMap<String, String> {
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.data.iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    }
}

/// How urgent a push is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PushPriority {
    /// It wakes a sleeping phone.
    High,
    /// It may wait until the phone wakes.
    Normal,
}

/// Whom a push is for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// An account of the tenant.
    User(String),
    /// One device.
    Device(String),
    /// A list of accounts.
    List(Vec<String>),
}

/// Whom a notification is for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NotifyTo {
    /// A person: an account of the tenant.
    User(String),
    /// Several, each with a chain of their own.
    List(Listed),
}

/// Several people.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed {
    /// Those of a list that the tenant keeps at the server.
    Named(String),
    /// These accounts, up to [`crate::limits::RECIPIENTS_MAX`].
    These(Vec<String>),
}

impl Serialize for Listed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(name) => name.serialize(serializer),
            Self::These(accounts) => accounts.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Listed {
    // By way of a value, which a phone's library reads already: a visitor of its own is a kilobyte.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || serde::de::Error::custom("expected the name of a list or a list of accounts");
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(name) => Ok(Self::Named(name)),
            serde_json::Value::Array(accounts) => {
                let text = |account| if let serde_json::Value::String(text) = account { Some(text) } else { None };
                accounts.into_iter().map(text).collect::<Option<_>>().map(Self::These).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

/// `notify`: reach a person on the best channel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// The kind of notification; chooses texts and route.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whom.
    pub to: NotifyTo,
    /// What the texts are filled with.
    pub data: serde_json::Map<String, serde_json::Value>,
    /// Equal ones in a short time are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_key: Option<String>,
}
