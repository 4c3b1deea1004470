//! Pesapal (API 3.0): orders that are paid on its page, their status, refunds.
//!
//! Nothing here debits anybody: an order is a page, and money moves when the payer pays there. So an order whose answer was lost
//! is and a new one is made under a new name. How an order stands is known from `GetTransactionStatus` alone.

mod answers;
mod charge;
mod config;
mod ipn;
mod refund;
#[cfg(test)]
pub(super) mod tests;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::{Method, header};
use serde::Serialize;
use serde_json::json;
use tarishi_protocol::{Payload, catalog::Category};

use self::config::{Config, Waits};
use super::{
    AccessToken, ActionSpec, Adapter, AdapterError, Answer, Call, Claim, Descriptor, Disposition, Health, HealthCall, Hook,
    HookRead, Outbound, Recovery, Reference, Settings, http::HttpAnswer,
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// A step is two calls at most, and the token before them.
const DEADLINE: Duration = Duration::from_secs(75);

/// An order may be open for three days, and is withdrawn and asked about once more after that.
const CHARGE_WAIT: Duration = Duration::from_secs(5 * 24 * 3_600);
/// People at Pesapal and at the merchant approve a refund.
const REFUND_WAIT: Duration = Duration::from_secs(14 * 24 * 3_600);

static DESCRIPTOR: Descriptor = Descriptor {
    name: "pesapal",
    category: Category::Payment,
    actions: &[
        ActionSpec { name: "charge", call_deadline: DEADLINE, needs_token: true, has_effect: true },
        ActionSpec { name: "query", call_deadline: DEADLINE, needs_token: true, has_effect: false },
        ActionSpec { name: "refund", call_deadline: DEADLINE, needs_token: true, has_effect: true },
    ],
    settings: config::SETTINGS,
    env_prefix: "PESAPAL_",
    slots: 8,
    webhooks: true,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct Pesapal {
    ipns: ipn::Kept,
}

#[async_trait]
impl Adapter for Pesapal {
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

    fn max_wait(&self, action: &str) -> Option<Duration> {
        match action {
            "charge" => Some(CHARGE_WAIT),
            "refund" => Some(REFUND_WAIT),
            _ => None,
        }
    }

    fn look_for(&self, action: &str) -> &'static str {
        match action {
            "refund" => "look in Pesapal's dashboard whether the refund was requested and approved",
            _ => "look for the order in Pesapal's dashboard, by the payer, the amount and the time",
        }
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        config::check(settings)
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let desk = Desk::open(call.settings, call.outbound, call.access_token)?;
        match (call.action, call.payload) {
            ("charge", Payload::Charge(charge)) => charge::execute(call, &desk, &self.ipns, charge).await,
            ("query", Payload::PaymentQuery(query)) => charge::query(call, &desk, query).await.map_err(AdapterError::harmless),
            ("refund", Payload::Refund(refund)) => refund::execute(call, &desk, refund).await,
            _ => Err(unsupported()),
        }
    }

    async fn recover(&self, call: &Call<'_>, known: Option<&Reference>) -> Result<Answer, AdapterError> {
        let desk = Desk::open(call.settings, call.outbound, call.access_token)?;
        match (call.action, call.payload) {
            ("charge", Payload::Charge(charge)) => charge::recover(call, &desk, charge, known).await,
            ("query", Payload::PaymentQuery(query)) => charge::query(call, &desk, query).await.map_err(AdapterError::harmless),
            ("refund", Payload::Refund(_)) => refund::recover(call, &desk, known).await,
            _ => Err(unsupported()),
        }
    }

    async fn confirm(&self, call: &Call<'_>, claim: &Claim<'_>) -> Result<Answer, AdapterError> {
        charge::confirm(&Desk::open(call.settings, call.outbound, call.access_token)?, claim).await
    }

    fn read_webhook(&self, hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        webhook::read(hook)
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        let asked = async {
            let desk = Desk::open(call.settings, call.outbound, call.access_token)?;
            let list = desk.get("/api/URLSetup/GetIpnList").await?;
            answers::knows_ipn(&list, desk.config.ipn_id)
        };
        match asked.await {
            Ok(true) => Health::good("Pesapal answers and knows us"),
            Ok(false) => Health::bad("Pesapal does not know ipn_id"),
            Err(error) => Health::bad(error.message),
        }
    }

    async fn fetch_token(
        &self,
        _name: &str,
        settings: &Settings,
        outbound: &Outbound,
        _now: DateTime<Utc>,
    ) -> Result<AccessToken, AdapterError> {
        let desk = Desk::open(settings, outbound, None)?;
        let body = json!({ "consumer_key": desk.config.consumer_key, "consumer_secret": desk.config.consumer_secret });
        let answer = desk.post("/api/Auth/RequestToken", &body).await?;
        answers::read_token(&answer)
    }
}

/// Where Pesapal is and what opens it.
struct Desk<'a> {
    config: Config<'a>,
    outbound: &'a Outbound,
    token: Option<&'a str>,
}

impl<'a> Desk<'a> {
    fn open(settings: &'a Settings, outbound: &'a Outbound, token: Option<&'a str>) -> Result<Self, AdapterError> {
        Ok(Self { config: Config::read(settings)?, outbound, token })
    }

    async fn get(&self, path: &str) -> Result<HttpAnswer, AdapterError> {
        self.send(self.outbound.request(Method::GET, &format!("{}{path}", self.config.base_url))).await
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Result<HttpAnswer, AdapterError> {
        self.send(self.outbound.request(Method::POST, &format!("{}{path}", self.config.base_url)).json(body)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<HttpAnswer, AdapterError> {
        let request = request.header(header::ACCEPT, "application/json");
        let request = self.token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        self.outbound.send(request, TIMEOUT).await
    }
}

fn unsupported() -> AdapterError {
    AdapterError::new(Disposition::Unsupported, "Pesapal has charge, query and refund")
}
