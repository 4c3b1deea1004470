//! *Settle*: the transaction after a call, and the only way a state changes once something was attempted.
//!
//! The operation's row, the evidence and the rules go through the pure [`policy`]; what it decides is written together with
//! the attempt's end, the feed, the schedule and whatever waited for this operation. Evidence is never fenced: a late answer
//! is settled like a webhook.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use tarishi_protocol::{Code, OperationId, State, catalog};
use uuid::Uuid;

use super::{apply, chain, feed, map, order, read, subscriptions};
use crate::{
    adapters::{Answer, Disposition, MessageNews, Reference},
    dispatch::{ADOPTED, policy},
    store::{AttemptKind, Evidence, Ms, OperationRow, Resolution, Result, Settle, Settled, Source},
};

/// Operations that one sweep for expiry ends, at most.
const EXPIRE_MAX: i64 = 200;
/// How long an operation whose hold lapsed waits before a human is reminded, in milliseconds.
const REMIND_MS: Ms = 24 * 3_600_000;

pub(super) fn settle(conn: &Connection, settle: &Settle) -> Result<Settled> {
    let Some(mut row) = map::load(conn, &settle.tenant, settle.id)? else { return Ok(Settled::default()) };
    row.earlier_unknown = row.attempts > 1 && read::earlier_unknown(conn, &row)?;
    let before = row.state;
    let mut besides = false;
    let state = if let Evidence::Message(news) = &settle.evidence {
        message(conn, &row, news, settle.now)?;
        before
    } else {
        match policy::decide(&row, &settle.source, &settle.evidence, &settle.rules, settle.now) {
            Some(decision) => {
                besides = decision.besides.is_some() || decision.reversed;
                apply::apply(conn, &row, &settle.source, decision, settle.rules.look_for, settle.now)?
            }
            None => {
                keep_reference(conn, &row, settle)?;
                before
            }
        }
    };
    subscriptions::heed(conn, &row, &settle.evidence, settle.now)?;
    chain::heed(conn, &row, settle.now)?;
    log(conn, &row, settle, state)?;
    let closes_attempt = matches!(settle.source, Source::Call { .. }) || matches!(settle.evidence, Evidence::Lost);
    Ok(Settled {
        moved: Some((before, state)),
        late_success: state == State::Succeeded && matches!(before, State::Failed | State::Expired | State::Cancelled),
        besides,
        news: closes_attempt,
    })
}

/// Evidence that changes no state still says what the provider calls it.
fn keep_reference(conn: &Connection, row: &OperationRow, settle: &Settle) -> Result<()> {
    let answer = match &settle.evidence {
        Evidence::Answer(answer) if policy::counts(row, &settle.source, answer, &settle.rules) => answer,
        _ => return Ok(()),
    };
    let reference = match answer {
        Answer::Succeeded { reference, .. } | Answer::Waiting { reference, .. } => reference.as_ref(),
        Answer::Next { .. } | Answer::Looked { .. } | Answer::Failed { .. } | Answer::NotFound => None,
    };
    match reference {
        // What a success was told with keeps its place: a claim is of that, or of other money.
        Some(reference) if row.state == State::Succeeded && row.reference.is_some() && answer.is_claim() => {
            late_receipt(conn, row, reference, settle.now)
        }
        Some(reference) if row.reference.as_ref() != Some(reference) => {
            // How high a message's status has climbed is written with the status alone.
            let mut reference = reference.clone();
            reference.data.remove("ranks");
            apply::merge_reference(conn, row, &reference)?;
            late_receipt(conn, row, &reference, settle.now)
        }
        _ => Ok(()),
    }
}

/// The callback of a payment that is booked already, without its receipt: the receipt is added, if it is of the prompt that the
/// success stands on.
fn late_receipt(conn: &Connection, row: &OperationRow, reference: &Reference, now: Ms) -> Result<()> {
    let Some(mut outcome) = row.outcome.clone().filter(|outcome| outcome["receipt_missing"] == true) else { return Ok(()) };
    let paid = reference.data.get("paid").and_then(Value::as_object);
    let Some((paid, receipt)) = paid.and_then(|paid| Some((paid, paid.get("receipt")?.as_str()?))) else { return Ok(()) };
    let known = row.reference.as_ref().map(|known| &known.data);
    let stands_on = known.and_then(|data| data.get("confirmed").or_else(|| data.get("checkout")));
    if stands_on.is_none_or(|checkout| paid.get("checkout") != Some(checkout)) {
        return Ok(());
    }
    if let Some(fields) = outcome.as_object_mut() {
        fields.remove("receipt_missing");
        for name in ["receipt", "amount", "paid_at"] {
            if let Some(value) = paid.get(name) {
                fields.insert(name.to_owned(), value.clone());
            }
        }
    }
    let sql = "UPDATE OR IGNORE operations SET outcome = ?3, receipt = ?4 WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), map::to_json(&outcome)?, receipt])?;
    feed::publish(conn, &row.tenant, row.id, now)
}

/// A message's delivery: changes its entry in the outcome, upwards only, for the recipient that is stored. Where the call's answer
/// was lost, the first report of a recipient brings its id.
fn message(conn: &Connection, row: &OperationRow, news: &MessageNews, now: Ms) -> Result<()> {
    let Some(mut outcome) = row.outcome.clone() else { return Ok(()) };
    let Some(reference) = &row.reference else { return Ok(()) };
    let known = reference.data.get("ranks").and_then(|ranks| ranks.get(&news.id)).and_then(Value::as_u64).unwrap_or(0);
    let Some(entries) = outcome.get_mut("messages").and_then(Value::as_array_mut) else { return Ok(()) };
    let adopted = reference.data.get(ADOPTED).is_some_and(|adopted| adopted == true);
    let by_id = entries.iter().position(|entry| entry["id"] == news.id.as_str());
    let without_id = |entry: &Value| entry["id"].is_null() && news.to.as_deref().is_some_and(|to| entry["to"] == to);
    let first = by_id.is_none();
    let found = by_id.or_else(|| entries.iter().position(without_id).filter(|_| adopted));
    let Some(entry) = found.and_then(|at| entries.get_mut(at)) else { return Ok(()) };
    let named = news.to.as_deref().is_none_or(|to| entry["to"] == to);
    let climbs = first || u64::from(news.rank) > known;
    // What it cost is booked once, whichever report tells it.
    let cost = news.cost.as_ref().filter(|_| entry.get("cost").is_none_or(Value::is_null));
    if !named || !(climbs || cost.is_some()) {
        return Ok(());
    }
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("id".to_owned(), Value::from(news.id.clone()));
        if climbs {
            entry.insert("status".to_owned(), Value::from(news.status.clone()));
            // Why it was lower is no news any more.
            entry.remove("reason");
            entry.extend(news.reason.clone().map(|reason| ("reason".to_owned(), Value::from(reason))));
        }
        entry.extend(cost.cloned().map(|cost| ("cost".to_owned(), Value::from(cost))));
    }
    let mut data = reference.data.clone();
    let ranks = data.entry("ranks").or_insert_with(|| Value::Object(serde_json::Map::new()));
    ranks[&news.id] = Value::from(u64::from(news.rank).max(known));
    let sql = "UPDATE operations SET outcome = ?3, reference_data = ?4 WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), map::to_json(&outcome)?, map::to_json(&data)?])?;
    if first {
        apply::name(conn, row, &news.id)?;
    }
    feed::publish(conn, &row.tenant, row.id, now)
}

/// One line of the log: the call's own row is closed, everything else is a row of its own; equal polls fold.
fn log(conn: &Connection, row: &OperationRow, settle: &Settle, state: State) -> Result<()> {
    let line = line(settle);
    match (&settle.source, &settle.evidence) {
        (Source::Call { attempt }, _) => {
            close(conn, row, *attempt, &line, state, settle.now)?;
            if line.result == word(Disposition::RateLimited) { fold_limits(conn, row, *attempt) } else { Ok(()) }
        }
        (_, Evidence::Lost) => match row.attempt_id {
            Some(attempt) => close(conn, row, attempt, &line, state, settle.now),
            None => Ok(()),
        },
        (Source::Poll, _) => {
            if fold(conn, row, &line, state, settle.now)? {
                return Ok(());
            }
            insert(conn, row, AttemptKind::Poll, &line, state, settle.now)
        }
        (Source::Webhook { .. }, _) => insert(conn, row, AttemptKind::Webhook, &line, state, settle.now),
        (Source::Operator { .. }, _) => insert(conn, row, AttemptKind::Operator, &line, state, settle.now),
    }
}

struct Line {
    result: &'static str,
    code: Option<String>,
    message: Option<String>,
}

fn line(settle: &Settle) -> Line {
    let plain = |result| Line { result, code: None, message: None };
    match &settle.evidence {
        Evidence::Answer(Answer::Next { .. }) | Evidence::Claimed(Answer::Next { .. }) => plain("next"),
        Evidence::Answer(Answer::Looked { .. }) | Evidence::Claimed(Answer::Looked { .. }) => plain("looked"),
        Evidence::Answer(Answer::Succeeded { .. }) | Evidence::Claimed(Answer::Succeeded { .. }) => plain("succeeded"),
        Evidence::Answer(Answer::Waiting { .. }) | Evidence::Claimed(Answer::Waiting { .. }) => plain("waiting"),
        Evidence::Answer(Answer::NotFound) | Evidence::Claimed(Answer::NotFound) => plain("not_found"),
        Evidence::Answer(Answer::Failed { code, message }) | Evidence::Claimed(Answer::Failed { code, message }) => {
            Line { result: "failed", code: Some(code.clone()), message: Some(message.clone()) }
        }
        Evidence::Failure(failure) => {
            Line { result: word(failure.disposition), code: failure.code.clone(), message: Some(failure.message.clone()) }
        }
        Evidence::Lost => plain("lost"),
        Evidence::ReceiptOverdue => plain("receipt_overdue"),
        Evidence::Message(news) => Line { result: "message", code: Some(news.status.clone()), message: news.reason.clone() },
        Evidence::Resolve(resolution) => {
            let who = match &settle.source {
                Source::Operator { who } => who.clone(),
                Source::Call { .. } | Source::Poll | Source::Webhook { .. } => String::new(),
            };
            let result = match resolution {
                Resolution::Succeeded { .. } => "resolved_succeeded",
                Resolution::Failed { .. } => "resolved_failed",
                Resolution::RunAgain => "resolved_run_again",
            };
            Line { result, code: None, message: Some(format!("by {who}")) }
        }
    }
}

fn word(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Transient => "transient",
        Disposition::RateLimited => "rate_limited",
        Disposition::Ambiguous => "ambiguous",
        Disposition::Rejected => "rejected",
        Disposition::Unauthorized => "unauthorized",
        Disposition::Misconfigured => "misconfigured",
        Disposition::Unsupported => "unsupported",
    }
}

fn close(conn: &Connection, row: &OperationRow, attempt: Uuid, line: &Line, state: State, now: Ms) -> Result<()> {
    let sql = "UPDATE attempts SET closed_at = ?3, result = ?4, code = ?5, message = ?6, state_after = ?7 \
               WHERE tenant_id = ?1 AND attempt_id = ?2";
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        attempt.as_bytes(),
        now,
        line.result,
        line.code,
        line.message,
        state.as_str()
    ])?;
    Ok(())
}

fn fold(conn: &Connection, row: &OperationRow, line: &Line, state: State, now: Ms) -> Result<bool> {
    let sql = "SELECT attempt_id, kind, result, code FROM attempts WHERE tenant_id = ?1 AND operation_id = ?2 \
               ORDER BY opened_at DESC, attempt_id DESC LIMIT 1";
    let same = |last: &rusqlite::Row<'_>| -> rusqlite::Result<(Vec<u8>, bool)> {
        let result: Option<String> = last.get(2)?;
        let code: Option<String> = last.get(3)?;
        let poll = last.get::<_, String>(1)? == "poll";
        Ok((last.get(0)?, poll && result.as_deref() == Some(line.result) && code == line.code))
    };
    let last = conn.prepare_cached(sql)?.query_row(params![row.tenant, row.id.as_bytes()], same).optional()?;
    let Some((id, true)) = last else { return Ok(false) };
    let sql =
        "UPDATE attempts SET count = count + 1, closed_at = ?3, state_after = ?4 WHERE tenant_id = ?1 AND attempt_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, id, now, state.as_str()])?;
    Ok(true)
}

/// Calls in a row that were turned away are one line, the last one's, that counts them: a provider may turn away all day.
fn fold_limits(conn: &Connection, row: &OperationRow, attempt: Uuid) -> Result<()> {
    let sql = "SELECT attempt_id FROM (SELECT attempt_id, kind, result, code FROM attempts WHERE tenant_id = ?1 AND operation_id = ?2 \
               AND attempt_id <> ?3 AND opened_at >= ?4 ORDER BY opened_at DESC, attempt_id DESC LIMIT 1) \
               WHERE kind = 'effect' AND result = ?5 AND code IS (SELECT code FROM attempts WHERE tenant_id = ?1 AND attempt_id = ?3)";
    let word = word(Disposition::RateLimited);
    let query = params![row.tenant, row.id.as_bytes(), attempt.as_bytes(), row.first_opened_at, word];
    let before: Option<Vec<u8>> = conn.prepare_cached(sql)?.query_row(query, |row| row.get(0)).optional()?;
    let Some(before) = before else { return Ok(()) };
    let sql = "UPDATE attempts SET count = attempts.count + b.count, opened_at = b.opened_at \
               FROM attempts b WHERE b.tenant_id = ?1 AND b.attempt_id = ?3 AND attempts.tenant_id = ?1 AND attempts.attempt_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, attempt.as_bytes(), before])?;
    let sql = "DELETE FROM attempts WHERE tenant_id = ?1 AND attempt_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, before])?;
    Ok(())
}

fn insert(conn: &Connection, row: &OperationRow, kind: AttemptKind, line: &Line, state: State, now: Ms) -> Result<()> {
    let (actor_kind, actor_id) = map::actor_columns(&row.actor);
    let sql = "INSERT INTO attempts (tenant_id, attempt_id, operation_id, adapter, action, account, actor_kind, actor_id, kind, money, \
               opened_at, closed_at, result, code, message, state_after) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13, ?14, ?15)";
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        Uuid::now_v7().as_bytes(),
        row.id.as_bytes(),
        row.adapter,
        row.action,
        row.account,
        actor_kind,
        actor_id,
        kind.as_str(),
        catalog::moves_money(&row.action),
        now,
        line.result,
        line.code,
        line.message,
        state.as_str()
    ])?;
    Ok(())
}

/// What only time decides: what is too old to begin ends, an unresolved operation gives up its key.
pub(super) fn lapse(conn: &Connection, tenant: &str, id: OperationId, now: Ms) -> Result<()> {
    let Some(row) = map::load(conn, tenant, id)? else { return Ok(()) };
    match row.state {
        State::Held | State::Ready if row.expires_at <= now && read::certainly_nothing_done(conn, &row)? => {
            order::end_too_old(conn, &row, now)
        }
        State::Held => super::dispatch::release(conn, tenant, id, row.expires_at.max(now + 1_000)),
        State::Ready | State::Calling | State::Waiting => super::dispatch::release(conn, tenant, id, now),
        State::Unresolved => {
            let sql = "UPDATE operations SET holds_key = 0, lease_until = NULL, next_at = ?3 WHERE tenant_id = ?1 AND operation_id = ?2";
            conn.execute(sql, params![tenant, id.as_bytes(), now + REMIND_MS])?;
            order::follow(conn, &row, State::Unresolved, now)
        }
        State::Expired | State::Cancelled | State::Failed | State::Succeeded => Ok(()),
    }
}

/// The first time at which something not begun becomes too old.
pub(super) fn next_expiry(conn: &Connection) -> Result<Option<Ms>> {
    let sql = "SELECT min(expires_at) FROM operations WHERE state IN ('held', 'ready')";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

pub(super) fn expire_due(conn: &Connection, now: Ms) -> Result<usize> {
    let sql = format!(
        "SELECT o.tenant_id, o.operation_id FROM operations o WHERE o.state IN ('held', 'ready') AND o.expires_at <= ?1 \
         AND (o.first_opened_at IS NULL OR NOT EXISTS (SELECT 1 FROM attempts a WHERE a.tenant_id = o.tenant_id \
         AND a.operation_id = o.operation_id AND a.opened_at >= o.first_opened_at AND {})) LIMIT ?2",
        read::MAY_HAVE_DONE_IT
    );
    let due: Vec<(String, Vec<u8>)> = conn
        .prepare_cached(&sql)?
        .query_map([now, EXPIRE_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (tenant, id) in &due {
        lapse(conn, tenant, map::operation_id(id)?, now)?;
    }
    Ok(due.len())
}

/// Puts a dead letter back as a new effect at the tail of its key. An unresolved operation is none: it is resolved.
pub(super) fn redrive(conn: &Connection, tenant: &str, id: OperationId, who: &str, now: Ms) -> Result<bool> {
    let Some(row) = map::load(conn, tenant, id)? else { return Ok(false) };
    let dead =
        row.problem.as_ref().is_some_and(|problem| problem.is(Code::AttemptsExhausted) || problem.is(Code::DependencyFailed));
    if row.state != State::Failed || !dead {
        return Ok(false);
    }
    let position = row.ordering_key.as_deref().map(|key| order::next_position(conn, tenant, key)).transpose()?;
    let sql = "UPDATE OR IGNORE operations SET state = 'held', problem = NULL, ended_at = NULL, key_held = 1, position = ?3, \
               holds_key = ?3 IS NOT NULL, attempts = 0, polls = 0, effect_number = effect_number + 1, first_opened_at = NULL, memo = NULL, \
               reference_id = NULL, reference_data = NULL, parent_id = NULL, parent_on = NULL, expires_at = max(expires_at, ?4 + 604800000), next_at = ?4 \
               WHERE tenant_id = ?1 AND operation_id = ?2";
    if conn.execute(sql, params![tenant, id.as_bytes(), position, now])? == 0 {
        return Ok(false);
    }
    let line = Line { result: "redriven", code: None, message: Some(format!("by {who}")) };
    insert(conn, &row, AttemptKind::Operator, &line, State::Held, now)?;
    let row = OperationRow { parent: None, ..row };
    order::make_ready_if_free(conn, &row, now)?;
    feed::publish(conn, tenant, id, now)?;
    Ok(true)
}
