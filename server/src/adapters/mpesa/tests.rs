//! Daraja's tables and documented answers, row by row, and whole calls against a scripted Daraja.

mod believing;
mod callbacks;
mod calls;
mod paybill;
mod recovering;
mod statement;
mod tables;

use std::sync::Arc;

use tarishi_protocol::{Charge, Money, OperationId, Payload, PaymentQuery, Refund, State};

use super::super::{Reference, Related, Settings, contract::Subject, http::HttpAnswer};
use super::Mpesa;

pub(in crate::adapters) fn subject() -> Subject {
    let id = OperationId(uuid::Uuid::from_u128(9));
    let query = PaymentQuery { operation_id: Some(id), receipt: None };
    let refund = Refund { operation_id: Some(id), receipt: None, amount: None, reason: "paid twice".to_owned() };
    Subject {
        adapter: Arc::new(Mpesa::default()),
        settings: settings(),
        calls: vec![
            ("charge", Payload::Charge(charge()), None),
            ("query", Payload::PaymentQuery(query), Some(waiting_charge())),
            ("refund", Payload::Refund(refund), Some(paid_charge())),
        ],
        speaks_http: true,
        effect_paths: &["/mpesa/stkpush/v1/processrequest", "/mpesa/reversal/v1/request"],
        known: known(),
        folder: None,
    }
}

fn settings() -> Settings {
    let pairs = [
        ("consumer_key", "a-consumer-key"),
        ("consumer_secret", "a-consumer-secret"),
        ("shortcode", "600123"),
        ("passkey", "a-passkey"),
        ("environment", "sandbox"),
        ("initiator_name", "an-initiator"),
        ("security_credential", "a-credential"),
    ];
    Settings(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
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

fn kes(amount: &str) -> Money {
    Money::parse(amount, "KES").unwrap()
}

const CHECKOUT: &str = "ws_CO_24112026101502001712345678";

fn known() -> Reference {
    Reference::new(CHECKOUT).with("checkout", CHECKOUT).with("submitted_at", "2026-11-24T07:15:00.000Z")
}

fn waiting_charge() -> Related {
    let operation_id = OperationId(uuid::Uuid::from_u128(9));
    Related { operation_id, action: "charge".to_owned(), state: State::Waiting, reference: Some(known()), outcome: None }
}

fn paid_charge() -> Related {
    let outcome = serde_json::json!({
        "receipt": "UKO4R7T1QX", "amount": { "amount": "1250.00", "currency": "KES" }, "paid_at": "2026-11-24T07:15:19Z",
    });
    Related { state: State::Succeeded, outcome: Some(outcome), ..waiting_charge() }
}

fn http(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer { status, retry_after: None, body: body.as_bytes().to_vec() }
}
