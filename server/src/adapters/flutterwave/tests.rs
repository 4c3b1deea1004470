//! Flutterwave's tables and documented answers, row by row, and whole calls against a scripted Flutterwave.

mod calls;
mod links;
mod refunds;
mod tables;
mod webhooks;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tarishi_protocol::{Charge, Money, OperationId, Payload, PaymentMethod, PaymentQuery, Refund, State};

use super::super::{
    Reference, Related, Settings,
    contract::{Provider, Stage, Subject},
    http::HttpAnswer,
};
use super::Flutterwave;

pub(in crate::adapters) fn subject() -> Subject {
    let query = PaymentQuery { operation_id: Some(operation()), receipt: None };
    Subject {
        adapter: Arc::new(Flutterwave::default()),
        settings: settings(),
        calls: vec![
            ("charge", Payload::Charge(charge()), None),
            ("query", Payload::PaymentQuery(query), Some(waiting_charge())),
            ("refund", Payload::Refund(refund()), Some(paid_charge())),
        ],
        speaks_http: true,
        effect_paths: &["/v3/charges", "/v3/payments", "/v3/transactions/9154021/refund"],
        known: known(),
        folder: None,
    }
}

/// What a refund's look left.
pub(in crate::adapters) fn memo(now: DateTime<Utc>) -> Value {
    json!({ "transaction": "9154021", "amount": kes("1250"), "whole": true, "before": ["88001"], "at": now, "round": 1 })
}

/// What the step before a charge left: whose key sends it.
pub(in crate::adapters) fn charge_memo() -> Value {
    json!({ "account": "b52e269d4dc5" })
}

fn settings() -> Settings {
    let pairs = [
        ("secret_key", "FLWSECK_TEST-a-secret-key-X"),
        ("secret_hash", "a-secret-hash"),
        ("webhook_token", "0123456789abcdef0123456789abcdef"),
        ("redirect_url", "https://shop.example.org/return"),
        ("default_email", "no-reply@example.org"),
    ];
    Settings(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn operation() -> OperationId {
    OperationId(uuid::Uuid::from_u128(9))
}

fn charge() -> Charge {
    Charge {
        amount: kes("1250.00"),
        phone: Some("+254712000001".parse().unwrap()),
        reference: "FEE-2026-001 (Amina)".to_owned(),
        description: None,
        email: None,
        method: None,
        return_url: None,
        network: None,
    }
}

fn link() -> Charge {
    Charge { method: Some(PaymentMethod::Link), email: Some("amina@example.org".to_owned()), ..charge() }
}

fn refund() -> Refund {
    Refund { operation_id: Some(operation()), receipt: None, amount: None, reason: "paid twice, sorry!".to_owned() }
}

fn kes(amount: &str) -> Money {
    Money::parse(amount, "KES").unwrap()
}

const TX_REF: &str = "tarishi-01980000000070008000000000000001";

fn known() -> Reference {
    Reference::new(TX_REF).with("tx_ref", TX_REF).with("transaction_id", "9154021")
}

fn waiting_charge() -> Related {
    Related {
        operation_id: operation(),
        action: "charge".to_owned(),
        state: State::Waiting,
        reference: Some(known()),
        outcome: None,
    }
}

fn paid_charge() -> Related {
    let outcome = json!({ "receipt": "9154021", "amount": kes("1250"), "paid_at": "2026-11-24T07:15:02Z" });
    Related { state: State::Succeeded, outcome: Some(outcome), ..waiting_charge() }
}

fn http(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer { status, retry_after: None, body: body.as_bytes().to_vec() }
}

/// A stage whose attempt was begun at its `now`.
fn stage(payload: Payload, provider: &Provider) -> Stage {
    let mut settings = settings();
    settings.0.insert("base_url".to_owned(), provider.url().to_owned());
    let memo = matches!(payload, Payload::Charge(_)).then(charge_memo);
    let mut stage = Stage { memo, ..Stage::new(payload, settings) };
    stage.now = "2025-07-06T14:00:00Z".parse().unwrap();
    let at = uuid::Timestamp::from_unix(uuid::NoContext, u64::try_from(stage.now.timestamp()).unwrap(), 0);
    stage.attempt_id = uuid::Uuid::new_v7(at);
    stage.first_opened_at = stage.now;
    stage
}
