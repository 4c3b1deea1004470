//! What was asked for against what the providers saw. Whether something happened once is read in their books, never in ours.
//!
//! *Lost*: committed by `enqueue`, no effect, and not told as failed, refused, cancelled, expired or unresolved. *Doubled*: more
//! than one effect. *Contradicted*: told that it did not happen although it did. *Stray*: an effect nobody asked for.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
};

use sha2::{Digest as _, Sha256};
use tarishi_core::DeviceState;
use tarishi_sandbox::{Effect, LedgerEntry};

use super::{Intent, Mark};

/// Where operations stand on their devices, by idempotency key.
pub type States = HashMap<String, DeviceState>;

/// The comparison.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Audit {
    /// Operations that `enqueue` committed.
    pub operations: usize,
    /// Effects of these at the providers.
    pub effects: usize,
    /// Neither done nor told why not.
    pub lost: usize,
    /// Effects beyond the first of an operation.
    pub doubled: usize,
    /// Waiting for a human.
    pub unresolved: usize,
    /// Told that they failed.
    pub failed: usize,
    /// Told that they were refused.
    pub refused: usize,
    /// Told that they did not happen although they did.
    pub contradicted: usize,
    /// Effects that nobody asked for.
    pub strays: usize,
    /// Where an operation went wrong, for the reader of a failed test.
    pub notes: Vec<String>,
}

impl Audit {
    /// Compares. `files` is the tenant's folder of the storage provider.
    #[must_use]
    pub fn of(intents: &[Intent], states: &States, ledger: &[LedgerEntry], files: &Path) -> Self {
        let mut seen = effects(ledger);
        let mut audit = Self { operations: intents.len(), ..Self::default() };
        for intent in intents {
            let count = match &intent.mark {
                Mark::File { path, sha256 } => usize::from(is_stored(&files.join(path), sha256)),
                Mark::Money { .. } | Mark::Text { .. } => seen.remove(&intent.mark).unwrap_or(0),
            };
            audit.add(intent, states.get(&intent.key).copied(), count);
        }
        audit.strays = seen.values().sum();
        audit
    }

    fn add(&mut self, intent: &Intent, state: Option<DeviceState>, count: usize) {
        self.effects += count;
        if count > 1 {
            self.doubled += count - 1;
            self.notes.push(format!("{}: {count} effects", intent.key));
        }
        let told_otherwise = match state {
            Some(DeviceState::Unresolved) => {
                self.unresolved += 1;
                return;
            }
            Some(DeviceState::Failed) => {
                self.failed += 1;
                true
            }
            Some(DeviceState::Refused) => {
                self.refused += 1;
                true
            }
            Some(DeviceState::Cancelled | DeviceState::Expired) => true,
            Some(
                DeviceState::Pending
                | DeviceState::InFlight
                | DeviceState::Accepted
                | DeviceState::Waiting
                | DeviceState::Succeeded
                | DeviceState::Dead,
            )
            | None => false,
        };
        let shown = state.map_or("not on the device", DeviceState::as_str);
        if count == 0 && !told_otherwise {
            self.lost += 1;
            self.notes.push(format!("{}: no effect, and the device says {shown}", intent.key));
        }
        if count > 0 && told_otherwise {
            self.contradicted += 1;
            self.notes.push(format!("{}: the device says {shown}, and it happened", intent.key));
        }
    }

    /// Nothing lost, doubled, contradicted or made up. Unresolved ones may be left.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.contradicted == 0 && self.strays == 0
    }

    /// Sound, and no human is needed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.is_sound() && self.unresolved == 0
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, effects, lost, doubled, unresolved, failed, refused, contradicted, strays, notes } = self;
        write!(f, "{operations} operations, {effects} effects: {lost} lost, {doubled} doubled, {unresolved} unresolved")?;
        write!(f, " ({failed} failed, {refused} refused, {contradicted} contradicted, {strays} strays)")?;
        for note in notes.iter().take(20) {
            write!(f, "\n  {note}")?;
        }
        Ok(())
    }
}

/// Effects in the ledger, counted by their marks.
fn effects(ledger: &[LedgerEntry]) -> BTreeMap<Mark, usize> {
    let mut seen = BTreeMap::new();
    for entry in ledger {
        if let Some(mark) = mark(entry) {
            *seen.entry(mark).or_default() += 1;
        }
    }
    seen
}

fn mark(entry: &LedgerEntry) -> Option<Mark> {
    let digits = entry.to.as_deref().unwrap_or_default().trim_start_matches('+').to_owned();
    match entry.effect {
        Effect::MoneyIn => Some(Mark::Money { phone: digits, amount: entry.amount.clone()? }),
        Effect::Message => Some(Mark::Text { to: digits, sha256: entry.text_sha256.clone()? }),
        Effect::MoneyOut | Effect::File | Effect::Deleted | Effect::Enrolment | Effect::Course | Effect::Grade => None,
    }
}

fn is_stored(path: &Path, sha256: &str) -> bool {
    std::fs::read(path).is_ok_and(|bytes| hex::encode(Sha256::digest(bytes)) == sha256)
}
