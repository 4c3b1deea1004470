//! The store's own id, what retention allows to go, figures, and the doctor.

use rusqlite::{Connection, params};
use tarishi_protocol::State;
use uuid::Uuid;

use super::{chain, dispatch, events, meta};
use crate::store::{Error, Figures, Ms, Result, Retention};

/// Rows that one sweep deletes from one table, at most.
const SWEEP_MAX: i64 = 1_000;
/// How long news that matched nothing, or that an error held up, are kept and tried again, at least.
const UNMATCHED_MS: Ms = 7 * 86_400_000;
/// An adapter's name in figures.
const ADAPTER: &str = "CASE WHEN substr(adapter, 1, 6) = 'event_' THEN 'event' ELSE adapter END";
const STORE_ID: &str = "store_id";

pub(super) fn store_id(conn: &Connection) -> Result<String> {
    match meta::get(conn, STORE_ID)? {
        Some(id) => Ok(id),
        None => renew_store_id(conn),
    }
}

pub(super) fn renew_store_id(conn: &Connection) -> Result<String> {
    let mut id = Uuid::new_v4().simple().to_string();
    id.truncate(12);
    meta::put(conn, STORE_ID, &id)?;
    Ok(id)
}

/// Deletes, a bounded number of rows a table; true if one table may have more. Payments are never forgotten.
pub(super) fn sweep(conn: &Connection, now: Ms, keep: Retention) -> Result<bool> {
    let before = |kept: Ms| now - kept;
    // A row stays while a device that is still good has not acknowledged its end.
    let operations = "DELETE FROM operations WHERE rowid IN (SELECT o.rowid FROM operations o WHERE o.ended_at < ?1 AND o.money = 0 \
         AND NOT EXISTS (SELECT 1 FROM feed f JOIN devices d ON d.tenant_id = f.tenant_id AND d.device_id = f.device_id \
         WHERE f.tenant_id = o.tenant_id AND f.operation_id = o.operation_id AND f.seq > d.acknowledged_seq \
         AND d.revoked_at IS NULL AND d.token_expires_at > ?3) \
         AND NOT EXISTS (SELECT 1 FROM operations c WHERE c.tenant_id = o.tenant_id AND c.parent_id = o.operation_id \
         AND c.ended_at IS NULL) LIMIT ?2)";
    let mut most = conn.execute(operations, params![before(keep.operations), SWEEP_MAX, now])?;
    let orphans = [
        "DELETE FROM feed WHERE (tenant_id, device_id, operation_id) IN (SELECT f.tenant_id, f.device_id, f.operation_id FROM feed f \
         WHERE f.at < ?1 AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.tenant_id = f.tenant_id \
         AND o.operation_id = f.operation_id) LIMIT ?2)",
        "DELETE FROM provider_references WHERE (tenant_id, adapter, reference) IN (SELECT r.tenant_id, r.adapter, r.reference \
         FROM provider_references r WHERE ?1 > 0 AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.tenant_id = r.tenant_id \
         AND o.operation_id = r.operation_id) LIMIT ?2)",
    ];
    if most > 0 {
        for sql in orphans {
            conn.execute(sql, params![before(keep.operations), SWEEP_MAX])?;
        }
    }
    let by_age = [
        (
            "DELETE FROM attempts WHERE attempt_id IN (SELECT attempt_id FROM attempts WHERE closed_at < ?1 AND money = 0 LIMIT ?2)",
            keep.polls,
        ),
        (
            "DELETE FROM webhook_events WHERE event_row IN (SELECT event_row FROM webhook_events WHERE received_at < ?1 \
             AND state <> 'open' LIMIT ?2)",
            keep.webhooks,
        ),
        (
            // A claim that is on record is kept until it is settled, which follows from its operation's end.
            "DELETE FROM webhook_events WHERE event_row IN (SELECT event_row FROM webhook_events WHERE received_at < ?1 \
             AND state = 'open' AND noted = 0 LIMIT ?2)",
            keep.webhooks.max(UNMATCHED_MS),
        ),
        (
            "DELETE FROM webhooks WHERE webhook_id IN (SELECT webhook_id FROM webhooks WHERE received_at < ?1 LIMIT ?2)",
            keep.webhooks,
        ),
        (
            "DELETE FROM verdicts WHERE (tenant_id, operation_id) IN (SELECT tenant_id, operation_id FROM verdicts WHERE at < ?1 LIMIT ?2)",
            // An operation as old as this has expired on every device.
            keep.operations.max(400 * 86_400_000),
        ),
    ];
    for (sql, kept) in by_age {
        most = most.max(conn.execute(sql, params![before(kept), SWEEP_MAX])?);
    }
    most = most.max(events::sweep(conn, before(keep.operations), SWEEP_MAX)?);
    most = most.max(chain::sweep(conn, before(keep.operations), SWEEP_MAX)?);
    // Lanes of subscriptions that are no more.
    let lanes = "DELETE FROM lanes WHERE substr(adapter, 1, 6) = 'event_' AND NOT EXISTS (SELECT 1 FROM subscriptions s \
                 WHERE s.tenant_id = lanes.tenant_id AND 'event_' || s.subscription_id = lanes.adapter) \
                 AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.tenant_id = lanes.tenant_id AND o.adapter = lanes.adapter \
                 AND o.ended_at IS NULL)";
    conn.prepare_cached(lanes)?.execute([])?;
    Ok(i64::try_from(most).unwrap_or(SWEEP_MAX) >= SWEEP_MAX)
}

pub(super) fn figures(conn: &Connection, _now: Ms) -> Result<Figures> {
    let mut figures = Figures { lanes: dispatch::lanes(conn)?, ..Figures::default() };
    // All deliveries of events are one line: their lanes are as many as there are subscriptions.
    let sql = format!("SELECT {ADAPTER} a, state, count(*) FROM operations GROUP BY a, state");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows =
        statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?.unsigned_abs())))?;
    for row in rows {
        let (adapter, word, count) = row?;
        let state = State::from_word(&word).ok_or_else(|| Error::Damaged(format!("state {word}")))?;
        if state.is_ended() { figures.ended.push((adapter, state, count)) } else { figures.depth.push((adapter, state, count)) }
    }
    let sql = format!("SELECT {ADAPTER} a, coalesce(result, 'open'), count(*) FROM attempts GROUP BY a, result");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())))?;
    figures.attempts = rows.collect::<rusqlite::Result<_>>()?;
    figures.dead_letters = count(
        conn,
        "SELECT count(*) FROM operations WHERE state = 'unresolved' OR (state = 'failed' AND \
         problem ->> '$.code' IN ('attempts_exhausted', 'dependency_failed'))",
    )?;
    figures.unmatched_events = count(conn, "SELECT count(*) FROM webhook_events WHERE state = 'open'")?;
    Ok(figures)
}

fn count(conn: &Connection, sql: &str) -> Result<u64> {
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// What should never be. Each sentence names one rule that is broken, and where.
pub(super) fn doctor(conn: &Connection, now: Ms) -> Result<Vec<String>> {
    let rules: [(&str, &str); 6] = [
        (
            "has not ended and has no schedule",
            "SELECT lower(hex(operation_id)) FROM operations WHERE ended_at IS NULL AND next_at IS NULL LIMIT 20",
        ),
        (
            "has ended and is still scheduled or holds its key",
            "SELECT lower(hex(operation_id)) FROM operations WHERE ended_at IS NOT NULL AND (next_at IS NOT NULL OR holds_key = 1) LIMIT 20",
        ),
        (
            "is calling and has no attempt on record",
            "SELECT lower(hex(o.operation_id)) FROM operations o WHERE o.state = 'calling' AND NOT EXISTS \
             (SELECT 1 FROM attempts a WHERE a.tenant_id = o.tenant_id AND a.attempt_id = o.attempt_id) LIMIT 20",
        ),
        (
            "was overdue for more than an hour",
            // Deliveries of events wait for their receiver.
            "SELECT lower(hex(operation_id)) FROM operations WHERE ended_at IS NULL AND next_at < ?1 - 3600000 \
             AND actor_kind <> 'event' LIMIT 20",
        ),
        (
            "runs although one before it in its key has not ended",
            "SELECT lower(hex(o.operation_id)) FROM operations o WHERE o.state = 'calling' AND o.holds_key = 1 AND EXISTS \
             (SELECT 1 FROM operations p WHERE p.tenant_id = o.tenant_id AND p.ordering_key = o.ordering_key AND p.holds_key = 1 \
             AND p.position < o.position) LIMIT 20",
        ),
        (
            "has a chain that goes on without a schedule, or is scheduled although it has ended",
            "SELECT lower(hex(operation_id)) FROM notifications WHERE (ended_at IS NULL) <> (next_at IS NOT NULL) LIMIT 20",
        ),
    ];
    let mut findings = Vec::new();
    for (rule, sql) in rules {
        let mut statement = conn.prepare(sql)?;
        let params: &[&dyn rusqlite::ToSql] = if sql.contains("?1") { &[&now] } else { &[] };
        for id in statement.query_map(params, |row| row.get::<_, String>(0))? {
            findings.push(format!("operation {} {rule}", id?));
        }
    }
    let integrity: String = conn.query_row("PRAGMA quick_check", [], |row| row.get(0))?;
    if integrity != "ok" {
        findings.push(format!("the file is damaged: {integrity}"));
    }
    Ok(findings)
}
