//! A send to several people, one person a step. Pure.
//!
//! The Graph API takes one recipient a call. What is known of those before is the memo, durable before the next call: a crash in
//! the middle repeats one message at most, never the list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tarishi_protocol::{MessageStatus, MessagesOutcome, Phone};

use super::super::{AdapterError, Answer, Disposition, MessageNews, Reference};
use super::wire::Told;

/// What is known of the recipients so far, in the order asked.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Done {
    messages: Vec<MessageStatus>,
    /// Height of the statuses that webhooks told of lost calls.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    ranks: BTreeMap<String, u8>,
}

impl Done {
    /// What an earlier step left.
    pub(super) fn read(memo: Option<&Value>) -> Self {
        memo.and_then(|memo| serde_json::from_value(memo.clone()).ok()).unwrap_or_default()
    }

    /// Whose turn it is.
    pub(super) fn next<'a>(&self, asked: &'a [Phone]) -> Option<&'a Phone> {
        asked.get(self.messages.len())
    }

    /// Goes on after what Meta said of the one whose turn it was.
    ///
    /// # Errors
    /// What may be done next with this same one.
    pub(super) fn told(mut self, asked: &[Phone], told: Result<Told, AdapterError>) -> Result<Answer, AdapterError> {
        let told = match told {
            // To fail as a whole would hide those that were sent: the rest is told as rejected.
            Err(error) if error.disposition == Disposition::Misconfigured && self.any_sent() => {
                while let Some(to) = self.next(asked) {
                    self.messages.push(entry(to, None, "rejected", Some(error.message.clone())));
                }
                return Ok(self.ended());
            }
            Err(error) => return Err(error),
            Ok(told) => told,
        };
        let Some(to) = self.next(asked) else { return Ok(self.ended()) };
        match told {
            Told::Taken { id, held } => self.messages.push(entry(to, Some(id), "accepted", held)),
            Told::Refused { code, meaning } if asked.len() == 1 => {
                return Ok(Answer::Failed { code: code.to_string(), message: format!("WhatsApp: {meaning}") });
            }
            Told::Refused { code, meaning } => {
                self.messages.push(entry(to, None, "rejected", Some(format!("{code}: {meaning}"))));
            }
        }
        Ok(self.follow(asked))
    }

    /// Goes on after a webhook told of the message whose call gave no answer.
    pub(super) fn reported(mut self, asked: &[Phone], news: &MessageNews) -> Option<Answer> {
        let to = self.next(asked)?;
        let told = entry(to, Some(news.id.clone()), &news.status, news.reason.clone());
        self.messages.push(MessageStatus { cost: news.cost.clone(), ..told });
        self.ranks.insert(news.id.clone(), news.rank);
        Some(self.follow(asked))
    }

    fn any_sent(&self) -> bool {
        self.messages.iter().any(|message| message.id.is_some())
    }

    fn follow(self, asked: &[Phone]) -> Answer {
        if self.next(asked).is_some() { Answer::Next { memo: json!(self) } } else { self.ended() }
    }

    fn ended(self) -> Answer {
        let ids: Vec<&str> = self.messages.iter().filter_map(|message| message.id.as_deref()).collect();
        let Some(first) = ids.first() else {
            let reason = self.messages.first().and_then(|message| message.reason.clone()).unwrap_or_default();
            let (code, meaning) = reason.split_once(": ").unwrap_or(("refused", &reason));
            return Answer::Failed { code: code.to_owned(), message: format!("WhatsApp refused all: {meaning}") };
        };
        let mut reference = Reference::new(*first);
        if self.messages.len() > 1 {
            reference = reference.with("message_ids", ids.clone());
        }
        if !self.ranks.is_empty() {
            reference = reference.with("ranks", json!(self.ranks));
        }
        let outcome = json!(MessagesOutcome { messages: self.messages });
        Answer::Succeeded { outcome, reference: Some(reference), receipt: None }
    }
}

fn entry(to: &Phone, id: Option<String>, status: &str, reason: Option<String>) -> MessageStatus {
    MessageStatus { to: to.as_str().to_owned(), id, status: status.to_owned(), parts: None, cost: None, reason }
}
