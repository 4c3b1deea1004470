//! A refund whose result was lost is asked about; money goes out once, whatever is lost.

use super::*;

async fn refund(world: &World, phone: &Client) -> OperationRecord {
    let charged = paid(world, phone, "1").await;
    enqueue(phone, operation("refund", "refund-1", &json!({ "operation_id": charged.id, "reason": "paid twice" }))).await
}

async fn settled(world: &World, phone: &Client) -> (OperationRecord, LedgerEntry) {
    let record = refund(world, phone).await;
    let end = ended(phone, record.id).await;
    assert_eq!(end.state, DeviceState::Succeeded, "{:?}", end.problem);
    let out = money(world, Effect::MoneyOut);
    assert_eq!(out.len(), 1);
    (end, out.into_iter().next().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_whose_callback_was_lost_is_asked_about_and_ends_with_its_receipt() {
    for status in [
        None,
        Some(fault(Call::Status).status(503)),
        Some(fault(Call::Status).callback(CallbackFault::Lost)),
        Some(fault(Call::Status).timeout_after()),
    ] {
        let world = World::start().await;
        world.hosted.sandbox.add_fault(fault(Call::Refund).callback(CallbackFault::Lost));
        if let Some(status) = status {
            world.hosted.sandbox.add_fault(status.times(1));
        }
        let phone = world.phone("phone", "amina").await;
        let (end, out) = settled(&world, &phone).await;
        let outcome = end.outcome.unwrap();
        assert_eq!(outcome["receipt"].as_str(), out.provider_id.as_deref());
        assert_eq!(outcome["amount"], json!({ "amount": "1250.00", "currency": "KES" }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_whose_answer_and_callback_were_lost_is_found_by_the_payment_s_receipt() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Refund).timeout_after().callback(CallbackFault::Lost).times(1));
    let phone = world.phone("phone", "amina").await;
    let (end, _) = settled(&world, &phone).await;
    assert_eq!(end.outcome.unwrap()["amount"], json!({ "amount": "1250.00", "currency": "KES" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_was_not_made_is_a_human_s_and_is_never_sent_again_by_itself() {
    let world = World::start().await;
    let settings = [("receipt_wait_ms".to_owned(), Some("1500".to_owned()))].into_iter().collect();
    let change = tarishi_server::integrations::Change { settings, ..Default::default() };
    world.hosted.server.app().change_integration("default", "mpesa", change).await.unwrap();
    world.hosted.sandbox.add_fault(fault(Call::Refund).timeout_before().times(1));
    let phone = world.phone("phone", "amina").await;
    let record = refund(&world, &phone).await;
    let end = until(&phone, record.id, |state| state == DeviceState::Unresolved).await;
    assert!(end.problem.unwrap().detail.contains("organisation portal"));
    assert!(money(&world, Effect::MoneyOut).is_empty());
    assert_eq!(world.row(record.id).await.attempts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_comes_after_the_question_changes_nothing() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Refund).callback(CallbackFault::Late).delay_ms(8_000));
    let phone = world.phone("phone", "amina").await;
    let (end, _) = settled(&world, &phone).await;
    let stored = world.count("webhooks");
    eventually("the result came", async || world.count("webhooks") > stored).await;
    let row = world.row(end.id).await;
    assert_eq!((row.state, row.outcome), (State::Succeeded, end.outcome));
    let app = world.hosted.server.app();
    assert!(app.store.doctor(app.clock.now_ms()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_another_account_is_not_given_back_by_its_receipt() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let charged = paid(&world, &phone, "1").await;
    let stranger = world.phone("stranger", "baraka").await;
    let amount = json!({ "amount": "1250.00", "currency": "KES" });
    let payload = json!({ "receipt": charged.outcome.unwrap()["receipt"], "amount": amount, "reason": "mine now" });
    let record = enqueue(&stranger, operation("refund", "theirs", &payload)).await;
    let end = ended(&stranger, record.id).await;
    assert_eq!((end.state, end.problem.unwrap().code.as_str()), (DeviceState::Failed, "not_found"));
    assert_eq!(world.row(record.id).await.attempts, 0);
    assert!(money(&world, Effect::MoneyOut).is_empty());
}
