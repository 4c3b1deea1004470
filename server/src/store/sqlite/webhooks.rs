//! Webhooks as they came, and the news in them. Repeats are told only by an id that the provider gave; all else is stored,
//! and `settle` makes repeats harmless.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tarishi_protocol::OperationId;

use super::map;
use crate::{
    adapters::News,
    store::{Error, EventState, Ms, Result, WebhookEventRow, WebhookRow},
};

pub(super) fn token(conn: &Connection, hash: [u8; 32]) -> Result<Option<(String, String)>> {
    let sql = "SELECT tenant_id, adapter FROM webhook_tokens WHERE token_hash = ?1";
    Ok(conn.prepare_cached(sql)?.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

pub(super) fn put_token(conn: &Connection, tenant: &str, adapter: &str, hash: [u8; 32]) -> Result<()> {
    let sql = "INSERT INTO webhook_tokens (token_hash, tenant_id, adapter) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    conn.execute(sql, params![hash, tenant, adapter])?;
    Ok(())
}

pub(super) fn store(conn: &Connection, webhook: &WebhookRow, events: Vec<WebhookEventRow>) -> Result<Vec<WebhookEventRow>> {
    let sql = "INSERT INTO webhooks (tenant_id, adapter, attempt_id, path, query, body, received_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    conn.prepare_cached(sql)?.execute(params![
        webhook.tenant,
        webhook.adapter,
        webhook.attempt.map(|attempt| attempt.as_bytes().to_vec()),
        webhook.path,
        webhook.query,
        webhook.body,
        webhook.received_at
    ])?;
    insert(conn, conn.last_insert_rowid(), events)
}

/// Webhooks of which nothing was settled, oldest first, after this one. A handshake has nothing in it to read.
pub(super) fn unsettled(
    conn: &Connection,
    tenant: &str,
    adapter: Option<&str>,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, WebhookRow)>> {
    let sql = "SELECT webhook_id, tenant_id, adapter, attempt_id, path, query, body, received_at FROM webhooks w \
               WHERE tenant_id = ?1 AND (?2 IS NULL OR adapter = ?2) AND webhook_id > ?3 AND (length(body) > 0 OR query <> '') AND NOT EXISTS \
               (SELECT 1 FROM webhook_events e WHERE e.webhook_id = w.webhook_id AND e.state = 'done') ORDER BY webhook_id LIMIT ?4";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then(params![tenant, adapter, after, limit], |row| {
        let attempt: Option<Vec<u8>> = row.get(3)?;
        let webhook = WebhookRow {
            tenant: row.get(1)?,
            adapter: row.get(2)?,
            attempt: attempt.map(|id| map::uuid(&id)).transpose()?,
            path: row.get(4)?,
            query: row.get(5)?,
            body: row.get(6)?,
            received_at: row.get(7)?,
        };
        Ok((row.get(0)?, webhook))
    })?;
    rows.collect()
}

/// Puts what a stored webhook says today in the place of what it was read as before, unless that was settled meanwhile.
pub(super) fn replace(conn: &Connection, webhook_id: i64, events: Vec<WebhookEventRow>) -> Result<Vec<WebhookEventRow>> {
    let settled = "SELECT 1 FROM webhook_events WHERE webhook_id = ?1 AND state = 'done'";
    if conn.prepare_cached(settled)?.exists([webhook_id])? {
        return Ok(Vec::new());
    }
    conn.prepare_cached("DELETE FROM webhook_events WHERE webhook_id = ?1")?.execute([webhook_id])?;
    insert(conn, webhook_id, events)
}

fn insert(conn: &Connection, webhook_id: i64, events: Vec<WebhookEventRow>) -> Result<Vec<WebhookEventRow>> {
    let sql = "INSERT INTO webhook_events (webhook_id, tenant_id, adapter, attempt_id, reference, event_id, correlation, news, state, \
               received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let mut statement = conn.prepare_cached(sql)?;
    let mut fresh = Vec::with_capacity(events.len());
    for mut event in events {
        let state = if event.news == News::Nothing { "dropped" } else { "open" };
        let added = statement.execute(params![
            webhook_id,
            event.tenant,
            event.adapter,
            event.attempt.map(|attempt| attempt.as_bytes().to_vec()),
            event.reference,
            event.event_id,
            event.correlation,
            map::to_json(&event.news)?,
            state,
            event.received_at
        ])?;
        if added == 1 && state == "open" {
            event.id = conn.last_insert_rowid();
            fresh.push(event);
        }
    }
    Ok(fresh)
}

/// The newest that are not settled, the oldest of them first.
pub(super) fn open(conn: &Connection, limit: u32) -> Result<Vec<WebhookEventRow>> {
    let sql = "SELECT event_row, tenant_id, adapter, attempt_id, reference, event_id, correlation, news, received_at, noted FROM \
               (SELECT * FROM webhook_events WHERE state = 'open' ORDER BY event_row DESC LIMIT ?1) ORDER BY event_row";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([limit], event)?;
    rows.collect()
}

/// Those that are not settled after one of them, if they came before then.
pub(super) fn open_after(conn: &Connection, after: i64, before: Ms, limit: u32) -> Result<Vec<WebhookEventRow>> {
    let sql = "SELECT event_row, tenant_id, adapter, attempt_id, reference, event_id, correlation, news, received_at, noted \
               FROM webhook_events WHERE state = 'open' AND event_row > ?1 AND received_at < ?2 ORDER BY event_row LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then(params![after, before, limit], event)?;
    rows.collect()
}

pub(super) fn events_for(conn: &Connection, tenant: &str, id: OperationId) -> Result<Vec<WebhookEventRow>> {
    let sql = "SELECT e.event_row, e.tenant_id, e.adapter, e.attempt_id, e.reference, e.event_id, e.correlation, e.news, e.received_at, e.noted \
               FROM operations o JOIN webhook_events e ON e.tenant_id = o.tenant_id AND e.adapter = o.adapter AND e.state = 'open' \
               WHERE o.tenant_id = ?1 AND o.operation_id = ?2 AND (e.reference IN (SELECT r.reference FROM provider_references r \
               WHERE r.tenant_id = ?1 AND r.adapter = o.adapter AND r.operation_id = ?2) \
               OR ((o.ambiguous_at IS NOT NULL OR o.reference_data ->> '$.adopted' = 1) AND instr(',' || o.correlation || ',', ',' || e.correlation || ',') > 0) \
               OR e.attempt_id IN (SELECT a.attempt_id FROM attempts a WHERE a.tenant_id = ?1 AND a.operation_id = ?2)) \
               ORDER BY e.event_row LIMIT 100";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then(params![tenant, id.as_bytes()], event)?;
    rows.collect()
}

fn event(row: &Row<'_>) -> Result<WebhookEventRow> {
    let attempt: Option<Vec<u8>> = row.get(3)?;
    Ok(WebhookEventRow {
        id: row.get(0)?,
        tenant: row.get(1)?,
        adapter: row.get(2)?,
        attempt: attempt.map(|id| map::uuid(&id)).transpose()?,
        reference: row.get(4)?,
        event_id: row.get(5)?,
        correlation: row.get(6)?,
        news: map::json(row, 7)?.ok_or_else(|| Error::Damaged("an event without news".to_owned()))?,
        received_at: row.get(8)?,
        noted: row.get(9)?,
    })
}

/// What it claims is on record with its operation.
pub(super) fn note(conn: &Connection, id: i64) -> Result<()> {
    conn.prepare_cached("UPDATE webhook_events SET noted = 1 WHERE event_row = ?1")?.execute([id])?;
    Ok(())
}

pub(super) fn mark(conn: &Connection, id: i64, state: EventState) -> Result<()> {
    let word = match state {
        EventState::Open => "open",
        EventState::Done => "done",
        EventState::Dropped => "dropped",
    };
    conn.prepare_cached("UPDATE webhook_events SET state = ?2 WHERE event_row = ?1")?.execute(params![id, word])?;
    Ok(())
}
