//! Webhooks of WhatsApp: the handshake, statuses of messages, what people write. Pure.
//!
//! Signed over the raw bytes. Nothing about order or number is promised: statuses come twice, out of order, before the call's
//! own answer, and a status only climbs. A message is recognised by the attempt that we gave Meta to give back, then by its id.

use chrono::DateTime;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tarishi_protocol::Code;

use super::super::{AdapterError, Disposition, Hook, HookEvent, HookRead, InboundNews, MessageNews, News, Reply, Target};
use super::{codes, rates::Rates, wire};

/// Bytes of the handshake's challenge, at most.
const CHALLENGE_BYTES_MAX: usize = 256;
/// Height of "delivered", from which on Meta wants money.
const DELIVERED: u8 = 3;

/// Reads a webhook: a handshake has no body and is in the query.
pub(super) fn read(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    if !hook.rest.trim_matches('/').is_empty() {
        return Err(refused("no webhook is expected here"));
    }
    if hook.body.is_empty() {
        return handshake(hook);
    }
    if !hook.verified {
        verify(hook)?;
    }
    let body: Value = serde_json::from_slice(hook.body).map_err(|_| refused("the webhook is no JSON"))?;
    let phone_number_id = hook.settings.require("phone_number_id")?;
    let ours = list(&body, "entry")
        .flat_map(|entry| list(entry, "changes"))
        .filter_map(|change| change.get("value").filter(|_| change.get("field").is_some_and(|field| field == "messages")))
        // Several numbers may share an account: what is another's is not ours to tell.
        .filter(|value| value["metadata"]["phone_number_id"] == phone_number_id);
    let rates = Rates::of(hook.settings)?;
    let events = ours.flat_map(|value| {
        let statuses = list(value, "statuses").filter_map(|told| status(told, &rates));
        statuses.chain(list(value, "messages").filter_map(inbound)).collect::<Vec<_>>()
    });
    Ok(HookRead { events: events.collect(), reply: Reply { status: 200, content_type: "text/plain", body: "OK".to_owned() } })
}

fn handshake(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    let query: Vec<(String, String)> = form_urlencoded::parse(hook.query.as_bytes()).into_owned().collect();
    let field = |name: &str| query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let known = hook.settings.require("verify_token")?;
    let same = bool::from(field("hub.verify_token").as_bytes().ct_eq(known.as_bytes()));
    let challenge = field("hub.challenge");
    let plain = (1..=CHALLENGE_BYTES_MAX).contains(&challenge.len()) && challenge.bytes().all(|byte| byte.is_ascii_graphic());
    if field("hub.mode") != "subscribe" || !same || !plain {
        return Err(forbidden("this is no handshake with our verify_token"));
    }
    let reply = Reply { status: 200, content_type: "text/plain", body: challenge.to_owned() };
    Ok(HookRead { events: Vec::new(), reply })
}

/// Checks the signature over the bytes as they came: read and written again they would be others.
fn verify(hook: &Hook<'_>) -> Result<(), AdapterError> {
    let header = hook.headers.iter().find(|(name, _)| name == "x-hub-signature-256").map(|(_, value)| value.as_str());
    let missing = || AdapterError::new(Disposition::Unauthorized, "the webhook is not signed");
    let digits = header.ok_or_else(missing)?.strip_prefix("sha256=").unwrap_or_default();
    let secret = hook.settings.require("app_secret")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| refused("the app secret is no key"))?;
    mac.update(hook.body);
    let signature = hex::decode(digits).unwrap_or_default();
    mac.verify_slice(&signature).map_err(|_| forbidden("the webhook's signature is not ours"))
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn status(status: &Value, rates: &Rates<'_>) -> Option<HookEvent> {
    let id = text(status, "id")?;
    let word = text(status, "status")?;
    let attempt = text(status, "biz_opaque_callback_data").and_then(wire::attempt);
    let target = attempt.map_or_else(|| Target::Reference(id.to_owned()), Target::Attempt);
    let news = match rank(word) {
        None => News::Nothing,
        Some((word, rank)) => {
            let reason = (word == "failed").then(|| reason(status));
            // The recipient's number may be written another way, or be missing: it is never compared.
            let cost = Some(rates).filter(|_| rank >= DELIVERED).and_then(|rates| cost(status, rates));
            News::Message(MessageNews { id: id.to_owned(), status: word.to_owned(), rank, to: None, reason, cost })
        }
    };
    Some(HookEvent { target, event_id: Some(format!("{id}:{word}")), news, correlation: None })
}

/// Our word for Meta's, and its height: "failed" undoes only "sent", and "delivered" to another of the person's phones undoes it.
pub(super) fn rank(status: &str) -> Option<(&'static str, u8)> {
    match status {
        "sent" => Some(("sent", 1)),
        "failed" => Some(("failed", 2)),
        "delivered" => Some(("delivered", DELIVERED)),
        "read" | "played" => Some(("read", 4)),
        _ => None,
    }
}

/// What a delivered message costs by the operator's table: Meta tells its category, never a price.
fn cost(status: &Value, rates: &Rates<'_>) -> Option<String> {
    let pricing = status.get("pricing").filter(|pricing| pricing["billable"] == true)?;
    rates.price(text(status, "recipient_id")?, text(pricing, "category")?)
}

fn reason(status: &Value) -> String {
    let code = list(status, "errors").find_map(|error| error.get("code")?.as_i64());
    code.map_or_else(|| "no reason given".to_owned(), |code| format!("{code}: {}", codes::class(code, 400).1))
}

/// What a person wrote: told once. Reactions and what Meta adds later are told by their kind, without a text.
fn inbound(message: &Value) -> Option<HookEvent> {
    let id = text(message, "id")?;
    let kind = text(message, "type").unwrap_or("unknown");
    let part = &message[kind];
    let said = match kind {
        "text" => text(part, "body"),
        "button" => text(part, "text"),
        "interactive" => ["button_reply", "list_reply"].iter().find_map(|reply| text(&part[*reply], "title")),
        _ => text(part, "caption"),
    };
    let news = text(message, "from").map_or(News::Nothing, |from| {
        News::Inbound(InboundNews {
            id: id.to_owned(),
            from: format!("+{}", from.trim_start_matches('+')),
            to: None,
            kind: kind.to_owned(),
            text: said.map(str::to_owned),
            sent_at: text(message, "timestamp").and_then(|at| DateTime::from_timestamp(at.parse().ok()?, 0)),
        })
    });
    Some(HookEvent { target: Target::Nobody, event_id: Some(id.to_owned()), news, correlation: None })
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn refused(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message)
}

fn forbidden(message: &str) -> AdapterError {
    refused(message).with_problem(Code::Forbidden)
}
