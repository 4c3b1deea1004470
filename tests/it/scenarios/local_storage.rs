//! Files on the server's own disk, end to end, and a server that dies around each step of them.

use reqwest::Method;
use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_sandbox::{Sandbox, SandboxOptions};
use tarishi_tests::harness::{Build, ServerProcess, binaries};

use super::world::{World, client, ended, enqueue};

const HELLO: &str = "aGVsbG8=";
const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn operation(action: &str, payload: &Value) -> NewOperation {
    NewOperation::new("local_storage", action, payload.to_string())
}

fn upload(path: &str, content: &str) -> NewOperation {
    operation("upload", &json!({ "destination": path, "content_type": "text/plain", "content_base64": content }))
}

async fn done(phone: &Client, new: NewOperation) -> OperationRecord {
    let record = enqueue(phone, new).await;
    ended(phone, record.id).await
}

async fn outcome(phone: &Client, new: NewOperation) -> Value {
    let record = done(phone, new).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    record.outcome.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_stored_replaced_listed_fetched_and_deleted() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let stored = outcome(&phone, upload("4b/a.txt", HELLO)).await;
    assert_eq!((&stored["path"], &stored["size"], &stored["sha256"]), (&json!("4b/a.txt"), &json!(5), &json!(SHA256)));
    assert_eq!(std::fs::read(world.hosted.files().join("4b/a.txt")).unwrap(), b"hello");
    outcome(&phone, upload("4b/b.txt", HELLO)).await;
    outcome(&phone, upload("4b/b.txt", "bmV3ZXI=")).await;

    let first = outcome(&phone, operation("list", &json!({ "path": "4b", "limit": 1 }))).await;
    assert_eq!(first["files"], json!([{ "file_id": stored["file_id"], "path": "4b/a.txt", "size": 5, "folder": false }]));
    let rest = operation("list", &json!({ "path": "4b", "limit": 1, "cursor": first["cursor"] }));
    let rest = outcome(&phone, rest).await;
    assert_eq!((&rest["files"][0]["path"], &rest["cursor"]), (&json!("4b/b.txt"), &Value::Null));

    let fetched = json!({ "content_base64": HELLO, "size": 5, "sha256": SHA256 });
    for file in [json!({ "file_id": stored["file_id"] }), json!({ "path": "4b/a.txt" })] {
        assert_eq!(outcome(&phone, operation("download", &file)).await, fetched);
    }
    let newer = outcome(&phone, operation("download", &json!({ "path": "4b/b.txt" }))).await;
    assert_eq!(newer["content_base64"], "bmV3ZXI=");

    outcome(&phone, operation("delete", &json!({ "file_id": stored["file_id"] }))).await;
    // What is gone is gone, however often it is asked for.
    outcome(&phone, operation("delete", &json!({ "path": "4b/a.txt" }))).await;
    let gone = done(&phone, operation("download", &json!({ "path": "4b/a.txt" }))).await;
    assert_eq!((gone.state, gone.problem.unwrap().provider_code.as_deref()), (DeviceState::Failed, Some("not_found")));
    assert_eq!(names(&world.hosted.files().join("4b")), ["b.txt"]);
}

/// All that lies in a folder, nothing left out.
fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_around_any_step_leaves_the_file_whole_or_gone() {
    let programs = tokio::task::spawn_blocking(|| binaries(Build::Failpoints)).await.unwrap().unwrap();
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::new(&programs.server, folder.path(), &sandbox.url()).unwrap();
    let key = server.command(&["tenant", "key", "--account", "backend", "--scopes", "*:*"]).await.unwrap();
    let key = key[0]["key"].as_str().unwrap().to_owned();
    for place in ["server.before_open", "server.after_open", "server.before_settle", "server.after_settle"] {
        for (action, body, left) in [
            ("upload", json!({ "destination": "f/a.txt", "content_base64": HELLO }), vec!["a.txt"]),
            ("delete", json!({ "path": "f/a.txt" }), vec![]),
        ] {
            let name = format!("{action}-{place}");
            server.start(Some(&format!("{place}:1"))).await.unwrap();
            let url = server.url();
            let (_, died) = tokio::join!(post(&url, &key, action, &name, &body), server.wait());
            assert!(died.unwrap().is_some(), "{name}");
            server.start(None).await.unwrap();
            let mut answer = Value::Null;
            for _ in 0..100 {
                answer = post(&server.url(), &key, action, &name, &body).await.unwrap_or_default();
                if answer["state"] == "succeeded" {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            assert_eq!(answer["state"], "succeeded", "{name}: {answer}");
            assert_eq!(names(&server.files().join("f")), left, "{name}");
            server.kill().await.unwrap();
        }
    }
}

async fn post(url: &str, key: &str, action: &str, name: &str, body: &Value) -> Option<Value> {
    let url = format!("{url}/api/v2/integrations/local_storage/{action}");
    let request = client().request(Method::POST, url).bearer_auth(key).header("idempotency-key", name).json(body);
    request.send().await.ok()?.json().await.ok()
}
