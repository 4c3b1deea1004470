//! Echo's webhooks: what became of one text, told at the address that the call named. Pure.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

use super::super::{AdapterError, Disposition, Hook, HookEvent, HookRead, News, Reply, Target};
use super::{config::Config, wire::Said};

#[derive(Deserialize)]
struct Told {
    /// Echo's id of this webhook: the same when it comes again.
    event: String,
    #[serde(flatten)]
    said: Said,
}

/// Verifies and reads a webhook.
pub(super) fn read(hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
    let config = Config::read(hook.settings)?;
    let unreadable = || AdapterError::new(Disposition::Rejected, "the webhook names no text of ours");
    let attempt = hook.attempt_id.ok_or_else(unreadable)?;
    if !hook.verified {
        verify(hook, &config)?;
    }
    let told: Told = serde_json::from_slice(hook.body).map_err(|_| unreadable())?;
    let event = HookEvent {
        target: Target::Attempt(attempt),
        event_id: Some(told.event),
        news: News::Answer(told.said.answer(config.poll)),
        correlation: None,
    };
    Ok(HookRead { events: vec![event], reply: Reply { status: 204, content_type: "text/plain", body: String::new() } })
}

/// Checks the signature over the bytes as they came, in constant time.
fn verify(hook: &Hook<'_>, config: &Config<'_>) -> Result<(), AdapterError> {
    let forged = || AdapterError::new(Disposition::Unauthorized, "the webhook's signature is not Echo's");
    let header = hook.headers.iter().find(|(name, _)| name == "x-echo-signature").ok_or_else(forged)?;
    let signature = hex::decode(&header.1).map_err(|_| forged())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(config.webhook_secret.as_bytes()).map_err(|_| forged())?;
    mac.update(hook.body);
    mac.verify_slice(&signature).map_err(|_| forged())
}
