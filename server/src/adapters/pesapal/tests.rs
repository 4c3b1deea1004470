//! Pesapal's tables and documented answers, row by row, and whole calls against a scripted Pesapal.

mod calls;
mod refunds;
mod tables;
mod webhooks;

use std::sync::Arc;

use serde_json::{Value, json};
use tarishi_protocol::{Payload, PaymentQuery, Refund};

use super::super::{
    Reference, Related, Settings,
    contract::{Provider, Sample, Stage, Subject, charge, charge_paid, charge_waiting, http, kes, operation},
};
use super::{Pesapal, wire};

pub(in crate::adapters) fn subject() -> Subject {
    let query = PaymentQuery { operation_id: Some(operation()), receipt: None };
    Subject {
        adapter: Arc::new(Pesapal::default()),
        settings: settings(),
        calls: vec![
            Sample::new("charge", Payload::Charge(charge())),
            Sample::new("query", Payload::PaymentQuery(query)).about(waiting_charge()),
            Sample::new("refund", Payload::Refund(refund())).about(paid_charge()).after(memo()),
        ],
        speaks_http: true,
        effects: &["/api/Transactions/SubmitOrderRequest", "/api/Transactions/RefundRequest"],
        known: known(),
        folder: None,
    }
}

/// What a refund's look left.
fn memo() -> Value {
    json!({
        "tracking": TRACKING, "reference": REFERENCE, "confirmation_code": "UKO4R7T1QX", "amount": kes("1250"), "polls": 0, "again": false,
    })
}

const IPN_ID: &str = "5b8a3c1e-7f10-4f7e-9a58-0c1d2e3f4a5b";

fn settings() -> Settings {
    Settings::of(&[
        ("consumer_key", "a-consumer-key"),
        ("consumer_secret", "a-consumer-secret="),
        ("webhook_token", "0123456789abcdef0123456789abcdef"),
        ("environment", "sandbox"),
        ("callback_url", "https://shop.example.org/return"),
        ("ipn_id", IPN_ID),
    ])
}

fn refund() -> Refund {
    Refund { operation_id: Some(operation()), receipt: None, amount: None, reason: "paid twice".to_owned() }
}

const REFERENCE: &str = "tarishi-01980000000070008000000000000001";
const TRACKING: &str = "0c9e4a12-5d3b-4f8e-8f21-db1d77aa0e11";

fn known() -> Reference {
    Reference::new(REFERENCE).with("reference", REFERENCE).with("tracking", TRACKING)
}

fn waiting_charge() -> Related {
    charge_waiting(known())
}

fn paid_charge() -> Related {
    let outcome = json!({ "receipt": "UKO4R7T1QX", "amount": kes("1250"), "paid_at": null });
    charge_paid(known(), outcome)
}

/// A stage whose attempt is the one of the fixtures.
fn stage(payload: Payload, provider: &Provider) -> Stage {
    Stage { attempt_id: wire::attempt_of(REFERENCE).unwrap(), ..Stage::at(provider.url(), payload, settings()) }
}
