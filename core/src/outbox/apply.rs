//! Carries out what an answer changes, in one transaction with the cursor that covers it.

use std::collections::HashMap;

use rusqlite::params;
use tarishi_protocol::{Change, OperationId, Origin, SyncResponse};

use super::{
    command::Tx,
    memory::Memory,
    meta,
    seal::Column,
    transition::{self, Moves, Word},
};
use crate::{
    DeviceState, Error, Event, failpoint,
    state::Cause,
    sync::apply::{self, Counts, Effect},
};

/// Events for one reset, at most; apps read the rest from the list.
const RESET_EVENTS_MAX: i64 = 500;
/// The server time is stored when it moved on by more than this, or rides on other writes.
const SERVER_TIME_STEP_MS: i64 = 60_000;

/// What was asked, as far as the answer is about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) operations: Vec<OperationId>,
    pub(crate) cancellations: Vec<OperationId>,
    pub(crate) notices_to: Option<i64>,
}

/// Applies an answer.
pub(crate) fn apply(tx: &mut Tx<'_>, asked: &Asked, response: &SyncResponse) -> Result<Counts, Error> {
    let mut wrote = false;
    if response.reset {
        reset(tx)?;
        wrote = true;
    }
    let known = known(tx, asked, response)?;
    let (effects, counts) = apply::plan(known, &asked.operations, response);
    wrote |= !effects.is_empty();
    let mut moves = Moves::default();
    for effect in effects {
        carry_out(tx, &mut moves, &effect)?;
    }
    moves.finish(tx)?;
    failpoint::hit("device.in_apply");
    if let Some(to) = asked.notices_to {
        tx.connection.prepare_cached("DELETE FROM notices WHERE seq <= ?1")?.execute([to])?;
        wrote = true;
    }
    store_facts(tx, response, wrote)?;
    Ok(counts)
}

fn known(tx: &Tx<'_>, asked: &Asked, response: &SyncResponse) -> Result<HashMap<OperationId, DeviceState>, Error> {
    let mut known = HashMap::new();
    let changed = response.changes.iter().map(|change| change.id);
    let answered = response.cancellations.iter().map(|answer| answer.id);
    for id in asked.operations.iter().chain(&asked.cancellations).copied().chain(changed).chain(answered) {
        if let Some(row) = transition::by_id(tx, id)? {
            known.insert(id, row.state);
        }
    }
    Ok(known)
}

fn carry_out(tx: &mut Tx<'_>, moves: &mut Moves, effect: &Effect<'_>) -> Result<(), Error> {
    match *effect {
        Effect::Move { id, to, outcome, problem } => {
            if let Some(row) = transition::by_id(tx, id)? {
                moves.to(tx, &row, to, Word { outcome, problem })?;
            }
        }
        Effect::Grow { id, outcome } => transition::grow(tx, id, outcome)?,
        Effect::Park { id, wait_ms, problem } => {
            let sql = "UPDATE operations SET parked = CASE parked WHEN 2 THEN 2 ELSE 1 END, not_before = ?2, problem = ?3
                WHERE id = ?1 AND state <= 1";
            let until = tx.context.uptime.now().saturating_add(wait_ms);
            let problem = problem.map(transition::as_json);
            tx.connection.prepare_cached(sql)?.execute(params![id.as_bytes(), until, problem])?;
        }
        Effect::TooLate { id } => {
            if let Some(row) = transition::by_id(tx, id)?.filter(|row| row.wish) {
                tx.connection.prepare_cached("UPDATE operations SET wish = 0 WHERE seq = ?1")?.execute([row.seq])?;
                transition::forget_wish(tx, id)?;
                if row.state.is_unreceipted() {
                    transition::rejoin(tx, &row)?;
                }
                tx.news.push(Event::OperationChanged { id, state: row.state });
            }
        }
        Effect::Stub { change } => insert_stub(tx, change)?,
    }
    Ok(())
}

/// A row for an operation that this device did not make, or lost.
fn insert_stub(tx: &mut Tx<'_>, change: &Change) -> Result<(), Error> {
    let state = DeviceState::of_server(change.state);
    let wrapped = change.outcome.as_ref().map(|value| tx.context.sealer.wrap(change.id, Column::Outcome, &value.to_string()));
    let (form, outcome) = wrapped.map_or((0, None), |(form, bytes)| (form, Some(bytes)));
    let uptime = &tx.context.uptime;
    let settled = if state.is_ended() { uptime.now() } else { 0 };
    let sql = "INSERT INTO operations (id, fingerprint, adapter, action, version, state, sent, size, origin, created_wall,
        created_up, boot, expires_up, settled_up, problem, outcome_form, outcome, form, payload)
        VALUES (?1, zeroblob(32), ?2, ?3, 1, ?4, 1, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0, NULL)";
    tx.connection.prepare_cached(sql)?.execute(params![
        change.id.as_bytes(),
        change.adapter.as_deref().unwrap_or_default(),
        change.action.as_deref().unwrap_or_default(),
        state.code(),
        change.origin == Origin::Server,
        change.at.timestamp_millis(),
        uptime.now(),
        uptime.boot(),
        i64::MAX,
        settled,
        change.problem.as_ref().map(transition::as_json),
        form,
        outcome,
    ])?;
    tx.memory.add(state, 0);
    tx.news.push(Event::OperationChanged { id: change.id, state });
    Ok(())
}

/// The server was restored from a backup: what it had accepted and what has not ended is sent again, to be recovered, not
/// executed. Whatever the new store knows comes out again by the receipts and changes of this very answer.
fn reset(tx: &mut Tx<'_>) -> Result<(), Error> {
    let connection = tx.connection;
    for from in DeviceState::ALL {
        let Some(to) = from.step(Cause::Reset).filter(|to| *to != from) else { continue };
        let mut statement =
            connection.prepare("SELECT id FROM operations WHERE state = ?1 AND payload IS NOT NULL LIMIT ?2")?;
        for id in statement.query_map([from.code(), RESET_EVENTS_MAX], |row| super::row::id_at(row, 0))? {
            tx.news.extend(id?.map(|id| Event::OperationChanged { id, state: to }));
        }
    }
    connection.execute_batch(
        "UPDATE operations SET state = 1, held_before = 1, parked = 0, not_before = 0,
             head = (ordering_key IS NULL OR aside = 1) AND wish = 0
             WHERE state >= 2 AND state <= 4 AND payload IS NOT NULL;
         UPDATE operations SET parked = 2 WHERE after_id IS NOT NULL AND state <= 1
             AND after_id IN (SELECT id FROM operations WHERE state <= 1);
         UPDATE operations SET head = 0
             WHERE ordering_key IS NOT NULL AND state <= 1 AND aside = 0 AND wish = 0 AND head = 1;
         UPDATE operations SET head = 1 WHERE seq IN (SELECT MIN(seq) FROM operations
             WHERE ordering_key IS NOT NULL AND state <= 1 AND aside = 0 AND wish = 0 GROUP BY ordering_key);
         DELETE FROM meta WHERE name = 'cursor';",
    )?;
    let counted = Memory::load(connection)?;
    tx.memory.counts = counted.counts;
    tx.memory.bytes = counted.bytes;
    tx.nudge = true;
    Ok(())
}

fn store_facts(tx: &mut Tx<'_>, response: &SyncResponse, mut wrote: bool) -> Result<(), Error> {
    let connection = tx.connection;
    if let Some(cursor) = &response.cursor
        && meta::get::<String>(connection, meta::CURSOR)?.as_ref() != Some(cursor)
    {
        meta::put(connection, meta::CURSOR, cursor)?;
        wrote = true;
    }
    let limits = serde_json::to_string(&response.limits).unwrap_or_default();
    if meta::get::<String>(connection, meta::LIMITS)?.as_ref() != Some(&limits) {
        meta::put(connection, meta::LIMITS, limits)?;
        wrote = true;
    }
    let server_time = response.server_time.timestamp_millis();
    let stored: i64 = meta::get(connection, meta::SERVER_TIME)?.unwrap_or(i64::MIN);
    if wrote || server_time.saturating_sub(stored) > SERVER_TIME_STEP_MS {
        meta::put(connection, meta::SERVER_TIME, server_time)?;
        tx.context.uptime.save(connection)?;
    }
    tx.memory.server_time = Some(server_time);
    Ok(())
}
