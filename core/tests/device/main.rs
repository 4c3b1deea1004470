//! The device core as an app meets it: a real SQLite file, the public verbs, a scripted server.

mod change;
mod enqueue;
mod http;
mod life;
mod order;
mod poison;
mod recovery;
mod scheduler;
mod simulation;
mod sync;
mod waiting;

use std::{path::Path, sync::Arc, time::Duration};

use tarishi_core::{
    Client, DeviceState, Filter, ManualClock, NewOperation, OperationRecord, Options, SyncReport,
    protocol::{
        Change, Operation, OperationId, Origin, Problem, Receipt, ReceiptStatus, State, SyncRequest, SyncResponse,
    },
    transport::memory::{MemoryTransport, Step, friendly},
};

pub const START_MS: i64 = 1_790_000_000_000;

/// A phone: a client on a file of its own, a server in memory, a clock that stands still.
pub struct Phone {
    pub client: Client,
    pub server: MemoryTransport,
    pub clock: Arc<ManualClock>,
    pub folder: tempfile::TempDir,
}

impl Phone {
    pub fn new() -> Self {
        Self::with(|options| options)
    }

    pub fn with(change: impl FnOnce(Options) -> Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = MemoryTransport::new();
        let clock = Arc::new(ManualClock::new(START_MS));
        let client = Client::open(change(options(folder.path(), &server, &clock))).unwrap();
        Self { client, server, clock, folder }
    }

    /// Lets the app die and start again.
    pub fn restart(self) -> Self {
        self.restart_with(|options| options)
    }

    pub fn restart_with(self, change: impl FnOnce(Options) -> Options) -> Self {
        let Self { client, server, clock, folder } = self;
        drop(client);
        let client = Client::open(change(options(folder.path(), &server, &clock))).unwrap();
        Self { client, server, clock, folder }
    }

    pub fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("queue.db")
    }

    pub async fn sync(&self) -> SyncReport {
        self.client.sync(Duration::from_secs(20), None).await.unwrap()
    }

    pub async fn add(&self, new: NewOperation) -> OperationRecord {
        self.client.enqueue(new).await.unwrap()
    }

    pub async fn state(&self, id: OperationId) -> DeviceState {
        self.get(id).await.state
    }

    pub async fn get(&self, id: OperationId) -> OperationRecord {
        self.client.get(id).await.unwrap().unwrap()
    }

    pub async fn all(&self) -> Vec<OperationRecord> {
        self.client.list(Filter { limit: Some(1_000), ..Filter::default() }).await.unwrap()
    }

    /// The ids of the operations in the nth request.
    pub fn sent(&self, nth: usize) -> Vec<OperationId> {
        self.server.requests()[nth].operations.iter().map(|operation| operation.id).collect()
    }
}

fn options(folder: &Path, server: &MemoryTransport, clock: &Arc<ManualClock>) -> Options {
    let mut options = Options::new(folder.join("queue.db"), "http://server.invalid")
        .with_static_token("token-1")
        .with_account("acc_test")
        .with_transport(Arc::new(server.clone()))
        .with_clock(Arc::clone(clock) as Arc<dyn tarishi_core::Clock>);
    options.seed = 7;
    options
}

pub fn charge(key: &str) -> NewOperation {
    charge_of(key, "1000.00")
}

pub fn charge_of(key: &str, amount: &str) -> NewOperation {
    NewOperation::new("mpesa", "charge", charge_payload(amount)).with_key(key)
}

pub fn charge_payload(amount: &str) -> String {
    format!(r#"{{"amount":{{"amount":"{amount}","currency":"KES"}},"phone":"+254712345678","reference":"FEE-1"}}"#)
}

pub fn sms(text: &str) -> NewOperation {
    NewOperation::new("sms", "send", format!(r#"{{"to":"+254711000111","message":"{text}"}}"#))
}

pub fn receipt(id: OperationId, status: ReceiptStatus) -> Receipt {
    Receipt { id, status, state: None, outcome: None, problem: None, retry_after_ms: None }
}

pub fn later(id: OperationId, retry_after_ms: u64, problem: Option<Problem>) -> Receipt {
    Receipt { retry_after_ms: Some(retry_after_ms), problem, ..receipt(id, ReceiptStatus::Later) }
}

pub fn change(seq: u64, id: OperationId, state: State) -> Change {
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
pub fn answer_with(edit: impl FnOnce(&SyncRequest<Operation>, &mut SyncResponse) + Send + 'static) -> Step {
    Step::answer(move |request| {
        let mut response = friendly(request);
        edit(request, &mut response);
        response
    })
}
