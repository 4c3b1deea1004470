//! Questions about a charge: answered by Daraja, whatever breaks meanwhile, and without any money moving.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_asked_about_by_its_operation_and_by_its_receipt() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let charged = paid(&world, &phone, "1").await;
    let receipt = charged.outcome.unwrap()["receipt"].clone();
    let by_operation = json!({ "operation_id": charged.id });
    for (number, query) in [by_operation.clone(), json!({ "receipt": receipt })].iter().enumerate() {
        let record = enqueue(&phone, operation("query", &format!("ask-{number}"), query)).await;
        let outcome = ended(&phone, record.id).await.outcome.unwrap();
        assert_eq!((&outcome["state"], &outcome["receipt"]), (&json!("succeeded"), &receipt), "{query}");
    }

    // Of one that is open the provider is asked, again if its answer was lost.
    world.hosted.sandbox.add_fault(fault(Call::Charge).callback(CallbackFault::Lost).times(1));
    let patient = [("first_poll_ms", "60000"), ("poll_ms", "60000")];
    world.set("mpesa", &patient).await;
    let open = enqueue(&phone, charge("2")).await;
    until(&phone, open.id, |state| state == DeviceState::Waiting).await;
    for (number, broken) in
        [fault(Call::Query).timeout_before(), fault(Call::Query).cut_mid_answer(), fault(Call::Query).status(429)]
            .into_iter()
            .enumerate()
    {
        let armed = world.hosted.sandbox.add_fault(broken.times(1));
        let query = operation("query", &format!("open-{number}"), &json!({ "operation_id": open.id }));
        let record = enqueue(&phone, query).await;
        let record = ended(&phone, record.id).await;
        assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
        assert!(!world.hosted.sandbox.remove_fault(armed), "it did not fire");
    }
    assert_eq!(money(&world, Effect::MoneyIn).len(), 2);
}
