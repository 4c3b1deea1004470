//! WhatsApp through Meta's Cloud API: send, and what became of it.
//!
//! Meta takes no key: the same request twice is two messages. It gives back a text of ours with every status, though: the
//! attempt. A send whose answer was lost waits for a status of that attempt, and only then is sent again or shown to a human.

mod codes;
mod config;
mod media;
mod rates;
mod steps;
#[cfg(test)]
pub(super) mod tests;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tarishi_protocol::{MessageSend, Payload, catalog::Category};

use self::{config::Config, steps::Done};
use super::{
    ActionSpec, Adapter, AdapterError, Answer, Booked, Call, Descriptor, Disposition, Health, HealthCall, Hook, HookRead,
    MessageNews, Recovery, Reference, Settings, Then, messages,
};

const DEADLINE: Duration = Duration::from_secs(30);
/// What health asks of the number.
const HEALTH_FIELDS: &str = "id,verified_name,display_phone_number,status,quality_rating,name_status,account_mode,throughput,\
                             health_status,whatsapp_business_manager_messaging_limit";

static DESCRIPTOR: Descriptor = Descriptor {
    name: "whatsapp",
    category: Category::Messaging,
    actions: &[
        ActionSpec { name: "send", call_deadline: DEADLINE, needs_token: false, has_effect: true },
        ActionSpec { name: "query", call_deadline: DEADLINE, needs_token: false, has_effect: false },
        ActionSpec { name: "balance", call_deadline: DEADLINE, needs_token: false, has_effect: false },
    ],
    settings: config::SETTINGS,
    env_prefix: "WHATSAPP_",
    slots: 10,
    webhooks: true,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct WhatsApp {}

#[async_trait]
impl Adapter for WhatsApp {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, action: &str, settings: &Settings) -> Recovery {
        if action != "send" {
            return Recovery::READ;
        }
        let then = messages::then(settings).unwrap_or(Then::Unresolved);
        Recovery::Receipts { wait: config::receipt_wait(settings), then }
    }

    fn look_for(&self, _action: &str) -> &'static str {
        "look at the chat in WhatsApp Manager, or ask the recipient"
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        config::check(settings)
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let config = Config::read(call.settings)?;
        match (call.action, call.payload) {
            ("send", Payload::MessageSend(send)) => execute_send(call, &config, send).await,
            ("query", Payload::MessageQuery(query)) => Ok(messages::answer_query(query, call.related)),
            ("balance", Payload::Balance(_)) => Err(AdapterError::new(Disposition::Unsupported, no_balance(call.booked))),
            _ => Err(AdapterError::new(Disposition::Unsupported, "WhatsApp has send and query")),
        }
    }

    async fn recover(&self, _call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        Err(AdapterError::new(Disposition::Ambiguous, "the provider cannot be asked; a status of the message is awaited"))
    }

    fn read_webhook(&self, hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        webhook::read(hook)
    }

    fn reported(&self, payload: &Payload, memo: Option<&Value>, news: &MessageNews) -> Option<Answer> {
        let Payload::MessageSend(send) = payload else { return None };
        Done::read(memo).reported(&send.to.0, news)
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        match number_health(call).await {
            Ok(false) => Health::good("the number may send"),
            Ok(true) => {
                let message = "Meta limits the number or rates its quality red".to_owned();
                Health { ok: true, degraded: true, message }
            }
            Err(error) => Health::bad(error.message),
        }
    }
}

/// There is none to ask for; what our own books say is told instead.
fn no_balance(booked: Option<&Booked>) -> String {
    let none = "WhatsApp has no balance: Meta is paid afterwards";
    match booked {
        Some(booked) => format!("{none}; booked here {booked}"),
        None => none.to_owned(),
    }
}

async fn execute_send(call: &Call<'_>, config: &Config<'_>, send: &MessageSend) -> Result<Answer, AdapterError> {
    let done = Done::read(call.memo);
    let to = done.next(&send.to.0).ok_or_else(|| wire::invalid("1 to 100 recipients"))?;
    let body = wire::send_body(send, to, &wire::callback_data(call.attempt_id))?;
    let request =
        call.outbound.request(reqwest::Method::POST, &config.messages_url()).bearer_auth(config.access_token).json(&body);
    let answer = call.outbound.send(request, DEADLINE).await?;
    done.told(&send.to.0, wire::read_send(&answer))
}

async fn number_health(call: &HealthCall<'_>) -> Result<bool, AdapterError> {
    let config = Config::read(call.settings)?;
    let request = call.outbound.request(reqwest::Method::GET, &config.number_url());
    let request = request.query(&[("fields", HEALTH_FIELDS)]).bearer_auth(config.access_token);
    wire::read_health(&call.outbound.send(request, DEADLINE).await?)
}
