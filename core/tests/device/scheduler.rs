use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tarishi_core::{
    Client, DeviceState, Event, Network, Options, SystemClock, Transport, TransportError, TransportRequest, TransportResponse,
    transport::memory::{MemoryTransport, Step},
};
use tokio::sync::Notify;

use crate::{Phone, sms};

/// Waits until nothing is without a receipt.
async fn all_accepted(client: &Client) {
    loop {
        let stats = client.stats().await.unwrap();
        if stats["pending"] + stats["in_flight"] == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_is_enqueued_is_sent_without_anybody_asking() {
    let phone = Phone::new();
    phone.client.start();
    phone.add(sms("a")).await;
    tokio::time::timeout(Duration::from_secs(10), all_accepted(&phone.client)).await.unwrap();
    phone.client.stop().await;
}

#[tokio::test]
async fn an_enqueue_or_a_person_cuts_a_held_exchange_short() {
    let phone = Phone::new();
    // A server that holds what may be held, for ever.
    phone.server.handle(|request| if request.wait_secs > 0 { Step::Hang } else { Step::Accept });
    phone.client.start();
    while phone.server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(phone.server.requests()[0].wait_secs, 25);
    phone.add(sms("a")).await;
    tokio::time::timeout(Duration::from_secs(5), all_accepted(&phone.client)).await.unwrap();
    let carried = phone.server.requests().into_iter().find(|request| !request.operations.is_empty());
    assert_eq!(carried.unwrap().wait_secs, 0, "what carries something is never held");
    while phone.server.requests().last().unwrap().wait_secs == 0 {
        tokio::task::yield_now().await;
    }
    let run = phone.client.sync(Duration::from_secs(60), None);
    assert!(tokio::time::timeout(Duration::from_secs(5), run).await.unwrap().unwrap().complete);
    phone.client.stop().await;
}

/// Until the server holds an exchange.
async fn held(phone: &Phone) {
    while phone.server.requests().last().is_none_or(|request| request.wait_secs == 0) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_comes_while_an_exchange_is_held_is_planned_by_the_commit_that_stores_it() {
    let phone = Phone::new();
    phone.server.handle(|request| if request.wait_secs > 0 { Step::Hang } else { Step::Accept });
    phone.client.start();
    for number in 0..3 {
        held(&phone).await;
        let new = phone.add(sms(&number.to_string())).await;
        assert_ne!(phone.state(new.id).await, DeviceState::Pending, "its way has begun");
        tokio::time::timeout(Duration::from_secs(5), all_accepted(&phone.client)).await.unwrap();
    }
    phone.client.stop().await;
    let requests = phone.server.requests();
    let carried: Vec<usize> = requests.iter().map(|request| request.operations.len()).filter(|count| *count > 0).collect();
    assert_eq!(carried, [1, 1, 1], "each once");
    assert!(requests.is_sorted_by(|one, next| one.exchange < next.exchange));
}

#[tokio::test]
async fn what_comes_on_a_network_that_may_not_be_used_waits_though_an_exchange_was_held() {
    let phone = Phone::new();
    phone.server.handle(|request| if request.wait_secs > 0 { Step::Hang } else { Step::Accept });
    phone.client.start();
    held(&phone).await;
    phone.client.set_network(Network::Offline);
    phone.add(sms("a")).await;
    // Whoever asks now is told so, behind everything that the scheduler did.
    assert!(!phone.client.sync(Duration::from_secs(5), None).await.unwrap().complete);
    assert!(phone.server.requests().iter().all(|request| request.operations.is_empty()));
    phone.client.set_network(Network::Unmetered);
    tokio::time::timeout(Duration::from_secs(5), all_accepted(&phone.client)).await.unwrap();
    phone.client.stop().await;
}

#[tokio::test]
async fn in_the_background_no_exchange_is_held() {
    let phone = Phone::new();
    phone.client.set_foreground(false);
    phone.client.start();
    phone.add(sms("a")).await;
    tokio::time::timeout(Duration::from_secs(5), all_accepted(&phone.client)).await.unwrap();
    assert!(phone.server.requests().iter().all(|request| request.wait_secs == 0));
    phone.client.stop().await;
}

#[tokio::test]
async fn a_link_that_comes_up_is_found_within_ten_seconds_by_the_scheduler_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = MemoryTransport::new();
    server.fail_always(Some(TransportError::Unreachable));
    let options = Options::new(folder.path().join("queue.db"), "http://server.invalid")
        .with_static_token("t")
        .with_account("acc_test")
        .with_clock(Arc::new(SystemClock))
        .with_transport(Arc::new(server.clone()));
    let client = Client::open(options).unwrap();
    client.start();
    client.enqueue_many((0..50).map(|n| sms(&n.to_string())).collect()).await.unwrap();
    while server.requests().len() < 4 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.fail_always(None);
    tokio::time::timeout(Duration::from_secs(10), all_accepted(&client)).await.unwrap();
}

#[tokio::test]
async fn a_network_that_appears_ends_the_wait_at_once() {
    let phone = Phone::new();
    phone.client.set_network(Network::Offline);
    phone.client.start();
    phone.add(sms("a")).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(phone.server.requests().len(), 0);
    phone.client.set_network(Network::Unmetered);
    tokio::time::timeout(Duration::from_secs(5), all_accepted(&phone.client)).await.unwrap();
    phone.client.stop().await;
}

#[tokio::test]
async fn without_a_token_it_pauses_and_says_so_once() {
    let phone = Phone::new();
    let mut events = phone.client.events();
    phone.server.handle(|_| Step::status(401));
    phone.client.start();
    let stored = phone.add(sms("a")).await;
    let said = async { while events.recv().await.unwrap() != Event::NeedsAuth {} };
    tokio::time::timeout(Duration::from_secs(5), said).await.unwrap();
    let asked = phone.server.requests().len();
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(phone.server.requests().len(), asked);
    phone.server.handle(|_| Step::Accept);
    phone.client.token_changed();
    tokio::time::timeout(Duration::from_secs(5), all_accepted(&phone.client)).await.unwrap();
    assert_eq!(phone.state(stored.id).await, DeviceState::Accepted);
}

#[tokio::test]
async fn dropping_the_client_ends_the_scheduler_and_frees_the_file() {
    let phone = Phone::new();
    phone.server.script([Step::Hang]);
    phone.client.start();
    while phone.server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let phone = phone.restart();
    phone.add(sms("a")).await;
    assert!(phone.sync().await.complete);
}

#[tokio::test]
async fn what_grew_too_old_offline_is_shown_as_expired() {
    let phone = Phone::new();
    phone.client.set_network(Network::Offline);
    let stored = phone.add(sms("a").with_ttl(Duration::from_secs(60))).await;
    phone.clock.advance(Duration::from_secs(61));
    phone.client.start();
    let expired = async {
        while phone.state(stored.id).await != DeviceState::Expired {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), expired).await.unwrap();
    phone.client.stop().await;
}

/// Fails as a defect in the library would, once, and says so beforehand.
struct Defective {
    once: AtomicBool,
    reached: Notify,
    server: MemoryTransport,
}

#[async_trait]
impl Transport for Defective {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        if self.once.swap(false, Ordering::SeqCst) {
            self.reached.notify_one();
            panic!("a defect");
        }
        self.server.send(request).await
    }
}

#[tokio::test]
async fn a_panic_in_one_turn_does_not_end_the_scheduler() {
    let server = MemoryTransport::new();
    let defective = Arc::new(Defective { once: AtomicBool::new(true), reached: Notify::new(), server: server.clone() });
    let transport = Arc::clone(&defective);
    let phone = Phone::with(|options| options.with_transport(transport));
    phone.client.start();
    phone.add(sms("a")).await;
    defective.reached.notified().await;
    // Whatever the app tells it wakes it; else it would come back after half a minute.
    phone.client.set_foreground(false);
    tokio::time::timeout(Duration::from_secs(10), all_accepted(&phone.client)).await.unwrap();
    phone.client.stop().await;
}
