//! M-Pesa through Safaricom's Daraja: prompts, their query, reversals.
//!
//! Nothing at Daraja is idempotent and an accepted charge is a prompt, not a payment. So nothing is ever sent twice, a
//! payment is believed when the query confirms it, and what cannot be asked waits for its callback and then for a human.

mod codes;
mod config;
mod paybill;
mod refund;
mod security;
mod standing;
mod statement;
mod status;
#[cfg(test)]
pub(super) mod tests;
mod webhook;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tarishi_protocol::{Charge, Payload, PaymentQuery, State, catalog::Category};
use uuid::Uuid;

use self::config::{Config, Waits};
use self::standing::Standing;
use super::{
    AccessToken, ActionSpec, Adapter, AdapterError, Answer, Call, Claim, Descriptor, Disposition, Errand, Health, HealthCall,
    Hook, HookRead, Outbound, Period, Recovery, Reference, Settings, StatementLine, Then, http::HttpAnswer, payments,
};

const MONEY_DEADLINE: Duration = Duration::from_secs(45);
const QUERY_DEADLINE: Duration = Duration::from_secs(20);

const TOKEN_PATH: &str = "/oauth/v1/generate?grant_type=client_credentials";
const CHARGE_PATH: &str = "/mpesa/stkpush/v1/processrequest";
const QUERY_PATH: &str = "/mpesa/stkpushquery/v1/query";
const REVERSAL_PATH: &str = "/mpesa/reversal/v1/request";

static DESCRIPTOR: Descriptor = Descriptor {
    name: "mpesa",
    category: Category::Payment,
    actions: &[
        ActionSpec { name: "charge", call_deadline: MONEY_DEADLINE, needs_token: true, has_effect: true },
        ActionSpec { name: "query", call_deadline: QUERY_DEADLINE, needs_token: true, has_effect: false },
        ActionSpec { name: "refund", call_deadline: MONEY_DEADLINE, needs_token: true, has_effect: true },
    ],
    settings: config::SETTINGS,
    env_prefix: "MPESA_",
    slots: 8,
    webhooks: true,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct Mpesa {}

#[async_trait]
impl Adapter for Mpesa {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, action: &str, settings: &Settings) -> Recovery {
        if action == "query" {
            return Recovery::READ;
        }
        let wait = Waits::read(settings).unwrap_or_default().receipt_wait;
        if action == "refund" {
            // Daraja is asked; it never affirms that there was nothing, so nothing is ever sent again.
            return Recovery::Query { settle_after: wait };
        }
        Recovery::Receipts { wait, then: Then::Unresolved }
    }

    fn look_for(&self, action: &str) -> &'static str {
        match action {
            "refund" => "look the payment's receipt up in the M-Pesa organisation portal: is its reversal there?",
            _ => "look for the payment in the M-Pesa organisation portal, by the payer's phone, the amount and the time",
        }
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        config::check(settings)
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let config = Config::read(call.settings)?;
        match (call.action, call.payload) {
            ("charge", Payload::Charge(charge)) => execute_charge(call, &config, charge).await,
            ("query", Payload::PaymentQuery(query)) => execute_query(call, &config, query).await,
            ("refund", Payload::Refund(refund)) => refund::execute(call, &config, refund).await,
            _ => Err(AdapterError::new(Disposition::Unsupported, "M-Pesa has charge, query and refund")),
        }
    }

    async fn recover(&self, call: &Call<'_>, known: Option<&Reference>) -> Result<Answer, AdapterError> {
        let config = Config::read(call.settings)?;
        match (call.action, call.payload) {
            ("charge", Payload::Charge(charge)) => recover_charge(call, &config, charge, known).await,
            ("query", Payload::PaymentQuery(query)) => execute_query(call, &config, query).await,
            ("refund", Payload::Refund(refund)) => status::recover(call, &config, refund, known).await,
            _ => Err(AdapterError::new(Disposition::Unsupported, "M-Pesa has charge, query and refund")),
        }
    }

    async fn confirm(&self, call: &Call<'_>, claim: &Claim<'_>) -> Result<Answer, AdapterError> {
        let config = Config::read(call.settings)?;
        let Some(besides) = standing::Besides::read(claim) else { return Ok(Answer::NotFound) };
        match ask(call, &config, besides.checkout).await {
            Ok(code) => Ok(besides.conclude(code.as_deref(), config.waits.receipt_wait)),
            Err(error) if matches!(error.disposition, Disposition::Unauthorized | Disposition::RateLimited) => Err(error),
            Err(_) => Ok(besides.conclude(None, config.waits.receipt_wait)),
        }
    }

    fn read_webhook(&self, hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        webhook::read(hook)
    }

    fn attempt_reference(&self, action: &str, attempt: Uuid) -> Option<String> {
        (action == "charge").then(|| wire::account_reference(attempt))
    }

    async fn register(&self, errand: &Errand<'_>) -> Result<Vec<String>, AdapterError> {
        paybill::register(errand).await
    }

    async fn statement(&self, errand: &Errand<'_>, period: Period) -> Result<Vec<StatementLine>, AdapterError> {
        statement::read(errand, period).await
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        // There is nothing to ping, and each token request ends the token before it.
        match (config::check(call.settings), call.access_token) {
            (Err(error), _) => Health::bad(error.message),
            (Ok(()), None) => Health::bad("M-Pesa gave no access token"),
            (Ok(()), Some(_)) => Health::good("M-Pesa gave an access token"),
        }
    }

    async fn fetch_token(
        &self,
        _name: &str,
        settings: &Settings,
        outbound: &Outbound,
        _now: DateTime<Utc>,
    ) -> Result<AccessToken, AdapterError> {
        let config = Config::read(settings)?;
        let request = outbound
            .request(reqwest::Method::GET, &format!("{}{TOKEN_PATH}", config.base_url))
            .basic_auth(config.consumer_key, Some(config.consumer_secret));
        let answer = outbound.send(request, QUERY_DEADLINE).await?;
        wire::read_token(&answer)
    }
}

async fn execute_charge(call: &Call<'_>, config: &Config<'_>, charge: &Charge) -> Result<Answer, AdapterError> {
    let body = wire::charge_body(config, charge, call.attempt_id, call.callback_url, call.now)?;
    let answer = post(call, config, CHARGE_PATH, &body, MONEY_DEADLINE).await?;
    let accepted = wire::read_accepted(&answer, "CheckoutRequestID")?;
    let checkout = wire::text(&accepted, "CheckoutRequestID").unwrap_or_default();
    let reference = submitted(call, &checkout)
        .with("checkout", checkout.as_str())
        .with("merchant_request_id", wire::text(&accepted, "MerchantRequestID"))
        .with("negative", Value::Null)
        .with("confirmed_at", Value::Null)
        .with("confirm_failures", 0)
        .with("negative_failures", 0);
    let interim = Some(json!(tarishi_protocol::Interim::PromptSent {}));
    Ok(Answer::Waiting { reference: Some(reference), poll_after: config.waits.polls.first(), interim })
}

async fn recover_charge(
    call: &Call<'_>,
    config: &Config<'_>,
    charge: &Charge,
    known: Option<&Reference>,
) -> Result<Answer, AdapterError> {
    let asked = known.and_then(|known| Some((known, standing::checkout_request_id(known)?)));
    let Some((known, checkout)) = asked else {
        if let Some(answer) = standing::paid_by_paybill(known, &charge.amount) {
            return answer;
        }
        let message = "M-Pesa cannot be asked without its own id; the callback is awaited";
        return Err(AdapterError::new(Disposition::Ambiguous, message));
    };
    let standing = Standing {
        waits: &config.waits,
        known,
        amount: &charge.amount,
        polls: call.polls,
        first_opened_at: call.first_opened_at,
        now: call.now,
    };
    match ask(call, config, checkout).await {
        Ok(code) => standing.conclude(code.as_deref()),
        Err(error) if matches!(error.disposition, Disposition::Unauthorized | Disposition::RateLimited) => Err(error),
        // A query that did not come through is "no answer" where a callback waits to be confirmed.
        Err(_) if ["paid", "negative"].iter().any(|name| known.data.get(*name).is_some_and(Value::is_object)) => {
            standing.conclude(None)
        }
        // That the query was refused says nothing of the charge.
        Err(error) => Err(AdapterError { disposition: open(error.disposition), ..error }),
    }
}

/// The disposition, of which none may claim that the charge itself was refused.
fn open(disposition: Disposition) -> Disposition {
    match disposition {
        Disposition::Transient | Disposition::RateLimited | Disposition::Unauthorized => disposition,
        Disposition::Ambiguous | Disposition::Rejected | Disposition::Misconfigured | Disposition::Unsupported => {
            Disposition::Ambiguous
        }
    }
}

async fn execute_query(call: &Call<'_>, config: &Config<'_>, query: &PaymentQuery) -> Result<Answer, AdapterError> {
    let (related, mut outcome) = payments::on_record(call, query)?;
    let checkout =
        related.reference.as_ref().and_then(|reference| Some((reference, standing::checkout_request_id(reference)?)));
    if let (false, "charge", Some((reference, checkout))) = (related.state.is_ended(), related.action.as_str(), checkout) {
        let code = ask(call, config, checkout).await.map_err(AdapterError::harmless)?;
        outcome.state = queried_state(related.state, code.as_deref(), reference, config, call);
    }
    Ok(Answer::Succeeded { outcome: json!(outcome), reference: None, receipt: None })
}

/// Where a charge stands by a query's code; failed only when that may be believed.
fn queried_state(state: State, code: Option<&str>, known: &Reference, config: &Config<'_>, call: &Call<'_>) -> State {
    match code.map(codes::stk_result) {
        Some(codes::StkResult::Paid) => State::Succeeded,
        Some(codes::StkResult::Over(_)) => {
            let elapsed = standing::since(known, "submitted_at", call.now);
            if elapsed.is_some_and(|elapsed| elapsed >= config.waits.negative_after) { State::Failed } else { state }
        }
        Some(codes::StkResult::Pending | codes::StkResult::NotReached(_) | codes::StkResult::Unknown) | None => state,
    }
}

fn submitted(call: &Call<'_>, id: &str) -> Reference {
    Reference::new(id).with("attempt", call.attempt_id.to_string()).with("submitted_at", standing::stamp(call.now))
}

async fn ask(call: &Call<'_>, config: &Config<'_>, checkout: &str) -> Result<Option<String>, AdapterError> {
    let body = wire::query_body(config, checkout, call.now);
    let answer = post(call, config, QUERY_PATH, &body, QUERY_DEADLINE).await?;
    wire::read_query(&answer, checkout)
}

async fn post(
    call: &Call<'_>,
    config: &Config<'_>,
    path: &str,
    body: &Value,
    deadline: Duration,
) -> Result<HttpAnswer, AdapterError> {
    send(call.outbound, call.access_token, config, path, body, deadline).await
}

/// A call outside any operation; nothing of value depends on its answer.
async fn post_as(
    outbound: &Outbound,
    access_token: Option<&str>,
    config: &Config<'_>,
    path: &str,
    body: &Value,
) -> Result<HttpAnswer, AdapterError> {
    send(outbound, access_token, config, path, body, QUERY_DEADLINE).await
}

async fn send(
    outbound: &Outbound,
    access_token: Option<&str>,
    config: &Config<'_>,
    path: &str,
    body: &Value,
    deadline: Duration,
) -> Result<HttpAnswer, AdapterError> {
    let token = access_token.ok_or_else(|| AdapterError::new(Disposition::Unauthorized, "there is no access token"))?;
    let request = outbound
        .request(reqwest::Method::POST, &format!("{}{path}", config.base_url))
        .bearer_auth(token)
        .header(reqwest::header::ACCEPT, "application/json")
        .json(body);
    outbound.send(request, deadline).await
}
