use std::time::Duration;

use tarishi_core::{
    Client, DeviceState, Error, Filter, Logout, LogoutReport, Tls, TransportError,
    protocol::{Receipt, ReceiptStatus, State},
    transport::memory::Step,
};

use crate::{Phone, answer_with, bare, charge, receipt, sms};

#[tokio::test]
async fn the_same_file_opened_twice_is_the_same_client() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    let odd_path = phone.folder.path().join(".").join("queue.db");
    let second = Client::open(bare(&odd_path)).unwrap();
    assert_eq!(second.get(stored.id).await.unwrap().unwrap().id, stored.id);
    drop(phone.client);
    second.enqueue(sms("b")).await.unwrap();
}

#[tokio::test]
async fn pins_that_nobody_would_check_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = bare(&folder.path().join("queue.db")).with_tls(Tls { roots: Vec::new(), pins: vec![[7; 32]] });
    let Err(Error::InvalidInput(problem)) = Client::open(options) else { panic!("it opened") };
    assert_eq!(problem.field.as_deref(), Some("tls"));
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_already_open() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("queue.db");
    // Another open file description is another process to the kernel.
    let lock = std::fs::File::create(folder.path().join("queue.db.lock")).unwrap();
    lock.lock().unwrap();
    let open = || Client::open(bare(&database));
    assert_eq!(open().unwrap_err(), Error::AlreadyOpen);
    drop(lock);
    open().unwrap();
}

#[tokio::test]
async fn suspended_it_holds_no_lock_and_resumed_it_goes_on() {
    let phone = Phone::new();
    let stored = phone.add(sms("a")).await;
    phone.client.suspend(Duration::from_secs(5)).await.unwrap();
    assert_eq!(phone.client.enqueue(sms("b")).await, Err(Error::Suspended));
    assert_eq!(phone.client.list(Filter::default()).await, Err(Error::Suspended));
    assert_eq!(phone.client.sync(Duration::from_secs(1), None).await, Err(Error::Suspended));
    let wal = phone.folder.path().join("queue.db-wal");
    assert!(!wal.exists() || std::fs::metadata(wal).unwrap().len() == 0, "the log is in the file");
    let lock = std::fs::File::open(phone.folder.path().join("queue.db.lock")).unwrap();
    lock.try_lock().unwrap();
    assert_eq!(phone.client.resume().await, Err(Error::AlreadyOpen));
    drop(lock);
    phone.client.resume().await.unwrap();
    assert!(phone.sync().await.complete);
    assert_eq!(phone.state(stored.id).await, DeviceState::Accepted);
}

#[tokio::test]
async fn suspending_cuts_an_exchange_that_hangs() {
    let phone = Phone::new();
    phone.add(sms("a")).await;
    phone.server.script([Step::Hang]);
    let client = phone.client.clone();
    let run = tokio::spawn(async move { client.sync(Duration::from_secs(3_600), None).await });
    while phone.server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    phone.client.suspend(Duration::from_millis(200)).await.unwrap();
    assert_eq!(run.await.unwrap(), Err(Error::Suspended));
    phone.client.resume().await.unwrap();
    assert!(phone.sync().await.complete);
}

#[tokio::test]
async fn payloads_and_outcomes_lie_sealed_and_a_lost_key_never_stops_the_queue() {
    let phone = Phone::with(|options| options.with_seal_key([1; 32]));
    let done = phone.add(sms("secret words")).await;
    let id = done.id;
    phone.server.script([answer_with(move |_, response| {
        let outcome = Some(serde_json::json!({"note": "hidden result"}));
        let state = Some(State::Succeeded);
        response.receipts = vec![Receipt { state, outcome, ..receipt(id, ReceiptStatus::Duplicate) }];
    })]);
    phone.sync().await;
    let waiting = phone.add(charge("fee-1")).await;
    phone.client.suspend(Duration::from_secs(1)).await.unwrap();
    let file = std::fs::read(phone.database()).unwrap();
    for secret in ["secret words", "hidden result", "254712345678"] {
        assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    phone.client.resume().await.unwrap();
    let phone = phone.restart_with(|options| options.with_seal_key([1; 32]));
    assert_eq!(phone.get(done.id).await.outcome, Some(serde_json::json!({"note": "hidden result"})));
    let phone = phone.restart_with(|options| options.with_seal_key([2; 32]));
    let fresh = phone.add(sms("new key")).await;
    assert!(phone.sync().await.complete);
    let dead = phone.get(waiting.id).await;
    assert_eq!((dead.state, dead.payload), (DeviceState::Dead, None));
    assert_eq!(dead.problem.unwrap().code, "unreadable");
    assert_eq!(phone.state(fresh.id).await, DeviceState::Accepted);
    assert_eq!(phone.get(done.id).await.outcome, None);
}

#[tokio::test]
async fn old_ended_operations_are_forgotten_but_never_the_key_of_a_payment() {
    let phone = Phone::with(|mut options| {
        options.retention = Duration::from_secs(60);
        options
    });
    let text = phone.add(sms("a").with_key("text-1")).await;
    let paid = phone.add(charge("fee-1")).await;
    phone.server.script([answer_with(|_, response| {
        for receipt in &mut response.receipts {
            receipt.state = Some(State::Succeeded);
        }
    })]);
    phone.sync().await;
    phone.clock.advance(Duration::from_secs(61));
    let mut events = phone.client.events();
    phone.client.start();
    while phone.client.get(text.id).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    phone.client.stop().await;
    drop(events.try_recv());
    let kept = phone.get(paid.id).await;
    assert_eq!((kept.state, kept.payload), (DeviceState::Succeeded, None));
    assert_eq!(phone.add(charge("fee-1")).await.id, paid.id);
    assert_ne!(phone.add(sms("a").with_key("text-1")).await.id, text.id);
}

#[tokio::test]
async fn values_of_the_app_are_kept_beside_the_queue() {
    let phone = Phone::new();
    phone.client.store_value("token", "one").await.unwrap();
    phone.client.store_value("token", "two").await.unwrap();
    let phone = phone.restart();
    assert_eq!(phone.client.load_value("token").await.unwrap().as_deref(), Some("two"));
    assert_eq!(phone.client.load_value("other").await.unwrap(), None);
}

async fn three_kinds() -> Phone {
    let phone = Phone::new();
    phone.add(charge("running")).await;
    phone.sync().await;
    phone.add(charge("maybe")).await;
    phone.server.script([Step::Fail(TransportError::TimedOut)]);
    phone.client.sync(Duration::from_millis(20), None).await.unwrap();
    phone.add(charge("never")).await;
    phone
}

const COUNTED: LogoutReport = LogoutReport { never_sent: 1, maybe_sent: 1, running: 1 };

#[tokio::test]
async fn signing_out_and_keeping_counts_apart_and_keeps_all() {
    let phone = three_kinds().await;
    assert_eq!(phone.client.logout(Logout::Keep).await.unwrap(), COUNTED);
    assert_eq!(phone.client.sync(Duration::from_secs(1), None).await, Err(Error::Closed));
    let phone = phone.restart();
    assert_eq!(phone.all().await.len(), 3);
    assert!(phone.sync().await.complete);
}

#[tokio::test]
async fn signing_out_and_draining_sends_first() {
    let phone = three_kinds().await;
    let report = phone.client.logout(Logout::Drain { deadline: Duration::from_secs(5) }).await.unwrap();
    assert_eq!(report, LogoutReport { never_sent: 0, maybe_sent: 0, running: 3 });
}

#[tokio::test]
async fn signing_out_and_discarding_asks_the_server_to_cancel() {
    let phone = three_kinds().await;
    assert_eq!(phone.client.logout(Logout::Discard).await.unwrap(), COUNTED);
    let last = phone.server.requests().pop().unwrap();
    assert_eq!((last.cancellations.len(), last.operations.len()), (2, 0));
    let phone = phone.restart();
    assert_eq!(phone.all().await, []);
}

#[tokio::test]
async fn without_a_network_a_discard_keeps_an_empty_stub_until_the_server_answers() {
    let phone = three_kinds().await;
    phone.server.fail_always(Some(TransportError::Unreachable));
    assert_eq!(phone.client.logout(Logout::Discard).await.unwrap(), COUNTED);
    let phone = phone.restart();
    let stubs = phone.all().await;
    assert_eq!(stubs.len(), 2);
    assert!(stubs.iter().all(|stub| stub.payload.is_none() && stub.cancel_requested));
    phone.server.fail_always(None);
    assert!(phone.sync().await.complete);
    assert!(phone.all().await.iter().all(|stub| stub.state == DeviceState::Cancelled));
}
