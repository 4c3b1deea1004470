//! The verdict about one operation, and its row.
//!
//! A verdict is a row: whatever is answered about an id is committed under that id before it is answered, and every later
//! copy meets it. What may be tried again is `later`, which is no verdict and leaves no trace.

use rusqlite::{Connection, OptionalExtension, params};
use tarishi_protocol::{Code, Fingerprint, OperationId, Problem, Receipt, ReceiptStatus, State, catalog, limits};
use uuid::Uuid;

use super::{caps, chain, feed, map, order, read, refunds};
use crate::store::{Actor, Checked, Error, Ms, OperationRow, Preview, Result, Verdict};

/// When the device should send again what must come later, in milliseconds.
const LATER_MS: u64 = 5_000;

/// Who asks, and when.
pub(super) struct Desk<'a> {
    /// Whose.
    pub(super) tenant: &'a str,
    /// For whom.
    pub(super) account: &'a str,
    /// Who.
    pub(super) actor: Actor,
    /// The device that is to hear of it.
    pub(super) device: Option<&'a str>,
    /// Now.
    pub(super) now: Ms,
}

/// The verdict about one operation. `behind` says that one before it in its ordering key must come later.
pub(super) fn verdict(conn: &Connection, desk: &Desk<'_>, preview: &Preview, behind: bool) -> Result<Receipt> {
    let (id, key, fingerprint) = identity(preview);
    if let Some(receipt) = known_id(conn, desk, id)? {
        return Ok(receipt);
    }
    if let Some(receipt) = known_key(conn, desk, id, key, fingerprint)? {
        return Ok(receipt);
    }
    match preview {
        Preview::Refuse { problem, .. } => refuse(conn, desk, id, problem.clone()),
        Preview::Later { problem, .. } => Ok(later(id, problem.clone())),
        Preview::Take(_) if behind => {
            let detail = "an operation before it in its ordering key must come first";
            Ok(later(id, Problem::new(Code::ParentUnknown, detail)))
        }
        Preview::Take(checked) => take(conn, desk, checked),
    }
}

fn identity(preview: &Preview) -> (OperationId, Option<&str>, Option<Fingerprint>) {
    match preview {
        Preview::Take(checked) => (checked.operation.id, Some(&checked.operation.idempotency_key), Some(checked.fingerprint)),
        Preview::Refuse { id, key, fingerprint, .. } => (*id, key.as_deref(), *fingerprint),
        Preview::Later { id, key, fingerprint, .. } => (*id, Some(key), *fingerprint),
    }
}

/// The id was answered before: the same answer again, with the present state.
fn known_id(conn: &Connection, desk: &Desk<'_>, id: OperationId) -> Result<Option<Receipt>> {
    if let Some(row) = map::load(conn, desk.tenant, id)? {
        if row.account != desk.account {
            return Ok(Some(reused(id)));
        }
        if let Some(device) = desk.device {
            feed::subscribe(conn, desk.tenant, device, row.id, id, desk.now)?;
        }
        return Ok(Some(duplicate(id, &row)));
    }
    let Some(known) = read::verdict(conn, desk.tenant, id)? else { return Ok(None) };
    if known.account != desk.account {
        return Ok(Some(reused(id)));
    }
    Ok(Some(match known.verdict {
        Verdict::Refused(problem) => refused(id, problem),
        Verdict::Cancelled => {
            let problem = Problem::new(Code::Cancelled, "cancelled before it arrived");
            Receipt {
                id,
                status: ReceiptStatus::Duplicate,
                state: Some(State::Cancelled),
                outcome: None,
                problem: Some(problem),
                retry_after_ms: None,
            }
        }
        Verdict::DuplicateOf(original) => match map::load(conn, desk.tenant, original)? {
            Some(row) => {
                if let Some(device) = desk.device {
                    feed::resubscribe(conn, desk.tenant, device, row.id, id, desk.now)?;
                }
                duplicate(id, &row)
            }
            None => refused(id, Problem::new(Code::NotFound, "the operation it repeated is no longer kept")),
        },
    }))
}

/// The key is in use: the same payload is a duplicate, another one is refused; of the other operation nothing is shown.
fn known_key(
    conn: &Connection,
    desk: &Desk<'_>,
    id: OperationId,
    key: Option<&str>,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<Receipt>> {
    let Some(key) = key else { return Ok(None) };
    let sql = "SELECT operation_id, fingerprint FROM operations \
               WHERE tenant_id = ?1 AND account = ?2 AND idempotency_key = ?3 AND key_held = 1";
    let found: Option<(Vec<u8>, Vec<u8>)> = conn
        .prepare_cached(sql)?
        .query_row([desk.tenant, desk.account, key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((original, known)) = found else { return Ok(None) };
    if fingerprint.is_none_or(|fingerprint| fingerprint.0[..] != known[..]) {
        let problem =
            Problem::new(Code::IdempotencyKeyReused, "this key was used with another payload").with_field("idempotency_key");
        return refuse(conn, desk, id, problem).map(Some);
    }
    let original = map::operation_id(&original)?;
    let row = map::load(conn, desk.tenant, original)?.ok_or_else(|| Error::Damaged("a key without operation".to_owned()))?;
    store_verdict(conn, desk.tenant, id, desk.account, &Verdict::DuplicateOf(original), desk.now)?;
    if let Some(device) = desk.device {
        feed::resubscribe(conn, desk.tenant, device, original, id, desk.now)?;
    }
    Ok(Some(duplicate(id, &row)))
}

/// Takes an operation that is not known.
pub(super) fn take(conn: &Connection, desk: &Desk<'_>, checked: &Checked) -> Result<Receipt> {
    let id = checked.operation.id;
    let payment = refunds::Payment::of(conn, desk.tenant, desk.account, &checked.operation.adapter, &checked.payload)?;
    let paid = payment.as_ref().and_then(|payment| payment.amount);
    if let Some(problem) = caps::would_exceed(conn, desk, checked, paid)? {
        return Ok(later(id, problem));
    }
    let names = refunds::names(checked, payment.as_ref());
    if let Some(problem) = in_flight(conn, desk, checked, &names)? {
        return Ok(later(id, problem));
    }
    let fate = match order::parent_fate(conn, desk, checked)? {
        order::Parent::Unknown => {
            return Ok(later(
                id,
                Problem::new(Code::ParentUnknown, "the operation it waits for is not here yet").with_field("after"),
            ));
        }
        order::Parent::Known(fate) => fate,
    };
    // What a restored store had taken already is recovered, whatever it says.
    if !checked.operation.held_before
        && let Some(problem) = caps::forbids(conn, desk.tenant, &desk.actor, &checked.payload, paid)?
    {
        return refuse(conn, desk, id, problem);
    }
    let state = insert(conn, desk, checked, names.first())?;
    if let Some(device) = desk.device {
        feed::subscribe(conn, desk.tenant, device, id, id, desk.now)?;
    }
    let is_notify = catalog::category(&checked.operation.adapter) == Some(catalog::Category::Notification);
    if state == State::Ready {
        if !is_notify {
            let (status, state) = (ReceiptStatus::Accepted, Some(state));
            return Ok(Receipt { id, status, state, outcome: None, problem: None, retry_after_ms: None });
        }
        // One transaction less until the first channel.
        chain::spread(conn, desk.tenant, id, desk.now)?;
        return accepted(conn, desk, id);
    }
    let row = map::load(conn, desk.tenant, id)?.ok_or_else(|| Error::Damaged("an insert without row".to_owned()))?;
    if checked.expires_at <= desk.now {
        order::end(
            conn,
            &row,
            State::Expired,
            Some(Problem::new(Code::Expired, "too old to begin when it arrived")),
            desk.now,
        )?;
    } else if fate == order::Fate::Fail {
        order::end(conn, &row, State::Failed, Some(order::dependency_failed(row.parent.map(|parent| parent.0))), desk.now)?;
    } else if checked.operation.held_before {
        restored(conn, &row, desk.now)?;
    } else {
        order::make_ready_if_free(conn, &row, desk.now)?;
        if is_notify {
            chain::spread(conn, desk.tenant, id, desk.now)?;
        }
    }
    accepted(conn, desk, id)
}

/// The receipt for what was just taken, which may have gone on by now, or ended.
fn accepted(conn: &Connection, desk: &Desk<'_>, id: OperationId) -> Result<Receipt> {
    let row = map::load(conn, desk.tenant, id)?.ok_or_else(|| Error::Damaged("an insert without row".to_owned()))?;
    Ok(Receipt { status: ReceiptStatus::Accepted, ..duplicate(id, &row) })
}

/// At most one of what is exclusive is under way.
fn in_flight(conn: &Connection, desk: &Desk<'_>, checked: &Checked, names: &[String]) -> Result<Option<Problem>> {
    let Some(exclusive) = &checked.exclusive else { return Ok(None) };
    let sql = "SELECT 1 FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND money_reference = ?3 AND ended_at IS NULL";
    let mut statement = conn.prepare_cached(sql)?;
    for name in names {
        if statement.exists([desk.tenant, &checked.operation.adapter, name])? {
            return Ok(Some(exclusive.busy.clone()));
        }
    }
    Ok(None)
}

/// Stores its row; says how it stands.
fn insert(conn: &Connection, desk: &Desk<'_>, checked: &Checked, exclusive: Option<&String>) -> Result<State> {
    let operation = &checked.operation;
    let position = operation.ordering_key.as_deref().map(|key| order::next_position(conn, desk.tenant, key)).transpose()?;
    let (actor_kind, actor_id) = map::actor_columns(&desk.actor);
    let money = catalog::moves_money(&operation.action);
    let sql = "INSERT INTO operations (tenant_id, operation_id, account, actor_kind, actor_id, idempotency_key, fingerprint, \
               ordering_key, position, holds_key, on_failure, adapter, action, version, payload, money, money_reference, correlation, \
               parent_id, parent_on, retry_of, state, created_at, enqueued_at, expires_at, next_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?25, ?22, \
               ?23, ?24, ?26)";
    // What waits for nothing is ready as it comes.
    let is_free = operation.ordering_key.is_none() && operation.after.is_none();
    let is_ready = is_free && !operation.held_before && checked.expires_at > desk.now;
    let (state, next_at) = if is_ready { (State::Ready, desk.now) } else { (State::Held, checked.expires_at) };
    conn.prepare_cached(sql)?.execute(params![
        desk.tenant,
        operation.id.as_bytes(),
        desk.account,
        actor_kind,
        actor_id,
        operation.idempotency_key,
        checked.fingerprint.0,
        operation.ordering_key,
        position,
        operation.ordering_key.is_some(),
        operation.on_failure.as_str(),
        operation.adapter,
        operation.action,
        operation.version,
        operation.payload.get(),
        money,
        exclusive,
        checked.correlation,
        operation.after.map(|after| after.operation_id.as_bytes().to_vec()),
        operation.after.map(|after| after.on.as_str()),
        operation.retry_of.map(|id| id.as_bytes().to_vec()),
        desk.now,
        checked.enqueued_at,
        checked.expires_at,
        state.as_str(),
        next_at,
    ])?;
    let lane = "INSERT INTO lanes (tenant_id, adapter) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    conn.prepare_cached(lane)?.execute([desk.tenant, &operation.adapter])?;
    Ok(state)
}

/// The device was told `accepted` by a store that was restored since. It may have been executed: recovered, not executed.
fn restored(conn: &Connection, row: &OperationRow, now: Ms) -> Result<()> {
    let attempt = Uuid::now_v7();
    let (actor_kind, actor_id) = map::actor_columns(&row.actor);
    let sql = "INSERT INTO attempts (tenant_id, attempt_id, operation_id, adapter, action, account, actor_kind, actor_id, kind, money, \
               opened_at, answer_by, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'effect', ?9, ?10, ?10, \
               'held before the store was restored; it may have been executed')";
    conn.execute(
        sql,
        params![
            row.tenant,
            attempt.as_bytes(),
            row.id.as_bytes(),
            row.adapter,
            row.action,
            row.account,
            actor_kind,
            actor_id,
            catalog::moves_money(&row.action),
            now
        ],
    )?;
    let sql = "UPDATE operations SET state = 'calling', attempts = 1, attempt_id = ?3, first_opened_at = ?4, next_at = ?4 \
               WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.execute(sql, params![row.tenant, row.id.as_bytes(), attempt.as_bytes(), now])?;
    Ok(())
}

/// Commits what is answered about an id that becomes no operation. Texts of keys are not kept.
pub(super) fn store_verdict(
    conn: &Connection,
    tenant: &str,
    id: OperationId,
    account: &str,
    verdict: &Verdict,
    now: Ms,
) -> Result<()> {
    let (word, problem, duplicate_of) = match verdict {
        Verdict::Refused(problem) => ("refused", Some(map::to_json(problem)?), None),
        Verdict::Cancelled => ("cancelled", None, None),
        Verdict::DuplicateOf(original) => ("duplicate", None, Some(original.as_bytes().to_vec())),
    };
    let sql = "INSERT INTO verdicts (tenant_id, operation_id, account, verdict, problem, duplicate_of, at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    conn.prepare_cached(sql)?.execute(params![tenant, id.as_bytes(), account, word, problem, duplicate_of, now])?;
    Ok(())
}

fn refuse(conn: &Connection, desk: &Desk<'_>, id: OperationId, problem: Problem) -> Result<Receipt> {
    store_verdict(conn, desk.tenant, id, desk.account, &Verdict::Refused(problem.clone()), desk.now)?;
    Ok(refused(id, problem))
}

fn refused(id: OperationId, problem: Problem) -> Receipt {
    Receipt { id, status: ReceiptStatus::Refused, state: None, outcome: None, problem: Some(problem), retry_after_ms: None }
}

/// An id of another account is answered like a reused key: it shows nothing of the other.
fn reused(id: OperationId) -> Receipt {
    refused(id, Problem::new(Code::IdempotencyKeyReused, "this id or key was used with another payload"))
}

fn later(id: OperationId, problem: Problem) -> Receipt {
    let retry_after_ms = Some(problem.retry_after_ms.unwrap_or(LATER_MS).min(limits::TTL_MS_MAX));
    Receipt { id, status: ReceiptStatus::Later, state: None, outcome: None, problem: Some(problem), retry_after_ms }
}

fn duplicate(id: OperationId, row: &OperationRow) -> Receipt {
    Receipt {
        id,
        status: ReceiptStatus::Duplicate,
        state: Some(row.state),
        outcome: row.outcome.clone(),
        problem: row.problem.clone(),
        retry_after_ms: None,
    }
}
