//! Statuses: a signed webhook each, a moment after the message was accepted, sent again until somebody says 200.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::time::sleep;

use super::message::Message;
use crate::clock;
use crate::credentials::{WHATSAPP_APP_SECRET, WHATSAPP_PHONE_NUMBER_ID};
use crate::fault::{CallbackFault, Fault};
use crate::gate;
use crate::world::{World, lock};

/// How often a status is sent again while it is not taken: over three seconds.
const RETRIES: u32 = 5;

/// Reports an accepted message later, if there is anywhere to report to.
pub(super) fn schedule(world: &Arc<World>, message: &Message, id: &str, failure: Option<u32>, fault: Option<&Fault>) {
    let Some(url) = lock(&world.whatsapp_webhook_url).clone() else { return };
    let mut ladder = if failure.is_some() { vec!["sent", "failed"] } else { vec!["sent", "delivered", "read"] };
    if fault.and_then(|fault| fault.callback) == Some(CallbackFault::Disordered) {
        ladder.reverse();
    }
    let (to, callback_data, id) = (message.to.clone(), message.callback_data.clone(), id.to_owned());
    let pauses = gate::webhook_pauses(fault);
    let later = Arc::clone(world);
    world.later(async move {
        for pause in pauses {
            sleep(pause).await;
            for word in &ladder {
                sleep(later.options.sms_delay).await;
                let body = webhook(&status(&id, word, &to, callback_data.as_deref(), failure));
                later.callbacks.post_signed(&url, ("X-Hub-Signature-256", &signature(body.as_bytes())), body, RETRIES).await;
            }
        }
    });
}

fn status(id: &str, word: &str, to: &str, callback_data: Option<&str>, failure: Option<u32>) -> Value {
    let mut status = json!({
        "id": id, "status": word, "timestamp": clock::now().timestamp().to_string(), "recipient_id": to,
        "recipient_user_id": "KE.13491208655302741918",
        "pricing": { "billable": true, "pricing_model": "PMP", "type": "regular", "category": "utility" },
    });
    if let Some(data) = callback_data {
        status["biz_opaque_callback_data"] = json!(data);
    }
    if let Some(code) = failure.filter(|_| word == "failed") {
        status["errors"] = json!([{ "code": code, "title": "Simulated", "message": "Simulated" }]);
    }
    status
}

/// The envelope, with letters beyond ASCII escaped, as Meta does: whoever checks a rewritten body fails.
fn webhook(status: &Value) -> String {
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "254700000000", "phone_number_id": WHATSAPP_PHONE_NUMBER_ID },
        "contacts": [{ "profile": { "name": "Zoë" }, "wa_id": status["recipient_id"] }],
        "statuses": [status],
    });
    let change = json!({ "field": "messages", "value": value });
    let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "200000000000002", "changes": [change] }] });
    let mut escaped = String::new();
    for unit in body.to_string().encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
            Ok(_) | Err(_) => escaped.push_str(&format!("\\u{unit:04x}")),
        }
    }
    escaped
}

/// `sha256=` and the bytes' HMAC.
fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(WHATSAPP_APP_SECRET.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_plain_ascii_and_still_the_same_json() {
        let body = webhook(&status("wamid.1", "sent", "254711000111", Some("ours"), None));
        assert!(body.is_ascii() && body.contains("Zo\\u00eb"));
        let read: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(read["entry"][0]["changes"][0]["value"]["contacts"][0]["profile"]["name"], "Zoë");
        assert_eq!(read["entry"][0]["changes"][0]["value"]["statuses"][0]["biz_opaque_callback_data"], "ours");
    }
}
