//! One provider, one adapter: one step of one call, and what was learnt from it.
//!
//! An adapter never retries, sleeps, stores or decides. It turns an operation into a request, sends it through [`Outbound`],
//! and reads the answer as one of [`Answer`]; an error says by its [`Disposition`] what may be done next. Silence is never
//! failure: what is not known is [`Answer::Waiting`] or [`Disposition::Ambiguous`].
//!
//! A folder a provider, always with the same files: `mod.rs` (the [`Adapter`]), `config.rs` (settings, hidden in `Debug`),
//! `wire.rs` (pure: payload → request, answer → [`Answer`]), `webhook.rs` (pure: verify and parse), `docs.md`, `fixtures/`,
//! `tests.rs`. Adding one = a folder and a line in [`registry`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tarishi_protocol::Payload;

mod address;
mod answer;
mod booked;
mod call;
#[cfg(test)]
mod contract;
mod descriptor;
#[cfg(test)]
pub mod echo;
mod errand;
pub mod event;
pub mod flutterwave;
pub mod google_drive;
mod hook;
pub mod http;
pub mod local_storage;
mod messages;
pub mod moodle;
pub mod mpesa;
mod names;
pub mod notifications;
pub mod oauth;
mod payments;
pub mod pesapal;
mod polls;
pub mod push;
mod reach;
mod settings;
pub mod sms;
mod target;
pub mod whatsapp;

pub use answer::*;
pub use booked::*;
pub use call::*;
pub use descriptor::*;
pub use errand::*;
pub use hook::*;
pub use http::Outbound;
pub use names::Names;
pub use oauth::OAuth;
pub use reach::{Reach, URL_BYTES_MAX};
pub use settings::{SettingSpec, Settings};
pub use target::*;

/// Every adapter of this build, by name.
#[must_use]
pub fn registry() -> BTreeMap<&'static str, Arc<dyn Adapter>> {
    let all: [Arc<dyn Adapter>; _] = [
        // The example of CONTRIBUTING is in no server.
        #[cfg(test)]
        Arc::new(echo::Echo::default()),
        Arc::new(flutterwave::Flutterwave::default()),
        Arc::new(google_drive::GoogleDrive::default()),
        Arc::new(local_storage::LocalStorage::default()),
        Arc::new(moodle::Moodle::default()),
        Arc::new(mpesa::Mpesa::default()),
        Arc::new(notifications::Notifications::default()),
        Arc::new(pesapal::Pesapal::default()),
        Arc::new(push::Push::default()),
        Arc::new(sms::Sms::default()),
        Arc::new(whatsapp::WhatsApp::default()),
    ];
    all.into_iter().map(|adapter| (adapter.descriptor().name, adapter)).collect()
}

/// One provider.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// What it can do and what it needs.
    fn descriptor(&self) -> &Descriptor;

    /// What follows an unknown outcome of this action, with this tenant's waits.
    fn recovery(&self, action: &str, settings: &Settings) -> Recovery;

    /// What a person checks when nobody knows what this action did, in a sentence of [`Descriptor::docs`]; it is told with every
    /// such operation. Needed for each action with an effect.
    fn look_for(&self, _action: &str) -> &'static str {
        ""
    }

    /// Checks a tenant's settings before they are stored or used.
    ///
    /// # Errors
    /// [`Disposition::Misconfigured`], naming the setting.
    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError>;

    /// One step of the call. Called only while the operation is `calling`, with an identity that is already durable.
    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError>;

    /// Asks the provider what became of a call: a poll with the reference known, or after a lost answer without one.
    /// Never causes an effect.
    async fn recover(&self, call: &Call<'_>, known: Option<&Reference>) -> Result<Answer, AdapterError>;

    /// Asks what there is to a claim about a charge that has ended, for a provider whose webhooks claim money: `Succeeded` is
    /// money that came in, of whatever amount; `Failed` with [`REVERSED`] is the charge's own payment, given back; `NotFound` and
    /// any other `Failed` are nothing to tell; after `Waiting` it is asked again. Never causes an effect.
    ///
    /// # Errors
    /// As for any question; it is asked again.
    async fn confirm(&self, _call: &Call<'_>, _claim: &Claim<'_>) -> Result<Answer, AdapterError> {
        Ok(Answer::NotFound)
    }

    /// Verifies and reads a webhook. Pure. The default is for providers that send none.
    ///
    /// # Errors
    /// [`Disposition::Rejected`] if it is not authentic or cannot be read.
    fn read_webhook(&self, _hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        Err(AdapterError::new(Disposition::Rejected, "this provider sends no webhooks"))
    }

    /// Asks the provider cheaply whether it answers and knows us.
    async fn health(&self, call: &HealthCall<'_>) -> Health;

    /// Gets a new access token of this name ([`Self::token_name`]). Called by the dispatcher alone, one at a time per tenant
    /// and name. It has no effect: an answer that was lost may be asked for again.
    ///
    /// # Errors
    /// As for any call; the default is [`Disposition::Unsupported`].
    async fn fetch_token(
        &self,
        _name: &str,
        _settings: &Settings,
        _outbound: &Outbound,
        _now: DateTime<Utc>,
    ) -> Result<AccessToken, AdapterError> {
        Err(AdapterError::new(Disposition::Unsupported, "this provider has no tokens"))
    }

    /// How long this action's outcome may be awaited before a human is shown it, where that is longer than the server's own
    /// `max_wait_ms`: people at the provider decide, say.
    fn max_wait(&self, _action: &str) -> Option<Duration> {
        None
    }

    /// How somebody lets us into their account, for a provider with OAuth; `None` = it has none. The dispatcher keeps the
    /// tokens, and calls [`Adapter::fetch_token`] only for adapters without.
    fn oauth(&self, _settings: &Settings) -> Option<Result<OAuth, AdapterError>> {
        None
    }

    /// Are the settings that have no `required` of their own complete too (one of several providers, say)?
    fn is_complete(&self, _settings: &Settings) -> bool {
        true
    }

    /// The name of the access token that is needed, for an adapter that has several; its only one has the empty name.
    /// `None`: this call needs none. Asked for a step of an action that needs a token, and for health.
    fn token_name(&self, _need: &TokenNeed<'_>) -> Option<String> {
        Some(String::new())
    }

    /// What follows for a call whose access token could not be had: nothing was sent.
    ///
    /// # Errors
    /// As a rule the error itself.
    fn without_token(&self, _call: &Call<'_>, error: AdapterError) -> Result<Answer, AdapterError> {
        Err(error)
    }

    /// What a delivery report says of a call whose own answer was lost and whose attempt the provider named: the message is
    /// there. `memo` is what the step before that call left. `None` = such a report settles nothing.
    fn reported(&self, _payload: &Payload, _memo: Option<&Value>, _news: &MessageNews) -> Option<Answer> {
        None
    }

    /// What the provider will call this attempt in what it tells others, where we choose the name. A pure function, so that
    /// it is on record before the call.
    fn attempt_reference(&self, _action: &str, _attempt: uuid::Uuid) -> Option<String> {
        None
    }

    /// Tells the provider where we take its webhooks, where it must be told by a call. Says what was done.
    ///
    /// # Errors
    /// As for any call; the default is [`Disposition::Unsupported`].
    async fn register(&self, _errand: &Errand<'_>) -> Result<Vec<String>, AdapterError> {
        Err(AdapterError::new(Disposition::Unsupported, "this provider is not told of webhooks by a call"))
    }

    /// The payments that the provider has on record within a time. Has no effect.
    ///
    /// # Errors
    /// As for any call; the default is [`Disposition::Unsupported`].
    async fn statement(&self, _errand: &Errand<'_>, _period: Period) -> Result<Vec<StatementLine>, AdapterError> {
        Err(AdapterError::new(Disposition::Unsupported, "this provider gives no list of payments"))
    }

    /// What a receipt without our reference may be recognised by: one text, or several with commas (an SMS's recipients).
    fn correlation(&self, _action: &str, _payload: &Payload) -> Option<String> {
        None
    }
}
