//! Webhooks of Africa's Talking: delivery reports, inbound messages, opt-outs. Pure.
//!
//! Nothing is signed: the path token is checked before, the message must be one of ours, and a status only climbs.

use super::super::{AdapterError, Disposition, Hook, HookEvent, HookRead, InboundNews, MessageNews, News, Reply, Target};
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
        "inbound" => inbound(hook.body),
        "optout" => HookEvent { target: Target::Nobody, event_id: None, news: News::Nothing, correlation: None },
        _ => return Err(refused("no webhook is expected here")),
    };
    let reply = Reply { status: 200, content_type: "text/plain", body: "OK".to_owned() };
    Ok(HookRead { events: vec![event], reply })
}

/// What somebody wrote: told once. Its date is left out, since every document writes it another way.
fn inbound(body: &[u8]) -> HookEvent {
    let field = fields(body);
    let (id, from) = (field("id"), field("from"));
    let event_id = id.as_ref().map(|id| format!("inbound:{id}"));
    let news = id.zip(from).map_or(News::Nothing, |(id, from)| {
        let (from, to, text) = (number(&from), field("to"), field("text"));
        News::Inbound(InboundNews { id, from, to, kind: "text".to_owned(), text, sent_at: None })
    });
    HookEvent { target: Target::Nobody, event_id, news, correlation: None }
}

fn fields(body: &[u8]) -> impl Fn(&str) -> Option<String> {
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    move |name| {
        let (_, value) = form.iter().find(|(key, value)| key == name && !value.trim().is_empty())?;
        Some(value.trim().to_owned())
    }
}

/// An unescaped plus arrives as a space. Names of senders are no numbers.
fn number(text: &str) -> String {
    let digits = text.trim_start_matches('+');
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { format!("+{digits}") } else { text.to_owned() }
}

fn report(body: &[u8]) -> Result<HookEvent, AdapterError> {
    let field = fields(body);
    let id = field("id").filter(|id| id != "None").ok_or_else(|| refused("the delivery report names no message"))?;
    let status = field("status").ok_or_else(|| refused("the delivery report has no status"))?;
    let to = field("phoneNumber").map(|to| number(&to));
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
