//! Where a tenant's backend is told of events, and the operations that tell it.
//!
//! A delivery is an operation like any other, born in the transaction of its event: what is in the log is on its way. Each
//! subscription is a lane of its own, so that one dead receiver holds up no other.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use tarishi_protocol::{Fingerprint, OnFailure, Operation, OperationId, Payload};

use super::{intake, map, sealed};
use crate::{
    adapters::event,
    clock::date,
    store::{Actor, Checked, Error, EventRow, Evidence, Ms, OperationRow, Preview, Result, SubscriptionRow},
};

/// A delivery that could not begin for this long after its event is too old: a dead letter. In milliseconds.
pub(super) const DELIVER_WITHIN_MS: Ms = 14 * 86_400_000;

const COLUMNS: &str = "tenant_id, subscription_id, url, types, sealed, created_at, disabled_at";

/// Adds one; false if the tenant has as many as it may have.
pub(super) fn create(conn: &Connection, row: &SubscriptionRow, most: u32) -> Result<bool> {
    sealed::check_key(conn, &row.sealed)?;
    let sql = format!(
        "INSERT INTO subscriptions ({COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 \
         WHERE (SELECT count(*) FROM subscriptions WHERE tenant_id = ?1) < ?8"
    );
    let values =
        params![row.tenant, row.id, row.url, map::to_json(&row.types)?, row.sealed, row.created_at, row.disabled_at, most];
    Ok(conn.prepare_cached(&sql)?.execute(values)? == 1)
}

pub(super) fn all(conn: &Connection, tenant: &str) -> Result<Vec<SubscriptionRow>> {
    let sql = format!("SELECT {COLUMNS} FROM subscriptions WHERE tenant_id = ?1 ORDER BY created_at, subscription_id");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then([tenant], row_of)?;
    rows.collect()
}

pub(super) fn one(conn: &Connection, tenant: &str, id: &str) -> Result<Option<SubscriptionRow>> {
    let sql = format!("SELECT {COLUMNS} FROM subscriptions WHERE tenant_id = ?1 AND subscription_id = ?2");
    conn.prepare_cached(&sql)?.query_row([tenant, id], |row| Ok(row_of(row))).optional()?.transpose()
}

/// Replaces what signs, if it is still what was read.
pub(super) fn replace_sealed(conn: &Connection, tenant: &str, id: &str, old: &[u8], new: &[u8]) -> Result<bool> {
    sealed::check_key(conn, new)?;
    let sql = "UPDATE subscriptions SET sealed = ?4 WHERE tenant_id = ?1 AND subscription_id = ?2 AND sealed = ?3";
    Ok(conn.prepare_cached(sql)?.execute(params![tenant, id, old, new])? == 1)
}

/// What is still to be told ends as its turn comes.
pub(super) fn delete(conn: &Connection, tenant: &str, id: &str) -> Result<bool> {
    let sql = "DELETE FROM subscriptions WHERE tenant_id = ?1 AND subscription_id = ?2";
    Ok(conn.prepare_cached(sql)?.execute([tenant, id])? == 1)
}

/// The receiver of a delivery may have said that it is gone for good: it is told no more.
pub(super) fn heed(conn: &Connection, delivery: &OperationRow, evidence: &Evidence, now: Ms) -> Result<()> {
    let Some(id) = event::subscription_of(&delivery.adapter) else { return Ok(()) };
    let gone = matches!(evidence, Evidence::Failure(failure) if failure.code.as_deref() == Some(event::GONE));
    if !gone {
        return Ok(());
    }
    let sql = "UPDATE subscriptions SET disabled_at = coalesce(disabled_at, ?3) WHERE tenant_id = ?1 AND subscription_id = ?2";
    conn.prepare_cached(sql)?.execute(params![delivery.tenant, id, now])?;
    Ok(())
}

/// Sends an event that was just recorded on its way to everybody who wants it.
pub(super) fn fan_out(conn: &Connection, event: &EventRow) -> Result<()> {
    let sql = "SELECT subscription_id FROM subscriptions WHERE tenant_id = ?1 AND disabled_at IS NULL \
               AND EXISTS (SELECT 1 FROM json_each(types) WHERE value = ?2)";
    let mut statement = conn.prepare_cached(sql)?;
    let wanted: Vec<String> =
        statement.query_map([&event.tenant, &event.kind], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in wanted {
        deliver(conn, event, &id)?;
    }
    Ok(())
}

fn deliver(conn: &Connection, event: &EventRow, subscription: &str) -> Result<()> {
    let desk =
        intake::Desk { tenant: &event.tenant, account: event::ACCOUNT, actor: Actor::Event, device: None, now: event.at };
    let adapter = event::adapter_of(subscription);
    let payload = json!({ "event": event.seq });
    let text = payload.to_string();
    let unfit = |error: &dyn std::fmt::Display| Error::Damaged(format!("a delivery: {error}"));
    let operation = Operation {
        id: OperationId::generate(),
        idempotency_key: format!("{subscription}:{}", event.seq),
        ordering_key: None,
        on_failure: OnFailure::Continue,
        adapter: adapter.clone(),
        action: event::DELIVER.to_owned(),
        version: 1,
        payload: serde_json::value::RawValue::from_string(text.clone()).map_err(|error| unfit(&error))?,
        blobs: Vec::new(),
        after: None,
        created_at: date(event.at),
        age_ms: 0,
        age_exact: true,
        queued_after: None,
        ttl_ms: None,
        held_before: false,
        retry_of: None,
        extra: std::collections::BTreeMap::new(),
    };
    let checked = Checked {
        fingerprint: Fingerprint::of(&adapter, event::DELIVER, &text).map_err(|error| unfit(&error))?,
        operation,
        payload: Payload::Free(payload),
        exclusive: None,
        correlation: None,
        expires_at: event.at + DELIVER_WITHIN_MS,
        enqueued_at: event.at,
    };
    intake::verdict(conn, &desk, &Preview::Take(Box::new(checked)), false).map(drop)
}

fn row_of(row: &Row<'_>) -> Result<SubscriptionRow> {
    Ok(SubscriptionRow {
        tenant: row.get(0)?,
        id: row.get(1)?,
        url: row.get(2)?,
        types: map::json(row, 3)?.unwrap_or_default(),
        sealed: row.get(4)?,
        created_at: row.get(5)?,
        disabled_at: row.get(6)?,
    })
}
