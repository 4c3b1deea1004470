//! The exported objects as an app uses them, but called from Rust: no network, a real database, a scripted server behind the
//! app's own transport.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work is a failed test")]

use std::{
    future::Future,
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tarishi::{
    Client, ClientError, ClientOptions, EnqueueResult, EventListener, HttpHeader, HttpRequest, HttpResponse, HttpTransport,
    KeyStore, NetworkMonitor, NetworkSink, ScriptedServer, Stop, TestClock, TlsOptions, TokenSource,
};
use tarishi_core::{CancelOutcome, DeviceState, Event, Filter, Logout, Network, NewOperation, WhyReason};
use tarishi_protocol::{OperationId, codec};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(20);

/// What the app's foreign code does in a test.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Every operation is accepted and succeeds.
    Well,
    /// The server cannot be reached.
    Away,
    /// The request is taken and never answered.
    Silent,
    /// Every token is refused.
    Locked,
    /// The app's code has a defect.
    Broken,
}

struct App {
    mood: Mood,
    /// Tokens that arrived at the server.
    tokens: Mutex<Vec<String>>,
    /// Told when a request begins.
    began: mpsc::Sender<()>,
}

#[async_trait]
impl TokenSource for App {
    async fn token(&self, rejected: Option<String>) -> Result<String, ClientError> {
        match rejected {
            Some(_) => Err(ClientError::SignIn),
            None => Ok("td_test".to_owned()),
        }
    }

    async fn rotated(&self, _: String) -> Result<(), ClientError> {
        Ok(())
    }
}

#[async_trait]
impl HttpTransport for App {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ClientError> {
        assert!(request.url.starts_with("https://pay.example.org/api/v2/"), "{}", request.url);
        let _ = self.began.send(());
        match self.mood {
            Mood::Away => return Err(ClientError::Wait { reason: "no route".to_owned() }),
            Mood::Silent => std::future::pending().await,
            Mood::Broken => panic!("the app's own defect"),
            Mood::Locked => return Ok(answer(401, &json!({ "code": "unauthorized" }))),
            Mood::Well => {}
        }
        let bearer = header(&request, "authorization").unwrap_or_default();
        self.tokens.lock().unwrap().push(bearer);
        if request.url.ends_with("/devices/me") {
            let me = json!({ "tenant": "default", "device": "dev_1", "account": "acc_1", "scopes": ["*:*"] });
            return Ok(answer(200, &me));
        }
        Ok(answer(200, &exchange(&request)))
    }
}

/// Accepts everything and reports its success at once.
fn exchange(request: &HttpRequest) -> Value {
    let gzip = header(request, "content-encoding").as_deref() == Some("gzip");
    let body = codec::decode(request.body.clone(), gzip, 1 << 20, 8 << 20).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let operations = body["operations"].as_array().cloned().unwrap_or_default();
    let receipts: Vec<Value> =
        operations.iter().map(|operation| json!({ "id": operation["id"], "status": "accepted" })).collect();
    let changes: Vec<Value> = operations
        .iter()
        .enumerate()
        .map(|(i, operation)| {
            json!({ "seq": i + 1, "id": operation["id"], "origin": "device", "state": "succeeded", "outcome": { "messages": [] },
                    "at": "2026-11-24T08:00:00Z" })
        })
        .collect();
    json!({ "server_time": "2026-11-24T08:00:00Z", "receipts": receipts, "cancellations": [], "changes": changes,
            "cursor": "k1.1", "reset": false, "more": false })
}

fn header(request: &HttpRequest, name: &str) -> Option<String> {
    request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.clone())
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    let headers = vec![HttpHeader { name: "Content-Type".to_owned(), value: "application/json".to_owned() }];
    HttpResponse { status, headers, body: body.to_string().into_bytes() }
}

struct Listener(mpsc::Sender<Event>);

impl EventListener for Listener {
    fn on_events(&self, events: Vec<Event>) -> Result<(), ClientError> {
        for event in events {
            self.0.send(event).map_err(|_| ClientError::Bug { reason: "nobody listens".to_owned() })?;
        }
        Ok(())
    }

    fn on_missed(&self, _: u64) -> Result<(), ClientError> {
        Ok(())
    }
}

/// A client on a database of its own, and what its app saw.
struct Phone {
    client: Arc<Client>,
    app: Arc<App>,
    began: mpsc::Receiver<()>,
    _folder: TempDir,
}

impl Phone {
    fn new(mood: Mood) -> Self {
        let folder = TempDir::new().unwrap();
        let (sender, began) = mpsc::channel();
        let app = Arc::new(App { mood, tokens: Mutex::default(), began: sender });
        let client = open(folder.path(), &app).unwrap();
        Self { client, app, began, _folder: folder }
    }
}

fn open(folder: &Path, app: &Arc<App>) -> Result<Arc<Client>, ClientError> {
    Client::open(options(folder), Arc::clone(app) as _, Some(Arc::clone(app) as _), None, None, None, None)
}

fn options(folder: &Path) -> ClientOptions {
    ClientOptions {
        database: folder.join("phone.db").to_str().unwrap().to_owned(),
        server_url: "https://pay.example.org/".to_owned(),
        account: None,
        quota_operations: None,
        quota_bytes: None,
        metered_bytes_per_day: None,
        sync_on_metered: true,
        retention: None,
        tls: None,
    }
}

fn sms(key: &str) -> NewOperation {
    NewOperation::new("sms", "send", r#"{"to":"+254711000111","message":"School is closed"}"#).with_key(key)
}

/// As an app's thread would: without a runtime around.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn an_operation_is_enqueued_read_and_listed_offline() {
    let phone = Phone::new(Mood::Away);
    wait(async {
        let stored = phone.client.enqueue(sms("k")).await.unwrap();

        assert_eq!(phone.client.get(stored.id).await.unwrap(), Some(stored.clone()));
        assert_eq!(phone.client.stats().await.unwrap().get("pending"), Some(&1));
        assert_ne!(phone.client.why(stored.id).await.unwrap().reason, WhyReason::NotWaiting);
        assert_eq!(phone.client.get(OperationId::generate()).await.unwrap(), None);
        let report = phone.client.report().await.unwrap();
        assert!(!report.contains("254711") && !report.contains("td_test"), "{report}");
        assert_eq!(phone.client.list(Filter::default()).await.unwrap(), [stored]);
    });
}

#[test]
fn a_wrong_operation_names_the_field_to_fix() {
    let phone = Phone::new(Mood::Away);
    let wrong = NewOperation::new("sms", "send", r#"{"to":"12","message":"x"}"#);

    let error = wait(phone.client.enqueue(wrong)).unwrap_err();

    assert!(matches!(&error, ClientError::FixInput { field, .. } if field.starts_with("payload.to")), "{error}");
}

#[test]
fn of_many_each_has_its_own_result() {
    let phone = Phone::new(Mood::Away);
    let wrong = NewOperation::new("sms", "shout", "{}");

    let results = wait(phone.client.enqueue_many(vec![sms("a"), wrong, sms("b")])).unwrap();

    assert!(matches!(results[0], EnqueueResult::Stored { .. }));
    assert!(matches!(&results[1], EnqueueResult::Refused { error: ClientError::FixInput { field, .. } } if field == "action"));
    assert!(matches!(results[2], EnqueueResult::Stored { .. }));
}

#[test]
fn an_operation_is_cancelled_retried_and_replaced() {
    let phone = Phone::new(Mood::Away);
    wait(async {
        let first = phone.client.enqueue(sms("a")).await.unwrap();
        assert!(matches!(phone.client.retry(first.id).await, Err(ClientError::NotAllowed { .. })));

        assert_eq!(phone.client.cancel(first.id).await.unwrap(), CancelOutcome::Cancelled);
        let retried = phone.client.retry(first.id).await.unwrap();
        assert_eq!((retried.retry_of, retried.state), (Some(first.id), DeviceState::Pending));
        let payload = r#"{"to":"+254711000111","message":"School is open"}"#;
        let replaced = phone.client.replace(retried.id, payload.to_owned()).await.unwrap();

        assert_eq!((replaced.replaces, replaced.payload.as_deref()), (Some(retried.id), Some(payload)));
        let unknown = phone.client.cancel(OperationId::generate()).await.unwrap_err();
        assert!(matches!(&unknown, ClientError::FixInput { field, .. } if field == "id"), "{unknown}");
    });
}

#[test]
fn a_sync_goes_through_the_apps_transport_with_its_token_and_the_listener_hears_the_outcome() {
    let phone = Phone::new(Mood::Well);
    let (sender, events) = mpsc::channel();
    let subscription = phone.client.events(Arc::new(Listener(sender))).unwrap();
    let id = wait(phone.client.enqueue(sms("k"))).unwrap().id;

    let report = wait(phone.client.sync(DEADLINE, None)).unwrap();

    assert!(report.complete);
    assert_eq!((report.accepted, report.pending), (1, 0));
    assert!(phone.app.tokens.lock().unwrap().iter().all(|bearer| bearer == "Bearer td_test"));
    let record = wait(phone.client.get(id)).unwrap().unwrap();
    assert_eq!((record.state, record.outcome), (DeviceState::Succeeded, Some(json!({ "messages": [] }))));
    let succeeded = Event::OperationChanged { id, state: DeviceState::Succeeded };
    assert!(std::iter::from_fn(|| events.recv_timeout(DEADLINE).ok()).any(|event| event == succeeded));
    subscription.cancel();
}

#[test]
fn the_scheduler_syncs_without_being_asked_until_it_is_stopped() {
    let phone = Phone::new(Mood::Well);
    let (sender, events) = mpsc::channel();
    let _subscription = phone.client.events(Arc::new(Listener(sender))).unwrap();
    phone.client.set_network(Network::Unmetered).unwrap();
    phone.client.set_foreground(false).unwrap();
    phone.client.start().unwrap();

    let id = wait(phone.client.enqueue(sms("k"))).unwrap().id;

    let succeeded = Event::OperationChanged { id, state: DeviceState::Succeeded };
    assert!(std::iter::from_fn(|| events.recv_timeout(DEADLINE).ok()).any(|event| event == succeeded));
    wait(phone.client.stop()).unwrap();
}

#[test]
fn a_refused_token_asks_for_sign_in_and_loses_nothing() {
    let phone = Phone::new(Mood::Locked);
    wait(async {
        phone.client.enqueue(sms("k")).await.unwrap();

        assert_eq!(phone.client.sync(DEADLINE, None).await, Err(ClientError::SignIn));

        assert_eq!(phone.client.list(Filter::default()).await.unwrap().len(), 1);
    });
}

#[test]
fn a_stop_ends_a_hanging_sync_and_the_operation_stays() {
    let phone = Phone::new(Mood::Silent);
    let stop = Stop::new();
    let id = wait(phone.client.enqueue(sms("k"))).unwrap().id;
    let (client, stopped_by) = (Arc::clone(&phone.client), Arc::clone(&stop));
    let sync = std::thread::spawn(move || wait(client.sync(Duration::from_secs(600), Some(stopped_by))));
    phone.began.recv_timeout(DEADLINE).unwrap();

    stop.stop();

    assert_eq!(sync.join().unwrap(), Err(ClientError::Stopped));
    assert!(wait(phone.client.get(id)).unwrap().unwrap().state.is_unreceipted());
    let later = wait(phone.client.sync(DEADLINE, Some(stop)));
    assert_eq!(later, Err(ClientError::Stopped), "what begins with a used stop ends at once");
}

#[test]
fn a_panic_inside_reaches_the_app_as_an_error_and_the_client_goes_on() {
    let phone = Phone::new(Mood::Broken);
    wait(async {
        phone.client.enqueue(sms("k")).await.unwrap();

        let result = phone.client.sync(Duration::from_secs(1), None).await;

        assert!(matches!(result, Err(ClientError::Bug { .. })), "{result:?}");
        assert_eq!(phone.client.list(Filter::default()).await.unwrap().len(), 1);
    });
}

#[test]
fn a_suspended_client_refuses_work_and_resumes() {
    let phone = Phone::new(Mood::Away);
    wait(async {
        phone.client.suspend(DEADLINE).await.unwrap();
        assert!(matches!(phone.client.enqueue(sms("k")).await, Err(ClientError::NotOpen { .. })));

        phone.client.resume().await.unwrap();

        phone.client.enqueue(sms("k")).await.unwrap();
    });
}

#[test]
fn signing_out_counts_what_was_never_sent() {
    let phone = Phone::new(Mood::Away);
    wait(async {
        phone.client.enqueue(sms("k")).await.unwrap();

        let report = phone.client.logout(Logout::Keep, None).await.unwrap();

        assert_eq!((report.never_sent, report.maybe_sent, report.running), (1, 0, 0));
        assert_eq!(phone.client.recovery().unwrap(), None);
    });
}

#[test]
fn a_dropped_client_leaves_its_queue_to_the_next_one() {
    let folder = TempDir::new().unwrap();
    let (began, _) = mpsc::channel();
    let app = Arc::new(App { mood: Mood::Away, tokens: Mutex::default(), began });
    let first = open(folder.path(), &app).unwrap();
    let id = wait(first.enqueue(sms("k"))).unwrap().id;
    // Inside another runtime, where blocking is forbidden.
    wait(async move { drop(first) });

    let second = open(folder.path(), &app).unwrap();

    assert_eq!(wait(second.get(id)).unwrap().map(|record| record.id), Some(id));
}

/// A key store that gives what it was made with.
struct Keys(Result<Vec<u8>, ClientError>);

impl KeyStore for Keys {
    fn seal_key(&self, database: String) -> Result<Vec<u8>, ClientError> {
        assert!(database.ends_with("phone.db"));
        self.0.clone()
    }
}

/// A client in front of a server in memory.
fn open_with(folder: &Path, keys: Option<Keys>, monitor: Option<Arc<dyn NetworkMonitor>>) -> Result<Arc<Client>, ClientError> {
    let (began, _) = mpsc::channel();
    let app = Arc::new(App { mood: Mood::Well, tokens: Mutex::default(), began });
    let keys = keys.map(|keys| Arc::new(keys) as Arc<dyn KeyStore>);
    Client::open(options(folder), app, None, monitor, keys, None, Some(ScriptedServer::new()))
}

#[test]
fn a_seal_key_must_have_32_bytes() {
    let folder = TempDir::new().unwrap();

    let error = open_with(folder.path(), Some(Keys(Ok(vec![0; 31]))), None).unwrap_err();

    assert!(matches!(error, ClientError::FixInput { ref field, .. } if field == "seal_key"), "{error}");
    open_with(folder.path(), Some(Keys(Ok(vec![0; 32]))), None).unwrap();
}

#[test]
fn what_the_key_store_throws_is_the_answer_of_open() {
    let folder = TempDir::new().unwrap();
    let locked = ClientError::Wait { reason: "the phone is locked".to_owned() };

    let error = open_with(folder.path(), Some(Keys(Err(locked.clone()))), None).unwrap_err();

    assert_eq!(error, locked);
}

#[test]
fn a_pin_must_have_32_bytes() {
    let folder = TempDir::new().unwrap();
    let (began, _) = mpsc::channel();
    let app = Arc::new(App { mood: Mood::Well, tokens: Mutex::default(), began });
    let tls = TlsOptions { roots: Vec::new(), pins: vec![vec![0; 32], vec![0; 20]] };
    let options = ClientOptions { tls: Some(tls), ..options(folder.path()) };

    let error = Client::open(options, app, None, None, None, None, None).unwrap_err();

    assert!(matches!(error, ClientError::FixInput { ref field, .. } if field == "tls.pins[1]"), "{error}");
}

/// Keeps the sink, and tells when it is started and stopped.
struct Monitor(mpsc::Sender<Option<Arc<NetworkSink>>>);

impl NetworkMonitor for Monitor {
    fn start(&self, sink: Arc<NetworkSink>) -> Result<(), ClientError> {
        sink.changed(Network::Offline);
        self.0.send(Some(sink)).map_err(|_| ClientError::SignIn)
    }

    fn stop(&self) -> Result<(), ClientError> {
        self.0.send(None).map_err(|_| ClientError::SignIn)
    }
}

#[test]
fn a_network_monitor_is_heard_until_the_client_ends_and_keeps_nothing_alive() {
    let folder = TempDir::new().unwrap();
    let (sender, told) = mpsc::channel();
    let client = open_with(folder.path(), None, Some(Arc::new(Monitor(sender)))).unwrap();
    let sink = told.recv().unwrap().unwrap();
    let id = wait(client.enqueue(sms("k"))).unwrap().id;
    assert_eq!(wait(client.sync(DEADLINE, None)).unwrap().reason, Some(WhyReason::Offline));

    sink.changed(Network::Unmetered);

    assert!(wait(client.sync(DEADLINE, None)).unwrap().complete);
    drop(client);
    assert!(told.recv().unwrap().is_none(), "stopped");
    sink.changed(Network::Metered);
    let again = open_with(folder.path(), None, None).unwrap();
    assert_eq!(wait(again.get(id)).unwrap().unwrap().state, DeviceState::Accepted);
}

#[test]
fn closing_one_of_two_clients_of_a_file_leaves_the_other_its_scheduler() {
    let folder = TempDir::new().unwrap();
    let first = open_with(folder.path(), None, None).unwrap();
    let second = open_with(folder.path(), None, None).unwrap();
    first.start().unwrap();
    second.start().unwrap();

    drop(first);

    let (sender, heard) = mpsc::channel();
    let _subscription = second.events(Arc::new(Listener(sender))).unwrap();
    wait(second.enqueue(sms("k"))).unwrap();
    let accepted = |event: &Event| matches!(event, Event::OperationChanged { state: DeviceState::Accepted, .. });
    assert!(heard.iter().any(|event| accepted(&event)));
}

#[test]
fn a_stopped_drain_signs_nobody_out() {
    let phone = Phone::new(Mood::Silent);
    wait(async {
        phone.client.enqueue(sms("k")).await.unwrap();
        let stop = Stop::new();
        let stopped = async {
            tokio::task::spawn_blocking(move || phone.began.recv().unwrap()).await.unwrap();
            stop.stop();
        };

        let drain = phone.client.logout(Logout::Drain { deadline: DEADLINE }, Some(Arc::clone(&stop)));
        let (drained, ()) = tokio::join!(drain, stopped);

        assert_eq!(drained, Err(ClientError::Stopped));
        phone.client.enqueue(sms("another")).await.unwrap();
        assert_eq!(phone.client.logout(Logout::Keep, None).await.unwrap().never_sent, 2);
    });
}

#[test]
fn a_test_clock_stands_still_until_it_is_told() {
    let folder = TempDir::new().unwrap();
    let (began, _) = mpsc::channel();
    let app = Arc::new(App { mood: Mood::Well, tokens: Mutex::default(), began });
    let (clock, server) = (TestClock::new(1_772_352_000_000), ScriptedServer::new());
    let client = Client::open(options(folder.path()), app, None, None, None, Some(Arc::clone(&clock)), Some(server)).unwrap();
    wait(async {
        let mut operation = sms("k");
        operation.ttl = Some(Duration::from_secs(60));
        let record = client.enqueue(operation).await.unwrap();
        assert_eq!(record.created_at.timestamp_millis(), 1_772_352_000_000);

        clock.advance(Duration::from_secs(61));
        client.sync(DEADLINE, None).await.unwrap();

        assert_eq!(client.get(record.id).await.unwrap().unwrap().state, DeviceState::Expired);
    });
}
