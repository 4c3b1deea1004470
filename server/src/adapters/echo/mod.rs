//! Echo, the example of CONTRIBUTING: a made-up provider that says a text into the mountains. It is built and tested with the
//! others and is in no server.
//!
//! Echo keeps our key with each text and tells by it what became of the text, but says it again if it is sent again. So a call
//! whose answer was lost is asked about; it is repeated only once Echo denies it.

mod config;
#[cfg(test)]
pub(super) mod tests;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use tarishi_protocol::catalog::Category;

use self::config::Config;
use super::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Health, HealthCall, Hook, HookRead, Recovery, Reference,
    Settings,
};

const DEADLINE: Duration = Duration::from_secs(15);

static DESCRIPTOR: Descriptor = Descriptor {
    name: "echo",
    category: Category::Messaging,
    actions: &[ActionSpec { name: "say", call_deadline: DEADLINE, needs_token: false, has_effect: true }],
    settings: config::SETTINGS,
    env_prefix: "ECHO_",
    slots: 4,
    webhooks: true,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct Echo {}

#[async_trait]
impl Adapter for Echo {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, _action: &str, settings: &Settings) -> Recovery {
        Recovery::Query { settle_after: config::settle_after(settings).unwrap_or(config::SETTLE_AFTER) }
    }

    fn look_for(&self, _action: &str) -> &'static str {
        "listen at Echo's console for the text, by its key"
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        Config::read(settings)?;
        config::settle_after(settings).map(drop)
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let config = Config::read(call.settings)?;
        let body = wire::say(wire::text(call.payload)?, call.effect_key, call.callback_url);
        let request = call.outbound.request(Method::POST, &format!("{}/says", config.base_url));
        let answer = call.outbound.send(request.bearer_auth(config.api_key).json(&body), DEADLINE).await?;
        wire::read(&answer, config.poll)
    }

    async fn recover(&self, call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        let config = Config::read(call.settings)?;
        let request = call.outbound.request(Method::GET, &format!("{}/says/{}", config.base_url, call.effect_key));
        let answer = call.outbound.send(request.bearer_auth(config.api_key), DEADLINE).await?;
        wire::read_question(&answer, config.poll)
    }

    fn read_webhook(&self, hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        webhook::read(hook)
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        let asked = async {
            let config = Config::read(call.settings)?;
            let request = call.outbound.request(Method::GET, &format!("{}/me", config.base_url));
            let answer = call.outbound.send(request.bearer_auth(config.api_key), DEADLINE).await?;
            if answer.status == 200 { Ok(()) } else { Err(wire::refusal(&answer)) }
        };
        match asked.await {
            Ok(()) => Health::good("Echo answers and knows us"),
            Err(error) => Health::bad(error.message),
        }
    }
}
