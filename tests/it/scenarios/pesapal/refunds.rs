//! Refunds at Pesapal.

use serde_json::json;
use tarishi_core::{DeviceState, NewOperation};
use tarishi_protocol::{OperationId, State};
use tarishi_sandbox::{Call, Effect};
use tarishi_server::{config::PESAPAL_WEBHOOK_TOKEN, store::PAYMENT_REVERSED};

use super::super::world::{World, ended, enqueue, eventually, until};
use super::{fault, ledger, once, operation, page, pay};

fn refund(charge: OperationId, key: &str, amount: Option<&str>) -> NewOperation {
    let mut payload = json!({ "operation_id": charge, "reason": "paid twice" });
    if let Some(amount) = amount {
        payload["amount"] = json!({ "amount": amount, "currency": "KES" });
    }
    operation("refund", key, &payload)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_given_back_once() {
    let world = World::start().await;
    let (phone, paid) = once(&world).await;
    let back = enqueue(&phone, refund(paid.id, "back-1", None)).await;
    let back = ended(&phone, back.id).await;
    assert_eq!(back.state, DeviceState::Succeeded, "{:?}", back.problem);
    let out = ledger(&world, Effect::MoneyOut);
    assert_eq!((out.len(), out[0].amount.as_deref()), (1, Some("1250.00")));
    let receipt = format!("refund-{}", paid.outcome.unwrap()["receipt"].as_str().unwrap());
    assert_eq!(back.outcome.unwrap()["receipt"], receipt.as_str());

    let more = enqueue(&phone, refund(paid.id, "back-2", None)).await;
    let problem = ended(&phone, more.id).await.problem.unwrap();
    assert_eq!((problem.code.as_str(), problem.detail.as_str()), ("provider_rejected", "the payment was given back before"));
    assert_eq!(world.row(paid.id).await.state, State::Succeeded);
}

/// Finding 18: the notification of the payment and that of its reversal are the same bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_went_back_after_its_charge_was_told_is_told_once_and_stays_on_record() {
    let world = World::start().await;
    let (phone, paid) = once(&world).await;
    let receipt = paid.outcome.unwrap()["receipt"].clone();
    let back = enqueue(&phone, refund(paid.id, "back-1", None)).await;
    assert_eq!(ended(&phone, back.id).await.state, DeviceState::Succeeded);
    let told = async || world.hosted.server.app().store.events_of_kind("default", PAYMENT_REVERSED, 0).await.unwrap();
    eventually("it is told", async || !told().await.is_empty()).await;
    let row = world.row(paid.id).await;
    let body = json!({
        "OrderTrackingId": row.reference.as_ref().unwrap().data["tracking"], "OrderNotificationType": "IPNCHANGE",
        "OrderMerchantReference": row.reference.as_ref().unwrap().data["reference"],
    });
    let url = format!("{}/h/{PESAPAL_WEBHOOK_TOKEN}/ipn", world.url());
    assert!(world.http.post(url).json(&body).send().await.unwrap().status().is_success());
    eventually("all are settled", async || world.count("webhook_events WHERE state = 'open'") == 0).await;

    let [event] = told().await.try_into().unwrap();
    assert_eq!((&event.data["operation_id"], &event.data["receipt"]), (&json!(paid.id), &receipt));
    let row = world.row(paid.id).await;
    assert_eq!((row.state, &row.outcome.unwrap()["reversed"]), (State::Succeeded, &json!(true)));
    let stands = until(&phone, paid.id, |state| state == DeviceState::Succeeded).await;
    assert_eq!(stands.outcome.unwrap()["reversed"], true, "the device hears of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_whose_answer_was_lost_is_given_back_once() {
    for fault in [fault(Call::Refund).timeout_after(), fault(Call::Refund).timeout_before(), fault(Call::Refund).status(503)] {
        let world = World::start().await;
        let (phone, paid) = once(&world).await;
        world.hosted.sandbox.add_fault(fault.times(1));
        let back = enqueue(&phone, refund(paid.id, "back-1", None)).await;
        assert_eq!(ended(&phone, back.id).await.state, DeviceState::Succeeded);
        assert_eq!(ledger(&world, Effect::MoneyOut).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_nobody_approves_waits() {
    let world = World::start().await;
    let (phone, paid) = once(&world).await;
    world.hosted.sandbox.add_fault(fault(Call::Refund).result("never"));
    let back = enqueue(&phone, refund(paid.id, "back-1", None)).await;
    phone.sync(super::super::world::SOON, None).await.unwrap();
    eventually("it was asked about", async || world.row(back.id).await.polls > 2).await;
    assert_eq!(world.row(back.id).await.state, State::Waiting);
    assert!(ledger(&world, Effect::MoneyOut).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_is_refused_says_why_and_a_part_is_given_back_to_cards_only() {
    let world = World::start().await;
    let (phone, paid) = once(&world).await;
    let part = enqueue(&phone, refund(paid.id, "back-1", Some("250.00"))).await;
    let problem = ended(&phone, part.id).await.problem.unwrap();
    assert_eq!(
        (problem.code.as_str(), problem.detail.as_str()),
        ("unsupported", "Pesapal gives back a part of card payments only")
    );
    world.hosted.sandbox.add_fault(fault(Call::Refund).result("The account is closed").times(1));
    let whole = enqueue(&phone, refund(paid.id, "back-2", None)).await;
    assert_eq!(ended(&phone, whole.id).await.problem.unwrap().detail, "Pesapal refused: The account is closed");
    assert!(ledger(&world, Effect::MoneyOut).is_empty());

    let card = enqueue(&phone, super::charge(2)).await;
    pay(&world, &page(&phone, card.id).await, "&method=Visa").await;
    assert_eq!(ended(&phone, card.id).await.state, DeviceState::Succeeded);
    let part = enqueue(&phone, refund(card.id, "back-3", Some("250.00"))).await;
    assert_eq!(ended(&phone, part.id).await.state, DeviceState::Succeeded);
    assert_eq!(ledger(&world, Effect::MoneyOut)[0].amount.as_deref(), Some("250.00"));
}
