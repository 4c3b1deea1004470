//! What can go wrong, as data: the body of `POST /_sandbox/faults`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use crate::call::{Adapter, Call};

/// What happens to the call itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No effect, and the connection closes without an answer.
    TimeoutBefore,
    /// The effect happens, its webhook follows, and the connection closes without an answer.
    TimeoutAfter,
    /// No effect; the answer is the HTTP status of the fault.
    Status,
    /// The provider's own result code: of the outcome where it comes later, of the answer where it comes at once.
    Result,
}

/// What happens to the webhook that follows the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackFault {
    /// It is never sent.
    Lost,
    /// It is sent `delay_ms` after its time.
    Late,
    /// It is sent twice, `delay_ms` apart.
    Double,
    /// Where several follow: the last comes first.
    Disordered,
}

/// Which requests a fault is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Match {
    /// Those where any recognisable datum (phone, amount, text, receipt…) contains this text.
    Text(String),
    /// Those where every named datum has exactly this value.
    Fields(BTreeMap<String, Value>),
}

/// A fault to be armed. Without `fault` the call itself goes well.
///
/// `delay_ms` is the wait before the connection closes (time-outs), before the answer (otherwise), or belongs to the
/// webhook when that is late or doubled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The provider it is for.
    pub adapter: Adapter,
    /// The call it is for.
    pub call: Call,
    /// The requests it is for; all of them when absent.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<Match>,
    /// What happens to the call.
    #[serde(rename = "fault", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FaultKind>,
    /// HTTP status of a `status` fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's code of a `result` fault; with `status` the error code in the body, with `timeout_after` the outcome.
    #[serde(default, deserialize_with = "text_or_number", skip_serializing_if = "Option::is_none")]
    pub result_code: Option<String>,
    /// What happens to the webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackFault>,
    /// Of a `timeout_after`: half of the answer leaves before the connection closes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub halved: bool,
    /// A wait in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How often it fires; without limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How likely it fires, 0 to 1; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Seed of the draw of `probability`; the fault's id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Fault {
    /// A fault of one call that so far changes nothing.
    pub fn on(adapter: Adapter, call: Call) -> Self {
        Self {
            adapter,
            call,
            matching: None,
            kind: None,
            status: None,
            result_code: None,
            callback: None,
            halved: false,
            delay_ms: None,
            times: None,
            probability: None,
            seed: None,
        }
    }

    /// Only for requests where any datum contains `text`.
    pub fn matching(mut self, text: impl Into<String>) -> Self {
        self.matching = Some(Match::Text(text.into()));
        self
    }

    /// No effect and no answer.
    pub fn timeout_before(mut self) -> Self {
        self.kind = Some(FaultKind::TimeoutBefore);
        self
    }

    /// The effect but no answer.
    pub fn timeout_after(mut self) -> Self {
        self.kind = Some(FaultKind::TimeoutAfter);
        self
    }

    /// The effect, and the connection closes in the middle of the answer.
    pub fn cut_mid_answer(mut self) -> Self {
        self.halved = true;
        self.timeout_after()
    }

    /// No effect; this HTTP status.
    pub fn status(mut self, status: u16) -> Self {
        self.kind = Some(FaultKind::Status);
        self.status = Some(status);
        self
    }

    /// The provider's own code.
    pub fn result(mut self, code: impl Into<String>) -> Self {
        self.kind = Some(FaultKind::Result);
        self.result_code = Some(code.into());
        self
    }

    /// What happens to the webhook.
    pub fn callback(mut self, callback: CallbackFault) -> Self {
        self.callback = Some(callback);
        self
    }

    /// The wait.
    pub fn delay_ms(mut self, delay_ms: u64) -> Self {
        self.delay_ms = Some(delay_ms);
        self
    }

    /// How often it fires.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// How likely it fires, and the seed of the draw.
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = Some(probability);
        self.seed = Some(seed);
        self
    }

    /// Says what makes no sense, in one line.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.adapter.calls().contains(&self.call) {
            return Err("call: this adapter has no such call".into());
        }
        if self.probability.is_some_and(|likely| !(0.0..=1.0).contains(&likely)) {
            return Err("probability: must be 0 to 1".into());
        }
        match self.kind {
            Some(FaultKind::Status) if !self.status.is_some_and(|status| (200..=599).contains(&status)) => {
                Err("status: a status fault needs 200 to 599".into())
            }
            Some(FaultKind::Result) if self.result_code.is_none() => Err("result_code: a result fault needs one".into()),
            Some(FaultKind::Result) if matches!(self.call, Call::Balance) => Err("fault: balance has no result code".into()),
            _ if self.halved && self.kind != Some(FaultKind::TimeoutAfter) => {
                Err("halved: only the answer of a timeout_after can be cut".into())
            }
            None if self.callback.is_none() && self.delay_ms.is_none() => Err("fault: nothing would change".into()),
            Some(_) | None => Ok(()),
        }
    }

    /// True if it touches the whole request and not one recipient in it.
    pub(crate) fn is_transport(&self) -> bool {
        match self.kind {
            Some(FaultKind::TimeoutBefore | FaultKind::TimeoutAfter | FaultKind::Status) => true,
            Some(FaultKind::Result) | None => false,
        }
    }

    /// The wait before the answer or the close.
    pub(crate) fn answer_delay(&self) -> Duration {
        match self.callback {
            Some(CallbackFault::Late | CallbackFault::Double) => Duration::ZERO,
            Some(CallbackFault::Lost | CallbackFault::Disordered) | None => Duration::from_millis(self.delay_ms.unwrap_or(0)),
        }
    }
}

fn text_or_number<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(source)? {
        None => None,
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => return Err(serde::de::Error::custom("result_code must be text or a number")),
    })
}
