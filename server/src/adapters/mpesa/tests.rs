//! Daraja's tables and documented answers, row by row, and whole calls against a scripted Daraja.

mod believing;
mod callbacks;
mod calls;
mod paybill;
mod recovering;
mod statement;
mod tables;

use std::sync::Arc;

use tarishi_protocol::{Payload, PaymentQuery, Refund};

use super::super::{
    Reference, Related, Settings,
    contract::{Provider, Sample, Stage, Subject, charge, charge_paid, charge_waiting, http, kes, operation},
};
use super::Mpesa;

pub(in crate::adapters) fn subject() -> Subject {
    let query = PaymentQuery { operation_id: Some(operation()), receipt: None };
    Subject {
        adapter: Arc::new(Mpesa::default()),
        settings: settings(),
        calls: vec![
            Sample::new("charge", Payload::Charge(charge())),
            Sample::new("query", Payload::PaymentQuery(query)).about(waiting_charge()),
            Sample::new("refund", Payload::Refund(refund())).about(paid_charge()),
        ],
        speaks_http: true,
        effects: &["/mpesa/stkpush/v1/processrequest", "/mpesa/reversal/v1/request"],
        known: known(),
        folder: None,
    }
}

fn settings() -> Settings {
    Settings::of(&[
        ("consumer_key", "a-consumer-key"),
        ("consumer_secret", "a-consumer-secret"),
        ("shortcode", "600123"),
        ("passkey", "a-passkey"),
        ("environment", "sandbox"),
        ("initiator_name", "an-initiator"),
        ("security_credential", "a-credential"),
    ])
}

const CHECKOUT: &str = "ws_CO_24112026101502001712345678";

fn known() -> Reference {
    Reference::new(CHECKOUT).with("checkout", CHECKOUT).with("submitted_at", "2026-11-24T07:15:00.000Z")
}

fn waiting_charge() -> Related {
    charge_waiting(known())
}

fn paid_charge() -> Related {
    let outcome = serde_json::json!({
        "receipt": "UKO4R7T1QX", "amount": { "amount": "1250.00", "currency": "KES" }, "paid_at": "2026-11-24T07:15:19Z",
    });
    charge_paid(known(), outcome)
}

fn refund() -> Refund {
    Refund { operation_id: Some(operation()), receipt: None, amount: None, reason: "paid twice, sorry!".to_owned() }
}

fn stage(payload: Payload, provider: &Provider) -> Stage {
    Stage::at(provider.url(), payload, settings())
}
