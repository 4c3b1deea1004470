//! Moves one chain on, as the step function says.

use std::rc::Rc;

use rusqlite::{Connection, params};
use tarishi_protocol::State;
use uuid::Uuid;

use super::{
    super::{map, read},
    book, costs, retract,
    rows::{self, Broadcast},
    send::{self, Wanted},
    spread,
};
use crate::{
    chain::{
        Channel, Facts, Recipient, Route, Uncertain,
        quiet::Quiet,
        step::{self, Delivery, Next, Scene, Skip, Standing},
    },
    store::{ChainState, DeliveryRow, Ms, NotificationRow, OperationRow, Result},
};

/// Chains that one sweep of the timers moves, at most.
const DUE_MAX: i64 = 200;
/// Steps decided in one go, at most: every channel begun or left out, and an end.
const MOVES_MAX: usize = 2 * Channel::ALL.len() + 2;

/// All that is known of one chain.
struct Stage {
    row: NotificationRow,
    broadcast: Rc<Broadcast>,
    recipient: Recipient,
    facts: Facts,
    deliveries: Vec<DeliveryRow>,
    /// Why a channel is of no use, in the route's order.
    closed: Vec<Option<Skip>>,
}

/// Moves the chains whose time has come; says how many.
pub(in super::super) fn due(conn: &Connection, now: Ms) -> Result<usize> {
    let sql = "SELECT tenant_id, notification_id FROM notifications WHERE next_at <= ?1 ORDER BY next_at LIMIT ?2";
    let due: Vec<(String, Vec<u8>)> = conn
        .prepare_cached(sql)?
        .query_map([now, DUE_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (tenant, id) in &due {
        advance(conn, tenant, map::uuid(id)?, now)?;
    }
    Ok(due.len())
}

pub(in super::super) fn next_due(conn: &Connection) -> Result<Option<Ms>> {
    let sql = "SELECT min(next_at) FROM notifications WHERE next_at IS NOT NULL";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Moves one chain as far as it goes now.
pub(super) fn advance(conn: &Connection, tenant: &str, id: Uuid, now: Ms) -> Result<()> {
    match load(conn, tenant, id, now)? {
        Some(stage) => go_on(conn, stage, now).map(drop),
        None => Ok(()),
    }
}

/// Moves a chain of this `notify`, whose route and texts are at hand; says whether it goes on.
pub(super) fn advance_of(conn: &Connection, tenant: &str, id: Uuid, broadcast: &Rc<Broadcast>, now: Ms) -> Result<bool> {
    let Some(row) = rows::notification(conn, tenant, id)? else { return Ok(false) };
    go_on(conn, stage(conn, row, Rc::clone(broadcast), now)?, now)
}

/// How a chain stands after a move.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Moved {
    /// It may have another.
    On,
    /// It waits.
    Waits,
    /// It has ended.
    Ended,
}

/// Says whether it goes on.
fn go_on(conn: &Connection, mut stage: Stage, now: Ms) -> Result<bool> {
    for _ in 0..MOVES_MAX {
        match move_on(conn, &stage, now)? {
            Moved::On => {}
            moved => return Ok(moved == Moved::Waits),
        }
        // A move changes the chain and its deliveries, and nothing else that is known of it.
        let Some(row) = rows::notification(conn, &stage.row.tenant, stage.row.id)? else { return Ok(false) };
        stage.deliveries = rows::deliveries(conn, &row.tenant, row.id)?;
        stage.row = row;
    }
    Ok(true)
}

fn move_on(conn: &Connection, stage: &Stage, now: Ms) -> Result<Moved> {
    let (next, _) = decide(conn, stage, now)?;
    if stage.row.state != ChainState::Active {
        // It has ended; what arrives late makes it a success after all.
        if let Next::Succeeded { leg, .. } = next
            && stage.row.state.may_yet_succeed()
        {
            end(conn, stage, ChainState::Succeeded, Some(leg), now)?;
        }
        return Ok(Moved::Ended);
    }
    match next {
        Next::Send { leg } => {
            give_up(conn, stage, now)?;
            send::send(conn, &stage.row, &stage.broadcast, &stage.recipient, leg, now)?;
            return Ok(Moved::On);
        }
        Next::Skip { leg, why } => {
            give_up(conn, stage, now)?;
            send::skip(conn, &stage.row, &stage.broadcast, leg, why.as_str(), now)?;
            if let Some(rule) = stage.broadcast.route.channels.get(leg) {
                costs::reached(conn, &stage.row.tenant, rule.channel, why, now)?;
            }
            return Ok(Moved::On);
        }
        Next::Wait { until } => {
            look_at(conn, &stage.row, until)?;
            return Ok(Moved::Waits);
        }
        Next::Defer { until } => {
            // Quiet hours stop the clock of the whole chain.
            let from = stage.row.deferred_until.max(now);
            let sql = "UPDATE notifications SET next_at = ?3, deferred_until = max(deferred_until, ?3), deadline_at = deadline_at + ?4 \
                       WHERE tenant_id = ?1 AND notification_id = ?2";
            let values = params![stage.row.tenant, stage.row.id.as_bytes(), until, (until - from).max(0)];
            conn.prepare_cached(sql)?.execute(values)?;
            return Ok(Moved::Waits);
        }
        Next::Succeeded { leg, .. } => end(conn, stage, ChainState::Succeeded, Some(leg), now)?,
        Next::Unconfirmed { leg } => end(conn, stage, ChainState::Unconfirmed, Some(leg), now)?,
        Next::Exhausted => end(conn, stage, ChainState::Exhausted, None, now)?,
        Next::DeadlinePassed => end(conn, stage, ChainState::DeadlinePassed, None, now)?,
        Next::Dropped => end(conn, stage, ChainState::Dropped, None, now)?,
    }
    Ok(Moved::Ended)
}

fn look_at(conn: &Connection, row: &NotificationRow, until: Ms) -> Result<()> {
    let sql = "UPDATE notifications SET next_at = ?3 WHERE tenant_id = ?1 AND notification_id = ?2 AND next_at IS NOT ?3";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), until])?;
    Ok(())
}

fn load(conn: &Connection, tenant: &str, id: Uuid, now: Ms) -> Result<Option<Stage>> {
    let Some(row) = rows::notification(conn, tenant, id)? else { return Ok(None) };
    let Some(broadcast) = rows::broadcast(conn, tenant, row.operation)? else { return Ok(None) };
    stage(conn, row, Rc::new(broadcast), now).map(Some)
}

fn stage(conn: &Connection, row: NotificationRow, broadcast: Rc<Broadcast>, now: Ms) -> Result<Stage> {
    let (recipient, facts) = book::person(conn, &row.tenant, &row.account, now)?;
    let deliveries = rows::deliveries(conn, &row.tenant, row.id)?;
    let mut stage = Stage { row, broadcast, recipient, facts, deliveries, closed: Vec::new() };
    let legs = stage.broadcast.route.channels.iter();
    stage.closed = legs.map(|leg| closed(conn, &stage, leg.channel, leg.wait_ms(), now)).collect::<Result<_>>()?;
    if stage.facts.fresh == 0 {
        leave_out_stale(&stage.broadcast.route, &mut stage.closed);
    }
    Ok(stage)
}

/// What follows, and whether a channel is open behind the last one begun.
fn decide(conn: &Connection, stage: &Stage, now: Ms) -> Result<(Next, bool)> {
    let deliveries = stage.deliveries.iter().map(|row| standing(conn, stage, row, now)).collect::<Result<Vec<_>>>()?;
    let route = &stage.broadcast.route;
    let zone = stage.recipient.time_zone.as_deref();
    let scene = Scene {
        route,
        deliveries: &deliveries,
        closed: &stage.closed,
        deadline_at: stage.row.deadline_at,
        quiet_until: route.quiet_hours.as_ref().and_then(|quiet| quiet.ends(zone, now)),
        spent_micros: stage.row.spent,
    };
    let next = step::next(&scene, now);
    let goes_on = deliveries.last().is_some_and(|last| step::goes_on(&scene, last.leg));
    // The tenant's own caps are looked at last: they want a look into the books.
    if let Next::Send { leg } = next
        && let Some(rule) = route.channels.get(leg)
        && let Some(cost) = rule.cost()
        && let Some(why) = costs::passed(conn, &stage.row, rule.channel, &cost, now)?
    {
        return Ok((Next::Skip { leg, why }, goes_on));
    }
    Ok((next, goes_on))
}

/// What its operation says of a delivery.
fn standing(conn: &Connection, stage: &Stage, row: &DeliveryRow, now: Ms) -> Result<Delivery> {
    let operation = match row.operation {
        Some(id) if !row.lost => map::load(conn, &stage.row.tenant, id)?,
        Some(_) | None => None,
    };
    let wait = stage.broadcast.route.channels.get(row.leg).map_or(0, crate::chain::Leg::wait_ms);
    let Some(operation) = operation else {
        // A step whose operation is no longer kept has long been over.
        return Ok(Delivery { leg: row.leg, standing: Standing::Lost, reach: row.reach, begun_at: row.begun_at });
    };
    let standing = match standing_of(conn, &operation)? {
        Standing::Queued if is_shut(conn, &stage.row.tenant, row.channel, wait, now)? => Standing::Stuck,
        standing => standing,
    };
    let tried_at = if standing == Standing::Retrying { operation.first_opened_at } else { last_call(conn, &operation)? };
    Ok(Delivery { leg: row.leg, standing, reach: row.reach, begun_at: tried_at.unwrap_or(row.begun_at) })
}

/// When a step was called last.
fn last_call(conn: &Connection, operation: &OperationRow) -> Result<Option<Ms>> {
    if operation.first_opened_at.is_none() {
        return Ok(None);
    }
    let sql = "SELECT max(opened_at) FROM attempts WHERE tenant_id = ?1 AND operation_id = ?2 AND kind = 'effect'";
    Ok(conn.prepare_cached(sql)?.query_row(params![operation.tenant, operation.id.as_bytes()], |row| row.get(0))?)
}

/// The provider of a channel is closed (an open breaker, a rate limit) for longer than half of a wait.
fn is_shut(conn: &Connection, tenant: &str, channel: Channel, wait: Ms, now: Ms) -> Result<bool> {
    let sql = "SELECT 1 FROM lanes WHERE tenant_id = ?1 AND adapter = ?2 AND not_before > ?3";
    Ok(conn.prepare_cached(sql)?.exists(params![tenant, channel.as_str(), now + wait / 2])?)
}

fn standing_of(conn: &Connection, operation: &OperationRow) -> Result<Standing> {
    let since = operation.ambiguous_at.or(operation.first_opened_at).unwrap_or(operation.created_at);
    Ok(match operation.state {
        State::Held | State::Ready if operation.first_opened_at.is_none() => Standing::Queued,
        // A phone shows a repeated push once: whatever became of the first call, the second one has its turn.
        State::Ready if operation.adapter == Channel::Push.as_str() && operation.attempts <= 1 => Standing::Queued,
        State::Held | State::Ready if read::certainly_nothing_done(conn, operation)? => Standing::Retrying,
        State::Held | State::Ready | State::Unresolved => Standing::Uncertain { since },
        State::Calling => Standing::Calling,
        State::Waiting if operation.reference.is_none() => Standing::Uncertain { since },
        State::Waiting | State::Succeeded => Standing::Taken,
        State::Failed | State::Expired | State::Cancelled => Standing::Lost,
    })
}

/// Phones of which nothing was heard for long cost a wait for nothing; but they are better than nothing.
fn leave_out_stale(route: &Route, closed: &mut [Option<Skip>]) {
    let push = route.channels.iter().position(|leg| leg.channel == Channel::Push);
    let Some(push) = push.filter(|push| closed.get(*push) == Some(&None)) else { return };
    let another = closed.iter().enumerate().any(|(leg, why)| leg > push && why.is_none());
    if another && route.fallback_allowed {
        closed[push] = Some(Skip::Stale);
    }
}

/// Why a channel is of no use now.
fn closed(conn: &Connection, stage: &Stage, channel: Channel, wait: Ms, now: Ms) -> Result<Option<Skip>> {
    let route = &stage.broadcast.route;
    if !stage.broadcast.texts.has(channel) {
        return Ok(Some(Skip::NoText));
    }
    if let Some(why) = stage.recipient.closed(&stage.row.kind, route.priority, channel, &stage.facts) {
        return Ok(Some(why));
    }
    Ok(is_shut(conn, &stage.row.tenant, channel, wait, now)?.then_some(Skip::CircuitOpen))
}

/// The channel before is over: what was not sent yet is not sent any more.
fn give_up(conn: &Connection, stage: &Stage, now: Ms) -> Result<()> {
    let Some(last) = stage.deliveries.last() else { return Ok(()) };
    let sql =
        "UPDATE deliveries SET over_at = coalesce(over_at, ?4) WHERE tenant_id = ?1 AND notification_id = ?2 AND leg = ?3";
    conn.prepare_cached(sql)?.execute(params![stage.row.tenant, stage.row.id.as_bytes(), number(last.leg), now])?;
    send::withdraw(conn, &stage.row.tenant, last, now)
}

fn end(conn: &Connection, stage: &Stage, state: ChainState, leg: Option<usize>, now: Ms) -> Result<()> {
    give_up(conn, stage, now)?;
    let by = leg.and_then(|leg| stage.deliveries.iter().find(|row| row.leg == leg)).map(|row| row.channel);
    if state == ChainState::Succeeded && by != Some(Channel::Push) {
        retract::retract(conn, &stage.row, &stage.deliveries, now)?;
    }
    end_as(conn, &stage.row, state, by.map(Channel::as_str), None, now)
}

/// Ends a chain, and its `notify` if it was the last.
pub(super) fn end_as(
    conn: &Connection,
    row: &NotificationRow,
    state: ChainState,
    channel: Option<&str>,
    reason: Option<&str>,
    now: Ms,
) -> Result<()> {
    let sql = "UPDATE notifications SET state = ?3, channel = coalesce(?4, channel), reason = ?5, next_at = NULL, \
               ended_at = coalesce(ended_at, ?6) WHERE tenant_id = ?1 AND notification_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), state.as_str(), channel, reason, now])?;
    spread::conclude(conn, &row.tenant, row.operation, now)
}

/// Whether a step may be called: asked in *open*, in the transaction that makes it `calling`.
pub(in super::super) fn wanted(conn: &Connection, operation: &OperationRow, now: Ms) -> Result<Wanted> {
    let Some((id, leg)) = rows::step_of(conn, &operation.tenant, operation.id)? else {
        return match retract::chain_of(conn, &operation.tenant, operation.id)? {
            Some(chain) if retract::is_wanted(conn, &operation.tenant, chain)? => Ok(Wanted::Yes),
            Some(_) | None => Ok(Wanted::No),
        };
    };
    let Some(stage) = load(conn, &operation.tenant, id, now)? else { return Ok(Wanted::No) };
    let last = stage.deliveries.last().is_some_and(|last| last.leg == leg && last.over_at.is_none());
    if stage.row.state != ChainState::Active || !last {
        return Ok(Wanted::No);
    }
    match decide(conn, &stage, now)? {
        // Its turn is still its own.
        (Next::Wait { until }, goes_on) => held_up(conn, &stage, operation, goes_on, until, now),
        // The wait is over, or something arrived: the chain goes on without it.
        (
            Next::Send { .. }
            | Next::Skip { .. }
            | Next::Defer { .. }
            | Next::Succeeded { .. }
            | Next::Unconfirmed { .. }
            | Next::Exhausted
            | Next::DeadlinePassed
            | Next::Dropped,
            _,
        ) => Ok(Wanted::No),
    }
}

/// What keeps a step from its call although its turn is its own: quiet hours that it has waited into; or it may have been sent
/// before, and is not to be sent again.
fn held_up(conn: &Connection, stage: &Stage, operation: &OperationRow, goes_on: bool, until: Ms, now: Ms) -> Result<Wanted> {
    if operation.first_opened_at.is_none() {
        let zone = stage.recipient.time_zone.as_deref();
        let quiet = stage.broadcast.route.quiet_hours.as_ref().filter(|quiet| quiet.rule == Quiet::Defer);
        let Some(until) = quiet.and_then(|quiet| quiet.ends(zone, now)) else { return Ok(Wanted::Yes) };
        hold(conn, stage, until, now)?;
        return Ok(Wanted::Later { at: until });
    }
    // A phone shows a repeated push once.
    if operation.adapter == Channel::Push.as_str() || read::certainly_nothing_done(conn, operation)? {
        return Ok(Wanted::Yes);
    }
    let again = match stage.broadcast.route.on_uncertain {
        Uncertain::ResendOnce => true,
        // Told twice is better than not told, where nothing else is left.
        Uncertain::Escalate => !goes_on,
        Uncertain::Wait => false,
    };
    Ok(if again && operation.attempts <= 1 { Wanted::Yes } else { Wanted::Later { at: until } })
}

/// Quiet hours began before the step could: it waits for their end, and the chain's clock stands.
fn hold(conn: &Connection, stage: &Stage, until: Ms, now: Ms) -> Result<()> {
    let longer = (until - stage.row.deferred_until.max(now)).max(0);
    let sql = "UPDATE notifications SET next_at = ?3, deferred_until = max(deferred_until, ?3), deadline_at = deadline_at + ?4 \
               WHERE tenant_id = ?1 AND notification_id = ?2";
    conn.prepare_cached(sql)?.execute(params![stage.row.tenant, stage.row.id.as_bytes(), until, longer])?;
    Ok(())
}

/// A leg as the store holds it.
pub(super) fn number(leg: usize) -> i64 {
    i64::try_from(leg).unwrap_or(i64::MAX)
}
