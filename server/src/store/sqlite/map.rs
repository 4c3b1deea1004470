//! Rows to values and back.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tarishi_protocol::{AfterOn, OnFailure, OperationId, State};
use uuid::Uuid;

use crate::{
    adapters::Reference,
    store::{Actor, AttemptKind, AttemptRow, Error, OperationRow, Result},
};

/// The columns that [`operation`] reads.
macro_rules! operation_columns {
    () => {
        "tenant_id, operation_id, account, actor_kind, actor_id, idempotency_key, ordering_key, on_failure, \
     adapter, action, version, payload, state, outcome, problem, reference_id, reference_data, memo, effect_number, attempts, polls, \
     attempt_id, first_opened_at, ambiguous_at, created_at, expires_at, next_at, ended_at, parent_id, parent_on"
    };
}

/// The same as a text.
pub(super) const OPERATION: &str = operation_columns!();

/// The columns that [`attempt`] reads.
pub(super) const ATTEMPT: &str = "tenant_id, attempt_id, operation_id, adapter, action, account, actor_kind, actor_id, kind, opened_at, \
     closed_at, result, code, message, count, state_after";

/// Reads an operation from a row of [`OPERATION`].
pub(super) fn operation(row: &Row<'_>) -> Result<OperationRow> {
    let reference = match row.get::<_, Option<String>>(15)? {
        Some(id) => Some(Reference { id, data: json(row, 16)?.unwrap_or_default() }),
        None => None,
    };
    let parent = match row.get::<_, Option<Vec<u8>>>(28)? {
        Some(id) => Some((operation_id(&id)?, word(row, 29, AfterOn::from_word)?)),
        None => None,
    };
    Ok(OperationRow {
        tenant: row.get(0)?,
        id: operation_id(&row.get::<_, Vec<u8>>(1)?)?,
        account: row.get(2)?,
        actor: actor(row, 3, 4)?,
        idempotency_key: row.get(5)?,
        ordering_key: row.get(6)?,
        on_failure: word(row, 7, OnFailure::from_word)?,
        adapter: row.get(8)?,
        action: row.get(9)?,
        version: row.get(10)?,
        payload: row.get(11)?,
        state: word(row, 12, State::from_word)?,
        outcome: json(row, 13)?,
        problem: json(row, 14)?,
        reference,
        memo: json(row, 17)?,
        effect_number: row.get(18)?,
        attempts: row.get(19)?,
        polls: row.get(20)?,
        attempt_id: row.get::<_, Option<Vec<u8>>>(21)?.map(|id| uuid(&id)).transpose()?,
        first_opened_at: row.get(22)?,
        ambiguous_at: row.get(23)?,
        earlier_unknown: false,
        created_at: row.get(24)?,
        expires_at: row.get(25)?,
        next_at: row.get(26)?,
        ended_at: row.get(27)?,
        parent,
    })
}

/// Reads an attempt from a row of [`ATTEMPT`].
pub(super) fn attempt(row: &Row<'_>) -> Result<AttemptRow> {
    let state_after: Option<String> = row.get(15)?;
    Ok(AttemptRow {
        tenant: row.get(0)?,
        attempt: uuid(&row.get::<_, Vec<u8>>(1)?)?,
        operation: operation_id(&row.get::<_, Vec<u8>>(2)?)?,
        adapter: row.get(3)?,
        action: row.get(4)?,
        account: row.get(5)?,
        actor: actor(row, 6, 7)?,
        kind: word(row, 8, AttemptKind::from_word)?,
        opened_at: row.get(9)?,
        closed_at: row.get(10)?,
        result: row.get(11)?,
        code: row.get(12)?,
        message: row.get(13)?,
        count: row.get(14)?,
        state_after: state_after.as_deref().and_then(State::from_word),
    })
}

/// One operation of a tenant.
pub(super) fn load(conn: &Connection, tenant: &str, id: OperationId) -> Result<Option<OperationRow>> {
    let sql = concat!("SELECT ", operation_columns!(), " FROM operations WHERE tenant_id = ?1 AND operation_id = ?2");
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_row(params![tenant, id.as_bytes()], |row| Ok(operation(row))).optional()?.transpose()
}

/// The actor's two columns.
pub(super) fn actor_columns(actor: &Actor) -> (&'static str, &str) {
    match actor {
        Actor::Device { device } => ("device", device),
        Actor::Key { key } => ("key", key),
        Actor::Operator => ("operator", ""),
        Actor::Event => ("event", ""),
        Actor::Notification => ("notification", ""),
    }
}

fn actor(row: &Row<'_>, kind: usize, id: usize) -> Result<Actor> {
    let name: String = row.get(id)?;
    match row.get_ref(kind)?.as_str().map_err(rusqlite::Error::from)? {
        "device" => Ok(Actor::Device { device: name }),
        "key" => Ok(Actor::Key { key: name }),
        "operator" => Ok(Actor::Operator),
        "event" => Ok(Actor::Event),
        "notification" => Ok(Actor::Notification),
        other => Err(Error::Damaged(format!("actor {other}"))),
    }
}

fn word<T>(row: &Row<'_>, column: usize, read: impl Fn(&str) -> Option<T>) -> Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    read(text).ok_or_else(|| Error::Damaged(format!("word {text}")))
}

/// A column of JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| Error::Damaged(error.to_string()))).transpose()
}

/// A value as JSON text.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Damaged(error.to_string()))
}

/// 16 bytes as an operation's id.
pub(super) fn operation_id(bytes: &[u8]) -> Result<OperationId> {
    OperationId::from_bytes(bytes).ok_or_else(|| Error::Damaged("an id without 16 bytes".to_owned()))
}

/// 16 bytes as an attempt's id.
pub(super) fn uuid(bytes: &[u8]) -> Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|error| Error::Damaged(error.to_string()))
}
