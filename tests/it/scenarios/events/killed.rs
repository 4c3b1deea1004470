//! A server that dies between an outcome and the telling of it, as a real process.

use std::time::Duration;

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, Options};
use tarishi_sandbox::{Sandbox, SandboxOptions};
use tarishi_tests::harness::{Build, ServerProcess, binaries};

use super::{
    super::world::{client, ended, enqueue, eventually},
    OK, Receiver, sms,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_between_an_outcome_and_its_delivery_delivers_after() {
    let programs = tokio::task::spawn_blocking(|| binaries(Build::Failpoints)).await.unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let receiver = Receiver::start(&[OK]).await;
    let mut server = ServerProcess::new(&programs.server, folder.path(), &sandbox.url()).unwrap();
    // The outcome is on disk, and nothing has been told of it.
    server.start(Some("server.after_settle:1")).await.unwrap();
    let key = server.command(&["tenant", "key", "--tenant", "default", "--scopes", "subscriptions"]).await.unwrap();
    let request = client().post(format!("{}/api/v2/subscriptions", server.url()));
    let wanted = json!({ "url": receiver.url(), "types": ["operation.succeeded"] });
    let made = request.bearer_auth(key[0]["key"].as_str().unwrap()).json(&wanted).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    let own = server.enrol("desk").await.unwrap();
    let desk = Client::open(Options::new(folder.path().join("desk.db"), server.url()).with_static_token(own)).unwrap();
    let record = enqueue(&desk, sms("one")).await;
    // The server may be gone before it has answered the phone.
    let _ = desk.sync(Duration::from_secs(5), None).await;
    server.wait().await.unwrap();
    assert!(receiver.told().is_empty());

    server.start(None).await.unwrap();
    eventually("it is told", async || !receiver.told().is_empty()).await;

    let told = receiver.told().remove(0);
    assert!(told.is_signed(made["secret"].as_str().unwrap()));
    assert_eq!(told.event()["data"]["operation_id"], json!(record.id));
    assert_eq!(ended(&desk, record.id).await.state, DeviceState::Succeeded);
    server.kill().await.unwrap();
}
