//! The server dies by abort around every step of an upload: one file all the same, and nothing secret in its log.

use std::time::Duration;

use serde_json::{Value, json};
use tarishi_sandbox::{Adapter, Effect, Sandbox, SandboxOptions};
use tarishi_tests::harness::{Build, ServerProcess, binaries};

use super::HELLO;

/// Ids, look-up, folder, session, bytes.
const STEPS: u32 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_around_any_step_of_an_upload_leaves_one_file() {
    let programs = tokio::task::spawn_blocking(|| binaries(Build::Failpoints)).await.unwrap().unwrap();
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::new(&programs.server, folder.path(), &sandbox.url()).unwrap();
    let key = server.command(&["tenant", "key", "--account", "backend", "--scopes", "*:*"]).await.unwrap();
    let key = key[0]["key"].as_str().unwrap().to_owned();
    for place in ["server.after_open", "server.before_settle"] {
        for step in 1..=STEPS {
            let name = format!("{}-{step}", place.replace("server.", ""));
            server.start(Some(&format!("{place}:{step}"))).await.unwrap();
            let url = server.url();
            let ask = async || post(&url, &key, &name).await;
            let (_, died) = tokio::join!(ask(), server.wait());
            assert!(died.unwrap().is_some(), "{name}");
            server.start(None).await.unwrap();
            let mut answer = Value::Null;
            for _ in 0..100 {
                answer = post(&server.url(), &key, &name).await.unwrap_or_default();
                if answer["state"] == "succeeded" {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(answer["state"], "succeeded", "{name}: {answer}");
            server.kill().await.unwrap();
            for (path, what) in [(format!("{name}/a.txt"), "file"), (format!("{name}/"), "folder")] {
                let ledger = sandbox.ledger();
                let same = ledger.iter().filter(|entry| {
                    entry.adapter == Adapter::GoogleDrive && entry.effect == Effect::File && entry.path.as_ref() == Some(&path)
                });
                assert_eq!(same.count(), 1, "{name}: one {what}");
            }
        }
    }
    let log = std::fs::read_to_string(folder.path().join("server.log")).unwrap();
    for secret in ["ya29.", "1//0g", "upload_id", "sandbox-drive", HELLO] {
        assert!(!log.contains(secret), "{secret}");
    }
}

async fn post(url: &str, key: &str, name: &str) -> Option<Value> {
    let body = json!({ "destination": format!("{name}/a.txt"), "content_base64": HELLO });
    let request = client().post(format!("{url}/api/v2/integrations/google_drive/upload")).bearer_auth(key);
    request.header("idempotency-key", name).json(&body).send().await.ok()?.json().await.ok()
}

#[expect(clippy::disallowed_methods, reason = "a backend of its own")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
