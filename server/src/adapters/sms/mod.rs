//! SMS through Africa's Talking: send, what became of it, the balance.
//!
//! Africa's Talking takes no key and no reference of ours, and has no question "what became of it?": delivery reports are the
//! only evidence. A send whose answer was lost waits for one and is then sent again; a double text is harmless.

mod config;
mod parts;
#[cfg(test)]
pub(super) mod tests;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tarishi_protocol::{BalanceOutcome, Code, MessageSend, Money, Payload, Phone, catalog::Category};

use self::config::Config;
pub(crate) use self::parts::{count as parts, is_gsm7};
use super::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Disposition, Health, HealthCall, Hook, HookRead, Outbound,
    Recovery, Reference, Settings, Then, messages,
};

const DEADLINE: Duration = Duration::from_secs(30);

static DESCRIPTOR: Descriptor = Descriptor {
    name: "sms",
    category: Category::Messaging,
    actions: &[
        ActionSpec { name: "send", call_deadline: DEADLINE, needs_token: false, has_effect: true },
        ActionSpec { name: "query", call_deadline: DEADLINE, needs_token: false, has_effect: false },
        ActionSpec { name: "balance", call_deadline: DEADLINE, needs_token: false, has_effect: false },
    ],
    settings: config::SETTINGS,
    env_prefix: "SMS_",
    slots: 10,
    webhooks: true,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct Sms {}

#[async_trait]
impl Adapter for Sms {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, action: &str, settings: &Settings) -> Recovery {
        if action != "send" {
            return Recovery::READ;
        }
        let wait = config::receipt_wait(settings).or_else(|_| config::receipt_wait(&Settings::default()));
        let then = messages::then(settings).unwrap_or(Then::Unresolved);
        Recovery::Receipts { wait: wait.unwrap_or(DEADLINE), then }
    }

    fn look_for(&self, _action: &str) -> &'static str {
        "look for the text among the sent messages in Africa's Talking's dashboard, by the recipient and the time"
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        config::check(settings)
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let config = Config::read(call.settings)?;
        match (call.action, call.payload) {
            ("send", Payload::MessageSend(send)) => execute_send(call, &config, send).await,
            ("query", Payload::MessageQuery(query)) => Ok(messages::answer_query(query, call.related)),
            ("balance", Payload::Balance(_)) => {
                let balance = fetch_balance(&config, call.outbound).await?;
                Ok(Answer::Succeeded { outcome: json!(BalanceOutcome { balance }), reference: None, receipt: None })
            }
            _ => Err(AdapterError::new(Disposition::Unsupported, "SMS has send, query and balance")),
        }
    }

    async fn recover(&self, _call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        Err(AdapterError::new(Disposition::Ambiguous, "the provider cannot be asked; the delivery report is awaited"))
    }

    fn read_webhook(&self, hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        webhook::read(hook)
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        match balance_health(call).await {
            Ok(health) => health,
            Err(error) => Health::bad(error.message),
        }
    }

    fn correlation(&self, action: &str, payload: &Payload) -> Option<String> {
        match payload {
            Payload::MessageSend(send) if action == "send" => {
                let to: Vec<&str> = send.to.0.iter().map(Phone::as_str).collect();
                Some(to.join(","))
            }
            _ => None,
        }
    }
}

async fn execute_send(call: &Call<'_>, config: &Config<'_>, send: &MessageSend) -> Result<Answer, AdapterError> {
    let Some(message) = send.message.as_deref().filter(|_| send.template.is_none() && send.media.is_none()) else {
        return Err(AdapterError::new(Disposition::Unsupported, "SMS carries a message only"));
    };
    let parts = parts::count(message);
    if parts > config.max_segments {
        let message = format!("the text takes {parts} parts, at most {} are allowed", config.max_segments);
        return Err(AdapterError::new(Disposition::Rejected, message).with_problem(Code::InvalidValue));
    }
    if !(1..=tarishi_protocol::limits::RECIPIENTS_MAX).contains(&send.to.0.len()) {
        return Err(AdapterError::new(Disposition::Rejected, "1 to 100 recipients").with_problem(Code::InvalidValue));
    }
    let request = call
        .outbound
        .request(reqwest::Method::POST, &format!("{}/version1/messaging", config.base_url))
        .header("apiKey", config.api_key)
        .header(reqwest::header::ACCEPT, "application/json")
        .form(&wire::send_form(config, &send.to.0, message, send.from.as_deref()));
    let answer = call.outbound.send(request, DEADLINE).await?;
    wire::read_send(&answer, &send.to.0, parts)
}

async fn fetch_balance(config: &Config<'_>, outbound: &Outbound) -> Result<Money, AdapterError> {
    let request = outbound
        .request(reqwest::Method::GET, &format!("{}/version1/user", config.base_url))
        .query(&[("username", config.username)])
        .header("apiKey", config.api_key)
        .header(reqwest::header::ACCEPT, "application/json");
    let answer = outbound.send(request, DEADLINE).await;
    answer.and_then(|answer| wire::read_balance(&answer)).map_err(AdapterError::harmless)
}

async fn balance_health(call: &HealthCall<'_>) -> Result<Health, AdapterError> {
    let config = Config::read(call.settings)?;
    let balance = fetch_balance(&config, call.outbound).await?;
    let low = config::low_balance(call.settings, balance.currency())?;
    let degraded = low.is_some_and(|low| low.currency() == balance.currency() && balance.minor_units() < low.minor_units());
    let message = if degraded { format!("balance {balance} is low") } else { format!("balance {balance}") };
    Ok(Health { ok: true, degraded, message })
}
