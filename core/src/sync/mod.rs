//! Bringing what is queued to the server and outcomes back.

mod account;
pub(crate) mod apply;
pub(crate) mod backoff;
pub(crate) mod batch;
pub(crate) mod exchange;
pub(crate) mod grown;
mod poison;
pub(crate) mod scheduler;
mod send;
mod size;
mod verdict;

use core::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use crate::{Error, Event, WhyReason, conditions::Halt, inner::Inner, outbox::read};
use exchange::{Mode, Step};

/// What one run of `sync` did.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct SyncReport {
    /// HTTP requests that got an answer.
    pub exchanges: u64,
    /// Operations the server took.
    pub accepted: u64,
    /// Operations the server refused for good.
    pub refused: u64,
    /// Operations without a receipt, still.
    pub pending: u64,
    /// Bytes sent, as they travelled.
    pub bytes_up: u64,
    /// Bytes received, as they travelled.
    pub bytes_down: u64,
    /// Everything was sent and everything new was fetched.
    pub complete: bool,
    /// Why it is not complete, where something stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<WhyReason>,
}

/// Ends a run of `sync` from elsewhere. Clones are the same.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stop {
    /// Not yet stopped.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Ends the runs that were given this, now and later.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    async fn stopped(&self) {
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

async fn stopped(stop: Option<&Stop>) {
    match stop {
        Some(stop) => stop.stopped().await,
        None => core::future::pending().await,
    }
}

/// While it lives, the scheduler lets no exchange be held.
struct Waiting<'i>(&'i Inner);

impl<'i> Waiting<'i> {
    fn new(inner: &'i Inner) -> Self {
        inner.conditions().waiting += 1;
        Self(inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.conditions().waiting -= 1;
    }
}

/// How a run ended, if by no error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// Nothing is left to do now.
    Drained,
    /// The time was up, or somebody stopped it.
    Cut,
    /// Something stands in the way for longer than there is time.
    Blocked(WhyReason),
}

impl Inner {
    /// Syncs until nothing is left to do or the time is up.
    pub(crate) async fn sync(&self, deadline: Duration, stop: Option<Stop>) -> Result<SyncReport, Error> {
        if self.conditions().halt == Some(Halt::SignedOut) {
            return Err(Error::Closed);
        }
        self.conditions().asked_for();
        let _waiting = Waiting::new(self);
        self.nudge();
        let mut report = SyncReport::default();
        let ends_at = self.now().saturating_add(i64::try_from(deadline.as_millis()).unwrap_or(i64::MAX));
        let end = tokio::select! {
            biased;
            () = self.paused() => Err(if self.conditions().suspended { Error::Suspended } else { Error::Closed }),
            () = stopped(stop.as_ref()) => Ok(End::Cut),
            () = tokio::time::sleep(deadline) => Ok(End::Cut),
            end = self.drain(&mut report, ends_at) => end,
        };
        let end = end?;
        let (left, errands) = self.left().await?;
        report.pending = left;
        report.complete = end == End::Drained && left == 0 && !errands;
        report.reason = match end {
            End::Blocked(reason) => Some(reason),
            End::Drained | End::Cut => None,
        };
        let _ = self.events.send(Event::Report(report.clone()));
        Ok(report)
    }

    async fn drain(&self, report: &mut SyncReport, ends_at: i64) -> Result<End, Error> {
        let mut engine = self.flight.lock().await;
        engine.load(self).await?;
        loop {
            let now = self.now();
            if let Some(reason) = self.conditions().forbidden(&self.options, now, self.wall_ms()) {
                return Ok(End::Blocked(reason));
            }
            let gate = self.conditions().gate(now);
            if let Some(until) = gate {
                if until >= ends_at {
                    let unreachable = self.conditions().backoff.trouble() == Some(backoff::Trouble::Unreachable);
                    return Ok(End::Blocked(if unreachable { WhyReason::Offline } else { WhyReason::BackingOff }));
                }
                self.rest(until - now).await;
                continue;
            }
            let mode = Mode { hold: false, left_ms: Some(ends_at.saturating_sub(now)), cut: None };
            match exchange::exchange(self, &mut engine, mode, report).await? {
                Step::Done { more: true, .. } | Step::Again | Step::Wait | Step::Cut => {}
                Step::Done { more: false, .. } => {
                    let agenda = self.agenda().await?;
                    if agenda.ready || agenda.errands {
                        continue;
                    }
                    match agenda.parked_until {
                        Some(until) if until < ends_at => self.rest(until - self.now()).await,
                        Some(_) | None => return Ok(End::Drained),
                    }
                }
                Step::Halt(error) => return Err(error),
            }
        }
    }

    /// Waits, but not longer than until something new is queued.
    async fn rest(&self, ms: i64) {
        let mut work = self.work.subscribe();
        let wait = Duration::from_millis(u64::try_from(ms.max(1)).unwrap_or(1));
        let _ = tokio::time::timeout(wait, work.changed()).await;
    }

    pub(crate) async fn agenda(&self) -> Result<read::Agenda, Error> {
        self.outbox.read(|connection, context| read::work(connection, context.uptime.now())).await
    }

    /// Operations without a receipt, and whether wishes or notification receipts wait.
    async fn left(&self) -> Result<(u64, bool), Error> {
        let left = self.outbox.write(|tx| Ok(tx.memory.unreceipted())).await?;
        Ok((left, self.agenda().await?.errands))
    }
}
