//! M-Pesa beside the prompt: payments that come by themselves, refunds whose result is lost, the comparison of the books.

mod books;
mod claims;
mod queries;
mod refunds;

use std::process::Output;

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_protocol::State;
use tarishi_sandbox::{Adapter, Call, CallbackFault, Effect, Fault, LedgerEntry};
use tarishi_server::{
    config::{MPESA_WEBHOOK_TOKEN, SMS_WEBHOOK_TOKEN},
    dispatch::janitor,
    store::{EventRow, PAYMENT_RECEIVED},
};
use tarishi_tests::harness::{Build, binaries};

use super::world::{World, ended, enqueue, eventually, until};

fn fault(call: Call) -> Fault {
    Fault::on(Adapter::Mpesa, call)
}

/// One of the server's other commands, beside it, as a process.
async fn command(world: &World, args: &[&str]) -> Output {
    let program = tokio::task::spawn_blocking(|| binaries(Build::Plain).unwrap().server).await.unwrap();
    let database = world.hosted.server.app().config.database.clone();
    tokio::process::Command::new(program)
        .env_clear()
        .env("TARISHI_PUBLIC_URL", world.url())
        .current_dir(world.folder.path())
        .arg("--database")
        .arg(database)
        .args(["--sandbox", &world.hosted.sandbox.url()])
        .args(args)
        .output()
        .await
        .unwrap()
}

async fn registered() -> World {
    let world = World::start().await;
    let done = command(&world, &["adapter", "register", "mpesa"]).await;
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && text.contains("paybill"), "{text}");
    assert!(!text.contains(MPESA_WEBHOOK_TOKEN), "the secret path is shown to nobody");
    world
}

/// Somebody pays by hand; the receipt, or `None` if it was refused.
async fn pay(world: &World, amount: u64, reference: &str) -> Option<String> {
    let url = format!("{}/_sandbox/mpesa/paybill", world.hosted.sandbox.url());
    let payer = json!({ "phone": "254712000009", "amount": amount, "reference": reference });
    let answer = world.http.post(url).json(&payer).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    body["receipt"].as_str().map(str::to_owned)
}

/// As Daraja tells of a payment.
fn told(receipt: &str, reference: &str) -> Value {
    json!({
        "TransactionType": "Pay Bill", "TransID": receipt, "TransTime": "20261124101519", "TransAmount": "700.00",
        "BusinessShortCode": "600123", "BillRefNumber": reference, "MSISDN": "25471***009", "FirstName": "Zawadi",
    })
}

async fn tell(world: &World, path: &str, body: &Value) -> u16 {
    world.http.post(format!("{}{path}", world.url())).json(body).send().await.unwrap().status().as_u16()
}

async fn events(world: &World) -> Vec<EventRow> {
    world.hosted.server.app().store.events_of_kind("default", PAYMENT_RECEIVED, 0).await.unwrap()
}

async fn event_of(world: &World, receipt: &str) -> EventRow {
    eventually("the payment is told", async || events(world).await.iter().any(|event| event.data["receipt"] == receipt)).await;
    events(world).await.into_iter().find(|event| event.data["receipt"] == receipt).unwrap()
}

fn money(world: &World, effect: Effect) -> Vec<LedgerEntry> {
    world.hosted.sandbox.ledger().into_iter().filter(|entry| entry.effect == effect).collect()
}

fn charge(key: &str) -> NewOperation {
    let amount = json!({ "amount": "1250.00", "currency": "KES" });
    let payload = json!({ "amount": amount, "phone": "+254712000001", "reference": format!("FEE-{key}") });
    operation("charge", key, &payload)
}

fn operation(action: &str, key: &str, payload: &Value) -> NewOperation {
    let mut operation = NewOperation::new("mpesa".to_owned(), action.to_owned(), payload.to_string());
    operation.key = Some(key.to_owned());
    operation
}

async fn paid(world: &World, phone: &Client, key: &str) -> OperationRecord {
    let record = enqueue(phone, charge(key)).await;
    let record = ended(phone, record.id).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    assert!(!money(world, Effect::MoneyIn).is_empty());
    record
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_without_a_prompt_becomes_one_event_that_a_backend_reads() {
    let world = registered().await;
    let receipt = pay(&world, 700, "ADM-0042").await.unwrap();
    event_of(&world, &receipt).await;
    let second = pay(&world, 800, "ADM-0043").await.unwrap();
    event_of(&world, &second).await;

    let read = async |key: &str, more: &str| {
        world.http.get(format!("{}/api/v2/events{more}", world.url())).bearer_auth(key).send().await.unwrap()
    };
    let key = world.key("office", &["logs:read"]).await;
    let page: Value = read(&key, "?limit=1").await.json().await.unwrap();
    let event = &page["events"][0];
    assert_eq!((&event["type"], &event["data"]["receipt"]), (&json!(PAYMENT_RECEIVED), &json!(receipt)));
    assert_eq!(event["data"]["amount"], json!({ "amount": "700.00", "currency": "KES" }));
    assert_eq!((&event["data"]["reference"], &event["data"]["payer"]), (&json!("ADM-0042"), &json!("Zawadi")));
    assert_eq!((&page["more"], &page["reset"]), (&json!(true), &json!(false)));
    let rest: Value = read(&key, &format!("?cursor={}", page["cursor"].as_str().unwrap())).await.json().await.unwrap();
    assert_eq!((rest["events"].as_array().unwrap().len(), &rest["events"][0]["data"]["receipt"]), (1, &json!(second)));

    assert_eq!(read(&world.key("till", &["mpesa:*"]).await, "").await.status().as_u16(), 403);
    assert_eq!(read("nobody", "").await.status().as_u16(), 401);
    assert_eq!(read(&key, "?since=1").await.status().as_u16(), 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_one_however_often_and_late_it_is_told() {
    let world = registered().await;
    for (fault, webhooks) in [
        (fault(Call::Paybill).callback(CallbackFault::Double).delay_ms(300), 2),
        (fault(Call::Paybill).callback(CallbackFault::Late).delay_ms(1_000), 1),
    ] {
        let before = world.count("webhooks");
        world.hosted.sandbox.add_fault(fault.times(1));
        let receipt = pay(&world, 700, "ADM-0042").await.unwrap();
        event_of(&world, &receipt).await;
        // Validation is stored too.
        eventually("all are stored", async || world.count("webhooks") == before + 1 + webhooks).await;
        for _ in 0..3 {
            assert_eq!(tell(&world, &format!("/h/{MPESA_WEBHOOK_TOKEN}/c"), &told(&receipt, "ADM-0042")).await, 200);
        }
        let told: Vec<EventRow> =
            events(&world).await.into_iter().filter(|event| event.data["receipt"] == receipt.as_str()).collect();
        assert_eq!(told.len(), 1);
    }
    // Also over a restart, and after what was stored of webhooks is long gone.
    let World { hosted, intents, folder, http } = world;
    let world = World { hosted: hosted.restart().await.unwrap(), intents, folder, http };
    let conn = rusqlite::Connection::open(&world.hosted.server.app().config.database).unwrap();
    conn.execute("DELETE FROM webhook_events", []).unwrap();
    let receipt = events(&world).await[0].data["receipt"].as_str().unwrap().to_owned();
    assert_eq!(tell(&world, &format!("/h/{MPESA_WEBHOOK_TOKEN}/c"), &told(&receipt, "ADM-0042")).await, 200);
    eventually("it is settled", async || {
        conn.query_row("SELECT count(*) FROM webhook_events WHERE state = 'done'", [], |row| row.get::<_, i64>(0)).unwrap() == 1
    })
    .await;
    assert_eq!(events(&world).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_was_stored_but_not_told_when_the_server_stopped_is_told_after() {
    let world = registered().await;
    let receipt = pay(&world, 700, "ADM-0042").await.unwrap();
    event_of(&world, &receipt).await;
    let World { hosted, intents, folder, http } = world;
    let database = hosted.server.app().config.database.clone();
    let hosted = hosted
        .restart_after(async || {
            let conn = rusqlite::Connection::open(&database).unwrap();
            conn.execute("DELETE FROM events", []).unwrap();
            conn.execute("UPDATE webhook_events SET state = 'open' WHERE event_id IS NOT NULL", []).unwrap();
        })
        .await
        .unwrap();
    let world = World { hosted, intents, folder, http };
    assert_eq!(event_of(&world, &receipt).await.data["reference"], "ADM-0042");
}

/// Finding 17: the store failed while it was settled; nobody starts the server for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_settling_failed_is_told_in_the_janitor_s_next_round() {
    let world = registered().await;
    let receipt = pay(&world, 700, "ADM-0042").await.unwrap();
    event_of(&world, &receipt).await;
    eventually("it is settled", async || world.count("webhook_events WHERE state = 'done'") == 1).await;
    let app = world.hosted.server.app();
    let conn = rusqlite::Connection::open(&app.config.database).unwrap();
    conn.execute("DELETE FROM events", []).unwrap();
    conn.execute("UPDATE webhook_events SET state = 'open' WHERE event_id IS NOT NULL", []).unwrap();

    janitor::round(app, 0).await;
    assert!(events(&world).await.is_empty(), "whoever took it in may have it in hand still");
    conn.execute("UPDATE webhook_events SET received_at = received_at - 60000", []).unwrap();
    assert_eq!(janitor::round(app, 0).await, 0, "there are no more");

    assert_eq!(event_of(&world, &receipt).await.data["reference"], "ADM-0042");
    assert_eq!(world.count("webhook_events WHERE state = 'open'"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_payment_is_refused_and_leaves_nothing() {
    let world = registered().await;
    let ours = told("UKOFORGED1", "ADM-0042");
    let mut foreign = ours.clone();
    foreign["BusinessShortCode"] = json!("600999");
    let mut huge = ours.clone();
    huge["FirstName"] = json!("x".repeat(70 * 1_024));
    let good = format!("/h/{MPESA_WEBHOOK_TOKEN}");
    // Another tenant's address of the same adapter: what comes there is of its own shortcode.
    let app = world.hosted.server.app();
    let row = tarishi_server::store::TenantRow { tenant: "other".to_owned(), name: "Other".to_owned(), created_at: 0 };
    app.store.create_tenant(row).await.unwrap();
    let settings = [("webhook_token", "the-other-schools-own-path-token-1"), ("shortcode", "600777")];
    let settings = settings.into_iter().map(|(name, text)| (name.to_owned(), Some(text.to_owned()))).collect();
    let change = tarishi_server::integrations::Change { settings, ..Default::default() };
    app.change_integration("other", "mpesa", change).await.unwrap();
    for (path, body, status) in [
        (format!("/h/{}/c", "0".repeat(34)), &ours, 404),
        (format!("/h/{SMS_WEBHOOK_TOKEN}/c"), &ours, 400),
        ("/h/the-other-schools-own-path-token-1/c".to_owned(), &ours, 400),
        (format!("{good}/c"), &foreign, 400),
        (format!("{good}/v"), &foreign, 400),
        (format!("{good}/c"), &huge, 400),
        (format!("{good}/c"), &json!({ "TransID": "UKOFORGED1" }), 400),
        (format!("{good}/x"), &ours, 400),
        (good.clone(), &ours, 400),
    ] {
        assert_eq!(tell(&world, &path, body).await, status, "{path}");
    }
    assert_eq!((world.count("webhooks"), events(&world).await.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_validation_refuses_moves_no_money() {
    let world = registered().await;
    let settings = [("paybill_references".to_owned(), Some("ADM-".to_owned()))].into_iter().collect();
    let change = tarishi_server::integrations::Change { settings, ..Default::default() };
    world.hosted.server.app().change_integration("default", "mpesa", change).await.unwrap();
    assert_eq!(pay(&world, 700, "TYPO-1").await, None);
    assert!(money(&world, Effect::MoneyIn).is_empty() && events(&world).await.is_empty());
    let receipt = pay(&world, 700, "adm-0042").await.unwrap();
    event_of(&world, &receipt).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_whose_answer_and_callback_were_lost_is_settled_by_its_payment() {
    let world = registered().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).timeout_after().callback(CallbackFault::Lost).times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge("1")).await;
    until(&phone, record.id, |state| state != DeviceState::Pending).await;
    eventually("money came in", async || money(&world, Effect::MoneyIn).len() == 1).await;
    let receipt = money(&world, Effect::MoneyIn)[0].provider_id.clone().unwrap();
    let url = format!("{}/_sandbox/mpesa/payments/{receipt}/tell", world.hosted.sandbox.url());
    assert_eq!(world.http.post(url).send().await.unwrap().status().as_u16(), 204);

    let end = ended(&phone, record.id).await;
    assert_eq!(end.state, DeviceState::Succeeded, "{:?}", end.problem);
    let outcome = end.outcome.unwrap();
    assert_eq!((&outcome["receipt"], &outcome["unconfirmed"]), (&json!(receipt), &json!(true)));
    assert_eq!(money(&world, Effect::MoneyIn).len(), 1, "nothing was asked for twice");
    // It is told as the charge's outcome, and not as a payment besides. The next one is told after it.
    let other = pay(&world, 700, "ADM-0042").await.unwrap();
    event_of(&world, &other).await;
    let open = async || world.count("webhook_events WHERE state = 'open'");
    eventually("both are settled", async || open().await == 0).await;
    assert_eq!(events(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_a_charge_that_is_on_record_is_not_told_again() {
    let world = registered().await;
    let phone = world.phone("phone", "amina").await;
    let record = paid(&world, &phone, "1").await;
    let receipt = record.outcome.unwrap()["receipt"].as_str().unwrap().to_owned();
    let before = world.count("webhooks");
    let url = format!("{}/_sandbox/mpesa/payments/{receipt}/tell", world.hosted.sandbox.url());
    world.http.post(url).send().await.unwrap();
    eventually("it was told", async || world.count("webhooks") == before + 1).await;
    // The next payment is told after it.
    let other = pay(&world, 700, "ADM-0042").await.unwrap();
    event_of(&world, &other).await;
    assert_eq!(events(&world).await.len(), 1);
    assert_eq!(world.row(record.id).await.state, State::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_payment_under_a_charge_s_number_is_told_and_takes_nothing_from_the_charge() {
    let world = registered().await;
    let phone = world.phone("phone", "amina").await;
    let record = paid(&world, &phone, "1").await;
    let before = world.row(record.id).await.outcome;
    let attempt = world.row(record.id).await.attempt_id.unwrap();
    let number = world.hosted.server.app().adapters["mpesa"].attempt_reference("charge", attempt).unwrap();
    let receipt = pay(&world, 1_250, &number).await.unwrap();
    let event = event_of(&world, &receipt).await;
    assert_eq!(event.data["operation_id"], json!(record.id));
    let row = world.row(record.id).await;
    assert_eq!((row.state, row.outcome), (State::Succeeded, before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_daraja_refuses_is_said_to_be_refused() {
    let world = World::start().await;
    for fault in
        [fault(Call::Register).status(503), fault(Call::Register).result("400.002.02"), fault(Call::Register).timeout_after()]
    {
        world.hosted.sandbox.add_fault(fault.times(1));
        assert!(!command(&world, &["adapter", "register", "mpesa"]).await.status.success());
    }
    let done = command(&world, &["adapter", "register", "sms"]).await;
    assert!(!done.status.success() && String::from_utf8_lossy(&done.stderr).contains("not told of webhooks"));
}
