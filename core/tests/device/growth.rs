//! What is learnt of an operation after it has succeeded.

use serde_json::{Value, json};
use tarishi_core::{
    DeviceState, Event,
    protocol::{Change, OperationId, State},
};

use crate::{Phone, answer_with, change, charge, sms};

fn told(seq: u64, id: OperationId, state: State, outcome: Value) -> Change {
    Change { outcome: Some(outcome), ..change(seq, id, state) }
}

fn message(status: &str) -> Value {
    json!({ "messages": [{ "to": "+254711000111", "id": "ATX1", "status": status }] })
}

async fn tell(phone: &Phone, changes: Vec<Change>) -> usize {
    let mut events = phone.client.events();
    phone.server.script([answer_with(move |_, response| response.changes = changes)]);
    phone.sync().await;
    let mut changed = 0;
    while let Ok(event) = events.try_recv() {
        changed += usize::from(matches!(event, Event::OperationChanged { .. }));
    }
    changed
}

#[tokio::test]
async fn a_delivery_that_is_told_after_the_success_reaches_the_app() {
    for seal in [false, true] {
        let phone = Phone::with(|options| if seal { options.with_seal_key([7; 32]) } else { options });
        let id = phone.add(sms("a")).await.id;
        tell(&phone, vec![told(1, id, State::Succeeded, message("accepted"))]).await;

        assert_eq!(tell(&phone, vec![told(2, id, State::Succeeded, message("delivered"))]).await, 1);
        assert_eq!(phone.get(id).await.outcome, Some(message("delivered")));

        // Nothing goes back, nothing is told twice.
        for (state, outcome) in [
            (State::Succeeded, message("sent")),
            (State::Succeeded, message("delivered")),
            (State::Failed, message("read")),
            (State::Waiting, message("read")),
        ] {
            assert_eq!(tell(&phone, vec![told(3, id, state, outcome)]).await, 0, "{state:?}");
        }
        let stored = phone.get(id).await;
        assert_eq!((stored.state, stored.outcome), (DeviceState::Succeeded, Some(message("delivered"))));
    }
}

#[tokio::test]
async fn a_receipt_that_was_found_late_is_added() {
    let phone = Phone::new();
    let id = phone.add(charge("fee-1")).await.id;
    let missing = json!({ "receipt": null, "receipt_missing": true, "amount": null, "paid_at": null });
    tell(&phone, vec![told(1, id, State::Succeeded, missing)]).await;

    let found = json!({ "receipt": "QX1", "amount": { "amount": "1000.00", "currency": "KES" }, "paid_at": null });
    assert_eq!(tell(&phone, vec![told(2, id, State::Succeeded, found.clone())]).await, 1);
    let another = json!({ "receipt": "QX2", "amount": { "amount": "1000.00", "currency": "KES" }, "paid_at": null });
    assert_eq!(tell(&phone, vec![told(3, id, State::Succeeded, another)]).await, 0);
    assert_eq!(phone.restart().get(id).await.outcome, Some(found));
}
