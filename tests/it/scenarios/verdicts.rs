//! What a device was told, holds. Findings 4, 5, 6, 13, 15.

use std::collections::BTreeSet;

use serde_json::json;
use tarishi_core::{CancelOutcome, DeviceState, Error};
use tarishi_sandbox::{Adapter, Call, Fault};
use tarishi_server::{app::DEFAULT_TENANT, integrations::Change};

use super::world::{World, ended, enqueue, eventually};

async fn switch(world: &World, enabled: bool) {
    let change = Change { enabled: Some(Some(enabled)), paused: Some(BTreeSet::new()), ..Change::default() };
    world.hosted.server.app().change_integration(DEFAULT_TENANT, "mpesa", change).await.unwrap();
}

/// Finding 4: refused, then the adapter is switched on, then the copies arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_copies_of_a_refused_payment_never_charge() {
    let mut world = World::start().await;
    let token = world.token("amina", &["*:*"]).await;
    let intent = world.intents.charge();
    let operation = world.envelope(&intent);
    switch(&world, false).await;
    let body = json!({ "operations": [operation] });
    let (_, answer) = world.exchange(&token, "amina", 2, body.clone()).await;
    assert_eq!(answer["receipts"][0]["status"], "refused");

    switch(&world, true).await;
    let (hung, _) = world.exchange(&token, "amina", 1, body.clone()).await;
    let (status, again) = world.exchange(&token, "amina", 3, body).await;

    assert_eq!((hung.as_u16(), status.as_u16()), (409, 200));
    assert_eq!(again["receipts"][0]["status"], "refused");
    assert_eq!(world.count("operations"), 0);
    assert!(world.ledger_of(&intent).is_empty());
}

/// Finding 4: cancelled before it came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_copy_of_a_cancelled_payment_never_charges() {
    let mut world = World::start().await;
    let token = world.token("amina", &["*:*"]).await;
    let intent = world.intents.charge();
    let operation = world.envelope(&intent);
    let (_, answer) = world.exchange(&token, "amina", 2, json!({ "cancellations": [operation["id"]] })).await;
    assert_eq!(answer["cancellations"][0]["result"], "cancelled");

    let (hung, _) = world.exchange(&token, "amina", 1, json!({ "operations": [operation] })).await;
    let (_, again) = world.exchange(&token, "amina", 3, json!({ "operations": [operation] })).await;

    assert_eq!(hung.as_u16(), 409);
    assert_eq!((&again["receipts"][0]["status"], &again["receipts"][0]["state"]), (&json!("duplicate"), &json!("cancelled")));
    assert!(world.ledger_of(&intent).is_empty());
}

/// Finding 13: a copied phone is found out, and nothing it carries is run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_number_that_was_seen_runs_nothing() {
    let mut world = World::start().await;
    let token = world.token("amina", &["*:*"]).await;
    let (one, two) = (world.intents.text(), world.intents.text());
    world.exchange(&token, "amina", 7, json!({ "operations": [world.envelope(&one)] })).await;

    let (status, problem) = world.exchange(&token, "amina", 7, json!({ "operations": [world.envelope(&two)] })).await;

    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("stale_exchange")));
    assert_eq!(world.count("operations"), 1);
}

/// Finding 5: granted while it waits behind another, too late once it is called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_is_granted_or_too_late_and_the_ledger_agrees() {
    let mut world = World::start().await;
    let (first, second) = (world.intents.text().ordered("k"), world.intents.text().ordered("k"));
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).delay_ms(1_500).times(1));
    let phone = world.phone("phone", "amina").await;
    let (called, held) = (enqueue(&phone, first.operation()).await, enqueue(&phone, second.operation()).await);
    phone.sync(super::world::SOON, None).await.unwrap();
    eventually("the first is called", async || world.row(called.id).await.state == tarishi_protocol::State::Calling).await;

    assert_eq!(phone.cancel(called.id).await.unwrap(), CancelOutcome::Requested);
    assert_eq!(phone.cancel(held.id).await.unwrap(), CancelOutcome::Requested);

    assert_eq!(ended(&phone, held.id).await.state, DeviceState::Cancelled);
    assert_eq!(ended(&phone, called.id).await.state, DeviceState::Succeeded);
    assert_eq!((world.ledger_of(&first).len(), world.ledger_of(&second).len()), (1, 0));
}

/// Finding 6: a second phone of the family asks for the same payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_with_one_key_pay_once_and_both_hear_of_it() {
    let mut world = World::start().await;
    let intent = world.intents.charge();
    let (one, two) = (world.phone("one", "amina").await, world.phone("two", "amina").await);
    let (first, second) = (enqueue(&one, intent.operation()).await, enqueue(&two, intent.operation()).await);

    let (first, second) = (ended(&one, first.id).await, ended(&two, second.id).await);

    assert_ne!(first.id, second.id);
    assert_eq!((first.state, second.state), (DeviceState::Succeeded, DeviceState::Succeeded));
    assert_eq!(first.outcome.unwrap()["receipt"], second.outcome.unwrap()["receipt"]);
    assert_eq!(world.ledger_of(&intent).len(), 1);
}

/// Finding 6: another family with the same key is another matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_with_the_same_key_is_served_and_learns_nothing() {
    let mut world = World::start().await;
    let (one, mut two) = (world.intents.charge(), world.intents.charge());
    two.key.clone_from(&one.key);
    let (amina, baraka) = (world.phone("amina", "amina").await, world.phone("baraka", "baraka").await);
    let (first, second) = (enqueue(&amina, one.operation()).await, enqueue(&baraka, two.operation()).await);

    let (first, second) = (ended(&amina, first.id).await, ended(&baraka, second.id).await);

    assert_ne!(first.outcome.unwrap()["receipt"], second.outcome.unwrap()["receipt"]);
    assert_eq!((world.ledger_of(&one).len(), world.ledger_of(&two).len()), (1, 1));
}

/// Finding 15: a double tap, and a new try after the payer pressed Cancel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_tap_pays_once_and_a_retry_is_a_payment_of_its_own() {
    let mut world = World::start().await;
    let intent = world.intents.charge();
    let declined = Fault::on(Adapter::Mpesa, Call::Charge).result("1032").times(1);
    world.hosted.sandbox.add_fault(declined);
    let phone = world.phone("phone", "amina").await;
    let first = enqueue(&phone, intent.operation()).await;
    assert_eq!(enqueue(&phone, intent.operation()).await.id, first.id);
    let mut other = intent.operation();
    other.payload = other.payload.replace("KES", "USD");
    assert!(matches!(phone.enqueue(other).await, Err(Error::InvalidInput(_) | Error::KeyReused)));

    let failed = ended(&phone, first.id).await;
    assert_eq!((failed.state, failed.problem.unwrap().provider_code.as_deref()), (DeviceState::Failed, Some("1032")));
    let again = phone.retry(first.id).await.unwrap();
    assert_eq!(phone.retry(first.id).await.unwrap().id, again.id, "asked twice");

    let paid = ended(&phone, again.id).await;
    assert_eq!((paid.state, paid.key), (DeviceState::Succeeded, format!("{}/2", intent.key)));
    assert_eq!(world.ledger_of(&intent).len(), 1);
}
