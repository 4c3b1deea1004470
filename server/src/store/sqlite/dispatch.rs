//! Lanes, claims and *open*: the transaction before a call.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tarishi_protocol::{Code, OperationId, Payload, Problem, State, catalog, check_payload};

use super::{caps, chain, map, order, read, refunds};
use crate::store::{Actor, LaneRow, Ms, Open, Opened, OperationRow, Result};

/// When a refund looks again whether another of the same payment has ended, in milliseconds.
const IN_FLIGHT_MS: Ms = 5_000;

const LANE: &str = "l.tenant_id, l.adapter, l.not_before, l.failures, l.last_served, \
     (SELECT count(*) FROM operations o WHERE o.tenant_id = l.tenant_id AND o.adapter = l.adapter AND o.state = 'calling'), \
     (SELECT count(*) FROM operations o WHERE o.adapter = l.adapter AND o.state = 'ready' AND o.tenant_id = l.tenant_id)";

fn lane_row(row: &Row<'_>) -> rusqlite::Result<LaneRow> {
    Ok(LaneRow {
        tenant: row.get(0)?,
        adapter: row.get(1)?,
        not_before: row.get(2)?,
        failures: row.get(3)?,
        last_served: row.get(4)?,
        in_use: row.get(5)?,
        depth: row.get::<_, i64>(6)?.unsigned_abs(),
    })
}

/// Up to `limit` of providers, and as many of receivers of events: however many of these wait, they hide no provider.
pub(super) fn due_lanes(conn: &Connection, now: Ms, limit: u32) -> Result<Vec<LaneRow>> {
    let sql = "SELECT l.tenant_id, l.adapter, l.not_before, l.failures, l.last_served, \
               (SELECT count(*) FROM operations o WHERE o.tenant_id = l.tenant_id AND o.adapter = l.adapter AND o.state = 'calling'), 0 \
               FROM lanes l WHERE l.not_before <= ?1 AND EXISTS (SELECT 1 FROM operations o \
               WHERE o.tenant_id = l.tenant_id AND o.adapter = l.adapter AND o.ended_at IS NULL AND o.next_at <= ?1) \
               AND (substr(l.adapter, 1, 6) = 'event_') = ?3 ORDER BY l.last_served LIMIT ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let mut lanes = Vec::new();
    for of_events in [false, true] {
        let rows = statement.query_map(params![now, limit, of_events], lane_row)?;
        lanes.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(lanes)
}

pub(super) fn lane(conn: &Connection, tenant: &str, adapter: &str) -> Result<Option<LaneRow>> {
    let sql = format!("SELECT {LANE} FROM lanes l WHERE l.tenant_id = ?1 AND l.adapter = ?2");
    Ok(conn.prepare_cached(&sql)?.query_row([tenant, adapter], lane_row).optional()?)
}

pub(super) fn lanes(conn: &Connection) -> Result<Vec<LaneRow>> {
    let sql = format!("SELECT {LANE} FROM lanes l ORDER BY l.tenant_id, l.adapter");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([], lane_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn reset_lane(conn: &Connection, tenant: &str, adapter: &str) -> Result<()> {
    let sql = "UPDATE lanes SET not_before = 0, failures = 0 WHERE tenant_id = ?1 AND adapter = ?2";
    conn.execute(sql, [tenant, adapter])?;
    Ok(())
}

pub(super) fn claim(
    conn: &Connection,
    tenant: &str,
    adapter: &str,
    now: Ms,
    lease_until: Ms,
    limit: u32,
) -> Result<Vec<OperationRow>> {
    let sql = "SELECT operation_id FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND ended_at IS NULL AND next_at <= ?3 \
               AND (lease_until IS NULL OR lease_until <= ?3) ORDER BY next_at LIMIT ?4";
    let ids: Vec<Vec<u8>> = conn
        .prepare_cached(sql)?
        .query_map(params![tenant, adapter, now, limit], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        let lease = "UPDATE operations SET lease_until = ?3, next_at = ?3 WHERE tenant_id = ?1 AND operation_id = ?2";
        conn.prepare_cached(lease)?.execute(params![tenant, id, lease_until])?;
        rows.extend(map::load(conn, tenant, map::operation_id(&id)?)?);
    }
    let served = "UPDATE lanes SET last_served = ?3 WHERE tenant_id = ?1 AND adapter = ?2";
    conn.prepare_cached(served)?.execute(params![tenant, adapter, now])?;
    Ok(rows)
}

pub(super) fn release(conn: &Connection, tenant: &str, id: OperationId, next_at: Ms) -> Result<()> {
    let sql = "UPDATE operations SET lease_until = NULL, next_at = ?3 WHERE tenant_id = ?1 AND operation_id = ?2 AND ended_at IS NULL";
    conn.prepare_cached(sql)?.execute(params![tenant, id.as_bytes(), next_at])?;
    Ok(())
}

pub(super) fn next_due(conn: &Connection) -> Result<Option<Ms>> {
    let sql = "SELECT min(next_at) FROM operations WHERE ended_at IS NULL";
    let operation: Option<Ms> = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    let timer = chain::next_due(conn)?;
    Ok(operation.into_iter().chain(timer).min())
}

pub(super) fn take_over(conn: &Connection, now: Ms) -> Result<()> {
    // A process that is gone sends nothing more: its claims are void, and its open calls are recovered from now on.
    let sql = "UPDATE operations SET lease_until = NULL, next_at = min(next_at, ?1) WHERE lease_until IS NOT NULL AND ended_at IS NULL";
    conn.execute(sql, [now])?;
    conn.execute("DELETE FROM leases", [])?;
    Ok(())
}

/// `ready → calling` and the attempt row, or the reason why not.
pub(super) fn open_attempt(conn: &Connection, open: &Open) -> Result<Opened> {
    let Some(row) = map::load(conn, &open.tenant, open.id)? else { return Ok(Opened::No) };
    if row.state != State::Ready {
        return Ok(Opened::No);
    }
    if row.expires_at <= open.now && read::certainly_nothing_done(conn, &row)? {
        order::end_too_old(conn, &row, open.now)?;
        return Ok(Opened::No);
    }
    if row.actor == Actor::Notification {
        match chain::wanted(conn, &row, open.now)? {
            chain::Wanted::Yes => {}
            chain::Wanted::Later { at } => {
                release(conn, &row.tenant, row.id, at)?;
                return Ok(Opened::No);
            }
            chain::Wanted::No => {
                chain::end_unsent(conn, &row, "the chain went on without it", open.now)?;
                return Ok(Opened::No);
            }
        }
    }
    let Ok(payload) = check_payload(&row.adapter, &row.action, row.version, &row.payload) else {
        let problem = Problem::new(Code::VersionUnsupported, "this server no longer reads this payload");
        order::end(conn, &row, State::Failed, Some(problem), open.now)?;
        return Ok(Opened::No);
    };
    if row.first_opened_at.is_none() && !may_begin(conn, &row, &payload, open.now)? {
        return Ok(Opened::No);
    }
    write_open(conn, open, &row)?;
    let related = related(conn, &row, &payload)?.map(Box::new);
    let mut operation = Box::new(map::load(conn, &open.tenant, open.id)?.unwrap_or(row));
    operation.earlier_unknown = operation.attempts > 1 && read::repeats_unknown(conn, &operation)?;
    Ok(Opened::Yes { operation, related })
}

/// May the first call be made? If not, the operation has ended or waits.
fn may_begin(conn: &Connection, row: &OperationRow, payload: &Payload, now: Ms) -> Result<bool> {
    let payment = refunds::Payment::of(conn, &row.tenant, &row.account, &row.adapter, payload)?;
    if payment.as_ref().is_some_and(|payment| payment.not_found) {
        let problem = Problem::new(Code::NotFound, "there is no such payment of this account");
        order::end(conn, row, State::Failed, Some(problem), now)?;
        return Ok(false);
    }
    if let Some(payment) = &payment
        && refunds::another_began(conn, row, payment)?
    {
        release(conn, &row.tenant, row.id, now + IN_FLIGHT_MS)?;
        return Ok(false);
    }
    match caps::reserve(conn, row, payload, payment.and_then(|payment| payment.amount), now)? {
        caps::Room::Yes => Ok(true),
        caps::Room::Never(problem) => {
            order::end(conn, row, State::Failed, Some(problem), now)?;
            Ok(false)
        }
        caps::Room::Tomorrow { at } => {
            release(conn, &row.tenant, row.id, at)?;
            Ok(false)
        }
    }
}

fn write_open(conn: &Connection, open: &Open, row: &OperationRow) -> Result<()> {
    let sql = "INSERT INTO attempts (tenant_id, attempt_id, operation_id, adapter, action, account, actor_kind, actor_id, kind, money, \
               opened_at, send_before, answer_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'effect', ?9, ?10, ?11, ?12)";
    let (actor_kind, actor_id) = map::actor_columns(&row.actor);
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        open.attempt.as_bytes(),
        row.id.as_bytes(),
        row.adapter,
        row.action,
        row.account,
        actor_kind,
        actor_id,
        catalog::moves_money(&row.action),
        open.now,
        open.send_before,
        open.answer_by,
    ])?;
    if let Some(reference) = &open.reference {
        let sql = "INSERT INTO provider_references (tenant_id, adapter, reference, operation_id) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT DO NOTHING";
        conn.prepare_cached(sql)?.execute(params![row.tenant, row.adapter, reference, row.id.as_bytes()])?;
    }
    let sql = "UPDATE operations SET state = 'calling', attempts = attempts + 1, attempt_id = ?3, \
               first_opened_at = coalesce(first_opened_at, ?4), lease_until = ?5, next_at = ?5, ambiguous_at = NULL \
               WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        row.id.as_bytes(),
        open.attempt.as_bytes(),
        open.now,
        open.lease_until
    ])?;
    Ok(())
}

/// The operation that this one is about.
pub(super) fn related_of(conn: &Connection, tenant: &str, id: OperationId) -> Result<Option<OperationRow>> {
    let Some(row) = map::load(conn, tenant, id)? else { return Ok(None) };
    match check_payload(&row.adapter, &row.action, row.version, &row.payload) {
        Ok(payload) => related(conn, &row, &payload),
        Err(_) => Ok(None),
    }
}

/// The operation that a query or refund is about: one of the same account, or none.
pub(super) fn related(conn: &Connection, row: &OperationRow, payload: &Payload) -> Result<Option<OperationRow>> {
    let by_id = |id: Option<OperationId>| match id {
        Some(id) => read::operation_or_duplicate(conn, &row.tenant, id),
        None => Ok(None),
    };
    let by_receipt = |receipt: &Option<String>| match receipt {
        Some(receipt) => read::operation_by_receipt(conn, &row.tenant, &row.adapter, receipt),
        None => Ok(None),
    };
    let found = match payload {
        Payload::Refund(refund) => {
            by_id(refund.operation_id)?.map_or_else(|| by_receipt(&refund.receipt), |row| Ok(Some(row)))?
        }
        Payload::PaymentQuery(query) => {
            by_id(query.operation_id)?.map_or_else(|| by_receipt(&query.receipt), |row| Ok(Some(row)))?
        }
        Payload::MessageQuery(query) => match (&query.operation_id, &query.message_id) {
            (Some(id), _) => by_id(Some(*id))?,
            (None, Some(id)) => read::operation_by_reference(conn, &row.tenant, &row.adapter, id)?,
            (None, None) => None,
        },
        Payload::Charge(_)
        | Payload::MessageSend(_)
        | Payload::PushSend(_)
        | Payload::Balance(_)
        | Payload::Upload(_)
        | Payload::Download(_)
        | Payload::Delete(_)
        | Payload::List(_)
        | Payload::Enroll(_)
        | Payload::SyncGrades(_)
        | Payload::SyncCourses(_)
        | Payload::CreateCourse(_)
        | Payload::Notify(_)
        | Payload::Free(_) => None,
    };
    Ok(found.filter(|found| found.account == row.account && found.adapter == row.adapter))
}
