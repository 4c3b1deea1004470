//! What all adapters of messages share: "what became of it?" answered from our own books, which delivery reports keep, and
//! whether a message without answer and report is sent again.

use serde_json::json;
use tarishi_protocol::{MessageQuery, MessageStatus, MessagesOutcome};

use super::{AdapterError, Answer, Related, Settings, Then};

/// What follows when no report of a message of unknown outcome came: the setting `resend`.
pub(super) fn then(settings: &Settings) -> Result<Then, AdapterError> {
    match settings.get("resend") {
        None | Some("on") => Ok(Then::Resend),
        Some("off") => Ok(Then::Unresolved),
        Some(_) => Err(AdapterError::misconfigured("setting resend must be on or off")),
    }
}

/// Answers a query from what is on record of the send.
pub(super) fn answer_query(query: &MessageQuery, related: Option<&Related>) -> Answer {
    let not_found = || Answer::Failed { code: "not_found".to_owned(), message: "no such message".to_owned() };
    let Some(related) = related.filter(|related| related.action == "send") else { return not_found() };
    let outcome = related.outcome.as_ref().and_then(|outcome| outcome.get("messages")).cloned();
    let mut messages: Vec<MessageStatus> = outcome.and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default();
    if let Some(id) = &query.message_id {
        messages.retain(|message| message.id.as_ref() == Some(id));
        if messages.is_empty() {
            return not_found();
        }
    }
    Answer::Succeeded { outcome: json!(MessagesOutcome { messages }), reference: None, receipt: None }
}
