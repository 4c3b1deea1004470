//! Every action that has an effect, and every way in which a call of it breaks: one effect in the provider's ledger.
//!
//! One list for all adapters; a test holds that it leaves none out. What a break means for an adapter beyond that (who is
//! asked, how often it is called, what is told) is in the adapter's own scenarios.

mod rows;

use std::sync::Arc;

use rows::{ROWS, Row};
use serde_json::json;
use tarishi_core::{Client, DeviceState, OperationRecord};
use tarishi_protocol::{OperationId, catalog};
use tarishi_sandbox::{CallbackFault, Fault};
use tarishi_server::{adapters::registry, app::DEFAULT_TENANT, dispatch::operator, store::Resolution};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, LocalSet},
};

use super::world::{World, enqueue, until};

/// Cases that run side by side: they wait more than they work.
const SIDE_BY_SIDE: usize = 12;

/// A way in which one call breaks, once.
struct Break {
    name: &'static str,
    fault: fn(Fault) -> Fault,
}

const BREAKS: [Break; 6] = [
    Break { name: "time-out before", fault: Fault::timeout_before },
    Break { name: "time-out after", fault: Fault::timeout_after },
    Break { name: "cut mid-answer", fault: Fault::cut_mid_answer },
    Break { name: "500", fault: |fault| fault.status(500) },
    Break { name: "429", fault: |fault| fault.status(429) },
    Break { name: "503", fault: |fault| fault.status(503) },
];

const MONEY: &[&str] = &["mpesa", "flutterwave", "pesapal"];
const FILES_AND_COURSES: &[&str] = &["google_drive", "local_storage", "moodle"];
const MESSAGES: &[&str] = &["sms", "whatsapp", "push", "notifications"];

#[test]
fn the_list_names_every_action_that_has_an_effect() {
    let registry = registry();
    for (adapter, _) in catalog::ADAPTERS.iter().filter(|(name, _)| registry.contains_key(name)) {
        let descriptor = registry[adapter].descriptor();
        for action in descriptor.actions {
            assert_eq!(action.has_effect, !catalog::only_reads(action.name), "{adapter}.{}", action.name);
            let listed = ROWS.iter().any(|row| (row.adapter, row.action) == (*adapter, action.name));
            assert_eq!(listed, action.has_effect, "{adapter}.{}", action.name);
        }
    }
    assert!(registry.keys().all(|name| catalog::category(name).is_some()));
    let mut human = ROWS.iter().flat_map(|row| row.human);
    assert!(ROWS.iter().all(|row| [MONEY, FILES_AND_COURSES, MESSAGES].concat().contains(&row.adapter)), "one is not run");
    assert!(human.all(|name| BREAKS.iter().any(|broken| broken.name == *name)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_moves_once_whatever_breaks() {
    LocalSet::new().run_until(each(MONEY)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_courses_are_made_once_whatever_breaks() {
    LocalSet::new().run_until(each(FILES_AND_COURSES)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_whose_reports_come_and_notifications_are_there_once_whatever_breaks() {
    LocalSet::new().run_until(each(MESSAGES)).await;
}

/// Every row of these adapters under every break. In one thread, the test's own: what a world leaves goes by its name.
async fn each(adapters: &[&str]) {
    let slots = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let mut cases = JoinSet::new();
    for row in ROWS.iter().filter(|row| adapters.contains(&row.adapter)) {
        // A call that goes over no wire breaks otherwise: `local_storage` has its own scenarios.
        for broken in BREAKS.iter().take(if row.at.is_some() { BREAKS.len() } else { 1 }) {
            let slots = Arc::clone(&slots);
            cases.spawn_local(async move {
                let _slot = slots.acquire_owned().await.unwrap();
                once(row, broken).await;
            });
        }
    }
    assert!(cases.len() >= adapters.len());
    cases.join_all().await;
}

/// One effect, however this call breaks.
async fn once(row: &'static Row, broken: &'static Break) {
    let name = format!("{}.{} {} {}", row.adapter, row.action, row.variant, broken.name);
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let new = rows::prepare(&world, &phone, row).await;
    let armed = row.at.map(|(adapter, call)| world.hosted.sandbox.add_fault((broken.fault)(Fault::on(adapter, call)).times(1)));
    let record = enqueue(&phone, new).await;
    let (record, asked) = finish(&world, &phone, record.id, row).await;

    assert_eq!(record.state, DeviceState::Succeeded, "{name}: {:?}", record.problem);
    assert!(!armed.is_some_and(|id| world.hosted.sandbox.remove_fault(id)), "{name}: the fault did not fire");
    assert_eq!(row.effects(&world), 1, "{name}");
    assert_eq!(asked, row.human.contains(&broken.name), "{name}: was a human asked?");
    let app = world.hosted.server.app();
    assert!(app.store.doctor(app.clock.now_ms()).await.unwrap().is_empty(), "{name}");
}

/// Syncs until it has ended: somebody pays where there is a page to pay on, and a human answers once if one is asked.
async fn finish(world: &World, phone: &Client, id: OperationId, row: &Row) -> (OperationRecord, bool) {
    let (mut paid, mut asked) = (false, false);
    loop {
        let record = until(phone, id, |state| {
            state.is_ended() || state == DeviceState::Waiting || (state == DeviceState::Unresolved && !asked)
        })
        .await;
        if record.state.is_ended() {
            return (record, asked);
        }
        if record.state == DeviceState::Unresolved {
            answer_for(world, id, row).await;
            asked = true;
        }
        let page = record.outcome.as_ref().and_then(|outcome| outcome["interim"]["open_url"]["url"].as_str());
        if let Some(page) = page.filter(|_| !paid) {
            assert!(world.http.post(page).send().await.unwrap().status().is_redirection());
            paid = true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The human looks into the provider's books: it is there, or it is to be done again.
async fn answer_for(world: &World, id: OperationId, row: &Row) {
    let found = row.entries(world);
    let resolution = match found.first() {
        Some(entry) => Resolution::Succeeded { outcome: json!({ "receipt": entry.provider_id }) },
        None => Resolution::RunAgain,
    };
    operator::resolve(world.hosted.server.app(), DEFAULT_TENANT, id, resolution, "wanjiku".to_owned()).await.unwrap();
}

/// Neither answer nor report: sent again, the same words, and counted; or with resending off not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_answer_and_report_is_there_twice_at_most_and_once_if_resending_is_off() {
    let rows: Vec<_> = ROWS.iter().filter(|row| matches!(row.adapter, "sms" | "whatsapp")).collect();
    assert!(rows.len() >= 2);
    for row in rows {
        untold(row).await;
    }
}

async fn untold(row: &'static Row) {
    let name = format!("{} {}", row.adapter, row.variant);
    let (adapter, call) = row.at.unwrap();
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    world.set(row.adapter, &[("receipt_wait_ms", "1000")]).await;
    let lost = || Fault::on(adapter, call).timeout_after().callback(CallbackFault::Lost).times(1);
    world.hosted.sandbox.add_fault(lost());
    let new = rows::prepare(&world, &phone, row).await;
    let record = enqueue(&phone, new).await;
    assert_eq!(finish(&world, &phone, record.id, row).await.0.state, DeviceState::Succeeded, "{name}");
    let sent = row.entries(&world);
    assert_eq!(sent.len(), 2 * row.each, "{name}");
    assert!(sent.iter().all(|entry| entry.text_sha256 == sent[0].text_sha256), "{name}: a person sees the same words");
    let counted = format!("tarishi_possible_duplicate_total{{adapter=\"{}\"}} 1", row.adapter);
    assert!(world.metrics().await.contains(&counted), "{counted}");

    world.set(row.adapter, &[("resend", "off")]).await;
    world.hosted.sandbox.add_fault(lost());
    let mut new = rows::prepare(&world, &phone, row).await;
    new.key = Some("again".to_owned());
    let record = enqueue(&phone, new).await;
    let record = until(&phone, record.id, |state| state == DeviceState::Unresolved).await;
    assert_eq!(record.problem.unwrap().code, "outcome_unknown", "{name}");
    assert_eq!(row.entries(&world).len(), 3 * row.each, "{name}");
}
