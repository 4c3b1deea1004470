//! One cycle: enqueue, sync, and something dies.

use std::time::Duration;

use rand::{Rng as _, RngExt as _};

use super::Scene;
use crate::harness::{Exit, Intent, Phone, Result, Run, import_file};

/// Where a phone can be told to die while it syncs.
const FAILPOINTS: [&str; 5] =
    ["device.after_plan", "device.before_send", "device.after_response", "device.in_apply", "device.after_apply"];
/// How long one sync may take.
const DEADLINE: &str = "3s";

/// What dies in a cycle, or tries to.
enum Victim {
    PhoneByKill(Duration),
    /// A phone that watches, and syncs by its own scheduler.
    WatchByKill(Duration),
    PhoneAtFailpoint(String),
    ServerByKill(Duration),
    /// A server that has been told to die at a failpoint may get there.
    NobodyElse,
}

impl Scene {
    pub(super) async fn cycle(&mut self) -> Result<()> {
        let number = self.index(self.phones.len());
        let phone = self.phones[number].clone();
        let intents = self.some_intents(number);
        self.enqueue(&phone, &intents).await?;
        self.asked.extend(intents);
        let victim = self.victim();
        self.sync(&phone, victim).await
    }

    fn some_intents(&mut self, phone: usize) -> Vec<Intent> {
        let count = self.rng.random_range(2..=5);
        let make = |_| {
            let intent = match self.rng.random_range(0..5) {
                0 | 1 => self.intents.charge(),
                2 | 3 => self.intents.text(),
                _ => self.intents.upload(),
            };
            match self.rng.random_range(0..40) {
                pupil @ 0..20 => intent.ordered(&format!("pupil:{phone}-{pupil}")),
                _ => intent,
            }
        };
        (0..count).map(make).collect()
    }

    /// Enqueues; a phone that dies over it is asked again, and the keys see to it that nothing is queued twice.
    async fn enqueue(&mut self, phone: &Phone, intents: &[Intent]) -> Result<()> {
        let file = self.folder.path().join("operations.jsonl");
        import_file(&file, intents.iter().map(|intent| &intent.line))?;
        let path = file.to_string_lossy();
        let run = match self.rng.random_range(0..10) {
            0 => Run { kill_after: Some(self.moment(80)), failpoint: None },
            1 => Run { failpoint: Some("device.after_enqueue_commit:1".to_owned()), kill_after: None },
            _ => Run::to_its_end(),
        };
        let is_wild = run.failpoint.is_some() || run.kill_after.is_some();
        if is_wild && !self.died(phone, &["import", &path], run).await? {
            return Ok(());
        }
        phone.done(&["import", &path]).await.map(drop)
    }

    async fn sync(&mut self, phone: &Phone, victim: Victim) -> Result<()> {
        let args = ["sync", "--deadline", DEADLINE];
        match victim {
            Victim::PhoneByKill(after) => {
                self.died(phone, &args, Run { kill_after: Some(after), failpoint: None }).await?;
            }
            Victim::WatchByKill(after) => {
                self.died(phone, &["watch"], Run { kill_after: Some(after), failpoint: None }).await?;
            }
            Victim::PhoneAtFailpoint(name) => {
                self.died(phone, &args, Run { failpoint: Some(name), kill_after: None }).await?;
            }
            Victim::ServerByKill(after) => {
                let kill = async {
                    tokio::time::sleep(after).await;
                    self.server.kill().await
                };
                let (killed, ran) = tokio::join!(kill, phone.run(&args, Run::to_its_end()));
                killed?;
                check(phone, &args, ran?.exit)?;
            }
            Victim::NobodyElse => check(phone, &args, phone.run(&args, Run::to_its_end()).await?.exit)?,
        }
        Ok(())
    }

    /// Runs a command that is to die; whether it did.
    async fn died(&mut self, phone: &Phone, args: &[&str], run: Run) -> Result<bool> {
        let by_failpoint = run.failpoint.is_some();
        let exit = phone.run(args, run).await?.exit;
        if exit != Exit::Signal {
            check(phone, args, exit)?;
            return Ok(false);
        }
        if by_failpoint {
            self.totals.phone_failpoints += 1;
        } else {
            self.totals.phone_kills += 1;
        }
        Ok(true)
    }

    fn victim(&mut self) -> Victim {
        match self.rng.random_range(0..10) {
            0..=1 => Victim::PhoneByKill(self.moment(150)),
            2 => Victim::WatchByKill(self.moment(600)),
            3..=5 => {
                let name = FAILPOINTS[self.index(FAILPOINTS.len())];
                Victim::PhoneAtFailpoint(format!("{name}:{}", self.rng.random_range(1..=2)))
            }
            6..=7 => Victim::ServerByKill(self.moment(300)),
            _ => Victim::NobodyElse,
        }
    }

    fn moment(&mut self, at_most_ms: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(0..=at_most_ms))
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.rng.next_u32()).unwrap_or_default() % length
    }
}

/// A sync may leave work behind (3); it may never fail.
fn check(phone: &Phone, args: &[&str], exit: Exit) -> Result<()> {
    match exit {
        Exit::Code(0 | 3) => Ok(()),
        Exit::Code(_) | Exit::Signal => Err(phone.failure(args, exit)),
    }
}
