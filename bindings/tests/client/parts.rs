//! What an app hands in beside its options: keys, a network monitor, pins, a clock for tests.

use std::{
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use tarishi::{
    Client, ClientError, ClientOptions, KeyStore, NetworkMonitor, NetworkSink, ScriptedServer, TestClock, TlsOptions,
};
use tarishi_core::{DeviceState, Event, Network, WhyReason};
use tempfile::TempDir;

use crate::app::{App, DEADLINE, Listener, Mood, options, sms, wait};

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
