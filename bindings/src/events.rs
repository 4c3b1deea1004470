//! Events on their way to the app.

use std::sync::Arc;

use tarishi_core::Event;
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    task::AbortHandle,
};

use crate::EventListener;

/// Events handed over in one call, at most.
const EVENTS_MAX: usize = 256;

/// Events are delivered while it lives.
#[derive(Debug, uniffi::Object)]
pub struct Subscription(pub(crate) AbortHandle);

#[uniffi::export]
impl Subscription {
    /// No more events; a call under way is finished.
    pub fn cancel(&self) {
        self.0.abort();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands events over in order, as many at a time as there are. The app's code may block, so it gets a thread for that.
pub(crate) async fn hand_over(mut events: Receiver<Event>, listener: Arc<dyn EventListener>) {
    loop {
        let (mut batch, mut missed) = (Vec::new(), 0);
        match events.recv().await {
            Ok(event) => batch.push(event),
            Err(RecvError::Lagged(count)) => missed = count,
            Err(RecvError::Closed) => return,
        }
        while missed == 0 && batch.len() < EVENTS_MAX {
            match events.try_recv() {
                Ok(event) => batch.push(event),
                Err(TryRecvError::Lagged(count)) => missed = count,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let listener = Arc::clone(&listener);
        let called = tokio::task::spawn_blocking(move || call(listener.as_ref(), batch, missed)).await;
        // A panic in the listener ended that call only; without a runtime there is nobody left to call.
        if called.is_err_and(|error| error.is_cancelled()) {
            return;
        }
    }
}

/// A listener that throws keeps its subscription: what it throws is the app's own affair.
fn call(listener: &dyn EventListener, batch: Vec<Event>, missed: u64) {
    if !batch.is_empty() {
        let _ = listener.on_events(batch);
    }
    if missed > 0 {
        let _ = listener.on_missed(missed);
    }
}
