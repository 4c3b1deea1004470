//! A charge whose payer is prompted twice: the first prompt's answer was lost, and a human had it tried again. What is heard of
//! the first after that is neither the second's end nor lost.

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, OperationRecord};
use tarishi_protocol::State;
use tarishi_sandbox::{Adapter, Call, CallbackFault, Effect, Fault, LedgerEntry, SandboxOptions};
use tarishi_server::{
    dispatch::{janitor, operator},
    store::{EventRow, PAYMENT_RECEIVED, Resolution},
};
use tarishi_tests::harness::Intent;
use uuid::Uuid;

use super::world::{World, ended, enqueue, eventually, until};

struct Twice {
    world: World,
    phone: Client,
    record: OperationRecord,
    intent: Intent,
    /// The attempt of the first prompt.
    first: Uuid,
}

impl Twice {
    /// The payer does this with the first prompt, whose callback is lost, and pays at the second a while after it came.
    async fn prompted(first: Fault) -> Self {
        let options = SandboxOptions { mpesa_delay: std::time::Duration::from_millis(1_500), ..SandboxOptions::default() };
        let mut world = World::with(options).await;
        let intent = world.intents.charge();
        world.hosted.sandbox.add_fault(first.timeout_after().callback(CallbackFault::Lost).times(1));
        let phone = world.phone("phone", "amina").await;
        let record = enqueue(&phone, intent.operation()).await;
        until(&phone, record.id, |state| state == DeviceState::Unresolved).await;
        let first = world.row(record.id).await.attempt_id.unwrap();
        let app = world.hosted.server.app();
        operator::resolve(app, "default", record.id, Resolution::RunAgain, "wanjiku".to_owned()).await.unwrap();
        eventually("the second prompt is sent", async || {
            let row = world.row(record.id).await;
            row.attempt_id != Some(first) && row.state == State::Waiting
        })
        .await;
        Self { world, phone, record, intent, first }
    }

    /// Daraja tells of the first prompt.
    async fn tell(&self, mut callback: Value) {
        callback["MerchantRequestID"] = json!("m-1");
        let token = self.world.hosted.server.app().vault.callback_token("default", self.first);
        let url = format!("{}/k/{}/{token}", self.world.url(), self.first.simple());
        let body = json!({ "Body": { "stkCallback": callback } });
        assert_eq!(self.world.http.post(url).json(&body).send().await.unwrap().status().as_u16(), 200);
    }

    async fn events(&self) -> Vec<EventRow> {
        self.world.hosted.server.app().store.events_of_kind("default", PAYMENT_RECEIVED, 0).await.unwrap()
    }
}

fn charged() -> Fault {
    Fault::on(Adapter::Mpesa, Call::Charge)
}

fn paid(entry: &LedgerEntry) -> Value {
    let items = json!([
        { "Name": "Amount", "Value": entry.amount.as_deref().unwrap().parse::<f64>().unwrap() },
        { "Name": "MpesaReceiptNumber", "Value": entry.provider_id },
        { "Name": "TransactionDate", "Value": 20_261_124_101_519_u64 },
    ]);
    json!({ "CheckoutRequestID": entry.request_id, "ResultCode": 0, "CallbackMetadata": { "Item": items } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_prompt_s_failure_does_not_fail_a_charge_whose_second_is_on_the_payer_s_phone() {
    // Nobody answers the first.
    let twice = Twice::prompted(charged().result("4999")).await;
    for code in [1032, 1037] {
        twice.tell(json!({ "CheckoutRequestID": "ws_CO_first", "ResultCode": code })).await;
    }
    let settled = "webhook_events WHERE state = 'done'";
    eventually("both are settled", async || twice.world.count(settled) >= 2).await;
    assert_ne!(twice.world.row(twice.record.id).await.state, State::Failed, "a third prompt could be asked for");
    assert_eq!(twice.world.count("attempts WHERE kind = 'webhook'"), 2, "on record all the same");

    let end = ended(&twice.phone, twice.record.id).await;
    assert_eq!(end.state, DeviceState::Succeeded, "{:?}", end.problem);
    let ledger = twice.world.ledger_of(&twice.intent);
    assert_eq!((ledger.len(), end.outcome.unwrap()["receipt"].as_str()), (1, ledger[0].provider_id.as_deref()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_who_paid_at_both_prompts_is_told_of_once_for_each() {
    let twice = Twice::prompted(charged()).await;
    let end = ended(&twice.phone, twice.record.id).await;
    assert_eq!(end.state, DeviceState::Succeeded, "{:?}", end.problem);
    let world = &twice.world;
    let [first, second] = world.ledger_of(&twice.intent).try_into().unwrap();
    assert_eq!(end.outcome.as_ref().unwrap()["receipt"].as_str(), second.provider_id.as_deref());
    assert!(twice.events().await.is_empty());

    for _ in 0..3 {
        twice.tell(paid(&first)).await;
    }
    eventually("the first payment is told", async || !twice.events().await.is_empty()).await;
    eventually("all are settled", async || world.count("webhook_events WHERE state = 'open'") == 0).await;

    let [event] = twice.events().await.try_into().unwrap();
    assert_eq!(event.data["receipt"].as_str(), first.provider_id.as_deref());
    assert_eq!((&event.data["operation_id"], &event.data["amount"]["amount"]), (&json!(twice.record.id), &json!(first.amount)));
    assert_eq!(event.data.get("unconfirmed"), None, "M-Pesa was asked");
    let row = world.row(twice.record.id).await;
    assert_eq!((row.state, row.outcome), (State::Succeeded, end.outcome));
    let ledger = world.hosted.sandbox.ledger();
    assert_eq!(ledger.iter().filter(|entry| entry.effect == Effect::MoneyIn).count(), 2);
}

/// The question about the first payment fails as well: the janitor asks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_cannot_be_confirmed_at_once_is_asked_about_again() {
    let twice = Twice::prompted(charged()).await;
    assert_eq!(ended(&twice.phone, twice.record.id).await.state, DeviceState::Succeeded);
    let world = &twice.world;
    let first = world.ledger_of(&twice.intent).remove(0);
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Mpesa, Call::Query).result("4999").times(1));
    twice.tell(paid(&first)).await;
    eventually("it is on record", async || world.count("webhook_events WHERE noted = 1 AND state = 'open'") == 1).await;
    let conn = rusqlite::Connection::open(&world.hosted.server.app().config.database).unwrap();
    conn.execute("UPDATE webhook_events SET received_at = received_at - 60000", []).unwrap();

    eventually("it is told", async || {
        janitor::round(world.hosted.server.app(), 0).await;
        !twice.events().await.is_empty()
    })
    .await;

    assert_eq!(twice.events().await[0].data["receipt"].as_str(), first.provider_id.as_deref());
    assert_eq!(world.count("webhook_events WHERE state = 'open'"), 0);
}
