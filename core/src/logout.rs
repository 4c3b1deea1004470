//! Signing out. What may be at the server is counted apart from what never left: the person must know.

use core::time::Duration;

use serde::Serialize;

use crate::{Error, conditions::Halt, inner::Inner, outbox::discard};

/// How long a discard tries to tell the server.
const DISCARD_SYNC: Duration = Duration::from_secs(10);

/// What happens to what has not ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Logout {
    /// Send what can be sent, then stop. What is left stays for the next sign-in of the same account.
    Drain {
        /// How long to try.
        deadline: Duration,
    },
    /// Stop at once; everything stays for the next sign-in of the same account.
    Keep,
    /// Throw away what was never sent, ask the server to cancel the rest, keep an empty stub of what it has not answered.
    Discard,
}

/// What had not ended when the person signed out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct LogoutReport {
    /// Never left the phone.
    pub never_sent: u64,
    /// Sent, and no receipt came.
    pub maybe_sent: u64,
    /// The server has it.
    pub running: u64,
}

impl Inner {
    pub(crate) async fn logout(&self, how: Logout) -> Result<LogoutReport, Error> {
        let report = match how {
            Logout::Drain { deadline } => {
                // Whatever keeps it from draining is in the counts.
                let _ = self.sync(deadline, None).await;
                self.outbox.write(|tx| Ok(discard::count(tx))).await?
            }
            Logout::Keep => self.outbox.write(|tx| Ok(discard::count(tx))).await?,
            Logout::Discard => self.discard().await?,
        };
        self.stop_scheduler().await;
        self.halt(Halt::SignedOut);
        Ok(report)
    }

    async fn discard(&self) -> Result<LogoutReport, Error> {
        self.stop_scheduler().await;
        // Nothing is planned while this holds the flight, so what is counted as never sent is never sent.
        let flight = self.flight.lock().await;
        let report = self.outbox.write(|tx| Ok(discard::count(tx))).await?;
        while self.outbox.write(discard::drop_unsent).await? {}
        self.outbox.write(discard::wish_all).await?;
        drop(flight);
        if report.maybe_sent + report.running > 0 {
            let _ = self.sync(DISCARD_SYNC, None).await;
        }
        self.outbox.write(discard::empty).await?;
        Ok(report)
    }

    /// Ends the scheduler, at an exchange if need be.
    pub(crate) async fn stop_scheduler(&self) {
        let task = self.scheduler.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }
}
