//! Requests to Echo and how its answers are read. Pure. What is in no table is unknown, never refused.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tarishi_protocol::{Code, Payload};

use super::super::{AdapterError, Answer, Disposition, Reference, http::HttpAnswer};

/// Characters of a text, at most.
pub(super) const TEXT_CHARS_MAX: usize = 160;

/// The text to say. Echo is not in the catalog, so its payload is free JSON and is checked here.
pub(super) fn text(payload: &Payload) -> Result<&str, AdapterError> {
    let text = if let Payload::Free(free) = payload { free.get("text").and_then(Value::as_str) } else { None };
    text.filter(|text| (1..=TEXT_CHARS_MAX).contains(&text.chars().count())).ok_or_else(|| {
        let message = format!("text must have 1 to {TEXT_CHARS_MAX} characters");
        AdapterError::new(Disposition::Rejected, message).with_problem(Code::InvalidValue)
    })
}

/// The body of a call: the text, our name for its effect, and where to tell what became of it.
pub(super) fn say(text: &str, key: &str, tell: &str) -> Value {
    json!({ "text": text, "key": key, "tell": tell })
}

/// What Echo says of one text, in answers and webhooks.
#[derive(Deserialize)]
pub(super) struct Said {
    id: String,
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Echoed,
    Lost,
    /// "heard", and whatever word comes after us: Echo has it, and it has not ended.
    #[serde(other)]
    Heard,
}

impl Said {
    pub(super) fn answer(self, poll_after: Duration) -> Answer {
        let reference = Some(Reference::new(self.id.as_str()));
        match self.state {
            State::Heard => Answer::Waiting { reference, poll_after, interim: None },
            State::Echoed => Answer::Succeeded { outcome: json!({ "id": self.id }), reference, receipt: None },
            State::Lost => Answer::Failed { code: "lost".to_owned(), message: "no mountain gave it back".to_owned() },
        }
    }
}

/// Reads the answer to a call.
pub(super) fn read(answer: &HttpAnswer, poll_after: Duration) -> Result<Answer, AdapterError> {
    match (answer.status, serde_json::from_slice::<Said>(&answer.body)) {
        (200 | 202, Ok(said)) => Ok(said.answer(poll_after)),
        _ => Err(refusal(answer)),
    }
}

/// Reads the answer to a question. Only Echo's own word for it means that there was no such call, not any 404.
pub(super) fn read_question(answer: &HttpAnswer, poll_after: Duration) -> Result<Answer, AdapterError> {
    let denied = answer.json().is_some_and(|body| body["error"] == "unknown_key");
    if answer.status == 404 && denied { Ok(Answer::NotFound) } else { read(answer, poll_after) }
}

/// What an answer that is none allows next: in the first three rows of Echo's page certainly nothing was done.
pub(super) fn refusal(answer: &HttpAnswer) -> AdapterError {
    let (disposition, message) = match answer.status {
        400 => (Disposition::Rejected, "Echo refuses this text"),
        401 => (Disposition::Misconfigured, "Echo does not know our api_key"),
        413 => (Disposition::Rejected, "the text is too long for Echo"),
        429 => (Disposition::RateLimited, "Echo wants us to slow down"),
        _ => (Disposition::Ambiguous, "Echo's answer says nothing of the text"),
    };
    let error = AdapterError::new(disposition, message).with_code(answer.status.to_string());
    AdapterError { retry_after: answer.retry_after, ..error }
}
