//! Flutterwave (API v3): mobile money and payment pages, their query, refunds.
//!
//! Version 3 has no idempotency key, and its `tx_ref` is our word and not its lock. So a charge is sent once under a name that is
//! a function of the attempt, and whatever is heard of it (an answer, a webhook, a poll) counts only as Flutterwave tells it
//! when asked. A refund has no name at all: what was there before is noted first.

mod answers;
mod charge;
mod config;
mod network;
mod refund;
mod returned;
mod standing;
#[cfg(test)]
pub(super) mod tests;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde::Serialize;
use tarishi_protocol::{Payload, catalog::Category};

use self::config::{Config, Waits};
use super::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Claim, Descriptor, Disposition, Health, HealthCall, Hook, HookRead,
    Outbound, Recovery, Reference, Settings, http::HttpAnswer,
};

/// Flutterwave's own gateway gives up after 28 s; one call may take longer than that.
const MONEY_TIMEOUT: Duration = Duration::from_secs(40);
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// A charge is one call, its question two; a refund's look-up reads some pages.
const CHARGE_DEADLINE: Duration = Duration::from_secs(45);
const REFUND_DEADLINE: Duration = Duration::from_secs(90);
const QUERY_DEADLINE: Duration = Duration::from_secs(30);

static DESCRIPTOR: Descriptor = Descriptor {
    name: "flutterwave",
    category: Category::Payment,
    actions: &[
        ActionSpec { name: "charge", call_deadline: CHARGE_DEADLINE, needs_token: false, has_effect: true },
        ActionSpec { name: "query", call_deadline: QUERY_DEADLINE, needs_token: false, has_effect: false },
        ActionSpec { name: "refund", call_deadline: REFUND_DEADLINE, needs_token: false, has_effect: true },
    ],
    settings: config::SETTINGS,
    env_prefix: "FLUTTERWAVE_",
    slots: 8,
    webhooks: true,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct Flutterwave {}

#[async_trait]
impl Adapter for Flutterwave {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, action: &str, settings: &Settings) -> Recovery {
        let waits = Waits::read(settings).unwrap_or_default();
        match action {
            "query" => Recovery::READ,
            "refund" => Recovery::Query { settle_after: waits.refund_settle_after },
            _ => Recovery::Query { settle_after: waits.settle_after },
        }
    }

    fn look_for(&self, action: &str) -> &'static str {
        match action {
            "refund" => "look at the refunds of the transaction in Flutterwave's dashboard",
            _ => {
                "look for the payment in Flutterwave's dashboard, by the payer, the amount and the time; there may be more than one"
            }
        }
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        config::check(settings)
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let desk = Desk::open(call.settings, call.outbound)?;
        match (call.action, call.payload) {
            ("charge", Payload::Charge(charge)) => charge::execute(call, &desk, charge).await,
            ("query", Payload::PaymentQuery(query)) => charge::query(call, &desk, query).await.map_err(AdapterError::harmless),
            ("refund", Payload::Refund(refund)) => refund::execute(call, &desk, refund).await,
            _ => Err(unsupported()),
        }
    }

    async fn recover(&self, call: &Call<'_>, known: Option<&Reference>) -> Result<Answer, AdapterError> {
        let desk = Desk::open(call.settings, call.outbound)?;
        match (call.action, call.payload) {
            ("charge", Payload::Charge(charge)) => charge::recover(call, &desk, charge, known).await,
            ("query", Payload::PaymentQuery(query)) => charge::query(call, &desk, query).await.map_err(AdapterError::harmless),
            ("refund", Payload::Refund(refund)) => refund::recover(call, &desk, refund, known).await,
            _ => Err(unsupported()),
        }
    }

    async fn confirm(&self, call: &Call<'_>, claim: &Claim<'_>) -> Result<Answer, AdapterError> {
        charge::confirm(&Desk::open(call.settings, call.outbound)?, claim).await
    }

    fn read_webhook(&self, hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        webhook::read(hook)
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        let asked = async {
            let desk = Desk::open(call.settings, call.outbound)?;
            let answer = desk.get("/v3/balances/KES").await?;
            answers::accepted(&answer, answers::Envelope::read(&answer)).map(drop)
        };
        match asked.await {
            Ok(()) => Health::good("Flutterwave answers and knows us"),
            Err(error) => Health::bad(error.message),
        }
    }
}

/// Where Flutterwave is and what opens it.
struct Desk<'a> {
    config: Config<'a>,
    outbound: &'a Outbound,
}

impl<'a> Desk<'a> {
    fn open(settings: &'a Settings, outbound: &'a Outbound) -> Result<Self, AdapterError> {
        Ok(Self { config: Config::read(settings)?, outbound })
    }

    async fn get(&self, path: &str) -> Result<HttpAnswer, AdapterError> {
        let url = format!("{}{path}", self.config.base_url);
        let request = self.outbound.request(Method::GET, &url).bearer_auth(self.config.secret_key);
        self.outbound.send(request, READ_TIMEOUT).await
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<HttpAnswer, AdapterError> {
        let url = format!("{}{path}", self.config.base_url);
        let request = self.outbound.request(Method::POST, &url).bearer_auth(self.config.secret_key).json(body);
        self.outbound.send(request, MONEY_TIMEOUT).await
    }
}

fn unsupported() -> AdapterError {
    AdapterError::new(Disposition::Unsupported, "Flutterwave has charge, query and refund")
}
