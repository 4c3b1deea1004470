//! Devices that wait for news: each held request is woken when its feed moves.
//!
//! A held request costs no connection and no query of its own: every half second at most, one query asks for all of them
//! which feeds moved.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::{App, store::Ms};

/// Requests that may be held at once; the next is answered at once.
pub const HELD_MAX: usize = 10_000;
/// How often the store is asked which feeds moved, at most.
pub const ASK_EVERY: Duration = Duration::from_millis(500);
/// Acknowledgements remembered, at most; beyond, they are written once more than needed.
const ACKNOWLEDGED_MAX: usize = 100_000;

/// The held requests of this process.
#[derive(Debug, Default)]
pub struct Hub {
    held: Mutex<HashMap<u64, Held>>,
    next: AtomicU64,
    acknowledged: Mutex<HashMap<(String, String), u64>>,
}

#[derive(Debug)]
struct Held {
    device: (String, String),
    seq: u64,
    wake: Arc<Notify>,
}

/// One held request; leaving it out of scope ends the hold.
struct Hold<'a> {
    hub: &'a Hub,
    id: u64,
    wake: Arc<Notify>,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.hub.held().remove(&self.id);
    }
}

impl Hub {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, tenant: &str, device: &str, seq: u64) -> Option<Hold<'_>> {
        let mut held = self.held();
        if held.len() >= HELD_MAX {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let wake = Arc::new(Notify::new());
        held.insert(id, Held { device: (tenant.to_owned(), device.to_owned()), seq, wake: Arc::clone(&wake) });
        Some(Hold { hub: self, id, wake })
    }

    /// Requests that are held now.
    #[must_use]
    pub fn held_requests(&self) -> usize {
        self.held().len()
    }

    /// Waits until the device's feed moves beyond `seq`, at most `wait`; at once if too many wait already.
    pub async fn wait(&self, tenant: &str, device: &str, seq: u64, wait: Duration) {
        let Some(hold) = self.hold(tenant, device, seq) else { return };
        // Running out of time is one of the two ways this ends.
        let _ = tokio::time::timeout(wait, hold.wake.notified()).await;
    }

    /// Is this acknowledgement news, to be written?
    #[must_use]
    pub fn acknowledges(&self, tenant: &str, device: &str, seq: u64) -> bool {
        let mut known = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ACKNOWLEDGED_MAX {
            known.clear();
        }
        known.insert((tenant.to_owned(), device.to_owned()), seq) != Some(seq)
    }

    fn waiting(&self) -> Vec<(u64, (String, String), u64)> {
        self.held().iter().map(|(id, held)| (*id, held.device.clone(), held.seq)).collect()
    }

    fn wake(&self, id: u64) {
        if let Some(held) = self.held().get(&id) {
            held.wake.notify_one();
        }
    }
}

/// Wakes held requests until the server stops.
pub async fn run(app: &App) {
    let mut moved = app.wake.feed_subscribe();
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => break,
            // Other processes move feeds too, so a missed signal must not matter.
            _ = tokio::time::timeout(ASK_EVERY, moved.changed()) => {}
        }
        let waiting = app.hub.waiting();
        if waiting.is_empty() {
            continue;
        }
        let devices = waiting.iter().map(|(_, device, _)| device.clone()).collect();
        match app.store.feed_heads(devices).await {
            Ok(heads) => {
                for ((id, _, seq), head) in waiting.iter().zip(heads) {
                    if head > *seq {
                        app.hub.wake(*id);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the feeds could not be asked"),
        }
        tokio::select! {
            () = app.shutdown.cancelled() => break,
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    }
    for (id, _, _) in app.hub.waiting() {
        app.hub.wake(id);
    }
}

/// The place in the feed that a cursor names, if it can be read.
#[must_use]
pub fn seq_of(cursor: &str) -> Option<u64> {
    cursor.rsplit_once('.')?.1.parse().ok()
}

/// Milliseconds as a wait.
#[must_use]
pub fn wait_of(ms: Ms) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
