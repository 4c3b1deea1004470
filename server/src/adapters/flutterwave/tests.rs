//! Flutterwave's tables and documented answers, row by row, and whole calls against a scripted Flutterwave.

mod calls;
mod links;
mod refunds;
mod tables;
mod webhooks;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tarishi_protocol::{Charge, Payload, PaymentMethod, PaymentQuery, Refund};

use super::super::{
    Reference, Related, Settings,
    contract::{Provider, Sample, Stage, Subject, charge, charge_paid, charge_waiting, http, kes, now, operation},
};
use super::Flutterwave;

pub(in crate::adapters) fn subject() -> Subject {
    let query = PaymentQuery { operation_id: Some(operation()), receipt: None };
    Subject {
        adapter: Arc::new(Flutterwave::default()),
        settings: settings(),
        calls: vec![
            Sample::new("charge", Payload::Charge(charge())).after(charge_memo()),
            Sample::new("query", Payload::PaymentQuery(query)).about(waiting_charge()),
            Sample::new("refund", Payload::Refund(refund())).about(paid_charge()).after(memo(now())),
        ],
        speaks_http: true,
        effects: &["/v3/charges", "/v3/payments", "/v3/transactions/9154021/refund"],
        known: known(),
        folder: None,
    }
}

/// What a refund's look left.
fn memo(now: DateTime<Utc>) -> Value {
    json!({ "transaction": "9154021", "amount": kes("1250"), "whole": true, "before": ["88001"], "at": now, "round": 1 })
}

/// What the step before a charge left: whose key sends it.
fn charge_memo() -> Value {
    json!({ "account": "b52e269d4dc5" })
}

fn settings() -> Settings {
    Settings::of(&[
        ("secret_key", "FLWSECK_TEST-a-secret-key-X"),
        ("secret_hash", "a-secret-hash"),
        ("webhook_token", "0123456789abcdef0123456789abcdef"),
        ("redirect_url", "https://shop.example.org/return"),
        ("default_email", "no-reply@example.org"),
    ])
}

fn link() -> Charge {
    Charge { method: Some(PaymentMethod::Link), email: Some("amina@example.org".to_owned()), ..charge() }
}

fn refund() -> Refund {
    Refund { operation_id: Some(operation()), receipt: None, amount: None, reason: "paid twice, sorry!".to_owned() }
}

const TX_REF: &str = "tarishi-01980000000070008000000000000001";

fn known() -> Reference {
    Reference::new(TX_REF).with("tx_ref", TX_REF).with("transaction_id", "9154021")
}

fn waiting_charge() -> Related {
    charge_waiting(known())
}

fn paid_charge() -> Related {
    let outcome = json!({ "receipt": "9154021", "amount": kes("1250"), "paid_at": "2026-11-24T07:15:02Z" });
    charge_paid(known(), outcome)
}

/// A stage whose attempt was begun at its `now`.
fn stage(payload: Payload, provider: &Provider) -> Stage {
    let memo = matches!(payload, Payload::Charge(_)).then(charge_memo);
    let mut stage = Stage { memo, ..Stage::at(provider.url(), payload, settings()) };
    stage.now = "2025-07-06T14:00:00Z".parse().unwrap();
    let at = uuid::Timestamp::from_unix(uuid::NoContext, u64::try_from(stage.now.timestamp()).unwrap(), 0);
    stage.attempt_id = uuid::Uuid::new_v7(at);
    stage.first_opened_at = stage.now;
    stage
}
