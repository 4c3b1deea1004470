//! Order and dependence: what may run once something else has ended.
//!
//! Of an ordering key the first unended operation alone may run. An operation with `after` runs once its parent ended as
//! asked, and ends as `dependency_failed` once that cannot happen any more.

use rusqlite::{Connection, OptionalExtension, params};
use tarishi_protocol::{AfterOn, Code, OnFailure, OperationId, Problem, State};

use super::{caps, chain, events, feed, intake::Desk, map, read};
use crate::store::{Actor, Checked, Ms, OperationRow, Result, Verdict};

/// What a parent's state means for its dependent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It may run.
    Run,
    /// It must wait.
    Wait,
    /// It can never run.
    Fail,
}

/// The parent of an operation that comes in.
pub(super) enum Parent {
    /// Not here yet.
    Unknown,
    /// Here, or none is named.
    Known(Fate),
}

fn fate(parent: State, on: AfterOn) -> Fate {
    match (parent.is_ended(), on.is_met_by(parent)) {
        (true, true) => Fate::Run,
        (true, false) => Fate::Fail,
        (false, _) => Fate::Wait,
    }
}

/// What the parent that an incoming operation names means for it. A parent must be an operation of the same account, and of
/// the same device where a device asks; anything else is unknown.
pub(super) fn parent_fate(conn: &Connection, desk: &Desk<'_>, checked: &Checked) -> Result<Parent> {
    let Some(after) = checked.operation.after else { return Ok(Parent::Known(Fate::Run)) };
    let id = after.operation_id;
    if let Some(row) = read::operation_or_duplicate(conn, desk.tenant, id)? {
        let own = row.account == desk.account && subscribed(conn, desk, row.id)?;
        return Ok(if own { Parent::Known(fate(row.state, after.on)) } else { Parent::Unknown });
    }
    match read::verdict(conn, desk.tenant, id)? {
        Some(known) if known.account == desk.account => Ok(Parent::Known(match known.verdict {
            Verdict::Cancelled => fate(State::Cancelled, after.on),
            Verdict::Refused(_) if after.on == AfterOn::Ended => Fate::Run,
            Verdict::Refused(_) | Verdict::DuplicateOf(_) => Fate::Fail,
        })),
        _ => Ok(Parent::Unknown),
    }
}

fn subscribed(conn: &Connection, desk: &Desk<'_>, id: OperationId) -> Result<bool> {
    let Some(device) = desk.device else { return Ok(true) };
    let sql = "SELECT 1 FROM feed WHERE tenant_id = ?1 AND device_id = ?2 AND operation_id = ?3";
    Ok(conn.prepare_cached(sql)?.exists(params![desk.tenant, device, id.as_bytes()])?)
}

/// The place behind all others of a key.
pub(super) fn next_position(conn: &Connection, tenant: &str, key: &str) -> Result<i64> {
    let sql = "INSERT INTO streams (tenant_id, ordering_key, tail) VALUES (?1, ?2, 1) \
               ON CONFLICT (tenant_id, ordering_key) DO UPDATE SET tail = tail + 1 RETURNING tail";
    Ok(conn.prepare_cached(sql)?.query_row([tenant, key], |row| row.get(0))?)
}

/// The first operation of a key that holds it.
fn head(conn: &Connection, tenant: &str, key: &str) -> Result<Option<OperationId>> {
    let sql = "SELECT operation_id FROM operations WHERE tenant_id = ?1 AND ordering_key = ?2 AND holds_key = 1 \
               ORDER BY position LIMIT 1";
    let id: Option<Vec<u8>> = conn.prepare_cached(sql)?.query_row([tenant, key], |row| row.get(0)).optional()?;
    id.map(|id| map::operation_id(&id)).transpose()
}

/// Readies a held operation if it is the first of its key and its parent ended as asked.
pub(super) fn make_ready_if_free(conn: &Connection, row: &OperationRow, now: Ms) -> Result<()> {
    if let Some(key) = &row.ordering_key
        && head(conn, &row.tenant, key)?.is_some_and(|first| first != row.id)
    {
        return Ok(());
    }
    if parent_of(conn, row)? != Fate::Run {
        return Ok(());
    }
    let sql =
        "UPDATE operations SET state = 'ready', next_at = ?3 WHERE tenant_id = ?1 AND operation_id = ?2 AND state = 'held'";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), now])?;
    Ok(())
}

/// What the parent of a stored operation means for it now. A parent that is gone had ended as asked, or this row would have
/// ended with it.
fn parent_of(conn: &Connection, row: &OperationRow) -> Result<Fate> {
    let Some((parent, on)) = row.parent else { return Ok(Fate::Run) };
    Ok(read::operation_or_duplicate(conn, &row.tenant, parent)?.map_or(Fate::Run, |parent| fate(parent.state, on)))
}

/// The problem of an operation whose parent ended another way.
pub(super) fn dependency_failed(parent: Option<OperationId>) -> Problem {
    let detail = parent.map_or_else(String::new, |parent| format!("operation {parent} ended another way"));
    Problem::new(Code::DependencyFailed, detail).with_field("after")
}

/// Ends an operation on which nothing was ever attempted, and moves what waited for it.
pub(super) fn end(conn: &Connection, row: &OperationRow, state: State, problem: Option<Problem>, now: Ms) -> Result<()> {
    write_end(conn, row, state, problem, now)?;
    follow(conn, row, state, now)
}

/// Ends what became too old to begin. A delivery of an event is a dead letter then, as one whose tries are used up.
pub(super) fn end_too_old(conn: &Connection, row: &OperationRow, now: Ms) -> Result<()> {
    caps::give_back(conn, row)?;
    match row.actor {
        Actor::Event => {
            let problem = Problem::new(Code::AttemptsExhausted, "the receiver could not be reached in time");
            end(conn, row, State::Failed, Some(problem), now)
        }
        Actor::Device { .. } | Actor::Key { .. } | Actor::Operator | Actor::Notification => {
            end(conn, row, State::Expired, Some(Problem::new(Code::Expired, "too old to begin")), now)
        }
    }
}

fn write_end(conn: &Connection, row: &OperationRow, state: State, problem: Option<Problem>, now: Ms) -> Result<()> {
    let problem = problem.map(|problem| map::to_json(&problem)).transpose()?;
    // The key is free again only if no attempt was ever opened.
    let sql = "UPDATE operations SET state = ?3, problem = ?4, ended_at = ?5, next_at = NULL, lease_until = NULL, holds_key = 0, \
               key_held = CASE WHEN first_opened_at IS NULL THEN 0 ELSE key_held END \
               WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), state.as_str(), problem, now])?;
    feed::publish(conn, &row.tenant, row.id, now)?;
    events::operation(conn, row, now)?;
    chain::heed(conn, row, now)
}

/// Moves everything that waited for an operation which has ended as `state` (or gave up its key), and so on from there.
pub(super) fn follow(conn: &Connection, row: &OperationRow, state: State, now: Ms) -> Result<()> {
    let mut ended = vec![(row.clone(), state)];
    while let Some((row, state)) = ended.pop() {
        if state == State::Failed && row.on_failure == OnFailure::Halt {
            for behind in held(conn, &row, "ordering_key = ?2 AND holds_key = 1", row.ordering_key.as_deref())? {
                if !read::certainly_nothing_done(conn, &behind)? {
                    continue;
                }
                write_end(conn, &behind, State::Failed, Some(dependency_failed(Some(row.id))), now)?;
                ended.push((behind, State::Failed));
            }
        }
        if state.is_ended() {
            for child in children(conn, &row)? {
                let on = child.parent.map_or(AfterOn::Ended, |(_, on)| on);
                match fate(state, on) {
                    Fate::Run => make_ready_if_free(conn, &child, now)?,
                    Fate::Wait => {}
                    Fate::Fail => {
                        write_end(conn, &child, State::Failed, Some(dependency_failed(Some(row.id))), now)?;
                        ended.push((child, State::Failed));
                    }
                }
            }
        }
        if let Some(key) = &row.ordering_key {
            match head(conn, &row.tenant, key)? {
                Some(next) => {
                    if let Some(next) = map::load(conn, &row.tenant, next)? {
                        make_ready_if_free(conn, &next, now)?;
                    }
                }
                None => {
                    let sql = "DELETE FROM streams WHERE tenant_id = ?1 AND ordering_key = ?2";
                    conn.prepare_cached(sql)?.execute([&row.tenant, key])?;
                }
            }
        }
    }
    Ok(())
}

fn held(conn: &Connection, row: &OperationRow, condition: &str, key: Option<&str>) -> Result<Vec<OperationRow>> {
    let Some(key) = key else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT {} FROM operations WHERE tenant_id = ?1 AND {condition} AND state IN ('held', 'ready') ORDER BY position",
        map::OPERATION
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then([row.tenant.as_str(), key], map::operation)?;
    rows.collect()
}

/// Held dependents, also of the ids that were duplicates of this operation.
fn children(conn: &Connection, row: &OperationRow) -> Result<Vec<OperationRow>> {
    dependents(conn, row, "state = 'held'")
}

fn dependents(conn: &Connection, row: &OperationRow, condition: &str) -> Result<Vec<OperationRow>> {
    let sql = format!(
        "SELECT {} FROM operations WHERE tenant_id = ?1 AND {condition} AND parent_id IN \
         (SELECT ?2 UNION ALL SELECT local_id FROM feed WHERE tenant_id = ?1 AND operation_id = ?2)",
        map::OPERATION
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![row.tenant, row.id.as_bytes()], map::operation)?;
    rows.collect()
}

/// Brings back dependents that ended `dependency_failed` when their parent had been told failed: nothing was ever attempted
/// for them, and now the parent succeeded late.
pub(super) fn revive(conn: &Connection, parent: &OperationRow, now: Ms) -> Result<()> {
    let condition = "state = 'failed' AND first_opened_at IS NULL AND problem ->> '$.code' = 'dependency_failed'";
    for child in dependents(conn, parent, condition)? {
        let asked = child.parent.is_some_and(|(_, on)| on.is_met_by(State::Succeeded));
        if !asked || child.expires_at <= now {
            continue;
        }
        let position = child.ordering_key.as_deref().map(|key| next_position(conn, &child.tenant, key)).transpose()?;
        // Its key may have been taken by another operation meanwhile; then that one stands for it.
        let sql = "UPDATE OR IGNORE operations SET state = 'held', problem = NULL, ended_at = NULL, key_held = 1, position = ?3, \
                   holds_key = ?3 IS NOT NULL, next_at = expires_at WHERE tenant_id = ?1 AND operation_id = ?2";
        if conn.prepare_cached(sql)?.execute(params![child.tenant, child.id.as_bytes(), position])? == 1 {
            make_ready_if_free(conn, &child, now)?;
            feed::publish(conn, &child.tenant, child.id, now)?;
        }
    }
    Ok(())
}
