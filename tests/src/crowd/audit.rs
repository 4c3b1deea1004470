//! What the server says against what the providers have.

use std::{collections::HashMap, fmt};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tarishi_sandbox::{Adapter, Effect, LedgerEntry};

use super::{Shown, people::Person, school::PRICES};
use crate::harness::Result;

/// Broken promises that are told in words, at most.
const TOLD_MAX: usize = 10;
/// The channels in the order of the route.
const CHANNELS: [&str; 3] = ["push", "whatsapp", "sms"];

/// What the books say.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// People.
    pub people: usize,
    /// Reached by the first channel that could.
    pub reached: usize,
    /// Reached by the next channel, since the call to the first was lost with the server.
    pub next: usize,
    /// Nobody could reach them, and the server says so.
    pub unreachable: usize,
    /// Reached by a second channel too, since the first one's report came late.
    pub late: usize,
    /// Reached by a second channel too, since nobody ever told of the first.
    pub untold: usize,
    /// Messages that a provider has twice: an answer was lost.
    pub twice: usize,
    /// What the server has booked, in hundredths.
    pub booked: i64,
    /// What the providers' books say, in hundredths.
    pub ledger: i64,
    /// Booked for messages that no provider has, in hundredths: their calls were lost with the server.
    pub phantom: i64,
    /// In the providers' books a second time, in hundredths.
    pub repeated: i64,
    /// Broken promises.
    pub broken: Vec<String>,
}

impl Report {
    /// All is as promised.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.broken.is_empty() && self.booked + self.repeated == self.ledger + self.phantom
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.broken.iter().take(TOLD_MAX) {
            writeln!(f, "  {line}")?;
        }
        let Self { people, reached, next, unreachable, late, untold, twice, booked, ledger, phantom, repeated, broken } = self;
        write!(
            f,
            "{people} people: {reached} reached by the first channel that could, {next} by the next since that one's call was lost, \
             {unreachable} by none; by two since the first was told late: \
             {late}, never: {untold}; at a provider twice: {twice}; KES cents booked {booked}, at the providers {ledger} (never sent {phantom}, \
             sent again {repeated}); {} broken",
            broken.len()
        )
    }
}

/// Holds one against the other.
pub(super) fn audit(people: &[Person], shown: &Shown, ledger: &[LedgerEntry]) -> Result<Report> {
    let seen = seen(ledger);
    let told: HashMap<&str, &Value> = shown.iter().filter_map(|person| Some((person["account"].as_str()?, person))).collect();
    let mut report = Report { people: people.len(), ..Report::default() };
    for person in people {
        let told = told.get(person.account.as_str()).ok_or_else(|| format!("{} was forgotten", person.account))?;
        let counts = [person.token(), person.digits().to_owned(), format!("sms {}", person.digits())]
            .map(|name| seen.get(name.as_str()).copied().unwrap_or(0));
        one(person, told, counts, &mut report);
    }
    Ok(report)
}

/// Messages by whom they went to.
fn seen(ledger: &[LedgerEntry]) -> HashMap<String, usize> {
    let mut seen: HashMap<String, std::collections::HashSet<String>> = HashMap::new();
    let mut counts = HashMap::new();
    for entry in ledger.iter().filter(|entry| entry.effect == Effect::Message) {
        let to = entry.to.as_deref().unwrap_or_default().trim_start_matches('+');
        match entry.adapter {
            // A phone shows pushes of one mark once.
            Adapter::Push => {
                seen.entry(to.to_owned()).or_default().insert(entry.request_id.clone().unwrap_or_default());
            }
            Adapter::Sms => *counts.entry(format!("sms {to}")).or_default() += 1,
            _ => *counts.entry(to.to_owned()).or_default() += 1,
        }
    }
    counts.extend(seen.into_iter().map(|(to, marks)| (to, marks.len())));
    counts
}

fn one(person: &Person, told: &Value, counts: [usize; 3], report: &mut Report) {
    let who = &person.account;
    let deliveries: Vec<Option<&Value>> = CHANNELS
        .iter()
        .map(|channel| told["deliveries"].as_array().into_iter().flatten().find(|row| row["channel"] == *channel))
        .collect();
    let mut wrong = Vec::new();
    let mut broken = |what: String| wrong.push(format!("{who}: {what}: {told}"));
    if told["state"] == "active" {
        broken("its chain goes on".to_owned());
    }
    match person.first() {
        Some(first) if counts[first] > 0 => report.reached += 1,
        // Its calls were open when the server died; nobody knows that nothing was sent, so the next channel follows.
        Some(first) if told["state"] == "succeeded" && deliveries[first].is_some_and(is_unknown) => report.next += 1,
        Some(first) => broken(format!("not reached by {}", CHANNELS[first])),
        None if told["state"] == "succeeded" => broken("told as reached".to_owned()),
        None => report.unreachable += 1,
    }
    for leg in 0..CHANNELS.len() {
        let Some(row) = deliveries[leg] else {
            if counts[leg] > 0 {
                broken(format!("{} has a message of no step", CHANNELS[leg]));
            }
            continue;
        };
        if moment(&row["begun_at"]) > moment(&told["ended_at"]) {
            broken(format!("{} began after the end", CHANNELS[leg]));
        }
        let came = matches!(row["reach"].as_str(), Some("delivered" | "read"));
        let another = (leg + 1..CHANNELS.len()).any(|later| counts[later] > 0);
        // A push to a phone that says nothing is no message that was known to have come.
        let could = leg > 0 || person.app && person.confirms;
        if counts[leg] > 0 && another && could {
            match (came, row["late"] == true) {
                (true, true) => report.late += 1,
                (true, false) => broken(format!("another channel after {} was known to have done it", CHANNELS[leg])),
                (false, _) => report.untold += 1,
            }
        }
        if leg > 0 {
            money(leg, row, counts[leg], report);
        }
    }
    report.broken.extend(wrong);
}

/// Nobody knows whether its provider had it: a message is booked at its tariff, and a push that costs nothing says why.
fn is_unknown(row: &Value) -> bool {
    row["estimated"] == true || row["reason"] == "outcome_unknown"
}

fn moment(text: &Value) -> Option<DateTime<Utc>> {
    text.as_str()?.parse().ok()
}

fn money(leg: usize, row: &Value, count: usize, report: &mut Report) {
    let price = cents(PRICES[leg - 1]);
    let booked = row["cost"].as_str().and_then(|cost| cost.strip_prefix("KES ")).map_or(0, cents);
    let messages = i64::try_from(count).unwrap_or(i64::MAX);
    report.booked += booked;
    report.ledger += messages * price;
    report.twice += usize::from(count > 1);
    report.repeated += (messages - 1).max(0) * price;
    if count == 0 && row["estimated"] == true {
        report.phantom += booked;
    }
}

fn cents(amount: &str) -> i64 {
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = format!("{whole}{:0<2}", part.get(..2.min(part.len())).unwrap_or_default());
    digits.parse().unwrap_or(0)
}
