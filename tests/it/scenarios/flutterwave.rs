//! Flutterwave, end to end: what it is asked, what it takes, and what the device is told. Findings 16, 17, 19.

mod countries;
mod refunds;
mod strangers;

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_protocol::{OperationId, State};
use tarishi_sandbox::{Adapter, Call, CallbackFault, Effect, Fault, LedgerEntry};
use tarishi_server::{
    config::FLUTTERWAVE_WEBHOOK_TOKEN,
    store::{AttemptFilter, AttemptKind, PAYMENT_RECEIVED},
};

use super::world::{World, ended, enqueue, eventually, until};

const PHONE: &str = "254712000001";

fn fault(call: Call) -> Fault {
    Fault::on(Adapter::Flutterwave, call)
}

fn operation(action: &str, key: &str, payload: &Value) -> NewOperation {
    let mut operation = NewOperation::new("flutterwave".to_owned(), action.to_owned(), payload.to_string());
    operation.key = Some(key.to_owned());
    operation
}

fn charge() -> NewOperation {
    operation(
        "charge",
        "fee-1",
        &json!({ "amount": { "amount": "1250.00", "currency": "KES" }, "phone": format!("+{PHONE}"), "reference": "FEE000001" }),
    )
}

fn link() -> NewOperation {
    let amount = json!({ "amount": "12.50", "currency": "USD" });
    operation(
        "charge",
        "fee-2",
        &json!({ "amount": amount, "reference": "FEE000002", "method": "link", "email": "amina@example.org" }),
    )
}

fn refund(charge: OperationId, amount: Option<&str>) -> NewOperation {
    let mut payload = json!({ "operation_id": charge, "reason": "paid twice" });
    if let Some(amount) = amount {
        payload["amount"] = json!({ "amount": amount, "currency": "KES" });
    }
    operation("refund", "back-1", &payload)
}

fn ledger(world: &World, effect: Effect) -> Vec<LedgerEntry> {
    world.hosted.sandbox.ledger().into_iter().filter(|entry| entry.effect == effect).collect()
}

/// Calls that may have had an effect.
async fn effect_calls(world: &World, id: OperationId) -> usize {
    let filter = AttemptFilter { tenant: "default".to_owned(), operation: Some(id), limit: 100, ..AttemptFilter::default() };
    let attempts = world.hosted.server.app().store.attempts(filter).await.unwrap();
    attempts.iter().filter(|line| line.kind == AttemptKind::Effect && line.result.as_deref() != Some("looked")).count()
}

/// A charge that was paid.
async fn paid(world: &World) -> (Client, OperationRecord) {
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge()).await;
    let paid = ended(&phone, record.id).await;
    assert_eq!(paid.state, DeviceState::Succeeded);
    (phone, paid)
}

/// Succeeds with one effect, whatever went wrong before.
async fn once(world: &World, operation: NewOperation) -> OperationRecord {
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, operation).await;
    let paid = ended(&phone, record.id).await;
    assert_eq!(paid.state, DeviceState::Succeeded, "{:?}", paid.problem);
    let ledger = ledger(world, Effect::MoneyIn);
    assert_eq!(ledger.len(), 1);
    assert_eq!(paid.outcome.as_ref().unwrap()["receipt"].as_str(), ledger[0].provider_id.as_deref());
    paid
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_by_mobile_money_is_prompted_verified_and_told() {
    let world = World::start().await;
    let paid = once(&world, charge()).await;
    let outcome = paid.outcome.unwrap();
    assert_eq!(outcome["amount"], json!({ "amount": "1250.00", "currency": "KES" }));
    assert!(outcome.get("interim").is_none());
    let entry = ledger(&world, Effect::MoneyIn).remove(0);
    assert_eq!((entry.to.as_deref(), entry.amount.as_deref()), (Some(PHONE), Some("1250.00")));
    assert_eq!(effect_calls(&world, paid.id).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_page_is_shown_and_a_second_try_on_it_may_succeed() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, link()).await;
    let waiting = until(&phone, record.id, |state| state == DeviceState::Waiting).await;
    let page = waiting.outcome.unwrap()["interim"]["open_url"].clone();
    assert!(page["expires_at"].is_string());
    let url = page["url"].as_str().unwrap().to_owned();

    let failed = world.http.post(format!("{url}?outcome=failed")).send().await.unwrap();
    assert_eq!(failed.status().as_u16(), 303);
    eventually("the failure's webhook is here", async || world.count("webhooks") == 1).await;
    assert_eq!(world.row(record.id).await.state, State::Waiting);

    world.http.post(&url).send().await.unwrap();
    let paid = ended(&phone, record.id).await;
    assert_eq!(paid.state, DeviceState::Succeeded);
    let ledger = ledger(&world, Effect::MoneyIn);
    assert_eq!((ledger.len(), ledger[0].amount.as_deref()), (1, Some("12.50")));
    assert_eq!(paid.outcome.unwrap()["receipt"].as_str(), ledger[0].provider_id.as_deref());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_paid_again_after_its_charge_was_told_is_a_payment_that_is_told_once() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, link()).await;
    let waiting = until(&phone, record.id, |state| state == DeviceState::Waiting).await;
    let url = waiting.outcome.unwrap()["interim"]["open_url"]["url"].as_str().unwrap().to_owned();
    world.http.post(&url).send().await.unwrap();
    let paid = ended(&phone, record.id).await;
    assert_eq!(paid.state, DeviceState::Succeeded);
    let told = async || world.hosted.server.app().store.events_of_kind("default", PAYMENT_RECEIVED, 0).await.unwrap();
    let settled = async || world.count("webhook_events WHERE state = 'open'") == 0;
    eventually("the charge's own webhook is settled", async || world.count("webhook_events") == 1 && settled().await).await;
    assert!(told().await.is_empty());

    // A webhook that lies tells nothing: Flutterwave knows no such transaction.
    let tx_ref = world.row(record.id).await.reference.unwrap().data["tx_ref"].clone();
    let lie = json!({ "event": "charge.completed", "data": { "id": 999_999, "tx_ref": tx_ref, "status": "successful" } });
    let lie = world.http.post(format!("{}/h/{FLUTTERWAVE_WEBHOOK_TOKEN}", world.url())).json(&lie);
    assert!(lie.header("verif-hash", "sandbox-flutterwave-hash").send().await.unwrap().status().is_success());
    world.http.post(format!("{url}?outcome=failed")).send().await.unwrap();
    world.http.post(&url).send().await.unwrap();

    eventually("the second payment is told", async || !told().await.is_empty()).await;
    eventually("the failure's webhook is settled", async || world.count("webhook_events WHERE state = 'done'") == 3).await;
    let [event] = told().await.try_into().unwrap();
    let money = ledger(&world, Effect::MoneyIn);
    assert_eq!((money.len(), event.data["receipt"].as_str()), (2, money[1].provider_id.as_deref()));
    assert_eq!(event.data["operation_id"], json!(record.id));
    assert_eq!(event.data["amount"], json!({ "amount": "12.50", "currency": "USD" }));
    let row = world.row(record.id).await;
    assert_eq!((row.state, row.outcome), (State::Succeeded, paid.outcome));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_answer_was_lost_is_made_again_and_paid_once() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).timeout_after().times(1));
    world.hosted.sandbox.add_fault(fault(Call::Charge).status(503).times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, link()).await;
    let waiting = until(&phone, record.id, |state| state == DeviceState::Waiting).await;
    let url = waiting.outcome.unwrap()["interim"]["open_url"]["url"].as_str().unwrap().to_owned();
    world.http.post(&url).send().await.unwrap();
    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(ledger(&world, Effect::MoneyIn).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_whose_answer_was_lost_is_found_by_its_webhook() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).timeout_after().times(1));
    let paid = once(&world, charge()).await;
    assert_eq!(effect_calls(&world, paid.id).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_whose_answer_and_webhook_were_lost_is_found_by_its_reference() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).timeout_after().callback(CallbackFault::Lost).times(1));
    let paid = once(&world, charge()).await;
    assert_eq!(effect_calls(&world, paid.id).await, 1);
    assert_eq!(world.count("webhooks"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_never_arrived_is_sent_again_once_that_is_sure() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).timeout_before().times(1));
    let paid = once(&world, charge()).await;
    assert_eq!(effect_calls(&world, paid.id).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_503_is_unknown_and_neither_failed_nor_sent_again_at_once() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).status(503).times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge()).await;
    until(&phone, record.id, |state| state == DeviceState::Waiting).await;
    assert_eq!(effect_calls(&world, record.id).await, 1);
    assert!(world.row(record.id).await.ambiguous_at.is_some());
    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    assert_eq!((ledger(&world, Effect::MoneyIn).len(), effect_calls(&world, record.id).await), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_webhook_is_made_up_for_by_asking() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).callback(CallbackFault::Lost));
    once(&world, charge()).await;
    assert_eq!(world.count("webhooks"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubled_webhook_is_answered_and_settles_once() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).callback(CallbackFault::Double).delay_ms(200));
    let paid = once(&world, charge()).await;
    eventually("both are stored", async || world.count("webhooks") == 2).await;
    assert_eq!(world.count("webhook_events"), 1);
    assert_eq!(world.row(paid.id).await.state, State::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_webhook_undoes_nothing() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).callback(CallbackFault::Late).delay_ms(3_000));
    let paid = once(&world, charge()).await;
    eventually("it is here", async || world.count("webhooks") == 1).await;
    let row = world.row(paid.id).await;
    assert_eq!((row.state, row.outcome), (State::Succeeded, paid.outcome));
    assert!(world.hosted.server.app().store.doctor(world.hosted.server.app().clock.now_ms()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_the_payer_declined_has_failed_and_says_so() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).result("failed"));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge()).await;
    let failed = ended(&phone, record.id).await;
    assert_eq!(failed.state, DeviceState::Failed);
    let problem = failed.problem.unwrap();
    assert_eq!((problem.code.as_str(), problem.detail.as_str()), ("provider_rejected", "The payer declined"));
    assert!(ledger(&world, Effect::MoneyIn).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_reaches_the_device_in_the_provider_s_words() {
    for (status, said, code, detail) in [
        (400, "customer is blacklisted", "provider_rejected", "Flutterwave refused: customer is blacklisted"),
        (403, "feature is off", "misconfigured", "Flutterwave does not allow this: feature is off"),
        (401, "Invalid authorization key", "misconfigured", "Flutterwave does not know secret_key"),
    ] {
        let world = World::start().await;
        world.hosted.sandbox.add_fault(Fault { result_code: Some(said.to_owned()), ..fault(Call::Charge).status(status) });
        let phone = world.phone("phone", "amina").await;
        let record = enqueue(&phone, charge()).await;
        let problem = ended(&phone, record.id).await.problem.unwrap();
        assert_eq!((problem.code.as_str(), problem.detail.as_str()), (code, detail));
        assert_eq!(effect_calls(&world, record.id).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_flutterwave_is_tried_again() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).status(429).times(1));
    once(&world, charge()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn less_money_than_asked_for_is_shown_to_a_human() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).result("underpaid"));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge()).await;
    let unresolved = until(&phone, record.id, |state| state == DeviceState::Unresolved).await;
    let problem = unresolved.problem.unwrap();
    assert_eq!(problem.code, "outcome_unknown");
    assert!(problem.detail.starts_with("KES 625.00 came in where KES 1250.00 was asked for"), "{}", problem.detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_fails_changes_nothing() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Query).timeout_before().times(1));
    world.hosted.sandbox.add_fault(fault(Call::Query).status(401).times(1));
    world.hosted.sandbox.add_fault(fault(Call::Query).result("not_found").times(1));
    let paid = once(&world, charge()).await;
    assert_eq!(effect_calls(&world, paid.id).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_asked_about_by_its_operation() {
    let world = World::start().await;
    let (phone, paid) = paid(&world).await;
    let query = enqueue(&phone, operation("query", "ask-1", &json!({ "operation_id": paid.id }))).await;
    let outcome = ended(&phone, query.id).await.outcome.unwrap();
    assert_eq!((&outcome["state"], &outcome["receipt"]), (&json!("succeeded"), &paid.outcome.unwrap()["receipt"]));

    world.hosted.sandbox.add_fault(fault(Call::Charge).result("pending"));
    let mut second = charge();
    second.key = Some("fee-9".to_owned());
    let open = enqueue(&phone, second).await;
    until(&phone, open.id, |state| state == DeviceState::Waiting).await;
    // The answer to the question breaks once: a question may be asked again.
    world.hosted.sandbox.add_fault(fault(Call::Query).timeout_after().times(1));
    let query = enqueue(&phone, operation("query", "ask-2", &json!({ "operation_id": open.id }))).await;
    assert_eq!(ended(&phone, query.id).await.outcome.unwrap()["state"], "waiting");
}
