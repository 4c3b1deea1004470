//! Push notifications: FCM (HTTP v1) and APNs, chosen by what each device's token is; and what became of them.
//!
//! Neither provider takes a key or can be asked. A repeat is harmless all the same: every try carries the same id, tag and
//! collapse id, so the device shows one. A send whose answer was lost is therefore sent again, and counted as a possible double.

mod apns;
mod config;
mod fcm;
mod sign;
mod steps;
#[cfg(test)]
pub(super) mod tests;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tarishi_protocol::{Payload, PushSend, catalog::Category};

use self::{config::Provider, steps::Done, wire::Push as Notification};
use super::{
    AccessToken, ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Disposition, Health, HealthCall, Outbound,
    PushTarget, Recovery, Reference, Settings, TokenNeed, messages,
};

/// One request's; a step may fetch a token before.
const DEADLINE: Duration = Duration::from_secs(10);
const CALL_DEADLINE: Duration = Duration::from_secs(25);
/// A send of unknown outcome is repeated for this long.
const RESEND_WINDOW: Duration = Duration::from_secs(3_600);

static DESCRIPTOR: Descriptor = Descriptor {
    name: "push",
    category: Category::Push,
    actions: &[
        ActionSpec { name: "send", call_deadline: CALL_DEADLINE, needs_token: true, has_effect: true },
        ActionSpec { name: "query", call_deadline: CALL_DEADLINE, needs_token: false, has_effect: false },
    ],
    settings: config::SETTINGS,
    env_prefix: "PUSH_",
    slots: 16,
    webhooks: false,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct Push {}

#[async_trait]
impl Adapter for Push {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, _action: &str, _settings: &Settings) -> Recovery {
        Recovery::ResendSameKey { window: RESEND_WINDOW }
    }

    fn look_for(&self, _action: &str) -> &'static str {
        "ask the user whether the notification came, or send it anew"
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        config::check(settings)
    }

    fn is_complete(&self, settings: &Settings) -> bool {
        [Provider::Fcm, Provider::Apns].into_iter().any(|provider| provider.is_set_up(settings))
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        match (call.action, call.payload) {
            ("send", Payload::PushSend(send)) => {
                let done = Done::read(call.memo);
                let list = call.targets.list();
                let Some(target) = done.next(list) else { return Ok(done.ended()) };
                let told = execute_send(call, &done, target, send).await;
                let told = if done.other_host() { told.map(wire::Told::by_second_host) } else { told };
                if matches!(told, Ok(wire::Told::Dead { .. })) {
                    call.targets.report_dead(target);
                }
                done.told(list, target, told, call.repeats_unknown)
            }
            ("query", Payload::MessageQuery(query)) => Ok(messages::answer_query(query, call.related)),
            _ => Err(AdapterError::new(Disposition::Unsupported, "push has send and query")),
        }
    }

    fn without_token(&self, call: &Call<'_>, error: AdapterError) -> Result<Answer, AdapterError> {
        let done = Done::read(call.memo);
        match done.next(call.targets.list()) {
            // The devices of the other provider are reached all the same.
            Some(target) => done.told(call.targets.list(), target, Err(error), false),
            None => Err(error),
        }
    }

    async fn recover(&self, _call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        Err(AdapterError::new(Disposition::Ambiguous, "push providers cannot be asked; sending again shows the same"))
    }

    fn token_name(&self, need: &TokenNeed<'_>) -> Option<String> {
        let provider = match need.step {
            Some((memo, targets)) => Provider::of(Done::read(memo).next(targets.list())?.kind),
            // APNs is not asked about its health: there is no question that it likes.
            None => Provider::Fcm,
        };
        provider.token_name(need.settings)
    }

    async fn fetch_token(
        &self,
        name: &str,
        settings: &Settings,
        outbound: &Outbound,
        now: DateTime<Utc>,
    ) -> Result<AccessToken, AdapterError> {
        if name.starts_with(config::APNS_TOKEN) {
            return apns::provider_token(settings, now);
        }
        let config = config::fcm(settings)?;
        let request = fcm::token_request(&config, outbound, now)?;
        fcm::read_token(&outbound.send(request, DEADLINE).await?)
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        match provider_health(call).await {
            Ok(message) => Health::good(message),
            Err(error) => Health::bad(error.message),
        }
    }
}

/// One notification to one device.
async fn execute_send(call: &Call<'_>, done: &Done, target: &PushTarget, send: &PushSend) -> Result<wire::Told, AdapterError> {
    let token = || call.access_token.ok_or_else(|| AdapterError::new(Disposition::Unauthorized, "there is no access token"));
    let push = Notification::of(call, send, config::default_ttl(call.settings)?);
    match Provider::of(target.kind) {
        Provider::Fcm => {
            let config = config::fcm(call.settings)?;
            let request = fcm::send_request(&config, call.outbound, token()?, &fcm::message(&config, &push, target));
            fcm::read(&call.outbound.send(request, DEADLINE).await?)
        }
        Provider::Apns => {
            let config = config::apns(call.settings)?;
            let token = token()?;
            let id = wire::apns_id(call.effect_key, &target.device);
            let request = apns::request(&config, call.outbound, token, target, &push, &id, done.other_host());
            let answer = call.outbound.send(request, DEADLINE).await?;
            apns::read(&answer, &id, target.registered_at, sign::age(token, call.now))
        }
    }
}

/// FCM takes a dry run; APNs is not asked, its key only tried.
async fn provider_health(call: &HealthCall<'_>) -> Result<&'static str, AdapterError> {
    config::check(call.settings)?;
    if !Provider::Fcm.is_set_up(call.settings) {
        return Ok("the APNs key signs; APNs itself is not asked");
    }
    let config = config::fcm(call.settings)?;
    let token = call.access_token.ok_or_else(|| AdapterError::new(Disposition::Unauthorized, "there is no access token"))?;
    let request = fcm::send_request(&config, call.outbound, token, &fcm::dry_run());
    match fcm::read(&call.outbound.send(request, DEADLINE).await?)? {
        wire::Told::Taken { .. } => Ok("FCM takes a dry run"),
        wire::Told::Dead { code, .. } | wire::Told::Refused { code, .. } | wire::Told::OtherHost { code } => {
            Err(AdapterError::misconfigured(format!("FCM refuses a dry run: {code}")))
        }
    }
}
