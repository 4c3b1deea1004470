//! The device core as an app meets it: a real SQLite file, the public verbs, a scripted server.

#![expect(clippy::unwrap_used, reason = "a test helper stops the test")]

mod change;
mod enqueue;
mod growth;
#[cfg(feature = "http")]
mod http;
mod life;
mod notification;
mod order;
mod poison;
mod recovery;
mod scheduler;
mod simulation;
#[cfg(not(feature = "http"))]
mod slim;
mod sync;
mod waiting;

use std::{path::Path, sync::Arc, time::Duration};

use tarishi_core::{
    Client, Clock, DeviceState, Filter, ManualClock, NewOperation, OperationRecord, Options, SyncReport, SystemClock,
    protocol::{Change, Operation, OperationId, Origin, Problem, Receipt, ReceiptStatus, State, SyncRequest, SyncResponse},
    transport::memory::{MemoryTransport, Step, friendly},
};

pub(crate) const START_MS: i64 = 1_790_000_000_000;

/// A clock that runs with the real one and can be told to jump.
#[derive(Debug)]
pub(crate) struct TestClock {
    told: ManualClock,
    began: u64,
}

impl TestClock {
    fn run(&self) -> u64 {
        SystemClock.boot_ms() - self.began
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.told.advance(by);
    }

    pub(crate) fn set_wall_ms(&self, wall_ms: i64) {
        self.told.set_wall_ms(wall_ms);
    }

    pub(crate) fn reboot(&self, boot_id: Option<&str>) {
        self.told.reboot(boot_id);
    }
}

impl Clock for TestClock {
    fn wall_ms(&self) -> i64 {
        self.told.wall_ms() + self.run() as i64
    }

    fn boot_ms(&self) -> u64 {
        self.told.boot_ms() + self.run()
    }

    fn boot_id(&self) -> Option<String> {
        self.told.boot_id()
    }
}

/// A phone: a client on a file of its own, a server in memory, a clock that can jump.
pub(crate) struct Phone {
    pub(crate) client: Client,
    pub(crate) server: MemoryTransport,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) folder: tempfile::TempDir,
}

impl Phone {
    pub(crate) fn new() -> Self {
        Self::with(|options| options)
    }

    pub(crate) fn with(change: impl FnOnce(Options) -> Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = MemoryTransport::new();
        let clock = Arc::new(TestClock { told: ManualClock::new(START_MS), began: SystemClock.boot_ms() });
        let client = Client::open(change(options(folder.path(), &server, &clock))).unwrap();
        Self { client, server, clock, folder }
    }

    /// Lets the app die and start again.
    pub(crate) fn restart(self) -> Self {
        self.restart_with(|options| options)
    }

    pub(crate) fn restart_with(self, change: impl FnOnce(Options) -> Options) -> Self {
        let Self { client, server, clock, folder } = self;
        drop(client);
        let client = Client::open(change(options(folder.path(), &server, &clock))).unwrap();
        Self { client, server, clock, folder }
    }

    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("queue.db")
    }

    pub(crate) async fn sync(&self) -> SyncReport {
        self.client.sync(Duration::from_secs(20), None).await.unwrap()
    }

    pub(crate) async fn add(&self, new: NewOperation) -> OperationRecord {
        self.client.enqueue(new).await.unwrap()
    }

    pub(crate) async fn state(&self, id: OperationId) -> DeviceState {
        self.get(id).await.state
    }

    pub(crate) async fn get(&self, id: OperationId) -> OperationRecord {
        self.client.get(id).await.unwrap().unwrap()
    }

    pub(crate) async fn all(&self) -> Vec<OperationRecord> {
        self.client.list(Filter { limit: Some(1_000), ..Filter::default() }).await.unwrap()
    }

    /// The ids of the operations in the nth request.
    pub(crate) fn sent(&self, nth: usize) -> Vec<OperationId> {
        self.server.requests()[nth].operations.iter().map(|operation| operation.id).collect()
    }
}

/// Nothing said but the file, and a server that nobody asks anything: a slim build has none of its own.
pub(crate) fn bare(database: &Path) -> Options {
    Options::new(database, "http://server.invalid").with_transport(Arc::new(MemoryTransport::new()))
}

pub(crate) fn options(folder: &Path, server: &MemoryTransport, clock: &Arc<TestClock>) -> Options {
    let mut options = Options::new(folder.join("queue.db"), "http://server.invalid")
        .with_static_token("token-1")
        .with_account("acc_test")
        .with_transport(Arc::new(server.clone()))
        .with_clock(Arc::clone(clock) as Arc<dyn Clock>);
    options.seed = 7;
    options
}

pub(crate) fn charge(key: &str) -> NewOperation {
    charge_of(key, "1000.00")
}

pub(crate) fn charge_of(key: &str, amount: &str) -> NewOperation {
    NewOperation::new("mpesa", "charge", charge_payload(amount)).with_key(key)
}

pub(crate) fn charge_payload(amount: &str) -> String {
    format!(r#"{{"amount":{{"amount":"{amount}","currency":"KES"}},"phone":"+254712345678","reference":"FEE-1"}}"#)
}

pub(crate) fn sms(text: &str) -> NewOperation {
    NewOperation::new("sms", "send", format!(r#"{{"to":"+254711000111","message":"{text}"}}"#))
}

pub(crate) fn receipt(id: OperationId, status: ReceiptStatus) -> Receipt {
    Receipt { id, status, state: None, outcome: None, problem: None, retry_after_ms: None }
}

pub(crate) fn later(id: OperationId, retry_after_ms: u64, problem: Option<Problem>) -> Receipt {
    Receipt { retry_after_ms: Some(retry_after_ms), problem, ..receipt(id, ReceiptStatus::Later) }
}

pub(crate) fn change(seq: u64, id: OperationId, state: State) -> Change {
    Change {
        seq,
        id,
        origin: Origin::Device,
        state,
        outcome: None,
        problem: None,
        at: chrono::DateTime::from_timestamp_millis(START_MS).unwrap(),
        adapter: None,
        action: None,
    }
}

/// The friendly answer with something changed.
pub(crate) fn answer_with(edit: impl FnOnce(&SyncRequest<Operation>, &mut SyncResponse) + Send + 'static) -> Step {
    Step::answer(move |request| {
        let mut response = friendly(request);
        edit(request, &mut response);
        response
    })
}
