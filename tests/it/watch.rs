//! A phone that lies on the table with `tarishi watch`: nobody calls sync, and yet everything is sent when there is network.

use std::{collections::HashSet, time::Duration};

use tarishi_core::DeviceState;
use tarishi_sandbox::SandboxOptions;
use tarishi_tests::{
    harness::{Build, Hosted, Intents, Phone, Watch, binaries, eventually, import_file},
    link::{Link, LinkProfile},
};
use tokio::time::{Instant, timeout_at};

const OPERATIONS: usize = 50;
const DEADLINE: Duration = Duration::from_secs(10);
/// Tries that fail before the link comes up.
const TRIES: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_queued_offline_is_sent_within_ten_seconds_of_the_link_coming_up() {
    let programs = tokio::task::spawn_blocking(|| binaries(Build::Failpoints)).await.unwrap().unwrap();
    let hosted = Hosted::start(SandboxOptions::default()).await.unwrap();
    let link = Link::start(hosted.addr(), LinkProfile::clean());
    let folder = tempfile::tempdir().unwrap();
    let phone = Phone::new(&programs.phone, folder.path().join("phone.db"));
    phone.init(&format!("http://{}", link.addr()), &hosted.enrol("teacher").await.unwrap()).await.unwrap();
    let mut intents = Intents::new("watch");
    let lines: Vec<_> = (0..OPERATIONS).map(|_| intents.text().line).collect();
    let file = folder.path().join("operations.jsonl");
    import_file(&file, &lines).unwrap();
    phone.import(&file).await.unwrap();
    link.down();
    let mut watch = phone.watch().await.unwrap();
    eventually(DEADLINE, async || (link.turned_away() >= TRIES).then_some(())).await.expect("the phone tries by itself");

    link.up();
    let up = Instant::now();
    let sent = timeout_at(up + DEADLINE, receipted(&mut watch, OPERATIONS)).await;

    println!("all accepted {:.1?} after the link came up", up.elapsed());
    assert!(sent.is_ok(), "not all accepted within {DEADLINE:?}: {:?}", hosted.sandbox.ledger().len());
}

/// Waits until so many operations have been accepted, or moved on from there.
async fn receipted(watch: &mut Watch, count: usize) {
    let mut seen = HashSet::new();
    while seen.len() < count {
        let event = watch.next_event().await.expect("the phone can be read").expect("the phone goes on watching");
        let state = event["state"].as_str().and_then(DeviceState::from_word);
        if state.is_some_and(|state| !state.is_unreceipted()) {
            seen.insert(event["id"].to_string());
        }
    }
}
