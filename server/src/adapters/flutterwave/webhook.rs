//! Webhooks of Flutterwave: the secret in a header, the news as a hint. Pure.
//!
//! `verif-hash` proves that the sender knows the secret and nothing of the body. So a webhook only says which transaction to
//! ask about; what it says of money is not read.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::super::{AdapterError, Answer, Disposition, Hook, HookEvent, HookRead, News, Reference, Reply, Target};
use super::{answers, refund, wire};

/// Bytes of a webhook, at most.
const BODY_BYTES_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
struct Event {
    event: String,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    id: Box<RawValue>,
    #[serde(default)]
    tx_ref: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

/// Reads a webhook.
pub(super) fn read(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    if hook.body.len() > BODY_BYTES_MAX {
        return Err(refused("the webhook is too large"));
    }
    if !hook.verified && !is_authentic(hook)? {
        return Err(AdapterError::new(Disposition::Unauthorized, "the webhook does not know the secret hash"));
    }
    let event: Event = serde_json::from_slice(hook.body).map_err(|_| refused("the webhook cannot be read"))?;
    let reply = Reply { status: 200, content_type: "text/plain", body: String::new() };
    Ok(HookRead { events: vec![news(event)], reply })
}

fn news(Event { event, data }: Event) -> HookEvent {
    let nothing = HookEvent { target: Target::Nobody, event_id: None, news: News::Nothing, correlation: None };
    let Some(data) = data else { return nothing };
    let id = data.id.get().trim_matches('"').to_owned();
    if !answers::is_id(&id) {
        return nothing;
    }
    let ask =
        |reference| News::Answer(Answer::Waiting { reference: Some(reference), poll_after: Duration::ZERO, interim: None });
    match (event.as_str(), data.tx_ref) {
        ("charge.completed", Some(tx_ref)) => {
            let Some(attempt) = wire::attempt_of(&tx_ref) else { return nothing };
            let status: String = data.status.unwrap_or_default().chars().take(20).collect();
            let event_id = Some(format!("charge-{id}-{status}"));
            let claim = json!({ "tx_ref": tx_ref, "id": id });
            let reference = Reference::new(tx_ref).with("claim", claim);
            HookEvent { target: Target::Attempt(attempt), event_id, news: ask(reference), correlation: None }
        }
        ("refund.completed", _) => {
            let name = format!("{}{id}", refund::RECEIPT);
            HookEvent { target: Target::Reference(name.clone()), news: ask(Reference::new(name)), ..nothing }
        }
        _ => nothing,
    }
}

/// The secret itself in `verif-hash`; or in `flutterwave-signature` the secret, or a MAC of the body's bytes.
fn is_authentic(hook: &Hook<'_>) -> Result<bool, AdapterError> {
    let secret = hook.settings.require("secret_hash")?;
    let header = |name: &str| hook.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_bytes());
    let same = |a: &[u8], b: &[u8]| bool::from(a.ct_eq(b));
    let mac = || {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a MAC takes keys of any length");
        mac.update(hook.body);
        STANDARD.encode(mac.finalize().into_bytes())
    };
    Ok(match (header("verif-hash"), header("flutterwave-signature")) {
        (Some(hash), _) => same(hash, secret.as_bytes()),
        (None, Some(signature)) => same(signature, secret.as_bytes()) || same(signature, mac().as_bytes()),
        (None, None) => false,
    })
}

fn refused(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message)
}
