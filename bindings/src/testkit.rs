//! What an app's own tests need of the library: a clock that stands still and a server that does as it is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

#[cfg(feature = "testkit")]
use tarishi_core::testkit::ScriptedServer as Inner;
use tarishi_core::{Clock, ManualClock, Transport};

use crate::ClientError;
#[cfg(not(feature = "testkit"))]
use crate::testkit_absent::ScriptedServer as Inner;

/// A clock for tests: it stands still until it is told.
#[derive(Debug, uniffi::Object)]
pub struct TestClock {
    clock: Arc<ManualClock>,
    boots: AtomicU32,
}

#[uniffi::export]
impl TestClock {
    /// A clock at this wall time, in milliseconds since 1970, one minute after the phone was started.
    #[uniffi::constructor]
    #[must_use]
    pub fn new(wall_ms: i64) -> Arc<Self> {
        Arc::new(Self { clock: Arc::new(ManualClock::new(wall_ms)), boots: AtomicU32::new(1) })
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Sets the wall clock alone, as a person or the network does.
    pub fn set_wall_ms(&self, wall_ms: i64) {
        self.clock.set_wall_ms(wall_ms);
    }

    /// Starts the phone again.
    pub fn reboot(&self) {
        let boot = self.boots.fetch_add(1, Ordering::Relaxed) + 1;
        self.clock.reboot(Some(&format!("boot-{boot}")));
    }
}

impl TestClock {
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }
}

/// A server for tests, in memory: friendly, but for what its script says. Libraries that are shipped leave it out: there no
/// client opens with it.
#[derive(Debug, uniffi::Object)]
pub struct ScriptedServer(Inner);

#[uniffi::export]
impl ScriptedServer {
    /// A friendly server: it accepts every operation and grants every wish to cancel.
    #[uniffi::constructor]
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Inner::new()))
    }

    /// Adds steps, a JSON array; each request to sync meets one, in order, and after the last the friendly server again.
    pub fn script(&self, steps: &str) -> Result<(), ClientError> {
        Ok(self.0.script(steps)?)
    }

    /// What it was asked so far, as JSON.
    pub fn requests(&self) -> String {
        self.0.requests()
    }

    /// Nothing reaches it while this is true.
    pub fn set_unreachable(&self, unreachable: bool) {
        self.0.set_unreachable(unreachable);
    }

    /// The tokens it takes; every token if absent.
    pub fn set_tokens(&self, tokens: Option<Vec<String>>) {
        self.0.set_tokens(tokens);
    }
}

impl ScriptedServer {
    #[cfg(feature = "testkit")]
    pub(crate) fn transport(&self) -> Result<Arc<dyn Transport>, ClientError> {
        Ok(Arc::new(self.0.clone()))
    }

    #[cfg(not(feature = "testkit"))]
    pub(crate) fn transport(&self) -> Result<Arc<dyn Transport>, ClientError> {
        Err(self.0.absent().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "testkit")]
    fn a_library_for_tests_has_a_server_that_follows_a_script() {
        let server = ScriptedServer::new();
        server.script(r#"[{"status": 503}]"#).unwrap();
        assert!(server.transport().is_ok());
    }

    #[test]
    #[cfg(not(feature = "testkit"))]
    fn a_library_that_is_shipped_opens_no_client_with_the_test_kits_server() {
        let server = ScriptedServer::new();
        assert!(matches!(server.transport().err(), Some(ClientError::FixInput { field, .. }) if field == "server"));
        assert!(matches!(server.script("[]"), Err(ClientError::FixInput { field, .. }) if field == "server"));
        assert_eq!(server.requests(), "[]");
    }
}
