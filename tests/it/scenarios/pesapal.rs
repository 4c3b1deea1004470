//! Pesapal, end to end: pages, notifications that say nothing, and what is believed. Findings 16, 17, 19.

mod refunds;
mod strangers;

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_protocol::{OperationId, State};
use tarishi_sandbox::{Adapter, Call, CallbackFault, Effect, Fault, LedgerEntry, credentials};
use tarishi_server::{
    config::PESAPAL_WEBHOOK_TOKEN,
    integrations::Change,
    store::{AttemptFilter, AttemptKind},
};

use super::world::{World, ended, enqueue, eventually, until};

fn fault(call: Call) -> Fault {
    Fault::on(Adapter::Pesapal, call)
}

fn operation(action: &str, key: &str, payload: &Value) -> NewOperation {
    let mut operation = NewOperation::new("pesapal".to_owned(), action.to_owned(), payload.to_string());
    operation.key = Some(key.to_owned());
    operation
}

fn charge(number: u32) -> NewOperation {
    let amount = json!({ "amount": "1250.00", "currency": "KES" });
    let payload = json!({ "amount": amount, "phone": "+254712000001", "reference": format!("FEE{number:06}") });
    operation("charge", &format!("fee-{number}"), &payload)
}

fn ledger(world: &World, effect: Effect) -> Vec<LedgerEntry> {
    world.hosted.sandbox.ledger().into_iter().filter(|entry| entry.effect == effect).collect()
}

/// Calls that may have had an effect; the look-up of our IPN address is one more.
async fn effect_calls(world: &World, id: OperationId) -> usize {
    let filter = AttemptFilter { tenant: "default".to_owned(), operation: Some(id), limit: 100, ..AttemptFilter::default() };
    let attempts = world.hosted.server.app().store.attempts(filter).await.unwrap();
    attempts.iter().filter(|line| line.kind == AttemptKind::Effect && line.result.as_deref() != Some("looked")).count()
}

/// Waits for the page that the device is told to open.
async fn page(phone: &Client, id: OperationId) -> String {
    let url = |record: &OperationRecord| Some(record.outcome.as_ref()?["interim"]["open_url"]["url"].as_str()?.to_owned());
    for _ in 0..100 {
        let record = until(phone, id, |state| state == DeviceState::Waiting || state.is_ended()).await;
        assert!(!record.state.is_ended(), "{:?}", record.problem);
        if let Some(url) = url(&record) {
            return url;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no page was shown");
}

async fn pay(world: &World, page: &str, more: &str) {
    let answer = world.http.post(format!("{page}{more}")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
}

/// Charges, pays on the page, and ends with one effect, whatever goes wrong.
async fn once(world: &World) -> (Client, OperationRecord) {
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge(1)).await;
    pay(world, &page(&phone, record.id).await, "").await;
    let paid = ended(&phone, record.id).await;
    assert_eq!(paid.state, DeviceState::Succeeded, "{:?}", paid.problem);
    let ledger = ledger(world, Effect::MoneyIn);
    assert_eq!(ledger.len(), 1);
    assert_eq!(paid.outcome.as_ref().unwrap()["receipt"].as_str(), ledger[0].provider_id.as_deref());
    (phone, paid)
}

/// The addresses that are registered.
async fn registered(world: &World) -> Vec<Value> {
    let url = format!("{}/pesapal/api", world.hosted.sandbox.url());
    let keys =
        json!({ "consumer_key": credentials::PESAPAL_CONSUMER_KEY, "consumer_secret": credentials::PESAPAL_CONSUMER_SECRET });
    let token = world.http.post(format!("{url}/Auth/RequestToken")).json(&keys).send().await.unwrap();
    let token: Value = token.json().await.unwrap();
    let list = world.http.get(format!("{url}/URLSetup/GetIpnList")).bearer_auth(token["token"].as_str().unwrap());
    list.send().await.unwrap().json().await.unwrap()
}

async fn set(world: &World, name: &str, text: &str) {
    let settings = [(name.to_owned(), Some(text.to_owned()))].into_iter().collect();
    let change = Change { settings, ..Change::default() };
    world.hosted.server.app().change_integration("default", "pesapal", change).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_on_the_page_is_notified_asked_about_and_told() {
    let world = World::start().await;
    let (phone, paid) = once(&world).await;
    assert_eq!(paid.outcome.unwrap()["amount"], json!({ "amount": "1250.00", "currency": "KES" }));
    assert_eq!((world.count("webhooks"), effect_calls(&world, paid.id).await), (1, 1));

    // Our address is registered once, also over a restart, and is where the notification came.
    let second = enqueue(&phone, charge(2)).await;
    page(&phone, second.id).await;
    drop(phone);
    let World { hosted, intents, folder, http } = world;
    let world = World { hosted: hosted.restart().await.unwrap(), intents, folder, http };
    let phone = world.phone("another", "juma").await;
    let third = enqueue(&phone, charge(3)).await;
    page(&phone, third.id).await;
    let registered = registered(&world).await;
    assert_eq!(registered.len(), 1);
    assert_eq!(registered[0]["url"], format!("{}/h/{PESAPAL_WEBHOOK_TOKEN}/ipn", world.url()));
    assert_eq!(registered[0]["ipn_notification_type_description"], "POST");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_by_get_are_taken_as_well() {
    let world = World::start().await;
    set(&world, "ipn_method", "GET").await;
    // Only the notification can be what makes us ask.
    set(&world, "first_poll_ms", "60000").await;
    once(&world).await;
    assert_eq!(
        (world.count("webhooks"), registered(&world).await[0]["ipn_notification_type_description"].clone()),
        (1, "GET".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_on_the_page_ends_nothing() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge(1)).await;
    let page = page(&phone, record.id).await;
    pay(&world, &page, "&outcome=failed").await;
    eventually("it was notified", async || world.count("webhooks") == 1).await;
    let polls = world.row(record.id).await.polls;
    eventually("it was asked about", async || world.row(record.id).await.polls > polls).await;
    assert_eq!(world.row(record.id).await.state, State::Waiting);
    pay(&world, &page, "").await;
    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(ledger(&world, Effect::MoneyIn).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_answer_was_lost_is_made_anew_and_paid_once() {
    for fault in [fault(Call::Charge).timeout_after(), fault(Call::Charge).timeout_before(), fault(Call::Charge).status(503)] {
        let world = World::start().await;
        world.hosted.sandbox.add_fault(fault.times(1));
        let (_, paid) = once(&world).await;
        assert_eq!(effect_calls(&world, paid.id).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_notification_is_made_up_for_by_asking() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).callback(CallbackFault::Lost));
    once(&world).await;
    assert_eq!(world.count("webhooks"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubled_and_late_notifications_change_nothing() {
    for fault in [
        fault(Call::Charge).callback(CallbackFault::Double).delay_ms(1_500),
        fault(Call::Charge).callback(CallbackFault::Late).delay_ms(3_000),
    ] {
        let world = World::start().await;
        let count = if fault.callback == Some(CallbackFault::Double) { 2 } else { 1 };
        world.hosted.sandbox.add_fault(fault);
        let (_, paid) = once(&world).await;
        eventually("all are stored", async || world.count("webhooks") == count).await;
        let row = world.row(paid.id).await;
        assert_eq!((row.state, row.outcome), (State::Succeeded, paid.outcome));
        let app = world.hosted.server.app();
        assert!(app.store.doctor(app.clock.now_ms()).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_reaches_the_device_with_a_clear_problem() {
    for (error, code, detail) in [
        ("amount_exceeds_default_limit", "amount_out_of_range", "that is more than Pesapal lets this account collect at once"),
        ("invalid_phone", "provider_rejected", "Pesapal refused: invalid_phone"),
        ("InvalidIpnId", "misconfigured", "Pesapal does not know the IPN address: InvalidIpnId"),
    ] {
        let world = World::start().await;
        world.hosted.sandbox.add_fault(Fault { result_code: Some(error.to_owned()), ..fault(Call::Charge).status(200) });
        let phone = world.phone("phone", "amina").await;
        let record = enqueue(&phone, charge(1)).await;
        let problem = ended(&phone, record.id).await.problem.unwrap();
        assert_eq!((problem.code.as_str(), problem.detail.as_str()), (code, detail));
        assert_eq!(effect_calls(&world, record.id).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ended_is_replaced_and_one_that_is_not_given_is_tried_again() {
    for faults in [
        vec![fault(Call::Token).timeout_before(), fault(Call::Query).status(401)],
        vec![fault(Call::Charge).status(401), fault(Call::Query).status(401)],
        vec![fault(Call::Token).status(503), fault(Call::Register).timeout_before()],
    ] {
        let world = World::start().await;
        for fault in faults {
            world.hosted.sandbox.add_fault(fault.times(1));
        }
        once(&world).await;
    }
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Register).timeout_after().times(1));
    once(&world).await;
    assert_eq!(registered(&world).await.len(), 1, "an address whose registration was lost is found in the list");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_keys_are_said_to_be_wrong() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(Fault {
        result_code: Some("invalid_consumer_key_or_secret_provided".to_owned()),
        ..fault(Call::Token).status(200)
    });
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge(1)).await;
    let problem = ended(&phone, record.id).await.problem.unwrap();
    assert_eq!(problem.code, "misconfigured");
    assert!(problem.detail.contains("consumer_key"), "{}", problem.detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_fails_or_says_invalid_changes_nothing() {
    let world = World::start().await;
    for fault in [fault(Call::Query).timeout_before(), fault(Call::Query).status(500), fault(Call::Query).result("0")] {
        world.hosted.sandbox.add_fault(fault.times(1));
    }
    let (_, paid) = once(&world).await;
    assert_eq!(effect_calls(&world, paid.id).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn less_money_than_asked_for_is_shown_to_a_human() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).result("underpaid"));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge(1)).await;
    pay(&world, &page(&phone, record.id).await, "").await;
    let problem = until(&phone, record.id, |state| state == DeviceState::Unresolved).await.problem.unwrap();
    assert!(problem.detail.starts_with("KES 625.00 came in where KES 1250.00 was asked for"), "{}", problem.detail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_asked_about_by_its_operation() {
    let world = World::start().await;
    let (phone, paid) = once(&world).await;
    let query = enqueue(&phone, operation("query", "ask-1", &json!({ "operation_id": paid.id }))).await;
    let outcome = ended(&phone, query.id).await.outcome.unwrap();
    assert_eq!((&outcome["state"], &outcome["receipt"]), (&json!("succeeded"), &paid.outcome.unwrap()["receipt"]));
    let open = enqueue(&phone, charge(2)).await;
    page(&phone, open.id).await;
    world.hosted.sandbox.add_fault(fault(Call::Query).timeout_after().times(1));
    let query = enqueue(&phone, operation("query", "ask-2", &json!({ "operation_id": open.id }))).await;
    assert_eq!(ended(&phone, query.id).await.outcome.unwrap()["state"], "waiting");
}
