//! A send to several devices, one device a step. Pure.
//!
//! What is known of the devices before is the memo, durable before the next call: a crash in the middle repeats one device at
//! most. A device that cannot be reached does not hold up the others, and neither does a provider.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tarishi_protocol::{MessageStatus, MessagesOutcome};

use super::super::{AdapterError, Answer, Disposition, PushTarget, Reference};
use super::{config::Provider, wire::Told};

/// The reason of a message that may have been sent twice.
const POSSIBLE_DUPLICATE: &str = "possible_duplicate";

/// What is known of the devices so far.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Done {
    /// `to` is the device.
    messages: Vec<MessageStatus>,
    /// The next device's token is not of the first host: the other one is tried.
    #[serde(default)]
    other_host: bool,
}

impl Done {
    /// What an earlier step left.
    pub(super) fn read(memo: Option<&Value>) -> Self {
        memo.and_then(|memo| serde_json::from_value(memo.clone()).ok()).unwrap_or_default()
    }

    /// Whose turn it is.
    pub(super) fn next<'a>(&self, list: &'a [PushTarget]) -> Option<&'a PushTarget> {
        list.iter().find(|target| self.messages.iter().all(|message| message.to != target.device))
    }

    pub(super) fn other_host(&self) -> bool {
        self.other_host
    }

    /// Goes on after what was said of the device whose turn it was.
    ///
    /// # Errors
    /// What may be done next with this same device.
    pub(super) fn told(
        mut self,
        list: &[PushTarget],
        target: &PushTarget,
        told: Result<Told, AdapterError>,
        repeats_unknown: bool,
    ) -> Result<Answer, AdapterError> {
        let second_host = self.other_host;
        match told {
            Ok(Told::Taken { id }) => {
                self.add(target, Some(id), "accepted", repeats_unknown.then(|| POSSIBLE_DUPLICATE.to_owned()));
            }
            Ok(Told::Dead { code, meaning }) => self.add(target, None, "dead", Some(format!("{code}: {meaning}"))),
            Ok(Told::Refused { code, meaning }) => self.add(target, None, "rejected", Some(format!("{code}: {meaning}"))),
            Ok(Told::OtherHost { .. }) => {
                self.other_host = true;
                return Ok(Answer::Next { memo: json!(self) });
            }
            Err(error) if second_host && is_final(&error) => {
                // The key is not good for the other host: which of the two the token is of is not known.
                self.add(target, None, "rejected", Some("BadDeviceToken: the other host does not take our key".to_owned()));
            }
            Err(error) if is_final(&error) => return self.provider_failed(list, target, error),
            Err(error) => return Err(error),
        }
        Ok(self.follow(list))
    }

    /// One provider takes nothing from us: its other devices are not tried, those of the other provider are.
    fn provider_failed(
        mut self,
        list: &[PushTarget],
        target: &PushTarget,
        error: AdapterError,
    ) -> Result<Answer, AdapterError> {
        let provider = Provider::of(target.kind);
        let reason = match &error.code {
            Some(code) => format!("{code}: {}", error.message),
            None => format!("misconfigured: {}", error.message),
        };
        let same = |other: &&PushTarget| Provider::of(other.kind) == provider;
        for other in list.iter().filter(same) {
            if self.messages.iter().all(|message| message.to != other.device) {
                self.add(other, None, "rejected", Some(reason.clone()));
            }
        }
        if self.next(list).is_none() && !self.any_sent() { Err(error) } else { Ok(self.follow(list)) }
    }

    fn add(&mut self, target: &PushTarget, id: Option<String>, status: &str, reason: Option<String>) {
        self.other_host = false;
        let to = target.device.clone();
        self.messages.push(MessageStatus { to, id, status: status.to_owned(), parts: None, cost: None, reason });
    }

    fn any_sent(&self) -> bool {
        self.messages.iter().any(|message| message.id.is_some())
    }

    fn follow(self, list: &[PushTarget]) -> Answer {
        if self.next(list).is_some() { Answer::Next { memo: json!(self) } } else { self.ended() }
    }

    /// What has become of all of them.
    pub(super) fn ended(self) -> Answer {
        let ids: Vec<&str> = self.messages.iter().filter_map(|message| message.id.as_deref()).collect();
        let Some(first) = ids.first() else {
            let reason = self.messages.first().and_then(|message| message.reason.as_deref());
            let (code, meaning) = reason
                .map_or(("no_device", "nobody of them has a device that takes notifications"), |reason| {
                    reason.split_once(": ").unwrap_or(("refused", reason))
                });
            return Answer::Failed { code: code.to_owned(), message: meaning.to_owned() };
        };
        let mut reference = Reference::new(*first);
        if ids.len() > 1 {
            reference = reference.with("message_ids", ids.clone());
        }
        let outcome = json!(MessagesOutcome { messages: self.messages });
        Answer::Succeeded { outcome, reference: Some(reference), receipt: None }
    }
}

/// The provider takes nothing from us before somebody has corrected something.
fn is_final(error: &AdapterError) -> bool {
    match error.disposition {
        Disposition::Rejected | Disposition::Misconfigured | Disposition::Unsupported => true,
        Disposition::Transient | Disposition::RateLimited | Disposition::Ambiguous | Disposition::Unauthorized => false,
    }
}
