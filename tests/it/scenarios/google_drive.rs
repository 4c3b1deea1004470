//! Google Drive end to end: each action, each fault at each call, one effect each; folders without twins.

mod consent;
mod doubles;
mod kills;
mod tokens;

pub(super) use consent::connect;
use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_sandbox::{Adapter, Call, Effect, Fault, LedgerEntry};

use super::world::{World, ended, enqueue, eventually};

const HELLO: &str = "aGVsbG8=";
const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn fault(call: Call) -> Fault {
    Fault::on(Adapter::GoogleDrive, call)
}

fn operation(action: &str, payload: &Value) -> NewOperation {
    NewOperation::new("google_drive", action, payload.to_string())
}

pub(super) fn upload(path: &str) -> NewOperation {
    operation("upload", &json!({ "destination": path, "content_type": "text/plain", "content_base64": HELLO }))
}

fn by_path(action: &str, path: &str) -> NewOperation {
    operation(action, &json!({ "path": path }))
}

pub(super) fn effects(world: &World, effect: Effect, path: &str) -> Vec<LedgerEntry> {
    let same = |entry: &LedgerEntry| entry.effect == effect && entry.path.as_deref() == Some(path);
    world.hosted.sandbox.ledger().into_iter().filter(same).collect()
}

/// Arms faults for one shot each.
fn arm(world: &World, faults: Vec<Fault>) -> Vec<u64> {
    faults.into_iter().map(|fault| world.hosted.sandbox.add_fault(fault.times(1))).collect()
}

/// A fault that did not fire proves nothing.
fn assert_fired(world: &World, armed: &[u64], what: &str) {
    assert!(!armed.iter().any(|id| world.hosted.sandbox.remove_fault(*id)), "{what}: a fault did not fire");
}

async fn done(phone: &Client, new: NewOperation) -> OperationRecord {
    let record = enqueue(phone, new).await;
    let record = ended(phone, record.id).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    record
}

/// Uploads below a new folder and sees one folder and one file.
async fn stored_once(world: &World, phone: &Client, name: &str) {
    let record = done(phone, upload(&format!("{name}/a.txt"))).await;
    let files = effects(world, Effect::File, &format!("{name}/a.txt"));
    assert_eq!((files.len(), effects(world, Effect::File, &format!("{name}/")).len()), (1, 1), "{name}");
    let outcome = record.outcome.unwrap();
    assert_eq!(outcome["file_id"].as_str(), files[0].provider_id.as_deref());
    assert_eq!((&outcome["sha256"], files[0].text_sha256.as_deref()), (&json!(SHA256), Some(SHA256)));
    assert_eq!(files[0].request_id, Some(record.id.to_string()), "the file names our operation");
    let app = world.hosted.server.app();
    assert!(app.store.doctor(app.clock.now_ms()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_stored_listed_fetched_and_deleted() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let stored = done(&phone, upload("reports/2024/a.txt")).await.outcome.unwrap();
    assert_eq!(
        (&stored["path"], &stored["size"], &stored["sha256"]),
        (&json!("reports/2024/a.txt"), &json!(5), &json!(SHA256))
    );

    done(&phone, upload("reports/2024/b.txt")).await;
    let first = done(&phone, operation("list", &json!({ "path": "reports/2024", "limit": 1 }))).await.outcome.unwrap();
    assert_eq!(
        first["files"],
        json!([{ "file_id": stored["file_id"], "path": "reports/2024/a.txt", "size": 5, "folder": false }])
    );
    let second = json!({ "path": "reports/2024", "limit": 1, "cursor": first["cursor"] });
    let second = done(&phone, operation("list", &second)).await.outcome.unwrap();
    assert_eq!((&second["files"][0]["path"], &second["cursor"]), (&json!("reports/2024/b.txt"), &Value::Null));
    let top = done(&phone, operation("list", &json!({ "path": "" }))).await.outcome.unwrap();
    assert_eq!((&top["files"][0]["path"], &top["files"][0]["folder"]), (&json!("reports"), &json!(true)));

    let fetched = json!({ "content_base64": HELLO, "size": 5, "sha256": SHA256 });
    for file in [json!({ "file_id": stored["file_id"] }), json!({ "path": "reports/2024/a.txt" })] {
        assert_eq!(done(&phone, operation("download", &file)).await.outcome.unwrap(), fetched);
    }
    done(&phone, by_path("delete", "reports/2024/a.txt")).await;
    done(&phone, operation("delete", &json!({ "file_id": stored["file_id"] }))).await;
    assert_eq!(effects(&world, Effect::Deleted, "reports/2024/a.txt").len(), 1);
    assert!(effects(&world, Effect::Deleted, "reports/2024/b.txt").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_one_file_whichever_call_times_out_before_or_after_its_effect() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    for call in [Call::Token, Call::Ids, Call::Find, Call::Folder, Call::Open, Call::Status, Call::Chunk] {
        for (when, fault) in [("before", fault(call).timeout_before()), ("after", fault(call).timeout_after())] {
            let (name, armed) = (format!("{call:?}-{when}"), arm(&world, vec![fault]));
            if call == Call::Token {
                consent::books(&world, "UPDATE oauth_grants SET refresh_at = 0, expires_at = 0");
            }
            stored_once(&world, &phone, &name).await;
            assert_fired(&world, &armed, &name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_one_file_whatever_the_provider_answers_in_between() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    for call in [Call::Ids, Call::Find, Call::Folder, Call::Open, Call::Status, Call::Chunk] {
        for status in [401, 429, 500, 503] {
            let armed = arm(&world, vec![fault(call).status(status)]);
            stored_once(&world, &phone, &format!("{call:?}-{status}")).await;
            assert_fired(&world, &armed, &format!("{call:?} {status}"));
        }
        let limited = Fault { result_code: Some("userRateLimitExceeded".to_owned()), ..fault(call).status(403) };
        let armed = arm(&world, vec![limited]);
        stored_once(&world, &phone, &format!("{call:?}-403")).await;
        assert_fired(&world, &armed, &format!("{call:?} 403"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_lost_or_takes_a_part_leads_to_one_file() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let partly = |code: &str| Fault { result_code: Some(code.to_owned()), ..fault(Call::Chunk).timeout_after() };
    for (name, faults) in [
        ("lost", vec![fault(Call::Chunk).result("lost")]),
        ("gone", vec![fault(Call::Chunk).result("gone")]),
        ("lost-whole", vec![fault(Call::Chunk).result("lost_whole")]),
        ("lost-when-asked", vec![fault(Call::Status).result("lost")]),
        ("part", vec![fault(Call::Chunk).result("partial:2")]),
        ("part-and-cut", vec![partly("partial:3")]),
        ("lost-and-cut", vec![partly("lost")]),
        ("lost-whole-and-cut", vec![partly("lost_whole")]),
        ("nothing-taken", vec![fault(Call::Chunk).result("partial:0")]),
        ("lost-and-the-look-breaks", vec![fault(Call::Chunk).result("lost_whole"), fault(Call::Get).timeout_after()]),
    ] {
        let armed = arm(&world, faults);
        stored_once(&world, &phone, name).await;
        assert_fired(&world, &armed, name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_is_one_and_reads_come_to_their_end_whatever_breaks() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    for (number, fault) in [
        fault(Call::Delete).timeout_before(),
        fault(Call::Delete).timeout_after(),
        fault(Call::Delete).status(503),
        fault(Call::Delete).status(401),
        fault(Call::Find).timeout_after(),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("d{number}.txt");
        done(&phone, upload(&path)).await;
        let armed = arm(&world, vec![fault]);
        done(&phone, by_path("delete", &path)).await;
        assert_fired(&world, &armed, &path);
        assert_eq!(effects(&world, Effect::Deleted, &path).len(), 1, "{number}");
    }
    done(&phone, upload("read.txt")).await;
    for call in [Call::Find, Call::Get, Call::Download] {
        for fault in
            [fault(call).timeout_before(), fault(call).timeout_after(), fault(call).status(503), fault(call).status(401)]
        {
            let armed = arm(&world, vec![fault]);
            done(&phone, by_path("download", "read.txt")).await;
            assert_fired(&world, &armed, &format!("{call:?}"));
        }
    }
    for fault in [fault(Call::List).timeout_before(), fault(Call::List).timeout_after(), fault(Call::List).status(500)] {
        let armed = arm(&world, vec![fault]);
        done(&phone, operation("list", &json!({ "path": "" }))).await;
        assert_fired(&world, &armed, "list");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_reaches_the_device_with_a_clear_problem_and_without_an_effect() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let refused = async |new: NewOperation| {
        let record = enqueue(&phone, new).await;
        let record = ended(&phone, record.id).await;
        assert_eq!(record.state, DeviceState::Failed);
        let problem = record.problem.unwrap();
        (problem.code, problem.provider_code.unwrap_or_default(), problem.detail)
    };
    for (reason, code, detail) in [
        ("storageQuotaExceeded", "provider_rejected", "Drive: the account has no space left"),
        ("insufficientParentPermissions", "provider_rejected", "Drive: the account may not do this"),
        ("accessNotConfigured", "misconfigured", "Drive: the Drive API is not enabled in the cloud project"),
    ] {
        for call in [Call::Open, Call::Chunk] {
            let fault = Fault { result_code: Some(reason.to_owned()), ..fault(call).status(403) };
            world.hosted.sandbox.add_fault(fault.times(1));
            assert_eq!(refused(upload("full.txt")).await, (code.to_owned(), reason.to_owned(), detail.to_owned()), "{call:?}");
        }
    }
    assert!(effects(&world, Effect::File, "full.txt").is_empty());
    for new in [by_path("download", "no.txt"), by_path("delete", "no/no.txt"), operation("list", &json!({ "path": "no" }))] {
        assert_eq!(refused(new).await.1, "not_found");
    }
    assert!(effects(&world, Effect::File, "no/").is_empty(), "looking makes no folder");
}
