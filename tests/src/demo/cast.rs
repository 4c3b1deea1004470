//! Who wants what: three people of a school, a hundred operations each.

use serde_json::{Value, json};

use crate::harness::{Intent, Intents};

/// The three phones.
pub(super) const OWNERS: [&str; 3] = ["the bursar", "the head teacher", "the class teacher"];
/// Pupils on each phone; four operations for each, in order.
const PUPILS: usize = 25;

/// Operations of one phone: for each pupil a fee, a text, a file, another text, in this order.
pub(super) fn operations(owner: usize, intents: &mut Intents) -> Vec<Intent> {
    let mut all = Vec::new();
    for pupil in 0..PUPILS {
        let key = format!("pupil:{owner}-{pupil}");
        for intent in [intents.charge(), intents.text(), intents.upload(), intents.text()] {
            all.push(intent.ordered(&key));
        }
    }
    all
}

/// What somebody typed wrong: a phone number that is none.
pub(super) fn typing_error() -> Value {
    let payload = json!({ "to": "+2547110", "message": "School is closed tomorrow." });
    json!({ "adapter": "sms", "action": "send", "payload": payload, "key": "typing-error" })
}
