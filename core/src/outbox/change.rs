//! What a person changes after `enqueue`: cancel, replace, try again.
//!
//! Only `pending` is changed here. Later than that the server may have it, so a cancel is a wish that every request carries
//! until it is answered, and a replacement waits for that answer.

use rusqlite::{OptionalExtension, params};
use tarishi_protocol::{After, AfterOn, Code, OnFailure, OperationId, Problem};

use super::{
    command::{Context, Tx},
    insert::{self, Prepared},
    row::Row,
    transition::{self, Moves},
};
use crate::{CancelOutcome, DeviceState, Error, NewOperation, OperationRecord, Priority, state::Cause};

/// Tries of one key that are counted up, at most.
const SUFFIX_MAX: u32 = 10_000;

/// Cancels, or wishes to.
pub(crate) fn cancel(tx: &mut Tx<'_>, id: OperationId) -> Result<CancelOutcome, Error> {
    let row = transition::by_id(tx, id)?.ok_or(Error::NotFound)?;
    if row.state == DeviceState::Pending {
        let mut moves = Moves::default();
        let problem = Problem::new(Code::Cancelled, "cancelled before it was sent");
        moves.end_here(tx, &row, Cause::CancelledHere, &problem)?;
        moves.finish(tx)?;
        return Ok(CancelOutcome::Cancelled);
    }
    if row.state.is_ended() {
        let cancelled = row.state == DeviceState::Cancelled;
        return Ok(if cancelled { CancelOutcome::Cancelled } else { CancelOutcome::TooLate });
    }
    wish(tx, &row)?;
    Ok(CancelOutcome::Requested)
}

fn wish(tx: &mut Tx<'_>, row: &Row) -> Result<(), Error> {
    tx.nudge = true;
    if row.wish {
        return Ok(());
    }
    tx.connection.prepare_cached("UPDATE operations SET wish = 1, head = 0 WHERE seq = ?1")?.execute([row.seq])?;
    let sql = "INSERT OR IGNORE INTO links (kind, id, seq) VALUES (4, ?1, ?2)";
    tx.connection.prepare_cached(sql)?.execute(params![row.id.as_bytes(), row.seq])?;
    if row.state.is_unreceipted() {
        // Every request carries the wish from now on, so those behind it in its key may go.
        let mut moves = Moves::default();
        moves.leaves_order(row);
        moves.finish(tx)?;
    }
    Ok(())
}

/// What a new operation takes over from an old one, to be prepared outside the transaction.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) new: NewOperation,
    from: OperationId,
}

/// Reads the operation that is to be replaced or tried again.
pub(crate) fn template(tx: &Tx<'_>, id: OperationId, payload: Option<String>) -> Result<Template, Error> {
    let row = transition::by_id(tx, id)?.ok_or(Error::NotFound)?;
    let old = insert::record(tx, row.seq)?.ok_or(Error::NotFound)?;
    let payload = payload.or(old.payload).ok_or_else(|| Error::not_allowed("its payload is gone"))?;
    let mut new = NewOperation::new(row.adapter, row.action, payload).with_version(row.version);
    new.key = Some(old.key);
    new.ordering_key = row.ordering_key;
    new.on_failure = if row.halt { OnFailure::Halt } else { OnFailure::Continue };
    new.priority = if row.lane == 0 { Priority::High } else { Priority::Normal };
    new.ttl = row.ttl_ms.and_then(|ttl| u64::try_from(ttl).ok()).map(core::time::Duration::from_millis);
    new.after = row.after;
    new.blobs = row.blobs;
    Ok(Template { new, from: id })
}

impl Template {
    /// Checks and wraps the new operation.
    pub(crate) fn prepare(self, context: &Context) -> Result<(OperationId, Prepared), Error> {
        Ok((self.from, insert::prepare(context, self.new)?))
    }
}

/// Replaces an operation by one with another payload.
pub(crate) fn replace(tx: &mut Tx<'_>, id: OperationId, mut new: Prepared) -> Result<OperationRecord, Error> {
    let row = transition::by_id(tx, id)?.ok_or(Error::NotFound)?;
    if let Some((seq, fingerprint)) = successor(tx, Successor::Replacement, id)? {
        if fingerprint == new.fingerprint().0 {
            return insert::record(tx, seq)?.ok_or(Error::NotFound);
        }
        return Err(Error::not_allowed("it was replaced already; replace its replacement"));
    }
    if row.state.is_ended() {
        return Err(Error::not_allowed(format!("it ended as {}", row.state)));
    }
    new.key = Some(free_key(tx, &root_of(&row, "/r"), "/r", 1)?);
    new.replaces = Some(id);
    if row.state == DeviceState::Pending {
        // What the old one waited for, the new one waits for; the old one itself is gone for good.
        new.after = row.after;
        cancel(tx, id)?;
    } else {
        wish(tx, &row)?;
        new.after = Some(After { operation_id: id, on: AfterOn::Cancelled });
    }
    insert::insert(tx, new)
}

/// Tries an operation again that ended without its effect. Asking twice gives the same new operation.
pub(crate) fn retry(tx: &mut Tx<'_>, id: OperationId, mut new: Prepared) -> Result<OperationRecord, Error> {
    if let Some(known) = retried(tx, id)? {
        return Ok(known);
    }
    let row = transition::by_id(tx, id)?.ok_or(Error::NotFound)?;
    match row.state {
        DeviceState::Failed | DeviceState::Expired | DeviceState::Cancelled | DeviceState::Refused | DeviceState::Dead => {}
        DeviceState::Succeeded => return Err(Error::not_allowed("it succeeded")),
        DeviceState::Pending
        | DeviceState::InFlight
        | DeviceState::Accepted
        | DeviceState::Waiting
        | DeviceState::Unresolved => return Err(Error::not_allowed("it has not ended")),
    }
    if successor(tx, Successor::Replacement, id)?.is_some() {
        return Err(Error::not_allowed("it was replaced"));
    }
    new.key = Some(free_key(tx, &root_of(&row, "/"), "/", 2)?);
    new.retry_of = Some(id);
    insert::insert(tx, new)
}

/// The try again that was asked for before.
pub(crate) fn retried(tx: &Tx<'_>, id: OperationId) -> Result<Option<OperationRecord>, Error> {
    match successor(tx, Successor::Retry, id)? {
        Some((seq, _)) => insert::record(tx, seq),
        None => Ok(None),
    }
}

#[derive(Clone, Copy)]
enum Successor {
    Retry,
    Replacement,
}

/// The operation that was made to follow another, with its fingerprint.
fn successor(tx: &Tx<'_>, kind: Successor, id: OperationId) -> Result<Option<(i64, [u8; 32])>, Error> {
    let sql = match kind {
        Successor::Retry => {
            "SELECT seq, fingerprint FROM operations
                WHERE seq IN (SELECT seq FROM links WHERE kind = 2 AND id = ?1) AND retry_of = ?1 ORDER BY seq LIMIT 1"
        }
        Successor::Replacement => {
            "SELECT seq, fingerprint FROM operations
                WHERE seq IN (SELECT seq FROM links WHERE kind = 3 AND id = ?1) AND replaces = ?1 ORDER BY seq LIMIT 1"
        }
    };
    let mut statement = tx.connection.prepare_cached(sql)?;
    let found = statement
        .query_row(params![id.as_bytes()], |row| Ok((row.get(0)?, row.get_ref(1)?.as_blob()?.try_into().unwrap_or_default())));
    Ok(found.optional()?)
}

/// The key without the suffix that an earlier retry or replacement gave it.
fn root_of(row: &Row, suffix: &str) -> String {
    let key = row.wire_key();
    let made_here = if suffix == "/r" { row.replaces.is_some() } else { row.retry_of.is_some() };
    if made_here
        && let Some((root, number)) = key.rsplit_once(suffix)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        return root.to_owned();
    }
    key
}

fn free_key(tx: &Tx<'_>, root: &str, suffix: &str, first: u32) -> Result<String, Error> {
    for number in first..SUFFIX_MAX {
        let key = format!("{root}{suffix}{number}");
        tarishi_protocol::check_key(&key)?;
        if insert::by_key(tx, &key)?.is_none() {
            return Ok(key);
        }
    }
    Err(Error::not_allowed("it was tried too often"))
}
