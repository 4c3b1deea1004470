//! The log of what happened. Rows are added and never changed; a fact that is told again is the same row.
//!
//! An event is written in the transaction of what it tells, and so are its deliveries.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use tarishi_protocol::State;

use super::{map, subscriptions};
use crate::{
    dispatch::policy::Besides,
    store::{
        ADAPTER_DEGRADED, ADAPTER_RECOVERED, Actor, Error, EventPage, EventRow, Ms, OPERATION_FAILED, OPERATION_LATE_SUCCESS,
        OPERATION_SUCCEEDED, OPERATION_UNRESOLVED, OperationRow, PAYMENT_REVERSED, Result,
    },
};

/// The last number that retention has deleted.
const SWEPT: &str = "events_swept";
const COLUMNS: &str = "event_seq, tenant_id, fact, kind, data, at";

/// Adds one and sends it on its way; false if the fact was known.
pub(super) fn record(conn: &Connection, event: &EventRow) -> Result<bool> {
    let sql = "INSERT INTO events (tenant_id, fact, kind, data, at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
    let row = params![event.tenant, event.fact, event.kind, map::to_json(&event.data)?, event.at];
    if conn.prepare_cached(sql)?.execute(row)? == 0 {
        return Ok(false);
    }
    let seq = conn.last_insert_rowid().unsigned_abs();
    subscriptions::fan_out(conn, &EventRow { seq, ..event.clone() })?;
    Ok(true)
}

/// An operation has just come to stand as it stands now. What goes on inside is no event, and neither is a delivery of one or a
/// step of a notification's chain.
pub(super) fn operation(conn: &Connection, before: &OperationRow, now: Ms) -> Result<()> {
    if matches!(before.actor, Actor::Event | Actor::Notification) {
        return Ok(());
    }
    let Some(row) = map::load(conn, &before.tenant, before.id)? else { return Ok(()) };
    let kind = match row.state {
        State::Held | State::Ready | State::Calling | State::Waiting => return Ok(()),
        State::Unresolved => OPERATION_UNRESOLVED,
        State::Expired | State::Cancelled | State::Failed => OPERATION_FAILED,
        State::Succeeded if before.state.is_ended() || told_failed(conn, &row)? => OPERATION_LATE_SUCCESS,
        State::Succeeded => OPERATION_SUCCEEDED,
    };
    let device = match &row.actor {
        Actor::Device { device } => Some(device),
        Actor::Key { .. } | Actor::Operator | Actor::Event | Actor::Notification => None,
    };
    let data = json!({
        "operation_id": row.id,
        "adapter": row.adapter,
        "action": row.action,
        "account": row.account,
        "device": device,
        "status": row.state,
        "outcome": row.outcome,
        "problem": row.problem,
    });
    // The same operation may come to stand so more than once: each time is a fact.
    let fact = format!("{}{now}", fact_of(&row, kind));
    let event = EventRow { seq: 0, tenant: row.tenant, fact, kind: kind.to_owned(), data, at: now };
    record(conn, &event).map(drop)
}

/// Money came in for a charge that was told with other money, or with none.
pub(super) fn besides(conn: &Connection, charge: &OperationRow, money: &Besides, now: Ms) -> Result<()> {
    let booked = "SELECT 1 FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND receipt = ?3";
    if conn.prepare_cached(booked)?.exists(params![charge.tenant, charge.adapter, money.receipt])? {
        return Ok(());
    }
    let mut data = json!({
        "receipt": money.receipt,
        "amount": money.outcome.get("amount"),
        "reference": money.reference,
        "paid_at": money.outcome.get("paid_at"),
        "payer": null,
        "payer_phone": null,
        "operation_id": charge.id,
    });
    if money.outcome.get("unconfirmed").is_some_and(|unconfirmed| unconfirmed == true) {
        data["unconfirmed"] = json!(true);
    }
    let name = money.receipt.as_deref().unwrap_or(&money.reference);
    record(conn, &EventRow::payment(&charge.tenant, &charge.adapter, name, data, now)).map(drop)
}

/// The money of a charge that was told succeeded went back.
pub(super) fn reversed(conn: &Connection, charge: &OperationRow, now: Ms) -> Result<()> {
    let field = |name: &str| charge.outcome.as_ref().and_then(|outcome| outcome.get(name));
    let data = json!({
        "adapter": charge.adapter,
        "operation_id": charge.id,
        "account": charge.account,
        "receipt": field("receipt"),
        "amount": field("amount"),
    });
    let fact = fact_of(charge, PAYMENT_REVERSED);
    let event = EventRow { seq: 0, tenant: charge.tenant.clone(), fact, kind: PAYMENT_REVERSED.to_owned(), data, at: now };
    record(conn, &event).map(drop)
}

fn fact_of(row: &OperationRow, kind: &str) -> String {
    format!("{kind}:{}:{}:", row.id, row.effect_number)
}

/// This effect was told failed before, and came back since.
fn told_failed(conn: &Connection, row: &OperationRow) -> Result<bool> {
    let from = fact_of(row, OPERATION_FAILED);
    let until = format!("{};", &from[..from.len() - 1]);
    let sql = "SELECT 1 FROM events WHERE tenant_id = ?1 AND fact > ?2 AND fact < ?3";
    Ok(conn.prepare_cached(sql)?.exists([&row.tenant, &from, &until])?)
}

/// A provider's breaker opened, or closed again.
pub(super) fn adapter(conn: &Connection, tenant: &str, adapter: &str, degraded: bool, now: Ms) -> Result<()> {
    let kind = if degraded { ADAPTER_DEGRADED } else { ADAPTER_RECOVERED };
    let event = EventRow {
        seq: 0,
        tenant: tenant.to_owned(),
        fact: format!("{kind}:{adapter}:{now}"),
        kind: kind.to_owned(),
        data: json!({ "adapter": adapter }),
        at: now,
    };
    record(conn, &event).map(drop)
}

/// What happened after a cursor; from the beginning if there is none, or one that says nothing here.
pub(super) fn page(conn: &Connection, store_id: &str, tenant: &str, cursor: Option<&str>, limit: u32) -> Result<EventPage> {
    let swept: i64 = conn
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([SWEPT], |row| row.get::<_, String>(0))
        .optional()?
        .and_then(|seq| seq.parse().ok())
        .unwrap_or(0);
    let head = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'";
    let head: i64 = conn.prepare_cached(head)?.query_row([], |row| row.get(0))?;
    let placed = cursor.map(|cursor| place(cursor, store_id, swept.min(head)..=head));
    let after = placed.flatten().unwrap_or(0);
    let sql = format!("SELECT {COLUMNS} FROM events WHERE tenant_id = ?1 AND event_seq > ?2 ORDER BY event_seq LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![tenant, after, i64::from(limit) + 1], event)?;
    let mut events = rows.collect::<Result<Vec<_>>>()?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let last = events.last().map_or(after.unsigned_abs(), |event| event.seq);
    // Whoever has read all of its own has read up to the head: what retention deletes behind that, it has not missed.
    let seq = if more { last } else { last.max(head.unsigned_abs()) };
    Ok(EventPage { events, cursor: format!("{store_id}.{seq}"), reset: placed == Some(None), more })
}

/// Those of one kind within a time, for the books.
pub(super) fn of_kind(conn: &Connection, tenant: &str, kind: &str, since: Ms) -> Result<Vec<EventRow>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE tenant_id = ?1 AND kind = ?2 AND at >= ?3 ORDER BY event_seq");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![tenant, kind, since], event)?;
    rows.collect()
}

/// The event of this number.
pub(super) fn one(conn: &Connection, tenant: &str, seq: u64) -> Result<Option<EventRow>> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE tenant_id = ?1 AND event_seq = ?2");
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    conn.prepare_cached(&sql)?.query_row(params![tenant, seq], |row| Ok(event(row))).optional()?.transpose()
}

/// Deletes what is older, but for payments; says how many rows.
pub(super) fn sweep(conn: &Connection, before: Ms, most: i64) -> Result<usize> {
    let sql = "DELETE FROM events WHERE event_seq IN (SELECT event_seq FROM events WHERE at < ?1 AND kind NOT IN ('payment.received', 'payment.reversed') \
               ORDER BY at LIMIT ?2) RETURNING event_seq";
    let mut statement = conn.prepare_cached(sql)?;
    let gone: Vec<i64> = statement.query_map([before, most], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if let Some(last) = gone.iter().max() {
        let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value \
                   WHERE CAST(value AS INTEGER) < CAST(excluded.value AS INTEGER)";
        conn.prepare_cached(sql)?.execute(params![SWEPT, last.to_string()])?;
    }
    Ok(gone.len())
}

fn place(cursor: &str, store_id: &str, kept: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let (store, seq) = cursor.split_once('.')?;
    let seq: i64 = seq.parse().ok()?;
    (store == store_id && kept.contains(&seq)).then_some(seq)
}

fn event(row: &Row<'_>) -> Result<EventRow> {
    Ok(EventRow {
        seq: row.get::<_, i64>(0)?.unsigned_abs(),
        tenant: row.get(1)?,
        fact: row.get(2)?,
        kind: row.get(3)?,
        data: map::json(row, 4)?.ok_or_else(|| Error::Damaged("an event without data".to_owned()))?,
        at: row.get(5)?,
    })
}
