//! The promises, held against what the providers, the server and the phones remember.

use std::collections::{BTreeMap, HashMap, HashSet};

use tarishi_core::{DeviceState, OperationRecord};
use tarishi_protocol::{OperationId, State};
use tarishi_server::store::{OperationFilter, OperationRow, Verdict};

use super::{
    backend::{Backend, TENANT},
    phone::Phone,
};
use crate::harness::Result;

/// Compares everything; each line is a broken promise.
pub(super) async fn broken(backend: &Backend, phones: &[Phone]) -> Result<Vec<String>> {
    let rows = rows(backend).await?;
    let mut broken = backend.findings().await?;
    let effects = effects(backend);
    let excused = excused(backend, &rows);
    broken.extend(once(&rows, &effects, &excused));
    broken.extend(states_and_effects(&rows, &effects, &excused));
    for phone in phones {
        let records = phone.all().await?;
        broken.extend(order(backend, phone, &records));
        for record in &records {
            broken.extend(agreement(backend, phone, record).await?);
        }
        for (id, told) in &phone.never {
            let row = backend.app.store.operation(TENANT, *id).await?;
            let runs_as = row.map_or(*id, |row| row.id);
            if effects.get(&runs_as).is_some_and(|count| *count > 0) {
                broken.push(format!("{} was told that {id} is {told}, and it ran", phone.name));
            }
        }
    }
    Ok(broken)
}

/// Every operation of the server.
pub(super) async fn rows(backend: &Backend) -> Result<Vec<OperationRow>> {
    let mut rows: Vec<OperationRow> = Vec::new();
    loop {
        let before = rows.last().map(|row| row.id);
        let filter = OperationFilter { tenant: TENANT.to_owned(), before, limit: 500, ..OperationFilter::default() };
        let page = backend.app.store.operations(filter).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

fn effects(backend: &Backend) -> HashMap<OperationId, usize> {
    let mut effects = HashMap::new();
    for effect in &backend.provider.books().effects {
        *effects.entry(effect.operation).or_default() += 1;
    }
    effects
}

/// Messages that may be sent twice: their report was lost, or could be another's to the same person. A double message is less
/// bad than a lost one.
fn excused(backend: &Backend, rows: &[OperationRow]) -> HashSet<OperationId> {
    let mut excused = backend.provider.books().excused.clone();
    let mut by_recipient: HashMap<String, Vec<OperationId>> = HashMap::new();
    for row in rows.iter().filter(|row| row.adapter == "sms") {
        let payload: serde_json::Value = serde_json::from_str(&row.payload).unwrap_or_default();
        by_recipient.entry(payload["to"].to_string()).or_default().push(row.id);
    }
    excused.extend(by_recipient.into_values().filter(|ids| ids.len() > 1).flatten());
    excused
}

/// Effects per key ≤ 1.
fn once(rows: &[OperationRow], effects: &HashMap<OperationId, usize>, excused: &HashSet<OperationId>) -> Vec<String> {
    let mut by_key: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| !excused.contains(&row.id)) {
        *by_key.entry((&row.account, &row.idempotency_key)).or_default() += effects.get(&row.id).copied().unwrap_or(0);
    }
    let doubled = by_key.into_iter().filter(|(_, count)| *count > 1);
    doubled.map(|((account, key), count)| format!("{account}'s key {key} had {count} effects")).collect()
}

/// Nothing is lost, and an end says what happened.
fn states_and_effects(
    rows: &[OperationRow],
    effects: &HashMap<OperationId, usize>,
    excused: &HashSet<OperationId>,
) -> Vec<String> {
    let mut broken = Vec::new();
    for row in rows {
        let count = effects.get(&row.id).copied().unwrap_or(0);
        let name = format!("{} {}.{} ({})", row.id, row.adapter, row.action, row.state.as_str());
        if !row.state.is_ended() {
            broken.push(format!("{name} has not ended: next look at {:?}", row.next_at));
        } else if row.state == State::Succeeded && count == 0 {
            broken.push(format!("{name} had no effect"));
        } else if row.state != State::Succeeded && count > 0 && !excused.contains(&row.id) {
            broken.push(format!("{name} had {count} effects"));
        }
    }
    broken
}

/// The phone's word is the server's.
async fn agreement(backend: &Backend, phone: &Phone, record: &OperationRecord) -> Result<Option<String>> {
    let store = &backend.app.store;
    let row = store.operation(TENANT, record.id).await?;
    let verdict = store.verdict(TENANT, record.id).await?.map(|known| known.verdict);
    let agrees = match (&row, &verdict) {
        (Some(row), _) => DeviceState::from_word(row.state.as_str()) == Some(record.state),
        (None, Some(Verdict::Refused(_))) => matches!(record.state, DeviceState::Refused | DeviceState::Cancelled),
        (None, Some(Verdict::Cancelled)) => record.state == DeviceState::Cancelled,
        (None, Some(Verdict::DuplicateOf(_))) => false,
        // What never reached the server ended on the phone.
        (None, None) => matches!(record.state, DeviceState::Cancelled | DeviceState::Expired | DeviceState::Failed),
    };
    if agrees {
        return Ok(None);
    }
    let server = row.map(|row| row.state.as_str());
    let problem = record.problem.as_ref().map(|problem| problem.code.clone());
    Ok(Some(format!(
        "{} has {} as {} ({problem:?}), the server as {server:?} {verdict:?}",
        phone.name, record.id, record.state
    )))
}

/// Per ordering key of a phone, first calls are in the order of `enqueue`. What waits for a parent may be revived at the tail.
fn order(backend: &Backend, phone: &Phone, records: &[OperationRecord]) -> Vec<String> {
    let books = backend.provider.books();
    let called = |id| books.called.iter().position(|known| *known == id);
    let mut last: BTreeMap<&str, (usize, OperationId)> = BTreeMap::new();
    let mut broken = Vec::new();
    for record in records.iter().filter(|record| record.after.is_none()) {
        let (Some(key), Some(place)) = (&record.ordering_key, called(record.id)) else { continue };
        if let Some((before, id)) = last.insert(key, (place, record.id))
            && before > place
        {
            broken.push(format!("{}: in {key}, {} was called before {id}", phone.name, record.id));
        }
    }
    broken
}
