//! Every webhook of every adapter: what is forged, addressed to another tenant or too large is refused, logged and without
//! effect; what is repeated is answered as before, stored, and has no second effect.

use std::sync::Mutex;

use reqwest::Method;
use tarishi_server::adapters::registry;
use tempfile::NamedTempFile;
use tracing_subscriber::filter::LevelFilter;

use super::{
    super::world::{World, eventually},
    rows::{KINDS, Kind, Live, Request, prepare},
};

/// What the server logged since the last time.
fn logged(log: &NamedTempFile) -> String {
    std::io::read_to_string(log.as_file()).unwrap()
}

#[test]
fn the_list_names_every_adapter_with_webhooks() {
    for (name, adapter) in registry() {
        let listed = KINDS.iter().any(|kind| kind.adapter == name);
        assert_eq!(listed, adapter.descriptor().webhooks, "{name}");
    }
}

// All of these tests run in one thread, the server with it: its log is theirs alone.
#[tokio::test]
async fn a_webhook_that_is_forged_or_another_tenant_s_or_too_large_is_refused_and_logged_and_changes_nothing() {
    let log = NamedTempFile::new().unwrap();
    let into = Mutex::new(log.reopen().unwrap());
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_writer(into).finish();
    // With one subscriber alone a line that another test's thread comes to first would be taken for one that nobody wants.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);
    for kind in &KINDS {
        let world = World::start().await;
        world.other_tenant(kind.adapter, kind.other_credentials).await;
        let live = prepare(&world, kind).await;
        let before = books(&world, &live).await;
        for (what, request, status) in strangers(&world, kind, &live) {
            logged(&log);
            let answer = send(&world, &request).await;
            assert_eq!(answer.0, status, "{}: {what}: {}", kind.name, answer.1);
            let told = logged(&log);
            // Where nothing is signed, another tenant's address is a good one: of that tenant.
            assert_eq!(told.contains("refused"), status != 200, "{}: {what}: {told}", kind.name);
            for secret in [request.token.as_str(), "2547", "Zawadi"] {
                assert!(!told.contains(secret), "{}: {what}: {told}", kind.name);
            }
        }
        assert_eq!(books(&world, &live).await, before, "{}", kind.name);
        assert!(!live.happened(&world).await, "{}", kind.name);

        // The good one, which all of them resemble, is not without effect.
        assert_eq!(send(&world, &live.good).await.0, 200, "{}", kind.name);
        eventually(kind.name, async || live.happened(&world).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_repeated_is_answered_as_before_and_stored_and_has_no_second_effect() {
    for kind in &KINDS {
        let world = World::start().await;
        let live = prepare(&world, kind).await;
        let first = send(&world, &live.good).await;
        assert_eq!(first.0, 200, "{}", kind.name);
        eventually(kind.name, async || live.happened(&world).await).await;
        let (stored, once) = books(&world, &live).await;
        for _ in 0..3 {
            assert_eq!(send(&world, &live.good).await, first, "{}", kind.name);
        }
        eventually("all are settled", async || world.count("webhook_events WHERE state = 'open'") == 0).await;
        assert_eq!(books(&world, &live).await, (stored + 3, once), "{}", kind.name);
        assert!(live.happened(&world).await, "{}", kind.name);
        let app = world.hosted.server.app();
        assert!(app.store.doctor(app.clock.now_ms()).await.unwrap().is_empty(), "{}", kind.name);
    }
}

/// What must not change: webhooks of ours, and what happened.
async fn books(world: &World, live: &Live) -> (i64, String) {
    let stored = world.count("webhooks WHERE tenant_id = 'default'");
    let row = match live.id {
        Some(id) => Some(world.row(id).await),
        None => None,
    };
    let row = row.map(|row| (row.state, row.outcome, row.attempts));
    let told = world.count("events WHERE kind IN ('payment.received', 'message.received')");
    (stored, format!("{row:?} {told} {:?}", world.hosted.sandbox.ledger()))
}

/// What is not to be taken: what is wrong with it, the request, and how it is answered.
fn strangers(world: &World, kind: &Kind, live: &Live) -> Vec<(&'static str, Request, u16)> {
    let good = &live.good;
    let mut last = good.token.clone();
    let end = if last.pop() == Some('0') { '1' } else { '0' };
    let mut list = vec![
        ("a wrong token", good.with_token(&format!("{last}{end}")), 404),
        ("no token", good.with_token("x"), 404),
        ("another tenant's token", good.with_token(&live.other_token(world)), kind.others),
        ("half of it", good.with_content(&good.content[..good.content.len() / 2]), 400),
        ("too large", good.padded(kind.bytes_max + 1), kind.too_large),
    ];
    if let Some((header, _)) = &good.signature {
        let forged = Request { content: good.content.replacen('1', "2", 1), ..good.clone() };
        let unsigned = Request { signature: None, ..good.clone() };
        let wrong = Request { signature: Some((header, "sha256=00".to_owned())), ..good.clone() };
        list.push(("no signature", unsigned, 401));
        list.push(("a wrong signature", wrong, kind.unsigned));
        // Flutterwave's older header is no signature of the body: what such a webhook says is asked about.
        if kind.adapter == "whatsapp" {
            list.push(("another body", forged, kind.unsigned));
        }
    }
    list
}

async fn send(world: &World, request: &Request) -> (u16, String) {
    let mut sent = world.http.request(request.method.clone(), format!("{}{}", world.url(), request.path()));
    if let Some((header, value)) = &request.signature {
        sent = sent.header(*header, value);
    }
    if request.method == Method::POST {
        sent = sent.body(request.content.clone());
    }
    let answer = sent.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}
