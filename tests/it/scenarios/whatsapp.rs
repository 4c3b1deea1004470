//! WhatsApp end to end: each action, each fault of the provider, strangers at its webhook.

mod strangers;

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_protocol::OperationId;
use tarishi_sandbox::{Adapter, Call, CallbackFault, Fault, LedgerEntry};
use tarishi_server::{
    app::DEFAULT_TENANT,
    integrations::Change,
    store::{AttemptFilter, AttemptKind},
};

use super::world::{SOON, World, ended, enqueue, eventually, until};

const AMINA: &str = "+254711000111";
const BARAKA: &str = "+254733000222";
const CHEBET: &str = "+254722000333";

fn operation(action: &str, payload: &Value) -> NewOperation {
    NewOperation::new("whatsapp", action, payload.to_string())
}

fn template(to: &Value) -> NewOperation {
    let template = json!({ "name": "order_update", "language": "en_US", "params": ["Amina", "A-17"] });
    operation("send", &json!({ "to": to, "template": template }))
}

fn text(to: &Value) -> NewOperation {
    operation("send", &json!({ "to": to, "message": "Is ready. Iko tayari." }))
}

fn fault() -> Fault {
    Fault::on(Adapter::Whatsapp, Call::Send)
}

fn sent(world: &World, to: &str) -> Vec<LedgerEntry> {
    let same = |entry: &LedgerEntry| entry.adapter == Adapter::Whatsapp && entry.to.as_deref() == Some(to);
    world.hosted.sandbox.ledger().into_iter().filter(same).collect()
}

fn status(record: &OperationRecord, index: usize) -> String {
    record.outcome.as_ref().unwrap()["messages"][index]["status"].as_str().unwrap().to_owned()
}

async fn effect_calls(world: &World, id: OperationId) -> usize {
    let filter =
        AttemptFilter { tenant: DEFAULT_TENANT.to_owned(), operation: Some(id), limit: 100, ..AttemptFilter::default() };
    let attempts = world.hosted.server.app().store.attempts(filter).await.unwrap();
    attempts.iter().filter(|line| line.kind == AttemptKind::Effect).count()
}

async fn set(world: &World, tenant: &str, settings: &[(&str, &str)]) {
    let settings = settings.iter().map(|(name, text)| ((*name).to_owned(), Some((*text).to_owned()))).collect();
    let change = Change { settings, ..Change::default() };
    world.hosted.server.app().change_integration(tenant, "whatsapp", change).await.unwrap();
}

/// Sends one and waits for its end on the phone.
async fn send(world: &World, new: NewOperation) -> (Client, OperationRecord) {
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, new).await;
    let record = ended(&phone, record.id).await;
    (phone, record)
}

/// Waits until the server's books have this status of the first message; the message as it stands then.
async fn stands(world: &World, id: OperationId, wanted: &str) -> Value {
    let first = async || world.row(id).await.outcome.unwrap()["messages"][0].clone();
    eventually(wanted, async || first().await["status"] == wanted).await;
    first().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_is_sent_once_and_its_statuses_climb_to_read() {
    let world = World::start().await;
    let (_, record) = send(&world, template(&json!(AMINA))).await;
    assert_eq!(record.state, DeviceState::Succeeded);

    let read = stands(&world, record.id, "read").await;

    let entries = sent(&world, AMINA);
    assert_eq!(entries.len(), 1);
    assert_eq!(read["id"], entries[0].provider_id.clone().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_and_a_file_are_sent_once() {
    let world = World::start().await;
    let (phone, record) = send(&world, text(&json!(AMINA))).await;
    assert_eq!(record.state, DeviceState::Succeeded);
    let media = json!({ "to": BARAKA, "message": "Invoice", "media": { "url": "https://school.example.org/a.pdf" } });
    let record = enqueue(&phone, operation("send", &media)).await;
    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    assert_eq!((sent(&world, AMINA).len(), sent(&world, BARAKA).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_answer_was_lost_is_found_by_a_status_of_its_attempt() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().timeout_after().times(1));
    let (_, record) = send(&world, template(&json!(AMINA))).await;

    assert_eq!(record.state, DeviceState::Succeeded);
    let entries = sent(&world, AMINA);
    assert_eq!(entries.len(), 1);
    assert_eq!(effect_calls(&world, record.id).await, 1);
    assert_eq!(world.row(record.id).await.reference.unwrap().id, entries[0].provider_id.clone().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_never_left_is_sent_again_once() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().timeout_before().times(1));
    let (_, record) = send(&world, template(&json!(AMINA))).await;

    assert_eq!(record.state, DeviceState::Succeeded);
    assert_eq!(sent(&world, AMINA).len(), 1);
    assert_eq!(effect_calls(&world, record.id).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_answer_and_status_there_are_two_at_most_and_one_if_resending_is_off() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().timeout_after().callback(CallbackFault::Lost).times(1));
    let (phone, record) = send(&world, template(&json!(AMINA))).await;
    assert_eq!(record.state, DeviceState::Succeeded);
    assert_eq!(sent(&world, AMINA).len(), 2);
    assert!(world.metrics().await.contains("tarishi_possible_duplicate_total{adapter=\"whatsapp\"} 1"));

    set(&world, DEFAULT_TENANT, &[("resend", "off")]).await;
    world.hosted.sandbox.add_fault(fault().timeout_after().callback(CallbackFault::Lost).times(1));
    let record = enqueue(&phone, template(&json!(BARAKA))).await;
    let record = until(&phone, record.id, |state| state == DeviceState::Unresolved).await;
    assert_eq!(record.problem.unwrap().code, "outcome_unknown");
    assert_eq!(sent(&world, BARAKA).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_sent_one_by_one_and_a_lost_answer_in_it_doubles_nobody() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().matching(BARAKA).timeout_after().times(1));
    let (_, record) = send(&world, template(&json!([AMINA, BARAKA, CHEBET]))).await;

    assert_eq!(record.state, DeviceState::Succeeded);
    for to in [AMINA, BARAKA, CHEBET] {
        assert_eq!(sent(&world, to).len(), 1, "{to}");
    }
    let messages = record.outcome.unwrap()["messages"].as_array().unwrap().clone();
    let to: Vec<&str> = messages.iter().map(|message| message["to"].as_str().unwrap()).collect();
    assert_eq!(to, [AMINA, BARAKA, CHEBET]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_that_is_refused_does_not_hold_up_the_others() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().matching(BARAKA).result("131026"));
    let (_, record) = send(&world, template(&json!([AMINA, BARAKA, CHEBET]))).await;

    assert_eq!(record.state, DeviceState::Succeeded);
    assert_eq!(status(&record, 1), "rejected");
    assert_eq!((sent(&world, AMINA).len(), sent(&world, BARAKA).len(), sent(&world, CHEBET).len()), (1, 0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statuses_that_come_twice_late_or_backwards_never_go_back() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    for (callback, webhooks) in [(CallbackFault::Double, 6), (CallbackFault::Disordered, 3), (CallbackFault::Late, 3)] {
        let before = (world.count("webhooks"), world.count("webhook_events"));
        world.hosted.sandbox.add_fault(fault().callback(callback).delay_ms(200).times(1));
        let record = enqueue(&phone, template(&json!(AMINA))).await;
        let record = ended(&phone, record.id).await;

        eventually("all statuses came", async || world.count("webhooks") == before.0 + webhooks).await;
        stands(&world, record.id, "read").await;

        assert_eq!(world.count("webhook_events"), before.1 + 3, "a status that comes twice is one");
    }
    assert_eq!(sent(&world, AMINA).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_webhooks_a_message_is_accepted_and_no_more() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().callback(CallbackFault::Lost));
    let (_, record) = send(&world, template(&json!(AMINA))).await;
    assert_eq!((record.state, status(&record, 0).as_str()), (DeviceState::Succeeded, "accepted"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_comes_later_is_told_with_its_code() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().result("async:131026"));
    let (_, record) = send(&world, template(&json!(AMINA))).await;
    let failed = stands(&world, record.id, "failed").await;
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.starts_with("131026: undeliverable"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_reaches_the_phone_with_meta_s_code_and_our_words() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    for (code, problem, words) in [
        ("131047", "provider_rejected", "send a template"),
        ("132001", "provider_rejected", "no approved template"),
        ("190", "misconfigured", "access token"),
        ("131042", "misconfigured", "cannot pay"),
    ] {
        world.hosted.sandbox.add_fault(fault().result(code).times(1));
        let record = enqueue(&phone, text(&json!(AMINA))).await;
        let record = ended(&phone, record.id).await;
        let told = record.problem.unwrap();
        assert_eq!((record.state, told.code.as_str()), (DeviceState::Failed, problem), "{code}");
        assert_eq!(told.provider_code.as_deref(), Some(code));
        assert!(told.detail.contains(words), "{}", told.detail);
    }
    assert!(sent(&world, AMINA).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_cannot_now_is_tried_again() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault().result("131016").times(2));
    world.hosted.sandbox.add_fault(fault().status(429).times(1));
    let (_, record) = send(&world, template(&json!(AMINA))).await;
    assert_eq!(record.state, DeviceState::Succeeded);
    assert_eq!(sent(&world, AMINA).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_tells_the_statuses() {
    let world = World::start().await;
    let (phone, record) = send(&world, template(&json!(AMINA))).await;
    stands(&world, record.id, "read").await;
    let wamid = sent(&world, AMINA)[0].provider_id.clone().unwrap();
    for query in [json!({ "operation_id": record.id }), json!({ "message_id": wamid })] {
        let record = enqueue(&phone, operation("query", &query)).await;
        let record = ended(&phone, record.id).await;
        assert_eq!((record.state, status(&record, 0).as_str()), (DeviceState::Succeeded, "read"));
    }
    assert_eq!(sent(&world, AMINA).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_balance_and_what_we_booked_is_told() {
    let world = World::start().await;
    set(&world, DEFAULT_TENANT, &[("rates", "USD 254/utility=0.0040")]).await;
    let (phone, record) = send(&world, template(&json!([AMINA, BARAKA]))).await;
    eventually("both are booked", async || {
        let outcome = world.row(record.id).await.outcome.unwrap();
        outcome["messages"].as_array().unwrap().iter().all(|message| message["cost"] == "USD 0.0040")
    })
    .await;

    let asked = enqueue(&phone, operation("balance", &json!({}))).await;
    let asked = ended(&phone, asked.id).await;
    let problem = asked.problem.unwrap();
    assert_eq!((asked.state, problem.code.as_str()), (DeviceState::Failed, "unsupported"));
    assert!(
        problem.detail.starts_with("WhatsApp has no balance: Meta is paid afterwards; booked here since "),
        "{}",
        problem.detail
    );
    assert!(problem.detail.ends_with(": USD 0.0080 for 2 messages"), "{}", problem.detail);

    let url = format!("{}/api/v2/integrations/whatsapp/balance", world.url());
    let key = world.key("desk", &["*:*"]).await;
    let answer = world.http.post(url).bearer_auth(key).json(&json!({})).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert!(answer.to_string().contains("USD 0.0080 for 2 messages"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_comes_after_the_success_reaches_the_phone() {
    let world = World::start().await;
    let (phone, record) = send(&world, template(&json!(AMINA))).await;
    let read = async || {
        phone.sync(SOON, None).await.unwrap();
        status(&phone.get(record.id).await.unwrap().unwrap(), 0) == "read"
    };
    eventually("the phone knows that it was read", read).await;
}
