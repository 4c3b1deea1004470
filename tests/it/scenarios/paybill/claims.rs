//! Payments under the name of a charge that has not ended: told once, as its outcome or as a payment.

use std::time::Duration;

use tarishi_sandbox::SandboxOptions;

use super::*;

/// A charge that waits for its payer, and the account number that its payer sees.
async fn waiting(payer_takes: Duration, outcome: Option<&str>) -> (World, Client, OperationRecord, String) {
    let world = World::with(SandboxOptions { mpesa_delay: payer_takes, ..SandboxOptions::default() }).await;
    if let Some(code) = outcome {
        world.hosted.sandbox.add_fault(fault(Call::Charge).result(code).times(1));
    }
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge("1")).await;
    until(&phone, record.id, |state| state == DeviceState::Waiting).await;
    let attempt = world.row(record.id).await.attempt_id.unwrap();
    let number = world.hosted.server.app().adapters["mpesa"].attempt_reference("charge", attempt).unwrap();
    (world, phone, record, number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_told_before_its_charge_has_ended_is_told_as_the_charge_s_outcome_alone() {
    let (world, phone, record, number) = waiting(Duration::from_millis(1_500), None).await;
    eventually("the money came in", async || !money(&world, Effect::MoneyIn).is_empty()).await;
    let receipt = money(&world, Effect::MoneyIn)[0].provider_id.clone().unwrap();
    let mut body = told(&receipt, &number);
    body["TransAmount"] = json!("1250.00");
    for _ in 0..2 {
        assert_eq!(tell(&world, &format!("/h/{MPESA_WEBHOOK_TOKEN}/c"), &body).await, 200);
    }
    let end = ended(&phone, record.id).await;
    assert_eq!((end.state, &end.outcome.unwrap()["receipt"]), (DeviceState::Succeeded, &json!(receipt)));
    eventually("it is settled", async || world.count("webhook_events WHERE state = 'open'") == 0).await;
    assert!(events(&world).await.is_empty());
    assert_eq!(money(&world, Effect::MoneyIn).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_under_a_charge_that_then_fails_is_told_as_a_payment_once() {
    let (world, phone, record, number) = waiting(Duration::from_millis(1_500), Some("1032")).await;
    let mut body = told("UKOANOTHER", &number);
    body["TransAmount"] = json!("700.00");
    assert_eq!(tell(&world, &format!("/h/{MPESA_WEBHOOK_TOKEN}/c"), &body).await, 200);
    let event = event_of(&world, "UKOANOTHER").await;
    assert_eq!((&event.data["operation_id"], &event.data["amount"]["amount"]), (&json!(record.id), &json!("700.00")));
    let stands = phone.sync(Duration::from_secs(5), None).await;
    assert!(stands.is_ok());
    let state = world.row(record.id).await.state;
    assert!(state.is_ended() || state == State::Unresolved, "{state:?}");
    assert_eq!(tell(&world, &format!("/h/{MPESA_WEBHOOK_TOKEN}/c"), &body).await, 200);
    eventually("it is settled", async || world.count("webhook_events WHERE state = 'open'") == 0).await;
    assert_eq!(events(&world).await.len(), 1);
}
