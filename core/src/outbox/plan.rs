//! Fills a batch from the database and marks it `in_flight` in the same transaction.
//!
//! `in_flight` means *the server may have it*; whoever edits or cancels meets either `pending` before this transaction or
//! `in_flight` after it, never something between. Only rows that may travel are read, by partial indexes.

use std::collections::VecDeque;

use rusqlite::{OptionalExtension, params};
use serde_json::value::RawValue;
use tarishi_protocol::{
    Code, NotificationEvent, NotificationReceipt, OnFailure, Operation, OperationId, Problem, catalog, limits,
};

use super::{
    command::Tx,
    meta,
    row::{self, GATED, Row, TIMED, columns},
    seal::Column,
    transition::{self, Moves},
};
use crate::{
    Error, Event,
    clock::date,
    state::Cause,
    sync::batch::{self, Candidate, Feed, Room},
};

pub(crate) const HEADS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM operations WHERE head = 1 AND parked = 0 AND state <= 1 AND lane = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
);
/// Heads that are read at once.
const HEADS_READ: usize = 64;
pub(crate) const NEXT_OF_KEY: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM operations WHERE ordering_key = ?1 AND state <= 1 AND aside = 0 AND wish = 0 AND seq > ?2 ORDER BY seq LIMIT 1"
);
pub(crate) const CHILDREN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM operations WHERE seq IN (SELECT seq FROM links WHERE kind = 1 AND id = ?1)
    AND after_id = ?1 AND state <= 1 AND parked = 2 AND head = 1 LIMIT 500"
);
pub(crate) const UNPARK: &str = "UPDATE operations SET parked = 0 WHERE parked = 1 AND state <= 1 AND not_before <= ?1";
pub(crate) const WISHES: &str = "SELECT id FROM links WHERE kind = 4 ORDER BY id LIMIT 501";

/// What an operation's envelope adds to its payload, in bytes of JSON, about.
const ENVELOPE_BYTES: usize = 320;
/// Heads looked at for one batch: what is paused by the operator is set aside in portions.
const SCAN_MAX: usize = 2_000;
/// How long an operation stays set aside that the operator paused: a minute.
const PAUSED_MS: i64 = 60_000;

/// What may go into the batch.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) operations: usize,
    pub(crate) bytes: usize,
    pub(crate) paused: Vec<String>,
}

/// A batch as it will travel, except for the exchange number of later attempts.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) exchange: u64,
    pub(crate) cursor: Option<String>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) cancellations: Vec<OperationId>,
    pub(crate) notices: Vec<NotificationReceipt>,
    /// The last of the notices, by its place.
    pub(crate) notices_to: Option<i64>,
}

impl Batch {
    /// It carries something: the server must not hold it, and nobody may cut it short.
    pub(crate) fn carries(&self) -> bool {
        !(self.operations.is_empty() && self.cancellations.is_empty() && self.notices.is_empty())
    }
}

/// Plans the next batch.
pub(crate) fn plan(tx: &mut Tx<'_>, ask: &Ask) -> Result<Batch, Error> {
    transition::sweep(tx)?;
    let mut batch = Batch { cursor: meta::get(tx.connection, meta::CURSOR)?, ..Batch::default() };
    batch.cancellations = wishes(tx)?;
    read_notices(tx, &mut batch)?;
    // A wished-for operation leaves its key's order because *every* request carries its wish. Where not all wishes fit, they
    // go first, alone.
    if batch.cancellations.len() > limits::CANCELLATIONS_MAX {
        batch.cancellations.truncate(limits::CANCELLATIONS_MAX);
    } else if ask.operations > 0 {
        batch.operations = operations(tx, ask)?;
    }
    batch.exchange = tx.memory.next_exchange(tx.connection)?;
    if batch.carries() {
        tx.context.uptime.save(tx.connection)?;
    }
    Ok(batch)
}

fn operations(tx: &mut Tx<'_>, ask: &Ask) -> Result<Vec<Operation>, Error> {
    tx.connection.prepare_cached(UNPARK)?.execute([tx.context.uptime.now()])?;
    let room = Room { operations: ask.operations.min(limits::OPERATIONS_MAX), bytes: ask.bytes };
    'again: loop {
        let mut feed = Sql::new(tx, &ask.paused);
        let chosen = batch::plan(&mut feed, room)?;
        park_paused(tx, feed.paused_heads)?;
        let mut operations = Vec::with_capacity(chosen.len());
        for candidate in &chosen {
            let Some(operation) = wire(tx, &candidate.item)? else {
                bury(tx, &candidate.item, Code::Unreadable, "its payload can no longer be read on this device")?;
                continue 'again;
            };
            operations.push(operation);
        }
        for candidate in &chosen {
            mark(tx, &candidate.item)?;
        }
        return Ok(operations);
    }
}

/// Ends an operation that can never be sent.
pub(crate) fn bury(tx: &mut Tx<'_>, row: &Row, code: Code, text: &str) -> Result<(), Error> {
    let mut moves = Moves::default();
    moves.end_here(tx, row, Cause::Unsendable, &Problem::new(code, text))?;
    moves.finish(tx)
}

fn mark(tx: &mut Tx<'_>, row: &Row) -> Result<(), Error> {
    let Some(to) = row.state.step(Cause::Planned).filter(|to| *to != row.state) else { return Ok(()) };
    let sql = "UPDATE operations SET state = 1, sent = 1 WHERE seq = ?1 AND state = 0";
    tx.connection.prepare_cached(sql)?.execute([row.seq])?;
    tx.memory.remove(row.state, row.size);
    tx.memory.add(to, row.size);
    tx.news.push(Event::OperationChanged { id: row.id, state: to });
    Ok(())
}

/// The operation on the wire; `None` if its payload does not open.
fn wire(tx: &Tx<'_>, row: &Row) -> Result<Option<Operation>, Error> {
    let mut statement = tx.connection.prepare_cached("SELECT form, payload FROM operations WHERE seq = ?1")?;
    let payload = statement.query_row([row.seq], |found| row::open(found, &tx.context.sealer, row.id, Column::Payload, 0))?;
    let Some(payload) = payload.and_then(|text| RawValue::from_string(text).ok()) else { return Ok(None) };
    let (age_ms, age_exact) = tx.context.uptime.age(row.created_up, row.boot);
    Ok(Some(Operation {
        id: row.id,
        idempotency_key: row.wire_key(),
        ordering_key: row.ordering_key.clone(),
        on_failure: if row.halt { OnFailure::Halt } else { OnFailure::Continue },
        adapter: row.adapter.clone(),
        action: row.action.clone(),
        version: row.version,
        payload,
        blobs: row.blobs.clone(),
        after: row.after,
        created_at: date(row.created_wall),
        age_ms,
        age_exact,
        queued_after: row.queued_after.map(date),
        ttl_ms: row.ttl_ms.and_then(|ttl| u64::try_from(ttl).ok()),
        held_before: row.held_before,
        retry_of: row.retry_of,
        extra: std::collections::BTreeMap::new(),
    }))
}

fn wishes(tx: &Tx<'_>) -> Result<Vec<OperationId>, Error> {
    let mut statement = tx.connection.prepare_cached(WISHES)?;
    let ids = statement.query_map([], |found| row::id_at(found, 0))?;
    Ok(ids.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn read_notices(tx: &Tx<'_>, batch: &mut Batch) -> Result<(), Error> {
    let sql = "SELECT seq, notification_id, event, at_up FROM notices ORDER BY seq LIMIT ?1";
    let mut statement = tx.connection.prepare_cached(sql)?;
    let limit = i64::try_from(limits::NOTIFICATION_RECEIPTS_MAX).unwrap_or(i64::MAX);
    let mut rows = statement.query([limit])?;
    while let Some(row) = rows.next()? {
        let age = tx.context.uptime.now().saturating_sub(row.get(3)?);
        let opened = row.get_ref(2)?.as_str().is_ok_and(|event| event == "opened");
        batch.notices_to = Some(row.get(0)?);
        batch.notices.push(NotificationReceipt {
            notification_id: row.get(1)?,
            event: if opened { NotificationEvent::Opened } else { NotificationEvent::Received },
            age_ms: u64::try_from(age).unwrap_or(0),
        });
    }
    Ok(())
}

/// Sets what the operator paused aside for a while, so that the next batch need not look at it again.
fn park_paused(tx: &Tx<'_>, seqs: Vec<i64>) -> Result<(), Error> {
    let problem = transition::as_json(&Problem::new(Code::Paused, "the operator paused this action"));
    let until = tx.context.uptime.now().saturating_add(PAUSED_MS);
    let sql = "UPDATE operations SET parked = 1, not_before = ?2, problem = ?3 WHERE seq = ?1";
    for seq in seqs {
        tx.connection.prepare_cached(sql)?.execute(params![seq, until, problem])?;
    }
    Ok(())
}

/// The queue as the pure choice sees it.
struct Sql<'t, 'c> {
    tx: &'t Tx<'c>,
    paused: &'t [String],
    read: [VecDeque<Row>; 2],
    last: [i64; 2],
    ended: [bool; 2],
    scanned: usize,
    paused_heads: Vec<i64>,
}

impl<'t, 'c> Sql<'t, 'c> {
    fn new(tx: &'t Tx<'c>, paused: &'t [String]) -> Self {
        let read = [VecDeque::new(), VecDeque::new()];
        Self { tx, paused, read, last: [0, 0], ended: [false, false], scanned: 0, paused_heads: Vec::new() }
    }

    fn candidate(&self, row: Row) -> Candidate<Row> {
        Candidate {
            seq: row.seq,
            id: row.id,
            lane: usize::from(row.lane != 0),
            key: row.ordering_key.clone().filter(|_| !row.aside),
            parent: row.after.filter(|_| row.parked == GATED).map(|after| after.operation_id),
            bytes: usize::try_from(row.size).unwrap_or(usize::MAX).saturating_add(ENVELOPE_BYTES),
            held: row.parked == TIMED || self.is_paused(&row),
            item: row,
        }
    }

    fn is_paused(&self, row: &Row) -> bool {
        self.paused.iter().any(|pattern| catalog::pattern_covers(pattern, &row.adapter, &row.action))
    }
}

impl Feed<Row> for Sql<'_, '_> {
    type Error = Error;

    fn head(&mut self, lane: usize) -> Result<Option<Candidate<Row>>, Error> {
        loop {
            if self.read[lane].is_empty() && !self.ended[lane] && self.scanned < SCAN_MAX {
                let lane_code = i64::try_from(lane).unwrap_or(1);
                let limit = i64::try_from(HEADS_READ).unwrap_or(i64::MAX);
                let rows = transition::read_all(self.tx, HEADS, params![lane_code, self.last[lane], limit])?;
                self.ended[lane] = rows.len() < HEADS_READ;
                self.scanned += rows.len();
                self.read[lane].extend(rows);
            }
            let Some(row) = self.read[lane].pop_front() else { return Ok(None) };
            self.last[lane] = row.seq;
            if self.is_paused(&row) {
                self.paused_heads.push(row.seq);
                continue;
            }
            return Ok(Some(self.candidate(row)));
        }
    }

    fn next_of_key(&mut self, key: &str, seq: i64) -> Result<Option<Candidate<Row>>, Error> {
        let mut statement = self.tx.connection.prepare_cached(NEXT_OF_KEY)?;
        let row = statement.query_row(params![key, seq], Row::read).optional()?;
        Ok(row.map(|row| self.candidate(row)))
    }

    fn children(&mut self, parent: OperationId) -> Result<Vec<Candidate<Row>>, Error> {
        let rows = transition::read_all(self.tx, CHILDREN, params![parent.as_bytes()])?;
        Ok(rows.into_iter().map(|row| self.candidate(row)).collect())
    }
}
