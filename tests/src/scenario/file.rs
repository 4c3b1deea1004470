//! The files, read strictly: an unknown verb or field is an error, so that no runner passes over what it does not know.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::harness::Result;

/// One scenario.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// A sentence: what is so when it passes.
    pub name: String,
    /// Why it matters.
    pub why: String,
    /// How the client is opened.
    #[serde(default)]
    pub options: ScenarioOptions,
    /// What is done, in order.
    #[serde(deserialize_with = "steps")]
    pub steps: Vec<Step>,
}

/// How the client is opened; what is left out is as usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScenarioOptions {
    /// The account; the client asks the server if left out.
    pub account: Option<String>,
    /// Operations that have not ended, at most.
    pub quota_operations: Option<u64>,
    /// Sync on networks that cost.
    pub sync_on_metered: Option<bool>,
    /// Bytes a day on networks that cost.
    pub metered_bytes_per_day: Option<u64>,
    /// How long ended operations stay readable.
    pub retention_ms: Option<u64>,
    /// Payloads and outcomes are sealed at rest.
    pub seal: bool,
    /// The wall time of a clock that stands still until told; the system's clock if left out.
    pub clock: Option<chrono::DateTime<chrono::Utc>>,
}

/// One step.
#[derive(Debug)]
pub struct Step {
    /// What to do.
    pub verb: Verb,
    /// What must come of it.
    pub expect: Option<Value>,
    /// The error that must come of it instead.
    pub error: Option<Value>,
}

/// An operation as a scenario writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the README of the scenarios says it")]
pub struct OperationSaid {
    pub adapter: String,
    pub action: String,
    pub payload: Map<String, Value>,
    pub key: Option<String>,
    pub ordering_key: Option<String>,
    #[serde(default)]
    pub on_failure: tarishi_protocol::OnFailure,
    #[serde(default)]
    pub priority: PrioritySaid,
    pub ttl_ms: Option<u64>,
    pub after: Option<AfterSaid>,
    #[serde(rename = "as")]
    pub named: Option<String>,
}

/// A word for a priority.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the README of the scenarios says it")]
pub enum PrioritySaid {
    High,
    #[default]
    Normal,
}

/// What must end first, by its name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the README of the scenarios says it")]
pub struct AfterSaid {
    pub of: String,
    pub on: tarishi_protocol::AfterOn,
}

/// How to sign out.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the README of the scenarios says it")]
pub enum How {
    Drain,
    Keep,
    Discard,
}

/// A word for a network.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the README of the scenarios says it")]
pub enum NetworkSaid {
    Unknown,
    Offline,
    Metered,
    Unmetered,
}

/// What a step does.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the README of the scenarios says it")]
pub enum Verb {
    Enqueue(OperationSaid),
    EnqueueMany {
        operations: Vec<OperationSaid>,
    },
    Get {
        of: String,
    },
    List {
        #[serde(default)]
        states: Vec<tarishi_core::DeviceState>,
        ordering_key: Option<String>,
        adapter: Option<String>,
        limit: Option<u32>,
    },
    Cancel {
        of: String,
    },
    Replace {
        of: String,
        payload: Map<String, Value>,
        #[serde(rename = "as")]
        named: Option<String>,
    },
    Retry {
        of: String,
        #[serde(rename = "as")]
        named: Option<String>,
    },
    Why {
        of: String,
    },
    Sync {
        deadline_ms: Option<u64>,
    },
    Stats {},
    Report {},
    Account {},
    Logout {
        how: How,
        deadline_ms: Option<u64>,
    },
    Suspend {
        deadline_ms: Option<u64>,
    },
    Resume {},
    Network {
        to: NetworkSaid,
    },
    Foreground {
        to: bool,
    },
    Tokens {
        current: Option<String>,
        #[serde(default)]
        next: Vec<String>,
        #[serde(default)]
        sign_in: bool,
        #[serde(default)]
        changed: bool,
    },
    Clock {
        advance_ms: Option<u64>,
        set: Option<chrono::DateTime<chrono::Utc>>,
        #[serde(default)]
        reboot: bool,
    },
    Server {
        script: Option<Vec<Value>>,
        unreachable: Option<bool>,
        #[serde(default, deserialize_with = "said")]
        tokens: Option<Option<Vec<String>>>,
    },
    Requests {},
    Events {},
    Notification {
        id: String,
        event: tarishi_protocol::NotificationEvent,
    },
    NotificationKnown {
        id: String,
    },
    CloseAndOpen {},
    CrashAndOpen {},
    Start {},
    Stop {},
    Until {
        of: String,
        state: tarishi_core::DeviceState,
    },
}

/// Tells `null` apart from nothing at all.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn steps<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<Step>, D::Error> {
    let steps = Vec::<Map<String, Value>>::deserialize(deserializer)?;
    let read = |(index, mut step): (usize, Map<String, Value>)| {
        let (expect, error) = (step.remove("expect"), step.remove("error"));
        let verb = serde_json::from_value(Value::Object(step));
        let verb = verb.map_err(|error| serde::de::Error::custom(format_args!("step {}: {error}", index + 1)))?;
        Ok(Step { verb, expect, error })
    };
    steps.into_iter().enumerate().map(read).collect()
}

/// Reads a file.
///
/// # Errors
/// It says what no runner understands.
pub fn parse(text: &str) -> Result<Scenario> {
    Ok(serde_json::from_str(text)?)
}

/// The verbs in a file.
///
/// # Errors
/// It is no JSON.
pub fn verbs(text: &str) -> Result<Vec<String>> {
    let whole: Value = serde_json::from_str(text)?;
    let steps = whole["steps"].as_array().cloned().unwrap_or_default();
    Ok(steps.iter().filter_map(|step| step["do"].as_str().map(str::to_owned)).collect())
}
