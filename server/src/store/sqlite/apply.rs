//! Writes a decision: state, outcome, reference, schedule, lane.

use rusqlite::{Connection, OptionalExtension, params};
use tarishi_protocol::{Code, Problem, State};

use super::{caps, events, feed, map, order};
use crate::{
    adapters::{Reference, event},
    dispatch::policy::{BREAKER_FAILURES, Decision, LaneNews, breaker_ms, limit_ms},
    store::{Ms, OperationRow, Result, Source},
};

/// Writes what was decided about an operation; gives the state it is in now.
pub(super) fn apply(
    conn: &Connection,
    row: &OperationRow,
    source: &Source,
    decision: Decision,
    look_for: &str,
    now: Ms,
) -> Result<State> {
    let decision = with_hint(guard_receipt(conn, row, decision, now)?, look_for);
    let state = decision.state.unwrap_or(row.state);
    write(conn, row, source, &decision, state, now)?;
    if let Some(reference) = &decision.reference {
        merge_reference(conn, row, reference)?;
    }
    lane(conn, &row.tenant, &row.adapter, decision.lane, now)?;
    if matches!(decision.lane, LaneNews::Limited { .. }) {
        due_when_open(conn, row)?;
    }
    if state == State::Failed && row.state != State::Failed {
        caps::give_back(conn, row)?;
    }
    let told = state != row.state || decision.outcome.is_some() || decision.problem.is_some();
    let inner = matches!(state, State::Held | State::Ready | State::Calling);
    if told && !inner {
        feed::publish(conn, &row.tenant, row.id, now)?;
    }
    if state != row.state {
        events::operation(conn, row, now)?;
    }
    if let Some(besides) = &decision.besides {
        events::besides(conn, row, besides, now)?;
    }
    if decision.reversed {
        events::reversed(conn, row, now)?;
    }
    if state.is_ended() && !row.state.is_ended() {
        order::follow(conn, row, state, now)?;
    }
    if state == State::Succeeded && row.state.is_ended() {
        order::revive(conn, row, now)?;
    }
    Ok(state)
}

/// A receipt of money is booked once: a second operation that claims it is shown to a human.
fn guard_receipt(conn: &Connection, row: &OperationRow, decision: Decision, now: Ms) -> Result<Decision> {
    let Some(receipt) = &decision.receipt else { return Ok(decision) };
    let sql = "SELECT 1 FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND receipt = ?3 AND operation_id <> ?4";
    let booked = conn.prepare_cached(sql)?.exists(params![row.tenant, row.adapter, receipt, row.id.as_bytes()])?;
    if !booked {
        return Ok(decision);
    }
    let problem = Problem::new(Code::OutcomeUnknown, "the provider's receipt is booked for another operation already");
    Ok(Decision {
        state: Some(State::Unresolved),
        problem: Some(problem),
        reference: decision.reference,
        next_at: Some(now + 72 * 3_600_000),
        ..Decision::default()
    })
}

/// Whoever is asked what became of it is told where to look.
fn with_hint(decision: Decision, look_for: &str) -> Decision {
    let hinted = |problem: Problem| match problem.detail.contains(look_for) {
        true => problem,
        false => Problem { detail: format!("{}; to check: {look_for}", problem.detail), ..problem },
    };
    match decision.state {
        Some(State::Unresolved) => Decision { problem: decision.problem.map(hinted), ..decision },
        _ => decision,
    }
}

fn write(conn: &Connection, row: &OperationRow, source: &Source, decision: &Decision, state: State, now: Ms) -> Result<()> {
    let ended = state.is_ended();
    let reopened = row.state.is_ended() && !ended;
    let keep_problem = decision.state.is_none();
    let sql = "UPDATE operations SET state = ?3, outcome = coalesce(?4, outcome), \
               problem = CASE WHEN ?5 IS NOT NULL OR NOT ?6 THEN ?5 ELSE problem END, receipt = coalesce(?7, receipt), \
               memo = CASE WHEN ?8 IS NOT NULL THEN ?8 WHEN ?3 = 'ready' AND ?9 THEN NULL ELSE memo END, \
               next_at = CASE WHEN ?10 THEN NULL ELSE coalesce(?11, next_at) END, \
               lease_until = CASE WHEN ?12 THEN NULL ELSE lease_until END, \
               ended_at = CASE WHEN ?10 THEN coalesce(ended_at, ?13) ELSE NULL END, \
               holds_key = CASE WHEN ?10 OR ?14 THEN 0 ELSE holds_key END, \
               money_reference = CASE WHEN ?14 THEN NULL ELSE money_reference END, \
               ambiguous_at = CASE WHEN ?15 THEN ?13 WHEN ?3 = 'waiting' THEN ambiguous_at ELSE NULL END, \
               reference_id = CASE WHEN ?9 THEN NULL ELSE reference_id END, \
               reference_data = CASE WHEN ?9 THEN NULL ELSE reference_data END, \
               attempts = CASE WHEN ?9 THEN 0 WHEN ?16 THEN max(attempts - 1, 0) ELSE attempts END, \
               effect_number = effect_number + ?9, first_opened_at = CASE WHEN ?9 THEN NULL ELSE first_opened_at END, \
               polls = polls + ?17 WHERE tenant_id = ?1 AND operation_id = ?2";
    // Whoever looked has looked: the lease is over, except for news that came from outside while a call is open.
    let frees = matches!(source, Source::Call { .. } | Source::Poll) || state != State::Calling;
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        row.id.as_bytes(),
        state.as_str(),
        decision.outcome.as_ref().map(map::to_json).transpose()?,
        decision.problem.as_ref().map(map::to_json).transpose()?,
        keep_problem,
        decision.receipt,
        decision.memo.as_ref().map(map::to_json).transpose()?,
        decision.new_effect,
        ended,
        decision.next_at,
        frees,
        now,
        reopened,
        decision.ambiguous,
        decision.uncounted,
        *source == Source::Poll,
    ])?;
    Ok(())
}

/// Adds to what the provider calls it; what is known already is kept unless it is said anew.
pub(super) fn merge_reference(conn: &Connection, row: &OperationRow, more: &Reference) -> Result<()> {
    let mut data = row.reference.as_ref().map(|known| known.data.clone()).unwrap_or_default();
    data.extend(more.data.clone());
    let sql = "UPDATE operations SET reference_id = ?3, reference_data = ?4 WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), more.id, map::to_json(&data)?])?;
    let also = more.data.get("message_ids").and_then(|ids| ids.as_array()).into_iter().flatten().filter_map(|id| id.as_str());
    std::iter::once(more.id.as_str()).chain(also).try_for_each(|reference| name(conn, row, reference))
}

/// What the provider's news will call it, too.
pub(super) fn name(conn: &Connection, row: &OperationRow, reference: &str) -> Result<()> {
    let sql = "INSERT INTO provider_references (tenant_id, adapter, reference, operation_id) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.adapter, reference, row.id.as_bytes()])?;
    Ok(())
}

/// Writes what a lane learnt.
pub(super) fn lane(conn: &Connection, tenant: &str, adapter: &str, news: LaneNews, now: Ms) -> Result<()> {
    match news {
        LaneNews::Nothing => {}
        LaneNews::Healthy => {
            tell(conn, tenant, adapter, false, now)?;
            let sql = "UPDATE lanes SET failures = 0, limits = 0 WHERE tenant_id = ?1 AND adapter = ?2 \
                       AND (failures > 0 OR limits > 0)";
            conn.prepare_cached(sql)?.execute([tenant, adapter])?;
        }
        LaneNews::Failing => {
            let sql = "UPDATE lanes SET failures = failures + 1 WHERE tenant_id = ?1 AND adapter = ?2 RETURNING failures";
            let failures: Option<u32> = conn.prepare_cached(sql)?.query_row([tenant, adapter], |row| row.get(0)).optional()?;
            close(conn, tenant, adapter, now + breaker_ms(failures.unwrap_or(0)), now)?;
            tell(conn, tenant, adapter, true, now)?;
        }
        LaneNews::ClosedFor(wait) => {
            let wait = Ms::try_from(wait.as_millis()).unwrap_or(0);
            close(conn, tenant, adapter, now + wait, now)?;
        }
        LaneNews::Limited { chance } => {
            // Calls that were open side by side are turned away together: once is enough.
            let sql = "UPDATE lanes SET limits = limits + 1 WHERE tenant_id = ?1 AND adapter = ?2 AND not_before <= ?3 \
                       RETURNING limits";
            let limits: Option<u32> =
                conn.prepare_cached(sql)?.query_row(params![tenant, adapter, now], |row| row.get(0)).optional()?;
            close(conn, tenant, adapter, now + limits.map_or(0, |limits| limit_ms(limits, chance)), now)?;
        }
    }
    Ok(())
}

/// What was turned away is due again when its lane opens, not before.
fn due_when_open(conn: &Connection, row: &OperationRow) -> Result<()> {
    let sql = "UPDATE operations SET next_at = max(next_at, (SELECT not_before FROM lanes l \
               WHERE l.tenant_id = operations.tenant_id AND l.adapter = operations.adapter)) \
               WHERE tenant_id = ?1 AND operation_id = ?2 AND state = 'ready'";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes()])?;
    Ok(())
}

/// Tells of a breaker that opened, and of the first success after it: each once, whoever sees it.
fn tell(conn: &Connection, tenant: &str, adapter: &str, degraded: bool, now: Ms) -> Result<()> {
    if event::subscription_of(adapter).is_some() {
        return Ok(());
    }
    let sql = "UPDATE lanes SET degraded = ?3 WHERE tenant_id = ?1 AND adapter = ?2 AND degraded <> ?3 AND (?3 = 0 OR failures >= ?4)";
    if conn.prepare_cached(sql)?.execute(params![tenant, adapter, degraded, BREAKER_FAILURES])? == 1 {
        events::adapter(conn, tenant, adapter, degraded, now)?;
    }
    Ok(())
}

fn close(conn: &Connection, tenant: &str, adapter: &str, until: Ms, now: Ms) -> Result<()> {
    if until > now {
        let sql = "UPDATE lanes SET not_before = max(not_before, ?3) WHERE tenant_id = ?1 AND adapter = ?2";
        conn.prepare_cached(sql)?.execute(params![tenant, adapter, until])?;
    }
    Ok(())
}
