//! The steps of a script, as they are written.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tarishi_protocol::{CancellationResult, Code, Limits, OperationId, Problem, ReceiptStatus, State};

/// What happens to one request. All of it left out is the friendly answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    pub(super) status: Option<u16>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<Value>,
    pub(super) drop: Option<Dropped>,
    pub(super) hang: bool,
    pub(super) panic: bool,
    pub(super) receipts: Vec<ReceiptSaid>,
    pub(super) cancellations: Vec<CancellationSaid>,
    pub(super) changes: Vec<ChangeSaid>,
    pub(super) limits: Option<LimitsSaid>,
    pub(super) retry_after_secs: Option<u64>,
    pub(super) token: Option<String>,
    pub(super) reset: bool,
    pub(super) more: bool,
    pub(super) server_time: Option<DateTime<Utc>>,
}

/// When the connection breaks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dropped {
    Before,
    After,
}

/// A receipt that is not the friendly one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiptSaid {
    pub(super) key: String,
    #[serde(deserialize_with = "receipt_status")]
    pub(super) status: ReceiptStatus,
    #[serde(default, deserialize_with = "state")]
    pub(super) state: Option<State>,
    #[serde(default)]
    pub(super) outcome: Option<Value>,
    #[serde(default)]
    pub(super) problem: Option<ProblemSaid>,
    #[serde(default)]
    pub(super) retry_after_ms: Option<u64>,
}

/// An answer to a wish to cancel that is not the friendly one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CancellationSaid {
    pub(super) key: String,
    pub(super) result: CancellationResult,
}

/// News for the feed: of an operation seen before, by its key or id, or of one that the server makes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeSaid {
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) id: Option<OperationId>,
    #[serde(default)]
    pub(super) adapter: Option<String>,
    #[serde(default)]
    pub(super) action: Option<String>,
    #[serde(deserialize_with = "state_needed")]
    pub(super) state: State,
    #[serde(default)]
    pub(super) outcome: Option<Value>,
    #[serde(default)]
    pub(super) problem: Option<ProblemSaid>,
}

/// A problem; what is left out follows from the code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProblemSaid {
    code: String,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    detail: String,
}

/// What the server takes from now on; what is left out is as usual.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSaid {
    #[serde(default)]
    operations: Option<usize>,
    #[serde(default)]
    bytes: Option<usize>,
    #[serde(default)]
    max_age_ms: u64,
    #[serde(default)]
    paused: Vec<String>,
}

impl ProblemSaid {
    pub(super) fn whole(self) -> Problem {
        let mut problem = match Code::from_word(&self.code) {
            Some(code) => Problem::new(code, self.detail),
            // A word of a newer server.
            None => Problem { code: self.code, ..Problem::new(Code::Internal, self.detail) },
        };
        problem.field = self.field;
        problem
    }
}

impl LimitsSaid {
    pub(super) fn whole(self) -> Limits {
        let usual = Limits::default();
        Limits {
            operations: self.operations.unwrap_or(usual.operations),
            bytes: self.bytes.unwrap_or(usual.bytes),
            max_age_ms: self.max_age_ms,
            paused: self.paused,
        }
    }
}

/// Words that the wire would forgive are mistakes in a script.
fn receipt_status<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ReceiptStatus, D::Error> {
    let word = String::deserialize(deserializer)?;
    match word.as_str() {
        "accepted" => Ok(ReceiptStatus::Accepted),
        "duplicate" => Ok(ReceiptStatus::Duplicate),
        "refused" => Ok(ReceiptStatus::Refused),
        "later" => Ok(ReceiptStatus::Later),
        _ => Err(serde::de::Error::custom(format_args!("no receipt's status: {word}"))),
    }
}

fn state_needed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
    let word = String::deserialize(deserializer)?;
    State::from_word(&word).ok_or_else(|| serde::de::Error::custom(format_args!("no state: {word}")))
}

fn state<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<State>, D::Error> {
    state_needed(deserializer).map(Some)
}

/// Reads a script.
pub(super) fn parse(steps_json: &str) -> Result<Vec<Step>, Problem> {
    let steps: Vec<Value> = read(serde_json::from_str(steps_json), "")?;
    steps.into_iter().enumerate().map(|(index, step)| read(serde_json::from_value(step), &format!("[{index}]"))).collect()
}

fn read<T: DeserializeOwned>(result: Result<T, serde_json::Error>, at: &str) -> Result<T, Problem> {
    result.map_err(|error| {
        let text = error.to_string();
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
        match unknown {
            Some((field, _)) => Problem::new(Code::UnknownField, text.clone()).with_field(format!("{at}.{field}")),
            None => Problem::new(Code::InvalidValue, text).with_field(at),
        }
    })
}
