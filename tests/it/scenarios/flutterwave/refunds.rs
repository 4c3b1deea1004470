//! Refunds at Flutterwave.

use serde_json::json;
use tarishi_core::DeviceState;
use tarishi_sandbox::{Call, Effect, Fault};

use super::super::world::{World, ended, enqueue, until};
use super::{effect_calls, fault, ledger, operation, paid, refund};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_given_back_once_by_operation_or_receipt() {
    let world = World::start().await;
    let (phone, paid) = paid(&world).await;
    let part = enqueue(&phone, refund(paid.id, Some("250.00"))).await;
    let back = ended(&phone, part.id).await;
    assert_eq!(back.state, DeviceState::Succeeded, "{:?}", back.problem);
    let out = ledger(&world, Effect::MoneyOut);
    assert_eq!((out.len(), out[0].amount.as_deref()), (1, Some("250.00")));
    let receipt = format!("refund-{}", out[0].provider_id.as_deref().unwrap());
    assert_eq!(back.outcome.unwrap()["receipt"], receipt.as_str());

    let rest = json!({ "receipt": paid.outcome.unwrap()["receipt"], "amount": { "amount": "1000.00", "currency": "KES" }, "reason": "the rest" });
    let rest = enqueue(&phone, operation("refund", "back-2", &rest)).await;
    assert_eq!(ended(&phone, rest.id).await.state, DeviceState::Succeeded);
    let more = enqueue(&phone, operation("refund", "back-3", &json!({ "operation_id": paid.id, "reason": "again" }))).await;
    let problem = ended(&phone, more.id).await.problem.unwrap();
    assert_eq!(problem.code, "amount_out_of_range");
    assert!(problem.detail.contains("more than is left of the payment"), "{}", problem.detail);
    assert_eq!(ledger(&world, Effect::MoneyOut).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_whose_answer_was_lost_is_found_and_not_sent_again() {
    for amount in [None, Some("250.00")] {
        let world = World::start().await;
        let (phone, paid) = paid(&world).await;
        world.hosted.sandbox.add_fault(fault(Call::Refund).timeout_after().times(1));
        let back = enqueue(&phone, refund(paid.id, amount)).await;
        assert_eq!(ended(&phone, back.id).await.state, DeviceState::Succeeded);
        assert_eq!(ledger(&world, Effect::MoneyOut).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_refund_that_never_arrived_is_sent_again_and_a_partial_one_is_shown_to_a_human() {
    let world = World::start().await;
    let (phone, paid) = paid(&world).await;
    world.hosted.sandbox.add_fault(fault(Call::Refund).timeout_before().times(1));
    let part = enqueue(&phone, refund(paid.id, Some("250.00"))).await;
    let unresolved = until(&phone, part.id, |state| state == DeviceState::Unresolved).await;
    assert!(unresolved.problem.unwrap().detail.contains("look in the dashboard"));
    assert!(ledger(&world, Effect::MoneyOut).is_empty());

    let world = World::start().await;
    let (phone, paid) = self::paid(&world).await;
    world.hosted.sandbox.add_fault(fault(Call::Refund).status(503).times(1));
    let whole = enqueue(&phone, refund(paid.id, None)).await;
    assert_eq!(ended(&phone, whole.id).await.state, DeviceState::Succeeded);
    let out = ledger(&world, Effect::MoneyOut);
    assert_eq!((out.len(), out[0].amount.as_deref()), (1, Some("1250.00")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_the_network_sends_back_has_failed() {
    let world = World::start().await;
    let (phone, paid) = paid(&world).await;
    world.hosted.sandbox.add_fault(fault(Call::Refund).result("failed-momo").times(1));
    let back = enqueue(&phone, refund(paid.id, None)).await;
    assert_eq!(ended(&phone, back.id).await.state, DeviceState::Failed);
    world
        .hosted
        .sandbox
        .add_fault(Fault { result_code: Some("Insufficient balance".to_owned()), ..fault(Call::Refund).status(400).times(1) });
    let poor = enqueue(&phone, operation("refund", "back-2", &json!({ "operation_id": paid.id, "reason": "again" }))).await;
    assert_eq!(ended(&phone, poor.id).await.problem.unwrap().code, "misconfigured");
    assert!(ledger(&world, Effect::MoneyOut).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_another_account_is_given_back_to_nobody_however_it_is_named() {
    let world = World::start().await;
    let (_, paid) = paid(&world).await;
    let stranger = world.phone("stranger", "baraka").await;
    let receipt = paid.outcome.unwrap()["receipt"].clone();
    for (key, payload) in [
        ("theirs-1", json!({ "receipt": receipt, "reason": "mine now" })),
        ("theirs-2", json!({ "receipt": receipt, "amount": { "amount": "1.00", "currency": "KES" }, "reason": "mine now" })),
        ("theirs-3", json!({ "operation_id": paid.id, "reason": "mine now" })),
    ] {
        let refund = enqueue(&stranger, operation("refund", key, &payload)).await;
        let refused = ended(&stranger, refund.id).await;
        assert_eq!((refused.state, refused.problem.unwrap().code.as_str()), (DeviceState::Failed, "not_found"), "{key}");
        assert_eq!(effect_calls(&world, refund.id).await, 0);
    }
    assert!(ledger(&world, Effect::MoneyOut).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_given_back_once_by_refunds_that_name_it_differently_at_once() {
    let world = World::start().await;
    let (phone, paid) = paid(&world).await;
    let receipt = paid.outcome.unwrap()["receipt"].clone();
    world.hosted.sandbox.add_fault(fault(Call::Refund).delay_ms(500));

    let by_id = enqueue(&phone, refund(paid.id, None)).await;
    let by_receipt = enqueue(&phone, operation("refund", "back-2", &json!({ "receipt": receipt, "reason": "twice" }))).await;

    let states = [ended(&phone, by_id.id).await.state, ended(&phone, by_receipt.id).await.state];
    assert!(states.contains(&DeviceState::Succeeded) && states.contains(&DeviceState::Failed), "{states:?}");
    assert_eq!(ledger(&world, Effect::MoneyOut).len(), 1);
}
