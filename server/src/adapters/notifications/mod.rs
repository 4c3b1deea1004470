//! `notify`: the server's own adapter. It calls nobody: the dispatcher makes of each `notify` one chain a person, whose steps are
//! operations of the adapters that send (`store/sqlite/chain`).

use std::time::Duration;

use async_trait::async_trait;
use tarishi_protocol::catalog::Category;

use super::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Disposition, Health, HealthCall, Recovery, Reference, Settings,
};

/// The adapter's name.
pub const NAME: &str = "notifications";
/// Its one action.
pub const NOTIFY: &str = "notify";

static DESCRIPTOR: Descriptor = Descriptor {
    name: NAME,
    category: Category::Notification,
    actions: &[ActionSpec { name: NOTIFY, call_deadline: Duration::from_secs(10), needs_token: false, has_effect: true }],
    settings: &[],
    env_prefix: "NOTIFICATIONS_",
    slots: 4,
    webhooks: false,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct Notifications {}

#[async_trait]
impl Adapter for Notifications {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, _action: &str, _settings: &Settings) -> Recovery {
        Recovery::Human
    }

    fn look_for(&self, _action: &str) -> &'static str {
        "look at GET /api/v2/notifications/{id}: each person's channels are there"
    }

    fn check_settings(&self, _settings: &Settings) -> Result<(), AdapterError> {
        Ok(())
    }

    async fn execute(&self, _call: &Call<'_>) -> Result<Answer, AdapterError> {
        Err(AdapterError::new(Disposition::Unsupported, "a notification is made of steps, and calls nobody itself"))
    }

    async fn recover(&self, _call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        Err(AdapterError::new(Disposition::Unsupported, "a notification is made of steps, and calls nobody itself"))
    }

    async fn health(&self, _call: &HealthCall<'_>) -> Health {
        Health::good("the channels have their own")
    }
}
