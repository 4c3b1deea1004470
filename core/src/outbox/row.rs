//! One row of the queue, as code sees it.

use rusqlite::{Row as SqlRow, types::Type};
use tarishi_protocol::{After, AfterOn, BlobRef, OperationId, Origin, Problem};

use super::seal::{Column, Sealer};
use crate::{DeviceState, OperationRecord, clock::date};

/// The columns that [`Row::read`] reads, in its order.
macro_rules! columns {
    () => {
        "seq, id, key, adapter, action, version, state, sent, size, ordering_key, halt, lane, parked, not_before, aside, \
         wish, strikes, strikes_up, after_id, after_on, blobs, retry_of, replaces, origin, held_before, created_wall, created_up, \
         boot, queued_after, ttl_ms, problem"
    };
}
pub(crate) use columns;

/// The columns of a whole record: those of [`Row`], then the wrapped values.
macro_rules! record_columns {
    () => {
        concat!($crate::outbox::row::columns!(), ", outcome_form, outcome, form, payload")
    };
}
pub(crate) use record_columns;

/// A row without its payload and outcome.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) id: OperationId,
    pub(crate) key: Option<String>,
    pub(crate) adapter: String,
    pub(crate) action: String,
    pub(crate) version: u32,
    pub(crate) state: DeviceState,
    pub(crate) sent: bool,
    pub(crate) size: i64,
    pub(crate) ordering_key: Option<String>,
    pub(crate) halt: bool,
    pub(crate) lane: i64,
    pub(crate) parked: i64,
    pub(crate) not_before: i64,
    pub(crate) aside: bool,
    pub(crate) wish: bool,
    pub(crate) strikes: i64,
    pub(crate) strikes_up: i64,
    pub(crate) after: Option<After>,
    pub(crate) blobs: Vec<BlobRef>,
    pub(crate) retry_of: Option<OperationId>,
    pub(crate) replaces: Option<OperationId>,
    pub(crate) origin: Origin,
    pub(crate) held_before: bool,
    pub(crate) created_wall: i64,
    pub(crate) created_up: i64,
    pub(crate) boot: i64,
    pub(crate) queued_after: Option<i64>,
    pub(crate) ttl_ms: Option<i64>,
    pub(crate) problem: Option<Problem>,
}

/// `parked`: nothing holds it.
pub(crate) const FREE: i64 = 0;
/// `parked`: not before its time.
pub(crate) const TIMED: i64 = 1;
/// `parked`: its parent has no receipt yet.
pub(crate) const GATED: i64 = 2;

impl Row {
    /// Reads the columns of [`columns!`].
    pub(crate) fn read(row: &SqlRow<'_>) -> rusqlite::Result<Self> {
        let after = match (id_at(row, 18)?, row.get::<_, Option<String>>(19)?) {
            (Some(operation_id), Some(on)) => AfterOn::from_word(&on).map(|on| After { operation_id, on }),
            _ => None,
        };
        let json = |index: usize| row.get::<_, Option<String>>(index);
        Ok(Self {
            seq: row.get(0)?,
            id: id_at(row, 1)?.ok_or_else(|| damaged(1))?,
            key: row.get(2)?,
            adapter: row.get(3)?,
            action: row.get(4)?,
            version: row.get(5)?,
            state: DeviceState::from_code(row.get(6)?).ok_or_else(|| damaged(6))?,
            sent: row.get(7)?,
            size: row.get(8)?,
            ordering_key: row.get(9)?,
            halt: row.get(10)?,
            lane: row.get(11)?,
            parked: row.get(12)?,
            not_before: row.get(13)?,
            aside: row.get(14)?,
            wish: row.get(15)?,
            strikes: row.get(16)?,
            strikes_up: row.get(17)?,
            after,
            blobs: json(20)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            retry_of: id_at(row, 21)?,
            replaces: id_at(row, 22)?,
            origin: if row.get(23)? { Origin::Server } else { Origin::Device },
            held_before: row.get(24)?,
            created_wall: row.get(25)?,
            created_up: row.get(26)?,
            boot: row.get(27)?,
            queued_after: row.get(28)?,
            ttl_ms: row.get(29)?,
            problem: json(30)?.and_then(|text| serde_json::from_str(&text).ok()),
        })
    }

    /// The key on the wire: the app's, else the id.
    pub(crate) fn wire_key(&self) -> String {
        self.key.clone().unwrap_or_else(|| self.id.to_string())
    }
}

/// Reads the columns of [`record_columns!`].
pub(crate) fn read_record(row: &SqlRow<'_>, sealer: &Sealer) -> rusqlite::Result<OperationRecord> {
    let head = Row::read(row)?;
    let outcome = open(row, sealer, head.id, Column::Outcome, 31)?;
    let payload = open(row, sealer, head.id, Column::Payload, 33)?;
    Ok(OperationRecord {
        key: head.wire_key(),
        id: head.id,
        adapter: head.adapter,
        action: head.action,
        state: head.state,
        ordering_key: head.ordering_key,
        created_at: date(head.created_wall),
        outcome: outcome.and_then(|text| serde_json::from_str(&text).ok()),
        problem: head.problem,
        payload,
        seq: u64::try_from(head.seq).unwrap_or(0),
        origin: head.origin,
        retry_of: head.retry_of,
        replaces: head.replaces,
        after: head.after,
        cancel_requested: head.wish,
    })
}

/// Unwraps the value whose form stands at `index` and whose bytes follow it.
pub(crate) fn open(
    row: &SqlRow<'_>,
    sealer: &Sealer,
    id: OperationId,
    column: Column,
    index: usize,
) -> rusqlite::Result<Option<String>> {
    let form: i64 = row.get(index)?;
    let bytes = row.get_ref(index + 1)?.as_bytes_or_null()?;
    Ok(bytes.and_then(|bytes| sealer.unwrap(id, column, form, bytes)))
}

pub(crate) fn id_at(row: &SqlRow<'_>, index: usize) -> rusqlite::Result<Option<OperationId>> {
    let bytes = row.get_ref(index)?.as_blob_or_null()?;
    bytes.map(|bytes| OperationId::from_bytes(bytes).ok_or_else(|| damaged(index))).transpose()
}

fn damaged(index: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Blob, "not what this column holds".into())
}
