//! A server that dies between the provider's answer and its own books, as a real process.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, Options};
use tarishi_sandbox::{Sandbox, SandboxOptions};
use tarishi_tests::harness::{Build, ServerProcess, binaries};

use super::{
    super::world::{client, ended, enqueue},
    IPHONE, messages, ready, to,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_before_it_wrote_down_an_answer_sends_again_and_the_phone_shows_one() {
    let programs = tokio::task::spawn_blocking(|| binaries(Build::Failpoints)).await.unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let mut server = ServerProcess::new(&programs.server, folder.path(), &sandbox.url()).unwrap();
    // The first step's answer is there, and nothing of it is on disk.
    server.start(Some("server.before_settle:1")).await.unwrap();
    for (kind, token) in [("fcm", "fcm-of-amina"), ("apns", IPHONE)] {
        let own = server.enrol("amina").await.unwrap();
        let url = format!("{}/api/v2/devices/me/push-token", server.url());
        let body = json!({ "kind": kind, "token": token });
        let answer = client().request(Method::PUT, url).bearer_auth(own).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }
    let own = server.enrol("desk").await.unwrap();
    let desk = Client::open(Options::new(folder.path().join("desk.db"), server.url()).with_static_token(own)).unwrap();
    let record = enqueue(&desk, ready(&to("amina"))).await;
    // The server may be gone before it has answered the phone.
    let _ = desk.sync(Duration::from_secs(5), None).await;
    server.wait().await.unwrap();
    let before = sandbox.ledger();
    assert_eq!(before.len(), 1);

    server.start(None).await.unwrap();
    let record = ended(&desk, record.id).await;

    assert_eq!(record.state, DeviceState::Succeeded);
    let ledger = sandbox.ledger();
    let of = |token: &str| ledger.iter().filter(|entry| entry.to.as_deref() == Some(token)).count();
    let first = before[0].to.as_deref().unwrap();
    let (repeated, other) = if first == IPHONE { (IPHONE, "fcm-of-amina") } else { ("fcm-of-amina", IPHONE) };
    assert_eq!((of(repeated), of(other)), (2, 1));
    assert!(ledger.iter().all(|entry| entry.request_id == before[0].request_id), "the same mark");
    let doubts: Vec<Value> =
        messages(&record).into_iter().filter(|message| message["reason"] == "possible_duplicate").collect();
    assert_eq!(doubts.len(), 1);
    // The second life goes on with the first one's tokens.
    assert_eq!(sandbox.push_tokens(), (1, 1));
    server.kill().await.unwrap();
}
