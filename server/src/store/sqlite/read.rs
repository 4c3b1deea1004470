//! Reading operations, attempts and verdicts.

use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};
use tarishi_protocol::{OperationId, Problem};
use uuid::Uuid;

use super::map::{self, ATTEMPT, OPERATION};
use crate::store::{AttemptFilter, AttemptRow, Error, Ms, OperationFilter, OperationRow, Result, Verdict, VerdictRow};

/// Rows in one page, at most.
const PAGE_MAX: u32 = 500;
/// Providers report about a message for this long, in milliseconds: three days.
const REPORTS_COME_MS: Ms = 3 * 24 * 3_600_000;

pub(super) fn operation_or_duplicate(conn: &Connection, tenant: &str, id: OperationId) -> Result<Option<OperationRow>> {
    if let Some(row) = map::load(conn, tenant, id)? {
        return Ok(Some(row));
    }
    match verdict(conn, tenant, id)?.map(|row| row.verdict) {
        Some(Verdict::DuplicateOf(original)) => map::load(conn, tenant, original),
        Some(Verdict::Refused(_) | Verdict::Cancelled) | None => Ok(None),
    }
}

pub(super) fn verdict(conn: &Connection, tenant: &str, id: OperationId) -> Result<Option<VerdictRow>> {
    let sql = "SELECT account, verdict, problem, duplicate_of FROM verdicts WHERE tenant_id = ?1 AND operation_id = ?2";
    let mut statement = conn.prepare_cached(sql)?;
    let read = |row: &Row<'_>| -> Result<VerdictRow> {
        let word: String = row.get(1)?;
        let verdict = match word.as_str() {
            "refused" => Verdict::Refused(map::json::<Problem>(row, 2)?.ok_or_else(|| damaged("a refusal without problem"))?),
            "cancelled" => Verdict::Cancelled,
            "duplicate" => Verdict::DuplicateOf(map::operation_id(&row.get::<_, Vec<u8>>(3)?)?),
            other => return Err(damaged(other)),
        };
        Ok(VerdictRow { verdict, account: row.get(0)? })
    };
    statement.query_row(params![tenant, id.as_bytes()], |row| Ok(read(row))).optional()?.transpose()
}

fn damaged(what: &str) -> Error {
    Error::Damaged(format!("verdict: {what}"))
}

pub(super) fn operation_by_reference(
    conn: &Connection,
    tenant: &str,
    adapter: &str,
    reference: &str,
) -> Result<Option<OperationRow>> {
    let sql = "SELECT operation_id FROM provider_references WHERE tenant_id = ?1 AND adapter = ?2 AND reference = ?3";
    let id: Option<Vec<u8>> = conn.prepare_cached(sql)?.query_row([tenant, adapter, reference], |row| row.get(0)).optional()?;
    id.map_or(Ok(None), |id| map::load(conn, tenant, map::operation_id(&id)?))
}

pub(super) fn operation_by_receipt(
    conn: &Connection,
    tenant: &str,
    adapter: &str,
    receipt: &str,
) -> Result<Option<OperationRow>> {
    let sql = "SELECT operation_id FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND receipt = ?3";
    let id: Option<Vec<u8>> = conn.prepare_cached(sql)?.query_row([tenant, adapter, receipt], |row| row.get(0)).optional()?;
    id.map_or(Ok(None), |id| map::load(conn, tenant, map::operation_id(&id)?))
}

/// Succeeded with a receipt since then.
pub(super) fn booked(conn: &Connection, tenant: &str, adapter: &str, action: &str, since: Ms) -> Result<Vec<OperationRow>> {
    let sql = "SELECT operation_id FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND action = ?3 AND receipt IS NOT NULL \
               AND state = 'succeeded' AND ended_at >= ?4 ORDER BY ended_at";
    let mut statement = conn.prepare_cached(sql)?;
    let ids = statement.query_map(params![tenant, adapter, action, since], |row| row.get::<_, Vec<u8>>(0))?;
    let mut rows = Vec::new();
    for id in ids {
        rows.extend(map::load(conn, tenant, map::operation_id(&id?)?)?);
    }
    Ok(rows)
}

/// An operation's correlations are one text with commas: is `?3` one of them?
const CORRELATES: &str = "instr(',' || correlation || ',', ',' || ?3 || ',') > 0";

pub(super) fn ambiguous_by_correlation(
    conn: &Connection,
    tenant: &str,
    adapter: &str,
    correlation: &str,
) -> Result<Option<OperationRow>> {
    let sql = format!(
        "SELECT {OPERATION} FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND {CORRELATES} \
         AND ambiguous_at IS NOT NULL AND state = 'waiting' AND reference_id IS NULL LIMIT 2"
    );
    only_one_meant(conn, &sql, [tenant, adapter, correlation])
}

/// Of those that a delivery report said to be taken, the one that knows no id for this recipient yet.
pub(super) fn adopted_by_correlation(
    conn: &Connection,
    tenant: &str,
    adapter: &str,
    correlation: &str,
) -> Result<Option<OperationRow>> {
    let sql = format!(
        "SELECT {OPERATION} FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND {CORRELATES} \
         AND state = 'succeeded' AND reference_data ->> '$.adopted' = 1 \
         AND EXISTS (SELECT 1 FROM json_each(outcome, '$.messages') m \
         WHERE m.value ->> '$.to' = ?3 AND m.value ->> '$.id' IS NULL) LIMIT 2"
    );
    only_one_meant(conn, &sql, [tenant, adapter, correlation])
}

/// The only one found (by tenant, adapter, correlation), if no other can be meant.
fn only_one_meant(conn: &Connection, sql: &str, by: [&str; 3]) -> Result<Option<OperationRow>> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows: Vec<OperationRow> = statement.query_and_then(by, map::operation)?.collect::<Result<_>>()?;
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (Some(only), None) if !another_may_be_meant(conn, &only, by[2])? => Ok(Some(only)),
        _ => Ok(None),
    }
}

/// Another operation with this correlation may have had an effect that nobody knows the id of: its call is open, or was never
/// answered in the days in which reports come.
fn another_may_be_meant(conn: &Connection, row: &OperationRow, correlation: &str) -> Result<bool> {
    let calling = format!(
        "SELECT 1 FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND state = 'calling' AND {CORRELATES} \
         AND operation_id <> ?4"
    );
    let id = row.id.as_bytes();
    if conn.prepare_cached(&calling)?.exists(params![row.tenant, row.adapter, correlation, id])? {
        return Ok(true);
    }
    let unanswered = format!(
        "SELECT 1 FROM attempts a JOIN operations o ON o.tenant_id = a.tenant_id AND o.operation_id = a.operation_id \
         WHERE a.adapter = ?2 AND a.result IN ('ambiguous', 'lost') AND a.tenant_id = ?1 AND a.kind = 'effect' \
         AND a.opened_at > ?5 AND {CORRELATES} AND o.operation_id <> ?4"
    );
    let since = row.first_opened_at.unwrap_or(row.created_at) - REPORTS_COME_MS;
    Ok(conn.prepare_cached(&unanswered)?.exists(params![row.tenant, row.adapter, correlation, id, since])?)
}

/// What messages cost, as their outcomes tell; only those that the provider took.
pub(super) fn message_costs(conn: &Connection, tenant: &str, adapter: &str, since: Ms) -> Result<Vec<(Option<String>, u64)>> {
    let sql = "SELECT json_extract(m.value, '$.cost'), count(*) FROM operations o, json_each(o.outcome, '$.messages') m \
               WHERE o.tenant_id = ?1 AND o.adapter = ?2 AND o.action = 'send' AND o.state = 'succeeded' AND o.created_at >= ?3 \
               AND json_extract(m.value, '$.id') IS NOT NULL GROUP BY 1";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, adapter, since], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    Ok(rows.map(|row| row.map(|(cost, count)| (cost, count.unsigned_abs()))).collect::<rusqlite::Result<_>>()?)
}

/// No call of the present effect can have done anything: none was made, or each is known to have done nothing.
pub(super) fn certainly_nothing_done(conn: &Connection, row: &OperationRow) -> Result<bool> {
    Ok(!unknown_call(conn, row, None)?)
}

/// A call of the present effect before the last one may have had it.
pub(super) fn earlier_unknown(conn: &Connection, row: &OperationRow) -> Result<bool> {
    unknown_call(conn, row, row.attempt_id)
}

/// The call that is opened now repeats one that may have had its effect: no step was finished since.
pub(super) fn repeats_unknown(conn: &Connection, row: &OperationRow) -> Result<bool> {
    let sql = "SELECT 1 FROM attempts WHERE tenant_id = ?1 AND operation_id = ?2 AND kind = 'effect' AND attempt_id <> ?3 \
               AND result IN ('ambiguous', 'lost') AND opened_at >= ?4 AND attempt_id > coalesce((SELECT max(attempt_id) \
               FROM attempts WHERE tenant_id = ?1 AND operation_id = ?2 AND result = 'next'), x'')";
    let Some((first, last)) = row.first_opened_at.zip(row.attempt_id) else { return Ok(false) };
    Ok(conn.prepare_cached(sql)?.exists(params![row.tenant, row.id.as_bytes(), last.as_bytes(), first])?)
}

/// An attempt of which it is not certain that it did nothing.
pub(super) const MAY_HAVE_DONE_IT: &str =
    "kind = 'effect' AND (result IS NULL OR result NOT IN ('transient', 'rate_limited', 'unauthorized', 'looked'))";

fn unknown_call(conn: &Connection, row: &OperationRow, but: Option<Uuid>) -> Result<bool> {
    let Some(first) = row.first_opened_at else { return Ok(false) };
    let sql = format!(
        "SELECT 1 FROM attempts WHERE tenant_id = ?1 AND operation_id = ?2 AND opened_at >= ?3 \
         AND (?4 IS NULL OR attempt_id <> ?4) AND {MAY_HAVE_DONE_IT}"
    );
    let but = but.map(|attempt| attempt.as_bytes().to_vec());
    Ok(conn.prepare_cached(&sql)?.exists(params![row.tenant, row.id.as_bytes(), first, but])?)
}

pub(super) fn operations(conn: &Connection, filter: &OperationFilter) -> Result<Vec<OperationRow>> {
    let mut conditions = vec!["tenant_id = ?".to_owned()];
    let mut values: Vec<Value> = vec![filter.tenant.clone().into()];
    if let Some(account) = &filter.account {
        conditions.push("account = ?".to_owned());
        values.push(account.clone().into());
    }
    if let Some(adapter) = &filter.adapter {
        conditions.push("adapter = ?".to_owned());
        values.push(adapter.clone().into());
    }
    // Deliveries of events would bury what they tell of, and steps of chains what they are steps of.
    if filter.adapter.is_none() && !filter.dead_letters {
        conditions.push("actor_kind NOT IN ('event', 'notification')".to_owned());
    }
    if !filter.states.is_empty() {
        conditions.push("state IN (SELECT value FROM json_each(?))".to_owned());
        let words: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        values.push(map::to_json(&words)?.into());
    }
    if filter.dead_letters {
        conditions.push(
            "(state = 'unresolved' OR (state = 'failed' AND problem ->> '$.code' IN ('attempts_exhausted', 'dependency_failed')))"
                .to_owned(),
        );
    }
    if let Some(before) = filter.before {
        conditions.push("operation_id < ?".to_owned());
        values.push(before.as_bytes().to_vec().into());
    }
    values.push(i64::from(filter.limit.clamp(1, PAGE_MAX)).into());
    let sql =
        format!("SELECT {OPERATION} FROM operations WHERE {} ORDER BY operation_id DESC LIMIT ?", conditions.join(" AND "));
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(rusqlite::params_from_iter(values), map::operation)?;
    rows.collect()
}

pub(super) fn attempt(conn: &Connection, attempt: Uuid) -> Result<Option<AttemptRow>> {
    let sql = format!("SELECT {ATTEMPT} FROM attempts WHERE attempt_id = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_row([attempt.as_bytes()], |row| Ok(map::attempt(row))).optional()?.transpose()
}

pub(super) fn attempts(conn: &Connection, filter: &AttemptFilter) -> Result<Vec<AttemptRow>> {
    let mut conditions = vec!["tenant_id = ?".to_owned()];
    let mut values: Vec<Value> = vec![filter.tenant.clone().into()];
    let texts =
        [("adapter", &filter.adapter), ("account", &filter.account), ("actor_id", &filter.actor), ("result", &filter.result)];
    for (column, wanted) in texts {
        if let Some(text) = wanted {
            conditions.push(format!("{column} = ?"));
            values.push(text.clone().into());
        }
    }
    if let Some(id) = filter.operation {
        conditions.push("operation_id = ?".to_owned());
        values.push(id.as_bytes().to_vec().into());
    }
    if let Some(since) = filter.since {
        conditions.push("opened_at >= ?".to_owned());
        values.push(since.into());
    }
    if let Some(before) = filter.before {
        conditions.push("attempt_id < ?".to_owned());
        values.push(before.as_bytes().to_vec().into());
    }
    values.push(i64::from(filter.limit.clamp(1, PAGE_MAX)).into());
    let sql = format!("SELECT {ATTEMPT} FROM attempts WHERE {} ORDER BY attempt_id DESC LIMIT ?", conditions.join(" AND "));
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(rusqlite::params_from_iter(values), map::attempt)?;
    rows.collect()
}
