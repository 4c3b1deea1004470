//! Lets everything come to rest, looks, has the operator do his part, and looks again.

use std::time::Duration;

use tokio::time::Instant;

use super::Scene;
use crate::harness::{Audit, Error, Result, Run, States, resolve_unresolved};

/// How long it may take until nothing moves any more.
const REST_WAIT: Duration = Duration::from_secs(180);
/// How long one sync may take.
const DEADLINE: &str = "10s";
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);

impl Scene {
    /// Rests and audits, twice: before and after the operator.
    pub(super) async fn rest(&mut self) -> Result<()> {
        self.server.calm().await?;
        let before = self.settled(|audit, moving| moving == audit.unresolved).await?;
        self.totals.unresolved += before.unresolved;
        if !before.is_sound() {
            return Err(Error::from(before.to_string()));
        }
        let after = self.settled_with_operator().await?;
        if !after.is_clean() || after.failed != self.totals.resolved.unpaid || after.refused > 0 {
            return Err(Error::from(format!("after the operator: {after}")));
        }
        self.totals.audit = after;
        self.server.wild().await
    }

    /// An operation behind an unresolved one of its ordering key moves only after it: so the operator comes more than once.
    async fn settled_with_operator(&mut self) -> Result<Audit> {
        loop {
            let ledger = self.sandbox.ledger();
            self.totals.resolved += resolve_unresolved(&self.commands, &self.asked, &ledger).await?;
            let audit = self.settled(|audit, moving| moving == audit.unresolved).await?;
            if audit.unresolved == 0 {
                return Ok(audit);
            }
            self.totals.unresolved += audit.unresolved;
        }
    }

    /// Syncs until nothing moves: what has not ended is unresolved, or stands behind one that is.
    async fn settled(&self, is_still: impl Fn(&Audit, usize) -> bool) -> Result<Audit> {
        let end = Instant::now() + REST_WAIT;
        loop {
            let states = self.sync_all().await?;
            let audit = Audit::of(&self.asked, &states, &self.sandbox.ledger(), &self.files);
            let moving = states.values().filter(|state| !state.is_ended()).count();
            if is_still(&audit, moving) {
                return Ok(audit);
            }
            if Instant::now() > end {
                return Err(format!("{moving} operations have not come to rest: {audit}").into());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn sync_all(&self) -> Result<States> {
        let mut all = States::new();
        for phone in &self.phones {
            phone.run(&["sync", "--deadline", DEADLINE], Run::to_its_end()).await?;
            all.extend(phone.states().await?);
        }
        Ok(all)
    }
}
