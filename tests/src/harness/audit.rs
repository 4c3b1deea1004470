//! What was asked for against what the providers saw. Whether something happened once is read in their books, never in ours.
//!
//! *Lost*: committed by `enqueue`, no effect, and not told as failed, refused, cancelled, expired or unresolved. *Doubled*: more
//! than one effect. *Contradicted*: told that it did not happen although it did. *Stray*: an effect nobody asked for.
//! *Misordered*: before one that was asked for earlier with the same ordering key.

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
    /// Done before one that was asked for earlier with the same ordering key.
    pub misordered: usize,
    /// Where an operation went wrong, for the reader of a failed test.
    pub notes: Vec<String>,
}

impl Audit {
    /// Compares. `files` is the tenant's folder of the storage provider; intents of one ordering key stand in order.
    #[must_use]
    pub fn of(intents: &[Intent], states: &States, ledger: &[LedgerEntry], files: &Path) -> Self {
        let mut seen = effects(ledger);
        let mut audit = Self { operations: intents.len(), ..Self::default() };
        let mut last = HashMap::new();
        for intent in intents {
            let count = match &intent.mark {
                Mark::File { path, sha256 } => usize::from(is_stored(&files.join(path), sha256)),
                Mark::Money { .. } | Mark::Text { .. } | Mark::Named { .. } => {
                    let places = seen.remove(&intent.mark).unwrap_or_default();
                    audit.order(intent, places.first().copied(), &mut last);
                    places.len()
                }
            };
            audit.add(intent, states.get(&intent.key).copied(), count);
        }
        audit.strays = seen.values().map(Vec::len).sum();
        audit
    }

    fn order<'a>(&mut self, intent: &'a Intent, place: Option<u64>, last: &mut HashMap<&'a str, u64>) {
        let (Some(key), Some(place)) = (intent.line["ordering_key"].as_str(), place) else { return };
        if last.insert(key, place).is_some_and(|last| last > place) {
            self.misordered += 1;
            self.notes.push(format!("{}: done before an earlier one of {key}", intent.key));
        }
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

    /// Nothing lost, doubled, contradicted, made up or out of order. Unresolved ones may be left.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        [self.lost, self.doubled, self.contradicted, self.strays, self.misordered].iter().all(|count| *count == 0)
    }

    /// Sound, and no human is needed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.is_sound() && self.unresolved == 0
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, effects, lost, doubled, unresolved, failed, refused, contradicted, strays, misordered, notes } =
            self;
        write!(f, "{operations} operations, {effects} effects: {lost} lost, {doubled} doubled, {unresolved} unresolved")?;
        write!(
            f,
            " ({failed} failed, {refused} refused, {contradicted} contradicted, {strays} strays, {misordered} misordered)"
        )?;
        for note in notes.iter().take(20) {
            write!(f, "\n  {note}")?;
        }
        Ok(())
    }
}

/// Places in the ledger by their marks.
fn effects(ledger: &[LedgerEntry]) -> BTreeMap<Mark, Vec<u64>> {
    let mut seen: BTreeMap<Mark, Vec<u64>> = BTreeMap::new();
    for entry in ledger {
        if let Some(mark) = mark(entry) {
            seen.entry(mark).or_default().push(entry.seq);
        }
    }
    seen
}

fn mark(entry: &LedgerEntry) -> Option<Mark> {
    let digits = entry.to.as_deref().unwrap_or_default().trim_start_matches('+').to_owned();
    match entry.effect {
        Effect::MoneyIn => Some(Mark::Money { phone: digits, amount: entry.amount.clone()? }),
        Effect::Message => Some(Mark::Text { to: digits, sha256: entry.text_sha256.clone()? }),
        Effect::Course => Some(Mark::Named { effect: "course", name: entry.to.clone()? }),
        // Folders end with a slash; they come with their files.
        Effect::File => {
            let path = entry.path.clone().filter(|path| !path.ends_with('/'))?;
            Some(Mark::Named { effect: "file", name: path })
        }
        Effect::MoneyOut | Effect::Deleted | Effect::Enrolment | Effect::Grade | Effect::Retraction => None,
    }
}

fn is_stored(path: &Path, sha256: &str) -> bool {
    std::fs::read(path).is_ok_and(|bytes| hex::encode(Sha256::digest(bytes)) == sha256)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::harness::Intents;

    fn ledger(marks: &[&Mark]) -> Vec<LedgerEntry> {
        let entry = |(seq, mark): (usize, &&Mark)| {
            let mut entry = match mark {
                Mark::Money { phone, amount } => {
                    json!({ "adapter": "mpesa", "effect": "money_in", "to": phone, "amount": amount, "currency": "KES" })
                }
                Mark::Text { to, sha256 } => {
                    json!({ "adapter": "sms", "effect": "message", "to": format!("+{to}"), "text_sha256": sha256 })
                }
                Mark::File { .. } | Mark::Named { .. } => unreachable!("not made here"),
            };
            entry["seq"] = json!(seq);
            entry["at"] = json!("2026-11-24T08:00:00Z");
            serde_json::from_value(entry).unwrap()
        };
        marks.iter().enumerate().map(entry).collect()
    }

    fn states(intents: &[Intent], states: &[DeviceState]) -> States {
        intents.iter().zip(states).map(|(intent, state)| (intent.key.clone(), *state)).collect()
    }

    #[test]
    fn what_happened_once_and_was_told_so_is_clean() {
        let folder = tempfile::tempdir().unwrap();
        let mut make = Intents::new("audit");
        let intents = [make.charge(), make.text(), make.upload()];
        let content = intents[2].line["payload"]["content_base64"].as_str().unwrap();
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, content).unwrap();
        let path = folder.path().join(intents[2].line["payload"]["destination"].as_str().unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let told = states(&intents, &[DeviceState::Succeeded; 3]);

        let audit = Audit::of(&intents, &told, &ledger(&[&intents[0].mark, &intents[1].mark]), folder.path());

        assert!(audit.is_clean(), "{audit}");
        assert_eq!((audit.operations, audit.effects), (3, 3));
    }

    #[test]
    fn a_success_without_an_effect_is_lost_and_a_second_effect_is_doubled() {
        let mut make = Intents::new("audit");
        let intents = [make.charge(), make.text(), make.upload()];
        let told = states(&intents, &[DeviceState::Succeeded; 3]);

        let audit = Audit::of(&intents, &told, &ledger(&[&intents[1].mark, &intents[1].mark]), Path::new("/nowhere"));

        assert_eq!((audit.lost, audit.doubled, audit.effects), (2, 1, 2), "{audit}");
        assert!(!audit.is_sound());
    }

    #[test]
    fn an_operation_that_its_device_does_not_know_is_lost() {
        let intents = [Intents::new("audit").charge()];
        assert_eq!(Audit::of(&intents, &States::new(), &[], Path::new("/nowhere")).lost, 1);
    }

    #[test]
    fn a_failure_is_no_loss_unless_it_happened_after_all() {
        let mut make = Intents::new("audit");
        let intents = [make.charge(), make.charge(), make.charge()];
        let told = states(&intents, &[DeviceState::Failed, DeviceState::Refused, DeviceState::Unresolved]);

        let audit = Audit::of(&intents, &told, &ledger(&[&intents[1].mark]), Path::new("/nowhere"));

        assert_eq!((audit.lost, audit.failed, audit.refused, audit.unresolved, audit.contradicted), (0, 1, 1, 1, 1));
        assert!(!audit.is_sound());
    }

    #[test]
    fn what_overtook_another_of_its_ordering_key_is_misordered() {
        let mut make = Intents::new("audit");
        let intents = [make.charge().ordered("pupil:1"), make.text().ordered("pupil:1"), make.text().ordered("pupil:2")];
        let told = states(&intents, &[DeviceState::Succeeded; 3]);
        let [first, second, third] = intents.each_ref().map(|intent| &intent.mark);
        let nowhere = Path::new("/nowhere");

        assert!(Audit::of(&intents, &told, &ledger(&[third, first, second]), nowhere).is_clean());
        assert_eq!(Audit::of(&intents, &told, &ledger(&[second, first, third]), nowhere).misordered, 1);
    }

    #[test]
    fn an_effect_that_nobody_asked_for_is_a_stray() {
        let stray = Intents::new("audit").charge();
        let audit = Audit::of(&[], &States::new(), &ledger(&[&stray.mark]), Path::new("/nowhere"));
        assert_eq!(audit.strays, 1);
        assert!(!audit.is_sound());
    }
}
