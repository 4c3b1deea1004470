//! Tells a tenant's backend of one event, as Standard Webhooks: the server's own adapter.
//!
//! Nobody can ask for it: it is not in the registry, and its names are reserved. Each subscription is an adapter name of its
//! own (`event_<id>`), so that each has its own lane and breaker. Its settings are the subscription; its payload is the event.
//!
//! At least once: whatever is no 2xx is tried again, and a repeat is told by `webhook-id`. 410 means that nobody listens any more.

mod sign;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, header};
use serde_json::json;
use tarishi_protocol::{Payload, catalog::Category};

use super::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Disposition, Health, HealthCall, Recovery, Reference, Settings,
};

pub use sign::{Secret, is_signed};

/// The adapter's name in settings.
pub const NAME: &str = "event";
/// Its one action.
pub const DELIVER: &str = "deliver";
/// The account of deliveries: no account of a tenant has this name.
pub const ACCOUNT: &str = "";
/// The code of a receiver that is gone for good.
pub const GONE: &str = "410";

/// The setting with the receiver's address.
pub const URL: &str = "url";
/// The setting with what signs, behind spaces.
pub const SECRETS: &str = "secrets";

const PREFIX: &str = "event_";
/// How long a receiver may take.
const DEADLINE: Duration = Duration::from_secs(15);

static DESCRIPTOR: Descriptor = Descriptor {
    name: NAME,
    category: Category::Notification,
    // A repeat does no harm: what is unknown is told again, and no human is asked.
    actions: &[ActionSpec { name: DELIVER, call_deadline: DEADLINE, needs_token: false, has_effect: false }],
    settings: &[],
    env_prefix: "EVENT_",
    slots: 4,
    webhooks: false,
    docs: "",
};

/// The adapter's name for one subscription.
#[must_use]
pub fn adapter_of(subscription: &str) -> String {
    format!("{PREFIX}{subscription}")
}

/// The subscription that an adapter's name is for.
#[must_use]
pub fn subscription_of(adapter: &str) -> Option<&str> {
    adapter.strip_prefix(PREFIX)
}

/// The adapter.
#[derive(Debug)]
pub struct Deliveries;

#[async_trait]
impl Adapter for Deliveries {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, _action: &str, _settings: &Settings) -> Recovery {
        Recovery::READ
    }

    fn check_settings(&self, _settings: &Settings) -> Result<(), AdapterError> {
        Ok(())
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let Some(url) = call.settings.get(URL) else {
            return Err(AdapterError::new(Disposition::Rejected, "the subscription is deleted or disabled"));
        };
        let Payload::Free(event) = call.payload else {
            return Err(AdapterError::new(Disposition::Rejected, "this is no event"));
        };
        let id = event["id"].as_str().unwrap_or_default();
        let (at, body) = (call.now.timestamp().to_string(), event.to_string());
        let secrets = call.settings.get(SECRETS).unwrap_or_default().split(' ');
        let signatures: Vec<_> =
            secrets.filter_map(Secret::parse).map(|secret| secret.sign(id, &at, body.as_bytes())).collect();
        // What the operator forbids today may be allowed before the tries are used up.
        let not_now = |error| AdapterError { disposition: Disposition::Transient, ..error };
        let request = call
            .outbound
            .request_to_receiver(Method::POST, url)
            .map_err(not_now)?
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        let answer = call.outbound.send(request, DEADLINE).await?;
        match answer.status {
            200..=299 => Ok(Answer::Succeeded { outcome: json!({}), reference: None, receipt: None }),
            410 => Err(AdapterError::new(Disposition::Rejected, "the receiver is gone").with_code(GONE)),
            status => {
                let failed = AdapterError::new(Disposition::Transient, format!("the receiver answered {status}"));
                Err(AdapterError { retry_after: answer.retry_after, ..failed.with_code(status.to_string()) })
            }
        }
    }

    async fn recover(&self, _call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        Err(AdapterError::new(Disposition::Ambiguous, "there is nothing to ask; it is told again"))
    }

    async fn health(&self, _call: &HealthCall<'_>) -> Health {
        Health::good("events are told")
    }
}
