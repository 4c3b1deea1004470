//! Providers that do not answer. Findings 16, 17, 36, 37.

use tarishi_core::DeviceState;
use tarishi_protocol::State;
use tarishi_sandbox::{Adapter, Call, CallbackFault, Fault, SandboxOptions};
use tarishi_server::store::{AttemptFilter, AttemptKind};

use super::world::{World, ended, enqueue, eventually, until};

async fn effect_calls(world: &World, id: tarishi_protocol::OperationId) -> usize {
    let filter = AttemptFilter { tenant: "default".to_owned(), operation: Some(id), limit: 100, ..AttemptFilter::default() };
    let attempts = world.hosted.server.app().store.attempts(filter).await.unwrap();
    attempts.iter().filter(|line| line.kind == AttemptKind::Effect).count()
}

/// Finding 16: sent, the answer lost, the delivery report says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_answer_was_lost_is_found_by_its_delivery_report() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).timeout_after().times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;

    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);

    assert_eq!(world.ledger_of(&intent).len(), 1);
    assert_eq!(effect_calls(&world, record.id).await, 1);
}

/// Finding 16: not sent, no report comes, sent again once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_answer_and_report_is_sent_again_once() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).timeout_before().times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;

    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);

    assert_eq!(world.ledger_of(&intent).len(), 1);
    assert_eq!(effect_calls(&world, record.id).await, 2);
}

/// Finding 16: money whose answer and callback are lost is never sent again; a human is asked, and ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_nobody_can_be_asked_about_is_shown_to_a_human() {
    let mut world = World::start().await;
    let intent = world.intents.charge();
    let fault = Fault::on(Adapter::Mpesa, Call::Charge).timeout_after().callback(CallbackFault::Lost).times(1);
    world.hosted.sandbox.add_fault(fault);
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;

    let unresolved = until(&phone, record.id, |state| state == DeviceState::Unresolved).await;
    let problem = unresolved.problem.unwrap();
    assert_eq!(problem.code, "outcome_unknown");
    assert!(
        problem.detail.contains("; to check: look for the payment in the M-Pesa organisation portal"),
        "{}",
        problem.detail
    );
    assert_eq!(effect_calls(&world, record.id).await, 1);

    let entry = world.ledger_of(&intent).remove(0);
    let outcome = serde_json::json!({ "receipt": entry.provider_id });
    let resolution = tarishi_server::store::Resolution::Succeeded { outcome };
    let app = world.hosted.server.app();
    tarishi_server::dispatch::operator::resolve(app, "default", record.id, resolution, "wanjiku".to_owned()).await.unwrap();
    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(world.ledger_of(&intent).len(), 1);
}

/// Findings 3 and 16: money whose answer is lost is found by its callback.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_answer_was_lost_is_found_by_its_callback() {
    let mut world = World::start().await;
    let intent = world.intents.charge();
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Mpesa, Call::Charge).timeout_after().times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;

    let paid = ended(&phone, record.id).await;

    assert_eq!(paid.state, DeviceState::Succeeded);
    let ledger = world.ledger_of(&intent);
    assert_eq!(ledger.len(), 1);
    assert_eq!(paid.outcome.unwrap()["receipt"].as_str(), ledger[0].provider_id.as_deref());
}

/// Finding 17: the payer is quicker than the provider's own answer; the callback comes twice on top.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_before_the_answer_is_not_overwritten_by_it() {
    let options = SandboxOptions { mpesa_delay: std::time::Duration::from_millis(20), ..SandboxOptions::default() };
    let mut world = World::with(options).await;
    let intent = world.intents.charge();
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Mpesa, Call::Charge).delay_ms(1_500).times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;
    phone.sync(super::world::SOON, None).await.unwrap();
    eventually("the callback is here while the call is open", async || {
        world.row(record.id).await.state == State::Calling || world.count("webhook_events") > 0
    })
    .await;

    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);

    let row = world.row(record.id).await;
    assert_eq!(row.state, State::Succeeded);
    assert!(row.reference.is_some());
    assert_eq!(world.ledger_of(&intent).len(), 1);
    assert!(world.hosted.server.app().store.doctor(world.hosted.server.app().clock.now_ms()).await.unwrap().is_empty());
}

/// Finding 17: a callback that comes twice counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubled_callback_changes_nothing() {
    let mut world = World::start().await;
    let intent = world.intents.charge();
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Mpesa, Call::Charge).callback(CallbackFault::Double).delay_ms(200));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;
    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);

    eventually("both callbacks are stored", async || world.count("webhooks") == 2).await;

    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(world.ledger_of(&intent).len(), 1);
}

/// Finding 36: the one callback is lost in a deploy; the query confirms the payment, and the receipt is said to be missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_callback_was_lost_succeeds_with_its_receipt_missing() {
    let mut world = World::start().await;
    let intent = world.intents.charge();
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Mpesa, Call::Charge).callback(CallbackFault::Lost));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;

    let paid = ended(&phone, record.id).await;

    assert_eq!(paid.state, DeviceState::Succeeded);
    let outcome = paid.outcome.unwrap();
    assert_eq!((&outcome["receipt"], &outcome["receipt_missing"]), (&serde_json::Value::Null, &true.into()));
    assert_eq!(world.ledger_of(&intent).len(), 1);
}

/// Finding 37: a provider that refuses to listen certainly did nothing; nothing is asked of a human, nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_provider_is_tried_again() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).status(429).times(2));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;

    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);

    assert_eq!(world.ledger_of(&intent).len(), 1);
}
