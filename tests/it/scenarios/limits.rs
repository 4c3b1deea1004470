//! Poison, bombs, redirects, held requests. Findings 21, 27, 37, 38.

use std::time::Duration;

use serde_json::json;
use tarishi_core::{Client, DeviceState, TransportResponse};
use tarishi_protocol::codec;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::world::{SOON, World, ended, enqueue, eventually, through, until};

/// Finding 21: one bad operation is refused alone, whatever is wrong with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_operation_in_a_batch_is_refused_alone() {
    let mut world = World::start().await;
    let token = world.token("amina", &["*:*"]).await;
    let (one, two) = (world.intents.text(), world.intents.text());
    let mut unknown_field = world.envelope(&world_text());
    unknown_field["payload"]["extra"] = 1.into();
    let mut nul = world.envelope(&world_text());
    nul["payload"]["message"] = "a\u{0}b".into();
    let mut no_payload = world.envelope(&world_text());
    no_payload.as_object_mut().unwrap().remove("payload");
    let batch = json!([world.envelope(&one), unknown_field, nul, no_payload, world.envelope(&two)]);

    let (status, answer) = world.exchange(&token, "amina", 1, json!({ "operations": batch })).await;

    assert_eq!(status.as_u16(), 200);
    let statuses: Vec<_> = answer["receipts"].as_array().unwrap().iter().map(|receipt| receipt["status"].clone()).collect();
    assert_eq!(statuses, ["accepted", "refused", "refused", "refused", "accepted"]);
    eventually("both good ones are sent", async || world.ledger_of(&one).len() + world.ledger_of(&two).len() == 2).await;
}

fn world_text() -> tarishi_tests::harness::Intent {
    tarishi_tests::harness::Intents::new("bad").text()
}

/// Finding 21: a server that fails on one operation of a batch does not stop the phone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_makes_the_server_fail_stops_no_other() {
    let mut world = World::start().await;
    let token = world.token("amina", &["*:*"]).await;
    let poison = world.intents.text();
    let good: Vec<_> = (0..7).map(|_| world.intents.text()).collect();
    let key = poison.key.clone();
    let phone = through(&world, "phone", token, move |request| {
        let gzip = request.headers.iter().any(|(name, _)| name == "content-encoding");
        let body = codec::decode(request.body.clone(), gzip, 1 << 20, 1 << 23).unwrap();
        let hit = String::from_utf8(body).unwrap().contains(&format!("\"{key}\""));
        hit.then(|| TransportResponse { status: 500, headers: Vec::new(), body: Vec::new() })
    });
    let mut records = Vec::new();
    for intent in good.iter().take(3).chain([&poison]).chain(good.iter().skip(3)) {
        records.push(enqueue(&phone, intent.operation()).await);
    }
    let bad = records.remove(3);

    for record in &records {
        assert_eq!(until(&phone, record.id, DeviceState::is_ended).await.state, DeviceState::Succeeded);
    }

    assert!(!phone.get(bad.id).await.unwrap().unwrap().state.is_ended());
    assert!(world.ledger_of(&poison).is_empty());
}

/// Finding 27: a held request is cut short by an `enqueue`, which leaves at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enqueue_does_not_wait_for_the_held_request() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    let phone = world.phone("phone", "amina").await;
    phone.start();
    let app = world.hosted.server.app();
    eventually("the phone's request is held", async || app.hub.held_requests() == 1).await;

    let record = enqueue(&phone, intent.operation()).await;

    let sent = tokio::time::timeout(Duration::from_secs(10), async {
        while phone.get(record.id).await.unwrap().unwrap().state != DeviceState::Succeeded {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(sent.await.is_ok(), "the outcome came by the held request, long before its 25 seconds");
    phone.stop().await;
}

/// Finding 27: polls that carry nothing write nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_polls_write_nothing() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, intent.operation()).await;
    ended(&phone, record.id).await;
    eventually("the report is here", async || world.count("webhook_events") == 1).await;
    // The report changes the outcome once more; two more polls fetch and acknowledge that.
    for _ in 0..3 {
        phone.sync(SOON, None).await.unwrap();
    }
    let conn = rusqlite::Connection::open(&world.hosted.server.app().config.database).unwrap();
    let version = || conn.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = version();

    for _ in 0..20 {
        assert!(phone.sync(SOON, None).await.unwrap().complete);
    }

    assert_eq!(version(), before, "nothing was committed");
}

/// Finding 38: the limit counts what a body becomes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bomb_is_refused_before_it_is_unpacked() {
    let world = World::start().await;
    let token = world.token("amina", &["*:*"]).await;
    let bomb = codec::gzip(&vec![b' '; 64 * 1024 * 1024]);
    let request = world.http.post(format!("{}/api/v2/sync", world.url())).bearer_auth(&token);
    let request = request.header("content-encoding", "gzip").header("content-type", "application/json").body(bomb);

    assert_eq!(request.send().await.unwrap().status().as_u16(), 413);

    let (status, _) = world.exchange(&token, "amina", 1, json!({})).await;
    assert_eq!(status.as_u16(), 200, "and the server lives on");
}

/// Finding 38: the phone's own limit, on an answer that unfolds to more than it may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bomb_in_an_answer_does_not_harm_the_phone() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    let token = world.token("amina", &["*:*"]).await;
    let bomb = codec::gzip(&vec![b' '; 64 * 1024 * 1024]);
    let bombs = std::sync::atomic::AtomicU32::new(1);
    let phone = through(&world, "phone", token, move |request| {
        let armed = request.path.ends_with("/sync") && bombs.swap(0, std::sync::atomic::Ordering::SeqCst) > 0;
        let headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
        armed.then(|| TransportResponse { status: 200, headers, body: bomb.clone() })
    });
    let record = enqueue(&phone, intent.operation()).await;

    assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
    assert_eq!(world.ledger_of(&intent).len(), 1);
}

/// Finding 37: a hotel's sign-in page is no server: nothing is believed, no token follows the redirect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_taken_for_no_network_and_is_not_followed() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    let portal = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = portal.local_addr().unwrap();
    let target = world.url();
    let asked = tokio::spawn(async move {
        let mut asked = 0_u32;
        while let Ok(Ok((mut stream, _))) = tokio::time::timeout(Duration::from_secs(3), portal.accept()).await {
            let mut bytes = [0_u8; 4_096];
            let _ = stream.read(&mut bytes).await;
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: {target}/api/v2/sync\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            asked += 1;
        }
        asked
    });
    let token = world.token("amina", &["*:*"]).await;
    let options = world.options("phone", token).with_account("amina");
    let phone = Client::open(tarishi_core::Options { server_url: format!("http://{address}"), ..options }).unwrap();
    let record = enqueue(&phone, intent.operation()).await;

    let report = phone.sync(Duration::from_secs(1), None).await.unwrap();

    assert!(!report.complete);
    assert_eq!(phone.get(record.id).await.unwrap().unwrap().state, DeviceState::InFlight);
    assert!(asked.await.unwrap() > 0);
    assert_eq!(world.count("operations"), 0);
}
