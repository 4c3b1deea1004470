//! What adapters of one kind are asked and told alike.

use serde_json::Value;
use tarishi_protocol::{Charge, Money, OperationId, Phone, State};
use uuid::Uuid;

use crate::adapters::{Reference, Related, Settings, http::HttpAnswer};

impl Settings {
    /// These and no others.
    pub(in crate::adapters) fn of(pairs: &[(&str, &str)]) -> Self {
        pairs.iter().fold(Self::default(), |settings, (name, text)| settings.with(name, text))
    }

    /// With this one more, or in place of what it was.
    pub(in crate::adapters) fn with(mut self, name: &str, text: &str) -> Self {
        self.0.insert(name.to_owned(), text.to_owned());
        self
    }
}

/// An answer as it came, which names no time to wait.
pub(in crate::adapters) fn http(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer { status, retry_after: None, body: body.as_bytes().to_vec() }
}

/// The operation that a query or a refund is about.
pub(in crate::adapters) fn operation() -> OperationId {
    OperationId(Uuid::from_u128(9))
}

pub(in crate::adapters) fn kes(amount: &str) -> Money {
    Money::parse(amount, "KES").unwrap()
}

pub(in crate::adapters) fn charge() -> Charge {
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

/// A charge that nobody has paid yet.
pub(in crate::adapters) fn charge_waiting(known: Reference) -> Related {
    Related {
        operation_id: operation(),
        action: "charge".to_owned(),
        state: State::Waiting,
        reference: Some(known),
        outcome: None,
    }
}

/// A charge that was paid.
pub(in crate::adapters) fn charge_paid(known: Reference, outcome: Value) -> Related {
    Related { state: State::Succeeded, outcome: Some(outcome), ..charge_waiting(known) }
}

pub(in crate::adapters) fn phones(numbers: &[&str]) -> Vec<Phone> {
    numbers.iter().map(|number| number.parse().unwrap()).collect()
}

/// Messages that were sent; the first one's id is the reference.
pub(in crate::adapters) fn sent(messages: Value) -> Related {
    Related {
        operation_id: operation(),
        action: "send".to_owned(),
        state: State::Succeeded,
        reference: messages[0]["id"].as_str().map(Reference::new),
        outcome: Some([("messages", messages)].into_iter().collect()),
    }
}
