//! SMS end to end: to one phone and to many, what became of it, and the balance.

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_sandbox::{Adapter, Call, Fault, LedgerEntry};

use super::world::{World, ended, enqueue, eventually};

const AMINA: &str = "+254711000111";
const BARAKA: &str = "+254733000222";
const CHEBET: &str = "+254722000333";

fn operation(action: &str, payload: &Value) -> NewOperation {
    NewOperation::new("sms", action, payload.to_string())
}

fn send(to: &Value) -> NewOperation {
    operation("send", &json!({ "to": to, "message": "School is closed on Friday." }))
}

fn fault() -> Fault {
    Fault::on(Adapter::Sms, Call::Send)
}

async fn done(phone: &Client, new: NewOperation) -> OperationRecord {
    let record = enqueue(phone, new).await;
    ended(phone, record.id).await
}

fn sent(world: &World, to: &str) -> Vec<LedgerEntry> {
    world.hosted.sandbox.ledger().into_iter().filter(|entry| entry.to.as_deref() == Some(to)).collect()
}

fn messages(outcome: Option<Value>) -> Vec<Value> {
    outcome.unwrap()["messages"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_to_one_phone_is_sent_booked_and_seen_to_arrive() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let record = done(&phone, send(&json!(AMINA))).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    let entry = sent(&world, AMINA).remove(0);
    let first = async || messages(world.row(record.id).await.outcome).remove(0);
    eventually("the report came", async || first().await["status"] == "delivered").await;
    let told = first().await;
    assert_eq!((told["id"].as_str(), &told["parts"]), (entry.provider_id.as_deref(), &json!(1)));
    assert_eq!(told["cost"], "KES 0.8000");
    assert_eq!(sent(&world, AMINA).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_to_many_is_one_call_and_each_recipient_has_an_outcome_of_its_own() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    world.hosted.sandbox.add_fault(fault().matching(BARAKA).result("406"));
    world.hosted.sandbox.add_fault(fault().matching(CHEBET).result("Failed"));
    let record = done(&phone, send(&json!([AMINA, BARAKA, CHEBET]))).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    let statuses = async || {
        let messages = messages(world.row(record.id).await.outcome);
        let told = messages.iter().map(|message| format!("{} {}", message["to"], message["status"]).replace('"', ""));
        told.collect::<Vec<_>>()
    };
    let wanted = [format!("{AMINA} delivered"), format!("{BARAKA} rejected"), format!("{CHEBET} failed")];
    eventually("each is told", async || statuses().await == wanted).await;
    let counts = [AMINA, BARAKA, CHEBET].map(|to| sent(&world, to).len());
    assert_eq!(counts, [1, 0, 1]);
    assert_eq!(world.row(record.id).await.attempts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_tells_what_the_reports_told_and_sends_nothing() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let record = done(&phone, send(&json!([AMINA, BARAKA]))).await;
    eventually("both arrived", async || {
        messages(world.row(record.id).await.outcome).iter().all(|message| message["status"] == "delivered")
    })
    .await;
    let id = sent(&world, BARAKA)[0].provider_id.clone();
    for (query, found) in [(json!({ "operation_id": record.id }), 2), (json!({ "message_id": id }), 1)] {
        let told = messages(done(&phone, operation("query", &query)).await.outcome);
        assert_eq!(told.len(), found, "{query}");
        assert!(told.iter().all(|message| message["status"] == "delivered"));
    }
    let unknown = done(&phone, operation("query", &json!({ "message_id": "ATXid_none" }))).await;
    assert_eq!((unknown.state, unknown.problem.unwrap().provider_code.as_deref()), (DeviceState::Failed, Some("not_found")));
    assert_eq!(world.hosted.sandbox.ledger().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_balance_is_asked_for_again_when_its_answer_was_lost() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let fault = || Fault::on(Adapter::Sms, Call::Balance);
    for fault in [fault().timeout_before(), fault().timeout_after(), fault().cut_mid_answer(), fault().status(503)] {
        let armed = world.hosted.sandbox.add_fault(fault.times(1));
        let told = done(&phone, operation("balance", &json!({}))).await;
        assert_eq!(told.state, DeviceState::Succeeded, "{:?}", told.problem);
        assert_eq!(told.outcome.unwrap()["balance"], json!({ "amount": "1785.50", "currency": "KES" }));
        assert!(!world.hosted.sandbox.remove_fault(armed), "it did not fire");
    }
    assert!(world.hosted.sandbox.ledger().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_to_many_whose_answer_was_lost_is_known_by_the_first_report_and_nobody_gets_it_twice() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    world.hosted.sandbox.add_fault(fault().timeout_after().times(1));
    let record = done(&phone, send(&json!([AMINA, BARAKA]))).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    let told = messages(record.outcome);
    let to: Vec<&str> = told.iter().map(|message| message["to"].as_str().unwrap()).collect();
    assert_eq!(to, [AMINA, BARAKA]);
    assert!(told.iter().any(|message| message["status"] == "delivered"));
    assert_eq!([AMINA, BARAKA].map(|to| sent(&world, to).len()), [1, 1]);
    eventually("each report is taken", async || {
        messages(world.row(record.id).await.outcome).iter().all(|message| message["status"] == "delivered")
    })
    .await;
    let row = world.row(record.id).await;
    for (message, to) in messages(row.outcome).iter().zip([AMINA, BARAKA]) {
        assert_eq!((message["to"].as_str(), message["id"].as_str()), (Some(to), sent(&world, to)[0].provider_id.as_deref()));
    }
    assert_eq!(row.attempts, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_that_could_not_be_sent_to_now_is_told_as_one_to_try_again() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let armed = world.hosted.sandbox.add_fault(fault().matching(BARAKA).result("500"));
    let told = messages(done(&phone, send(&json!([AMINA, BARAKA]))).await.outcome);
    assert_eq!(told[1]["status"], "failed");
    assert!(told[1]["reason"].as_str().unwrap().starts_with("retryable: "), "{}", told[1]);

    world.hosted.sandbox.remove_fault(armed);
    let again = done(&phone, send(&json!(BARAKA))).await;
    assert_eq!(again.state, DeviceState::Succeeded);
    assert_eq!([AMINA, BARAKA].map(|to| sent(&world, to).len()), [1, 1]);
}
