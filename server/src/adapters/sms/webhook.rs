//! Webhooks of Africa's Talking: delivery reports, inbound messages, opt-outs. Pure.
//!
//! Nothing is signed: the path token is checked before, the message must be one of ours, and a status only climbs.

use super::super::{AdapterError, Disposition, Hook, HookEvent, HookRead, MessageNews, News, Reply, Target};
use super::config;

/// Bytes of a webhook, at most.
pub(super) const BODY_BYTES_MAX: usize = 16 * 1024;

/// Reads a webhook by the last part of its path.
pub(super) fn read(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    if !hook.verified && !config::allow_list(hook.settings)?.allows(hook.peer) {
        return Err(refused("webhooks are not taken from this address"));
    }
    if hook.body.len() > BODY_BYTES_MAX {
        return Err(refused("the webhook is too large"));
    }
    let event = match hook.rest.trim_matches('/') {
        "dlr" => report(hook.body)?,
        "inbound" | "optout" => HookEvent { target: Target::Nobody, event_id: None, news: News::Nothing, correlation: None },
        _ => return Err(refused("no webhook is expected here")),
    };
    let reply = Reply { status: 200, content_type: "text/plain", body: "OK".to_owned() };
    Ok(HookRead { events: vec![event], reply })
}

fn report(body: &[u8]) -> Result<HookEvent, AdapterError> {
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| {
        let (_, value) = form.iter().find(|(key, value)| key == name && !value.trim().is_empty())?;
        Some(value.trim().to_owned())
    };
    let id = field("id").filter(|id| id != "None").ok_or_else(|| refused("the delivery report names no message"))?;
    let status = field("status").ok_or_else(|| refused("the delivery report has no status"))?;
    // An unescaped plus arrives as a space.
    let to = field("phoneNumber").map(|number| format!("+{}", number.trim_start_matches('+')));
    let news = match rank(&status) {
        None => News::Nothing,
        Some((word, rank)) => {
            let reason = (word == "failed").then(|| field("failureReason").unwrap_or(status));
            News::Message(MessageNews { id: id.clone(), status: word.to_owned(), rank, to: to.clone(), reason, cost: None })
        }
    };
    Ok(HookEvent { target: Target::Reference(id), event_id: None, news, correlation: to })
}

/// Our word for the provider's, and its height. "Absent" is no end: the phone may come back.
pub(super) fn rank(status: &str) -> Option<(&'static str, u8)> {
    match status.to_ascii_lowercase().as_str() {
        "sent" => Some(("sent", 1)),
        "submitted" => Some(("sent", 2)),
        "buffered" => Some(("sent", 3)),
        "absentsubscriber" => Some(("failed", 4)),
        "expired" | "rejected" | "failed" => Some(("failed", 5)),
        "success" => Some(("delivered", 6)),
        _ => None,
    }
}

fn refused(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message)
}
