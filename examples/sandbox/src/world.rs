//! What all handlers share: the ledger, the faults, the providers' memories, and the tasks that act later.

use std::future::Future;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::callbacks::Callbacks;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::{Facts, FaultBook};
use crate::ledger::Ledger;
use crate::mpesa::Book;
use crate::sandbox::SandboxOptions;

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// Locks are held for a moment and never across a wait; where two are needed, the provider's comes before `ledger`.
pub(crate) struct World {
    pub(crate) options: SandboxOptions,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) faults: Mutex<FaultBook>,
    pub(crate) moodle: Mutex<crate::moodle::Book>,
    pub(crate) mpesa: Mutex<Book>,
    pub(crate) sms_delivery_url: Mutex<Option<String>>,
    pub(crate) whatsapp_webhook_url: Mutex<Option<String>>,
    pub(crate) flutterwave: Mutex<crate::flutterwave::Book>,
    pub(crate) flutterwave_webhook_url: Mutex<Option<String>>,
    pub(crate) pesapal: Mutex<crate::pesapal::Book>,
    pub(crate) google_drive: Mutex<crate::google_drive::Book>,
    pub(crate) push: Mutex<crate::push::Book>,
    pub(crate) callbacks: Callbacks,
    rng: Mutex<StdRng>,
    tasks: Mutex<JoinSet<()>>,
}

impl World {
    pub(crate) fn new(options: SandboxOptions) -> io::Result<Self> {
        let ledger = options.ledger.as_deref().map_or_else(|| Ok(Ledger::default()), Ledger::open)?;
        Ok(Self {
            moodle: Mutex::new(crate::moodle::Book::from_ledger(ledger.entries())),
            mpesa: Mutex::new(Book::from_ledger(ledger.entries())),
            ledger: Mutex::new(ledger),
            faults: Mutex::default(),
            sms_delivery_url: Mutex::new(options.sms_delivery_url.clone()),
            whatsapp_webhook_url: Mutex::new(options.whatsapp_webhook_url.clone()),
            flutterwave: Mutex::default(),
            pesapal: Mutex::default(),
            google_drive: Mutex::default(),
            push: Mutex::default(),
            flutterwave_webhook_url: Mutex::new(options.flutterwave_webhook_url.clone()),
            callbacks: Callbacks::new()?,
            rng: Mutex::new(StdRng::seed_from_u64(options.seed.unwrap_or_else(rand::random))),
            tasks: Mutex::default(),
            options,
        })
    }

    /// The fault that fires for this request.
    pub(crate) fn fault(&self, adapter: Adapter, call: Call, facts: Facts) -> Option<Fault> {
        lock(&self.faults).take(adapter, call, &[facts], |_| true)
    }

    /// Does something later, unless the sandbox is reset or stopped before.
    pub(crate) fn later(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Forgets everything but configuration and the current access token.
    pub(crate) fn reset(&self) {
        self.abandon_tasks();
        lock(&self.moodle).reset();
        lock(&self.mpesa).reset();
        lock(&self.flutterwave).reset();
        lock(&self.pesapal).reset();
        lock(&self.google_drive).reset();
        lock(&self.push).reset();
        lock(&self.ledger).reset();
        lock(&self.faults).clear();
    }

    pub(crate) fn abandon_tasks(&self) {
        lock(&self.tasks).abort_all();
    }

    /// Upper-case letters and digits, as in M-Pesa receipts.
    pub(crate) fn random_alphanumeric(&self, length: usize) -> String {
        let mut rng = lock(&self.rng);
        (0..length).map(|_| char::from(ALPHANUMERIC[rng.random_range(0..ALPHANUMERIC.len())])).collect()
    }

    /// Lower-case hex digits, two a byte.
    pub(crate) fn random_hex(&self, bytes: usize) -> String {
        let mut rng = lock(&self.rng);
        hex::encode((0..bytes).map(|_| rng.random::<u8>()).collect::<Vec<_>>())
    }
}

/// SHA-256 in hex.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A lock that a panicking test elsewhere does not spoil.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
