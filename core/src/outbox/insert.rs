//! `enqueue`: checks that need no database, then one insert.

use rusqlite::{OptionalExtension, params};
use tarishi_protocol::{
    After, BlobRef, Code, Fingerprint, OnFailure, OperationId, Origin, Problem, catalog, check_key, check_ordering_key,
    check_payload, limits,
};

use super::{
    command::{Context, Tx},
    row::{FREE, GATED, read_record, record_columns},
    seal::Column,
    transition,
};
use crate::{DeviceState, Error, Event, NewOperation, OperationRecord, Priority, clock::date};

/// An operation that passed every check and is wrapped for the disk.
#[derive(Debug)]
pub(crate) struct Prepared {
    id: OperationId,
    pub(crate) key: Option<String>,
    adapter: String,
    action: String,
    version: u32,
    payload: String,
    form: i64,
    wrapped: Vec<u8>,
    fingerprint: Fingerprint,
    pub(crate) ordering_key: Option<String>,
    halt: bool,
    lane: i64,
    pub(crate) after: Option<After>,
    blobs: Vec<BlobRef>,
    ttl_ms: Option<i64>,
    pub(crate) retry_of: Option<OperationId>,
    pub(crate) replaces: Option<OperationId>,
}

impl Prepared {
    /// About how many bytes it adds to a transaction.
    pub(crate) fn weight(&self) -> usize {
        self.wrapped.len() + 256
    }

    /// It is stored by one statement and nothing else is written.
    pub(crate) fn is_single(&self) -> bool {
        let lifts = self.lane == 0 && self.ordering_key.is_some();
        !lifts && self.after.is_none() && self.retry_of.is_none() && self.replaces.is_none()
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// Checks an operation offline and fixes what never changes again: its id and its fingerprint.
pub(crate) fn prepare(context: &Context, new: NewOperation) -> Result<Prepared, Error> {
    check_payload(&new.adapter, &new.action, new.version, &new.payload)?;
    match &new.key {
        Some(key) => check_key(key)?,
        None if catalog::needs_key(&new.adapter, &new.action) => {
            let text = "name the key after what is paid for, so that asking twice pays once";
            return Err(Problem::new(Code::KeyRequired, text).with_field("key").into());
        }
        None => {}
    }
    if let Some(key) = &new.ordering_key {
        check_ordering_key(key)?;
    }
    if new.blobs.len() > limits::BLOBS_MAX {
        let text = format!("at most {} blobs", limits::BLOBS_MAX);
        return Err(Problem::new(Code::InvalidValue, text).with_field("blobs").into());
    }
    let ttl_ms = new.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    if ttl_ms.is_some_and(|ttl_ms| !(1..=limits::TTL_MS_MAX).contains(&ttl_ms)) {
        let text = format!("must be 1 to {} milliseconds", limits::TTL_MS_MAX);
        return Err(Problem::new(Code::InvalidValue, text).with_field("ttl").into());
    }
    let fingerprint = Fingerprint::of(&new.adapter, &new.action, &new.payload)
        .map_err(|_| Problem::new(Code::InvalidValue, "must be JSON").with_field("payload"))?;
    let id = OperationId::generate();
    let (form, wrapped) = context.sealer.wrap(id, Column::Payload, &new.payload);
    Ok(Prepared {
        id,
        key: new.key,
        adapter: new.adapter,
        action: new.action,
        version: new.version,
        payload: new.payload,
        form,
        wrapped,
        fingerprint,
        ordering_key: new.ordering_key,
        halt: new.on_failure == OnFailure::Halt,
        lane: match new.priority {
            Priority::High => 0,
            Priority::Normal => 1,
        },
        after: new.after,
        blobs: new.blobs,
        ttl_ms: ttl_ms.map(|ttl_ms| i64::try_from(ttl_ms).unwrap_or(i64::MAX)),
        retry_of: None,
        replaces: None,
    })
}

/// Stores an operation, or finds the one that its key names already.
pub(crate) fn insert(tx: &mut Tx<'_>, new: Prepared) -> Result<OperationRecord, Error> {
    let size = i64::try_from(new.payload.len()).unwrap_or(i64::MAX);
    let bytes = tx.memory.bytes.saturating_add(u64::try_from(size).unwrap_or(0));
    let full = tx.memory.live() >= tx.context.quota_operations || bytes > tx.context.quota_bytes;
    // The usual case leaves the question to the unique index and saves a look-up.
    if (full || !new.is_single())
        && let Some(known) = known(tx, &new)?
    {
        return Ok(known);
    }
    if full {
        return Err(Error::QueueFull);
    }
    let (after, parked) = gate(tx, new.after)?;
    let head = match &new.ordering_key {
        Some(key) => !has_earlier(tx, key)?,
        None => true,
    };
    if let (Some(key), 0, false) = (&new.ordering_key, new.lane, head) {
        raise(tx, key)?;
    }
    let (uptime, wall) = (&tx.context.uptime, tx.context.uptime.wall_ms());
    let created_up = uptime.now();
    let ttl = new.ttl_ms.unwrap_or(i64::try_from(limits::TTL_MS_DEFAULT).unwrap_or(i64::MAX));
    let blobs = if new.blobs.is_empty() { None } else { serde_json::to_string(&new.blobs).ok() };
    let sql = "INSERT INTO operations (id, key, fingerprint, adapter, action, version, state, size, ordering_key, halt, lane,
        head, parked, after_id, after_on, blobs, retry_of, replaces, created_wall, created_up, boot, queued_after, ttl_ms,
        expires_up, form, payload)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
        ?24, ?25) ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING";
    let stored = tx.connection.prepare_cached(sql)?.execute(params![
        new.id.as_bytes(),
        new.key,
        new.fingerprint.0,
        new.adapter,
        new.action,
        new.version,
        size,
        new.ordering_key,
        new.halt,
        new.lane,
        head,
        parked,
        after.as_ref().map(|after| after.operation_id.as_bytes()),
        after.as_ref().map(|after| after.on.as_str()),
        blobs,
        new.retry_of.as_ref().map(OperationId::as_bytes),
        new.replaces.as_ref().map(OperationId::as_bytes),
        wall,
        created_up,
        uptime.boot(),
        tx.memory.server_time,
        new.ttl_ms,
        created_up.saturating_add(ttl),
        new.form,
        new.wrapped,
    ])?;
    if stored == 0 {
        return known(tx, &new)?.ok_or(Error::NotFound);
    }
    let seq = tx.connection.last_insert_rowid();
    let parent = after.map(|after| after.operation_id);
    for (kind, id) in [(1, parent), (2, new.retry_of), (3, new.replaces)] {
        if let Some(id) = id {
            let sql = "INSERT INTO links (kind, id, seq) VALUES (?1, ?2, ?3)";
            tx.connection.prepare_cached(sql)?.execute(params![kind, id.as_bytes(), seq])?;
        }
    }
    tx.memory.add(DeviceState::Pending, size);
    tx.nudge = true;
    tx.news.push(Event::OperationChanged { id: new.id, state: DeviceState::Pending });
    Ok(OperationRecord {
        id: new.id,
        key: new.key.unwrap_or_else(|| new.id.to_string()),
        adapter: new.adapter,
        action: new.action,
        state: DeviceState::Pending,
        ordering_key: new.ordering_key,
        created_at: date(wall),
        outcome: None,
        problem: None,
        payload: Some(new.payload),
        seq: u64::try_from(seq).unwrap_or(0),
        origin: Origin::Device,
        retry_of: new.retry_of,
        replaces: new.replaces,
        after,
        cancel_requested: false,
    })
}

/// The operation that the key names already; an error if it is another one.
fn known(tx: &Tx<'_>, new: &Prepared) -> Result<Option<OperationRecord>, Error> {
    let Some(key) = &new.key else { return Ok(None) };
    match by_key(tx, key)? {
        Some((_, fingerprint)) if fingerprint != new.fingerprint.0 => Err(Error::KeyReused),
        Some((seq, _)) => record(tx, seq),
        None => Ok(None),
    }
}

/// The row that a key names, with its fingerprint.
pub(crate) fn by_key(tx: &Tx<'_>, key: &str) -> Result<Option<(i64, [u8; 32])>, Error> {
    let mut statement = tx.connection.prepare_cached("SELECT seq, fingerprint FROM operations WHERE key = ?1")?;
    let found = statement.query_row([key], |row| {
        let bytes = row.get_ref(1)?.as_blob()?;
        Ok((row.get(0)?, bytes.try_into().unwrap_or_default()))
    });
    Ok(found.optional()?)
}

/// A whole record, read inside the transaction.
pub(crate) fn record(tx: &Tx<'_>, seq: i64) -> Result<Option<OperationRecord>, Error> {
    let sql = concat!("SELECT ", record_columns!(), " FROM operations WHERE seq = ?1");
    let mut statement = tx.connection.prepare_cached(sql)?;
    Ok(statement.query_row([seq], |row| read_record(row, &tx.context.sealer)).optional()?)
}

/// Whether a parent holds its child back, and whether the child still names it.
fn gate(tx: &Tx<'_>, after: Option<After>) -> Result<(Option<After>, i64), Error> {
    let Some(after) = after else { return Ok((None, FREE)) };
    let field = "after.operation_id";
    let Some(parent) = transition::by_id(tx, after.operation_id)? else {
        return Err(Problem::new(Code::NotFound, "no such operation on this device").with_field(field).into());
    };
    if parent.state.is_unreceipted() {
        return Ok((Some(after), GATED));
    }
    let unknown_at_server = parent.state == DeviceState::Dead || !parent.sent && parent.origin == Origin::Device;
    match parent.state.as_parent_end() {
        Some(end) if unknown_at_server && after.on.is_met_by(end) => Ok((None, FREE)),
        Some(_) if unknown_at_server => {
            let text = format!("the operation it depends on ended as {}", parent.state);
            Err(Problem::new(Code::DependencyFailed, text).with_field(field).into())
        }
        Some(_) | None => Ok((Some(after), FREE)),
    }
}

fn has_earlier(tx: &Tx<'_>, key: &str) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM operations WHERE ordering_key = ?1 AND state <= 1 AND aside = 0 AND wish = 0)";
    Ok(tx.connection.prepare_cached(sql)?.query_row([key], |row| row.get(0))?)
}

/// A key is chosen as a whole, so an urgent operation lifts those before it. All before an urgent one are urgent already, so
/// each row is lifted at most once.
fn raise(tx: &Tx<'_>, key: &str) -> Result<(), Error> {
    let last = "SELECT seq FROM operations WHERE ordering_key = ?1 AND state <= 1 AND aside = 0 AND wish = 0 AND lane = 0
        ORDER BY seq DESC LIMIT 1";
    let last: Option<i64> = tx.connection.prepare_cached(last)?.query_row([key], |row| row.get(0)).optional()?;
    let sql = "UPDATE operations SET lane = 0
        WHERE ordering_key = ?1 AND state <= 1 AND aside = 0 AND wish = 0 AND seq > ?2";
    tx.connection.prepare_cached(sql)?.execute(params![key, last.unwrap_or(0)])?;
    Ok(())
}
