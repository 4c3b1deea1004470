//! Lets everything come to rest, the operator doing his part, and then looks into the books.

use std::time::Duration;

use tarishi_core::DeviceState;
use tokio::time::Instant;

use super::Scene;
use crate::harness::{Audit, Error, Result, Run, States, resolve_unresolved};

/// How long it may take until nothing moves any more.
const REST_WAIT: Duration = Duration::from_secs(180);
/// How long one sync may take.
const DEADLINE: &str = "10s";
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);
/// M-Pesa calls that one server has open at once, at most: so many can a death leave unresolved.
const MPESA_SLOTS: usize = 8;

impl Scene {
    /// Syncs until everything has ended, and audits.
    pub(super) async fn rest(&mut self) -> Result<()> {
        self.server.calm().await?;
        let end = Instant::now() + REST_WAIT;
        let states = loop {
            let states = self.sync_all().await?;
            if states.values().all(|state| state.is_ended()) {
                break states;
            }
            if Instant::now() > end {
                let audit = self.audit(&states);
                return Err(format!("operations have not come to rest: {:?}\n{audit}", not_ended(&states)).into());
            }
            // What stands behind an unresolved one of its ordering key moves only after it.
            if states.values().any(|state| *state == DeviceState::Unresolved) {
                self.call_operator().await?;
            }
            tokio::time::sleep(PAUSE).await;
        };
        let audit = self.audit(&states);
        if !audit.is_clean() || audit.refused > 0 || audit.failed != self.totals.resolved.unpaid {
            return Err(Error::from(audit.to_string()));
        }
        self.totals.audit = audit;
        self.server.wild().await
    }

    async fn call_operator(&mut self) -> Result<()> {
        let resolved = resolve_unresolved(&self.commands, &self.asked, &self.sandbox.ledger()).await?;
        self.totals.resolved += resolved;
        let (all, deaths) = (self.totals.resolved.all(), self.server.deaths().all());
        if u64::try_from(all).unwrap_or(u64::MAX) > deaths * MPESA_SLOTS as u64 {
            return Err(format!("{all} payments unresolved after {deaths} deaths: more than were under way").into());
        }
        Ok(())
    }

    fn audit(&self, states: &States) -> Audit {
        Audit::of(&self.asked, states, &self.sandbox.ledger(), &self.files)
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

fn not_ended(states: &States) -> Vec<(&str, &str)> {
    let open = states.iter().filter(|(_, state)| !state.is_ended());
    open.map(|(key, state)| (key.as_str(), state.as_str())).take(20).collect()
}
