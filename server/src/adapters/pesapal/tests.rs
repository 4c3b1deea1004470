//! Pesapal's tables and documented answers, row by row, and whole calls against a scripted Pesapal.

mod calls;
mod refunds;
mod tables;
mod webhooks;

use std::sync::Arc;

use serde_json::{Value, json};
use tarishi_protocol::{Charge, Money, OperationId, Payload, PaymentQuery, Refund, State};

use super::super::{
    Reference, Related, Settings,
    contract::{Provider, Stage, Subject},
    http::HttpAnswer,
};
use super::{Pesapal, wire};

pub(in crate::adapters) fn subject() -> Subject {
    let query = PaymentQuery { operation_id: Some(operation()), receipt: None };
    Subject {
        adapter: Arc::new(Pesapal::default()),
        settings: settings(),
        calls: vec![
            ("charge", Payload::Charge(charge()), None),
            ("query", Payload::PaymentQuery(query), Some(waiting_charge())),
            ("refund", Payload::Refund(refund()), Some(paid_charge())),
        ],
        speaks_http: true,
        effect_paths: &["/api/Transactions/SubmitOrderRequest", "/api/Transactions/RefundRequest"],
        known: known(),
        folder: None,
    }
}

/// What a refund's look left.
pub(in crate::adapters) fn memo() -> Value {
    json!({
        "tracking": TRACKING, "reference": REFERENCE, "confirmation_code": "UKO4R7T1QX", "amount": kes("1250"), "polls": 0, "again": false,
    })
}

const IPN_ID: &str = "5b8a3c1e-7f10-4f7e-9a58-0c1d2e3f4a5b";

fn settings() -> Settings {
    let pairs = [
        ("consumer_key", "a-consumer-key"),
        ("consumer_secret", "a-consumer-secret="),
        ("webhook_token", "0123456789abcdef0123456789abcdef"),
        ("environment", "sandbox"),
        ("callback_url", "https://shop.example.org/return"),
        ("ipn_id", IPN_ID),
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

fn refund() -> Refund {
    Refund { operation_id: Some(operation()), receipt: None, amount: None, reason: "paid twice".to_owned() }
}

fn kes(amount: &str) -> Money {
    Money::parse(amount, "KES").unwrap()
}

const REFERENCE: &str = "tarishi-01980000000070008000000000000001";
const TRACKING: &str = "0c9e4a12-5d3b-4f8e-8f21-db1d77aa0e11";

fn known() -> Reference {
    Reference::new(REFERENCE).with("reference", REFERENCE).with("tracking", TRACKING)
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
    let outcome = json!({ "receipt": "UKO4R7T1QX", "amount": kes("1250"), "paid_at": null });
    Related { state: State::Succeeded, outcome: Some(outcome), ..waiting_charge() }
}

fn http(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer { status, retry_after: None, body: body.as_bytes().to_vec() }
}

/// A stage whose attempt is the one of the fixtures.
fn stage(payload: Payload, provider: &Provider) -> Stage {
    let mut settings = settings();
    settings.0.insert("base_url".to_owned(), provider.url().to_owned());
    let mut stage = Stage::new(payload, settings);
    stage.attempt_id = wire::attempt_of(REFERENCE).unwrap();
    stage
}
