//! Moves of rows, and what follows from them: the next of an ordering key, what waited for a parent, the counts, the events.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, params};
use tarishi_protocol::{Code, OperationId, Problem};

use super::{
    command::Tx,
    row::{Row, columns},
    seal::Column,
};
use crate::{DeviceState, Error, Event, state::Cause, sync::grown};

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM operations WHERE id = ?1");
const BY_SEQ: &str = concat!("SELECT ", columns!(), " FROM operations WHERE seq = ?1");
pub(crate) const EXPIRED: &str =
    concat!("SELECT ", columns!(), " FROM operations WHERE state = 0 AND expires_up <= ?1 ORDER BY expires_up LIMIT 500");
const CHILDREN_HERE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM operations WHERE seq IN (SELECT seq FROM links WHERE kind = 1 AND id = ?1) AND after_id = ?1 AND state = 0"
);
pub(crate) const RELEASE: &str = "UPDATE operations SET parked = 0
    WHERE seq IN (SELECT seq FROM links WHERE kind = 1 AND id = ?1) AND after_id = ?1 AND state <= 1 AND parked = 2";
const FIRST_OF_KEY: &str = "SELECT seq, head FROM operations
    WHERE ordering_key = ?1 AND state <= 1 AND aside = 0 AND wish = 0 ORDER BY seq LIMIT 1";

/// The row of an id.
pub(crate) fn by_id(tx: &Tx<'_>, id: OperationId) -> Result<Option<Row>, Error> {
    let mut statement = tx.connection.prepare_cached(BY_ID)?;
    Ok(statement.query_row([id.as_bytes()], Row::read).optional()?)
}

/// The row of a place in the queue.
pub(crate) fn by_seq(tx: &Tx<'_>, seq: i64) -> Result<Option<Row>, Error> {
    let mut statement = tx.connection.prepare_cached(BY_SEQ)?;
    Ok(statement.query_row([seq], Row::read).optional()?)
}

/// The server's word about an operation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Word<'w> {
    pub(crate) outcome: Option<&'w serde_json::Value>,
    pub(crate) problem: Option<&'w Problem>,
}

/// Moves within one command; [`Moves::finish`] draws the consequences once.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    keys: BTreeSet<String>,
    ended_here: Vec<(OperationId, DeviceState)>,
}

impl Moves {
    /// Moves a row to where the server says it stands.
    pub(crate) fn to(&mut self, tx: &mut Tx<'_>, row: &Row, to: DeviceState, word: Word<'_>) -> Result<(), Error> {
        let outcome = word.outcome.map(|value| tx.context.sealer.wrap(row.id, Column::Outcome, &value.to_string()));
        let (form, outcome) = outcome.map_or((0, None), |(form, bytes)| (form, Some(bytes)));
        let problem = word.problem.map(as_json);
        let settled = if to.is_ended() { tx.context.uptime.now() } else { 0 };
        let sql = "UPDATE operations SET state = ?2, problem = ?3, outcome_form = ?4, outcome = ?5, settled_up = ?6,
            wish = CASE WHEN ?2 >= 5 THEN 0 ELSE wish END, parked = 0, not_before = 0, strikes = 0 WHERE seq = ?1";
        let mut statement = tx.connection.prepare_cached(sql)?;
        statement.execute(params![row.seq, to.code(), problem, form, outcome, settled])?;
        if row.wish && to.is_ended() {
            forget_wish(tx, row.id)?;
        }
        self.moved(tx, row, to)
    }

    /// Ends a row on this device; `false` if its state forbids it.
    pub(crate) fn end_here(&mut self, tx: &mut Tx<'_>, row: &Row, cause: Cause, problem: &Problem) -> Result<bool, Error> {
        let Some(to) = row.state.step(cause) else { return Ok(false) };
        self.to(tx, row, to, Word { problem: Some(problem), ..Word::default() })?;
        self.ended_here.push((row.id, to));
        Ok(true)
    }

    /// Takes an unreceipted row out of its key's order without moving it.
    pub(crate) fn leaves_order(&mut self, row: &Row) {
        self.keys.extend(row.ordering_key.clone());
    }

    fn moved(&mut self, tx: &mut Tx<'_>, row: &Row, to: DeviceState) -> Result<(), Error> {
        tx.memory.remove(row.state, row.size);
        tx.memory.add(to, row.size);
        if row.state.is_unreceipted() && !to.is_unreceipted() {
            let freed = tx.connection.prepare_cached(RELEASE)?.execute([row.id.as_bytes()])?;
            tx.nudge |= freed > 0;
            self.leaves_order(row);
        }
        tx.news.push(Event::OperationChanged { id: row.id, state: to });
        Ok(())
    }

    /// Settles what waited for parents that ended here, as the server would, and puts the next of each key first.
    pub(crate) fn finish(mut self, tx: &mut Tx<'_>) -> Result<(), Error> {
        while let Some((parent, state)) = self.ended_here.pop() {
            let Some(end) = state.as_parent_end() else { continue };
            for child in read_all(tx, CHILDREN_HERE, params![parent.as_bytes()])? {
                if child.after.is_some_and(|after| after.on.is_met_by(end)) {
                    // The server never hears of the parent, so the child must not name it.
                    let sql = "UPDATE operations SET after_id = NULL, after_on = NULL, parked = 0 WHERE seq = ?1";
                    tx.connection.prepare_cached(sql)?.execute([child.seq])?;
                    tx.nudge = true;
                } else {
                    let text = format!("the operation it depends on ended as {state}");
                    let problem = Problem::new(Code::DependencyFailed, text);
                    self.end_here(tx, &child, Cause::DependencyFailedHere, &problem)?;
                }
            }
        }
        for key in &self.keys {
            promote(tx, key)?;
        }
        Ok(())
    }
}

/// Lets the oldest of an ordering key stand first in batches.
fn promote(tx: &mut Tx<'_>, key: &str) -> Result<(), Error> {
    let first = tx.connection.prepare_cached(FIRST_OF_KEY)?;
    let mut first = first;
    let found: Option<(i64, bool)> = first.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    if let Some((seq, false)) = found {
        tx.connection.prepare_cached("UPDATE operations SET head = 1 WHERE seq = ?1")?.execute([seq])?;
        tx.nudge = true;
    }
    Ok(())
}

/// Puts a row that left its key's order back into it, in its old place.
pub(crate) fn rejoin(tx: &mut Tx<'_>, row: &Row) -> Result<(), Error> {
    tx.nudge = true;
    let Some(key) = row.ordering_key.as_ref().filter(|_| !row.aside) else {
        tx.connection.prepare_cached("UPDATE operations SET head = 1 WHERE seq = ?1")?.execute([row.seq])?;
        return Ok(());
    };
    let demote = "UPDATE operations SET head = 0
        WHERE ordering_key = ?1 AND state <= 1 AND aside = 0 AND wish = 0 AND head = 1";
    tx.connection.prepare_cached(demote)?.execute([key])?;
    promote(tx, key)
}

/// Takes over what a later word about a success adds to its outcome. One that was forgotten or cannot be read stays so.
pub(crate) fn grow(tx: &mut Tx<'_>, id: OperationId, outcome: &serde_json::Value) -> Result<(), Error> {
    let sql = "SELECT outcome_form, outcome FROM operations WHERE id = ?1 AND state = ?2 AND outcome IS NOT NULL";
    let mut statement = tx.connection.prepare_cached(sql)?;
    let succeeded = params![id.as_bytes(), DeviceState::Succeeded.code()];
    let stored: Option<(i64, Vec<u8>)> = statement.query_row(succeeded, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let known = stored.and_then(|(form, bytes)| tx.context.sealer.unwrap(id, Column::Outcome, form, &bytes));
    let known = known.and_then(|text| serde_json::from_str(&text).ok());
    if known.is_some_and(|known| grown::adds(&known, outcome)) {
        let (form, bytes) = tx.context.sealer.wrap(id, Column::Outcome, &outcome.to_string());
        let sql = "UPDATE operations SET outcome_form = ?2, outcome = ?3 WHERE id = ?1";
        tx.connection.prepare_cached(sql)?.execute(params![id.as_bytes(), form, bytes])?;
        tx.news.push(Event::OperationChanged { id, state: DeviceState::Succeeded });
    }
    Ok(())
}

/// The wish to cancel was answered, by word or by an end.
pub(crate) fn forget_wish(tx: &Tx<'_>, id: OperationId) -> Result<(), Error> {
    let sql = "DELETE FROM links WHERE kind = 4 AND id = ?1";
    tx.connection.prepare_cached(sql)?.execute([id.as_bytes()])?;
    Ok(())
}

/// Expires what grew too old before it was ever sent; at most 500 rows, `true` if there may be more.
pub(crate) fn sweep(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let rows = read_all(tx, EXPIRED, params![tx.context.uptime.now()])?;
    let problem = Problem::new(Code::Expired, "its time to live ended before it could be sent");
    let mut moves = Moves::default();
    for row in &rows {
        moves.end_here(tx, row, Cause::ExpiredHere, &problem)?;
    }
    moves.finish(tx)?;
    Ok(rows.len() == 500)
}

/// Reads whole rows.
pub(crate) fn read_all(tx: &Tx<'_>, sql: &str, with: impl rusqlite::Params) -> Result<Vec<Row>, Error> {
    let mut statement = tx.connection.prepare_cached(sql)?;
    let rows = statement.query_map(with, Row::read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn as_json(problem: &Problem) -> String {
    serde_json::to_string(problem).unwrap_or_default()
}
