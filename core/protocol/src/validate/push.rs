//! What a push may hold: refused here, with the field named, before it leaves the phone.

use serde_json::{Map, Value, json};

use super::{check_text, invalid};
use crate::{Audience, Code, Listed, Notify, NotifyTo, Problem, PushSend, limits};

/// Keys of `data` that are the providers' own, or ours.
pub(crate) const RESERVED: [&str; 8] = ["from", "message_type", "aps", "ntf", "rt", "retract", "title", "body"];

pub(super) fn check(send: PushSend) -> Result<PushSend, Problem> {
    check_audience(&send.to)?;
    if send.title.trim().is_empty() && send.body.trim().is_empty() {
        return Err(invalid("payload.title", "a notification without title and body is not shown"));
    }
    for name in send.data.iter().flatten().map(|(name, _)| name) {
        let provider_s = RESERVED.contains(&name.as_str()) || name.starts_with("google") || name.starts_with("gcm");
        if name.is_empty() || provider_s {
            return Err(invalid(format!("payload.data.{name}"), "the providers keep this name for themselves"));
        }
    }
    if send.ttl_s.is_some_and(|ttl| ttl > limits::PUSH_TTL_S_MAX) {
        return Err(invalid("payload.ttl_s", format!("at most {} (four weeks)", limits::PUSH_TTL_S_MAX)));
    }
    if let Some(key) = &send.collapse_key
        && (key.is_empty() || key.len() > limits::COLLAPSE_KEY_BYTES_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        let most = limits::COLLAPSE_KEY_BYTES_MAX;
        return Err(invalid("payload.collapse_key", format!("1 to {most} visible ASCII characters")));
    }
    let bytes = bytes(&send);
    if bytes > limits::PUSH_BYTES_MAX {
        let most = limits::PUSH_BYTES_MAX;
        let detail = format!("the notification takes {bytes} bytes, at most {most}; this is its largest part");
        return Err(Problem::new(Code::PayloadTooLarge, detail).with_field(largest(&send)));
    }
    Ok(send)
}

/// A notification: who and what kind; what texts and route there are, the server alone knows.
pub(super) fn check_notify(notify: Notify) -> Result<Notify, Problem> {
    check_text("payload.type", &notify.kind, limits::NAME_BYTES_MAX)?;
    match &notify.to {
        NotifyTo::User(account) => check_text("payload.to.user", account, limits::NAME_BYTES_MAX)?,
        NotifyTo::List(Listed::Named(name)) => check_text("payload.to.list", name, limits::NAME_BYTES_MAX)?,
        NotifyTo::List(Listed::These(accounts)) => check_accounts(accounts)?,
    }
    if let Some(key) = &notify.dedupe_key {
        check_text("payload.dedupe_key", key, limits::KEY_BYTES_MAX)?;
    }
    Ok(notify)
}

fn check_audience(to: &Audience) -> Result<(), Problem> {
    match to {
        Audience::User(account) => check_text("payload.to.user", account, limits::NAME_BYTES_MAX),
        Audience::Device(device) => check_text("payload.to.device", device, limits::NAME_BYTES_MAX),
        Audience::List(accounts) => check_accounts(accounts),
    }
}

fn check_accounts(accounts: &[String]) -> Result<(), Problem> {
    if !(1..=limits::RECIPIENTS_MAX).contains(&accounts.len()) {
        return Err(invalid("payload.to.list", format!("1 to {} users", limits::RECIPIENTS_MAX)));
    }
    accounts
        .iter()
        .enumerate()
        .try_for_each(|(index, account)| check_text(&format!("payload.to.list[{index}]"), account, limits::NAME_BYTES_MAX))
}

/// As APNs counts it, the strictest: the whole JSON, with the 32 letters of the notification's id.
fn bytes(send: &PushSend) -> usize {
    let mut payload: Map<String, Value> = send.data_texts().into_iter().map(|(name, text)| (name, Value::from(text))).collect();
    let alert = json!({ "title": send.title, "body": send.body });
    payload.insert("aps".to_owned(), json!({ "alert": alert, "sound": "default", "mutable-content": 1 }));
    payload.insert("ntf".to_owned(), Value::from("0".repeat(32)));
    Value::Object(payload).to_string().len()
}

fn largest(send: &PushSend) -> String {
    let data = send.data_texts();
    let data = data.iter().map(|(name, text)| (format!("payload.data.{name}"), name.len() + text.len()));
    let own = [("payload.title".to_owned(), send.title.len()), ("payload.body".to_owned(), send.body.len())];
    let all = own.into_iter().chain(data).max_by_key(|(_, bytes)| *bytes);
    all.map_or_else(|| "payload".to_owned(), |(name, _)| name)
}
