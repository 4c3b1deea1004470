//! Where a tenant's backend is told of events, and the operations that tell it.
//!
//! A delivery is an operation like any other, born in the transaction of its event: what is in the log is on its way. Each
//! subscription is a lane of its own, so that one dead receiver holds up no other.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use tarishi_protocol::{OperationId, Payload};

use super::{
    map,
    own::{self, Own},
    sealed,
};
use crate::{
    adapters::event,
    store::{Actor, EventRow, Evidence, Ms, OperationRow, Result, SubscriptionRow},
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
    let payload = json!({ "event": event.seq });
    let own = Own {
        tenant: &event.tenant,
        account: event::ACCOUNT,
        actor: Actor::Event,
        id: OperationId::generate(),
        key: format!("{subscription}:{}", event.seq),
        adapter: &event::adapter_of(subscription),
        action: event::DELIVER,
        text: payload.to_string(),
        payload: Payload::Free(payload),
        correlation: None,
        expires_at: event.at + DELIVER_WITHIN_MS,
    };
    own::take(conn, own, event.at)
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
