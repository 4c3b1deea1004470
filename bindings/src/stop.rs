//! Ending a long call early.

use std::sync::Arc;

use tarishi_core::Stop as CoreStop;
use tokio::sync::watch;

/// Ends a `sync`, `account` or `logout` early.
#[derive(Debug, uniffi::Object)]
pub struct Stop(watch::Sender<bool>);

#[uniffi::export]
impl Stop {
    /// Not stopped yet.
    #[uniffi::constructor]
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(false)))
    }

    /// Stops; also what begins with it later.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub(crate) async fn stopped(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// Stops an exchange whose caller went away.
pub(crate) struct StopWhenDropped(pub(crate) CoreStop);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}
