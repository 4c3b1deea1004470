//! One exchange: the counter, the wishes to cancel, a verdict about each operation in order, and what is new.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use tarishi_protocol::{
    Cancellation, CancellationResult, Code, NotificationEvent, OperationId, Problem, Receipt, ReceiptStatus, State,
};

use super::{chain, feed, intake, map, order, read};
use crate::store::{Actor, ExchangeOutcome, Intake, Ms, OperationRow, Preview, Result, Submission, Verdict};

pub(super) fn exchange(conn: &Connection, store_id: &str, intake: &Intake) -> Result<ExchangeOutcome> {
    if let Some(highest) = stale(conn, intake)? {
        return Ok(ExchangeOutcome::Stale { highest });
    }
    let mut cancellations = Vec::with_capacity(intake.cancellations.len());
    for id in &intake.cancellations {
        cancellations.push(cancel(conn, intake, *id)?);
    }
    let desk = intake::Desk {
        tenant: &intake.tenant,
        account: &intake.account,
        actor: Actor::Device { device: intake.device.clone() },
        device: Some(&intake.device),
        now: intake.now,
    };
    let mut stopped = HashSet::new();
    let mut receipts = Vec::with_capacity(intake.operations.len());
    for preview in &intake.operations {
        receipts.push(in_order(conn, &desk, preview, &mut stopped)?);
    }
    store_notification_receipts(conn, intake)?;
    chain::signals_of_device(conn, intake)?;
    let mut response = feed::answer(conn, store_id, &intake.tenant, &intake.device, intake.cursor.as_deref(), intake.now)?;
    let seq = if response.reset { 0 } else { intake.cursor.as_deref().and_then(crate::feed::seq_of).unwrap_or(0) };
    acknowledge(conn, &intake.tenant, &intake.device, seq)?;
    response.receipts = receipts;
    response.cancellations = cancellations;
    Ok(ExchangeOutcome::Done(Box::new(response)))
}

/// Moves the counter, or says how high it stands.
fn stale(conn: &Connection, intake: &Intake) -> Result<Option<u64>> {
    let exchange = i64::try_from(intake.exchange).unwrap_or(i64::MAX);
    let sql = "UPDATE devices SET last_exchange = ?3, last_seen = max(last_seen, ?4) \
               WHERE tenant_id = ?1 AND device_id = ?2 AND last_exchange < ?3";
    let moved = conn.prepare_cached(sql)?.execute(params![intake.tenant, intake.device, exchange, intake.now])?;
    if moved == 1 {
        return Ok(None);
    }
    let sql = "SELECT last_exchange FROM devices WHERE tenant_id = ?1 AND device_id = ?2";
    let highest: Option<i64> =
        conn.prepare_cached(sql)?.query_row([&intake.tenant, &intake.device], |row| row.get(0)).optional()?;
    Ok(Some(highest.unwrap_or(0).unsigned_abs()))
}

/// Once an operation of an ordering key must come later, all that follow it in the key must too.
fn in_order(conn: &Connection, desk: &intake::Desk<'_>, preview: &Preview, stopped: &mut HashSet<String>) -> Result<Receipt> {
    let key = match preview {
        Preview::Take(checked) => checked.operation.ordering_key.as_ref(),
        Preview::Refuse { ordering_key, .. } | Preview::Later { ordering_key, .. } => ordering_key.as_ref(),
    };
    let behind = key.is_some_and(|key| stopped.contains(key));
    let receipt = intake::verdict(conn, desk, preview, behind)?;
    if receipt.status == ReceiptStatus::Later
        && let Some(key) = key
    {
        stopped.insert(key.clone());
    }
    Ok(receipt)
}

/// A wish to cancel: granted from `held` and `ready` if nothing may have been done; of an unknown id it becomes a verdict that a late copy meets.
fn cancel(conn: &Connection, intake: &Intake, id: OperationId) -> Result<Cancellation> {
    let answer = |result| Ok(Cancellation { id, result });
    if let Some(row) = read::operation_or_duplicate(conn, &intake.tenant, id)? {
        let own = row.account == intake.account;
        return answer(if own { cancel_row(conn, &row, intake.now)? } else { CancellationResult::TooLate });
    }
    match read::verdict(conn, &intake.tenant, id)? {
        Some(verdict) => match verdict.verdict {
            Verdict::Cancelled | Verdict::Refused(_) => answer(CancellationResult::Cancelled),
            Verdict::DuplicateOf(_) => answer(CancellationResult::TooLate),
        },
        None => {
            intake::store_verdict(conn, &intake.tenant, id, &intake.account, &Verdict::Cancelled, intake.now)?;
            answer(CancellationResult::Cancelled)
        }
    }
}

fn cancel_row(conn: &Connection, row: &OperationRow, now: Ms) -> Result<CancellationResult> {
    match row.state {
        State::Cancelled => Ok(CancellationResult::Cancelled),
        // Ready again after a call of unknown outcome: the effect may be there.
        State::Held | State::Ready if !read::certainly_nothing_done(conn, row)? => Ok(CancellationResult::TooLate),
        State::Held | State::Ready => {
            let problem = Problem::new(Code::Cancelled, "cancelled before anything was done");
            order::end(conn, row, State::Cancelled, Some(problem), now)?;
            Ok(CancellationResult::Cancelled)
        }
        State::Calling | State::Waiting | State::Unresolved | State::Expired | State::Failed | State::Succeeded => {
            Ok(CancellationResult::TooLate)
        }
    }
}

pub(super) fn cancel_by_operator(
    conn: &Connection,
    tenant: &str,
    account: Option<&str>,
    id: OperationId,
    now: Ms,
) -> Result<Option<Cancellation>> {
    let row = read::operation_or_duplicate(conn, tenant, id)?;
    let Some(row) = row.filter(|row| account.is_none_or(|account| account == row.account)) else { return Ok(None) };
    Ok(Some(Cancellation { id, result: cancel_row(conn, &row, now)? }))
}

fn store_notification_receipts(conn: &Connection, intake: &Intake) -> Result<()> {
    let sql = "INSERT INTO notification_receipts (tenant_id, notification_id, device_id, event, at) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT DO NOTHING";
    let mut statement = conn.prepare_cached(sql)?;
    for receipt in &intake.notification_receipts {
        let event = match receipt.event {
            NotificationEvent::Received => "received",
            NotificationEvent::Opened => "opened",
        };
        let at = intake.now - i64::try_from(receipt.age_ms).unwrap_or(0).min(intake.now);
        statement.execute(params![intake.tenant, receipt.notification_id, intake.device, event, at])?;
    }
    Ok(())
}

/// The cursor is the acknowledgement: what lies before it has been stored by the device.
pub(super) fn acknowledge(conn: &Connection, tenant: &str, device: &str, seq: u64) -> Result<()> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let sql = "UPDATE devices SET acknowledged_seq = ?3 WHERE tenant_id = ?1 AND device_id = ?2 AND acknowledged_seq <> ?3";
    conn.prepare_cached(sql)?.execute(params![tenant, device, seq])?;
    Ok(())
}

pub(super) fn submit(conn: &Connection, submission: &Submission) -> Result<Receipt> {
    let desk = intake::Desk {
        tenant: &submission.tenant,
        account: &submission.account,
        actor: submission.actor.clone(),
        device: match &submission.actor {
            Actor::Device { device } => Some(device),
            Actor::Key { .. } | Actor::Operator | Actor::Event | Actor::Notification => None,
        },
        now: submission.now,
    };
    let receipt = intake::verdict(conn, &desk, &submission.preview, false)?;
    if let (Some(account), ReceiptStatus::Accepted) = (&submission.deliver_to, receipt.status)
        && let Some(row) = map::load(conn, &submission.tenant, receipt.id)?
    {
        feed::subscribe_account(conn, &submission.tenant, account, row.id, submission.now)?;
        feed::publish(conn, &submission.tenant, row.id, submission.now)?;
    }
    Ok(receipt)
}
