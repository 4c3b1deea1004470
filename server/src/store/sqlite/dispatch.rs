//! Lanes, claims and *open*: the transaction before a call.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tarishi_protocol::{Code, OperationId, Payload, Problem, State, catalog, check_payload};

use super::{caps, chain, map, order, push, read, refunds};
use crate::store::{About, Actor, ChainPart, LaneRow, Ms, Offer, Offered, Open, OpenCall, Opened, OperationRow, Result, Terms};

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
    open_now(conn, open, false)
}

/// The same. `at_once`: in the transaction that takes it.
fn open_now(conn: &Connection, open: &Open, at_once: bool) -> Result<Opened> {
    let Some(row) = map::load(conn, &open.tenant, open.id)? else { return Ok(Opened::No) };
    if row.state != State::Ready {
        return Ok(Opened::No);
    }
    let now = open.terms.now;
    if row.expires_at <= now && read::certainly_nothing_done(conn, &row)? {
        order::end_too_old(conn, &row, now)?;
        return Ok(Opened::No);
    }
    // A step that begins in this moment was decided on in this moment.
    let chain = chain_of(conn, &row)?;
    let is_decided = at_once && row.created_at == now && chain.is_some_and(|part| !part.retracts);
    if row.actor == Actor::Notification && !is_decided {
        match chain::wanted(conn, &row, now)? {
            chain::Wanted::Yes => {}
            chain::Wanted::Later { at } => {
                release(conn, &row.tenant, row.id, at)?;
                return Ok(Opened::No);
            }
            chain::Wanted::No => {
                chain::end_unsent(conn, &row, "the chain went on without it", now)?;
                return Ok(Opened::No);
            }
        }
    }
    let Ok(payload) = check_payload(&row.adapter, &row.action, row.version, &row.payload) else {
        let problem = Problem::new(Code::VersionUnsupported, "this server no longer reads this payload");
        order::end(conn, &row, State::Failed, Some(problem), now)?;
        return Ok(Opened::No);
    };
    if row.first_opened_at.is_none() && !may_begin(conn, &row, &payload, now)? {
        return Ok(Opened::No);
    }
    write_open(conn, &open.terms, &row)?;
    let about = about(conn, &row, &payload, chain)?;
    let mut operation = opened(row, &open.terms);
    operation.earlier_unknown = operation.attempts > 1 && read::repeats_unknown(conn, &operation)?;
    Ok(Opened::Yes(Box::new(OpenCall { operation, about })))
}

/// The row as [`write_open`] leaves it.
fn opened(row: OperationRow, terms: &Terms) -> OperationRow {
    OperationRow {
        state: State::Calling,
        attempts: row.attempts + 1,
        attempt_id: Some(terms.attempt),
        first_opened_at: row.first_opened_at.or(Some(terms.now)),
        next_at: Some(terms.lease_until),
        ambiguous_at: None,
        ..row
    }
}

/// Opens what is alone in the lanes that have a slot to offer, and tells who will make the calls: nobody is overtaken, and the
/// first call of an operation needs no transaction of its own.
pub(super) fn open_alone(conn: &Connection, offered: Offered) -> Result<()> {
    let mut calls = Vec::new();
    for offer in &offered.slots {
        let Some(id) = alone(conn, offer)? else { continue };
        let open = Open { tenant: offer.tenant.clone(), id, terms: offer.terms.clone() };
        if let Opened::Yes(call) = open_now(conn, &open, true)? {
            calls.push(*call);
        }
    }
    if let Some(opened) = offered.opened {
        // Whoever is gone makes none: they are found as calls without answer.
        drop(opened.send(calls));
    }
    Ok(())
}

/// The one operation that is due in the lane of an offer, if its first call is next and its provider answered the last one.
fn alone(conn: &Connection, offer: &Offer) -> Result<Option<OperationId>> {
    let due = "SELECT operation_id, action = ?4 AND state = 'ready' AND first_opened_at IS NULL AND EXISTS (SELECT 1 FROM lanes l \
               WHERE l.tenant_id = ?1 AND l.adapter = ?2 AND l.not_before <= ?3 AND l.failures = 0) FROM operations \
               WHERE tenant_id = ?1 AND adapter = ?2 AND ended_at IS NULL AND next_at <= ?3 \
               AND (lease_until IS NULL OR lease_until <= ?3) LIMIT 2";
    let mut statement = conn.prepare_cached(due)?;
    let rows = statement.query_map(params![offer.tenant, offer.adapter, offer.terms.now, offer.action], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, bool>(1)?))
    })?;
    match &rows.collect::<rusqlite::Result<Vec<_>>>()?[..] {
        [(id, true)] => map::operation_id(id).map(Some),
        _ => Ok(None),
    }
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

fn write_open(conn: &Connection, terms: &Terms, row: &OperationRow) -> Result<()> {
    let sql = "INSERT INTO attempts (tenant_id, attempt_id, operation_id, adapter, action, account, actor_kind, actor_id, kind, money, \
               opened_at, send_before, answer_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'effect', ?9, ?10, ?11, ?12)";
    let (actor_kind, actor_id) = map::actor_columns(&row.actor);
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        terms.attempt.as_bytes(),
        row.id.as_bytes(),
        row.adapter,
        row.action,
        row.account,
        actor_kind,
        actor_id,
        catalog::moves_money(&row.action),
        terms.now,
        terms.send_before,
        terms.answer_by,
    ])?;
    if let Some(reference) = &terms.reference {
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
        terms.attempt.as_bytes(),
        terms.now,
        terms.lease_until
    ])?;
    Ok(())
}

/// What is told to an adapter beside this operation.
pub(super) fn about_of(conn: &Connection, tenant: &str, id: OperationId) -> Result<About> {
    let Some(row) = map::load(conn, tenant, id)? else { return Ok(About::default()) };
    match check_payload(&row.adapter, &row.action, row.version, &row.payload) {
        Ok(payload) => about(conn, &row, &payload, chain_of(conn, &row)?),
        Err(_) => Ok(About::default()),
    }
}

fn chain_of(conn: &Connection, row: &OperationRow) -> Result<Option<ChainPart>> {
    if row.actor == Actor::Notification { chain::part_of(conn, &row.tenant, row.id) } else { Ok(None) }
}

fn about(conn: &Connection, row: &OperationRow, payload: &Payload, chain: Option<ChainPart>) -> Result<About> {
    let phones = if let Payload::PushSend(send) = payload { push::targets(conn, &row.tenant, &send.to)? } else { Vec::new() };
    Ok(About { related: related(conn, row, payload)?, phones, chain })
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
