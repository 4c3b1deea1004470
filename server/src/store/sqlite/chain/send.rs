//! A step: the operation that sends one message by one channel, and its withdrawal.

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tarishi_protocol::{Code, OperationId, Payload, Problem, State, check_payload, limits::PUSH_TTL_S_MAX};
use uuid::Uuid;

use super::{
    super::{
        dispatch, map, order,
        own::{self, Own},
        read,
    },
    advance::number,
    costs::{self, DAY_MS},
    rows::Broadcast,
};
use crate::{
    chain::{
        Channel, Leg, Priority, Recipient, SEND,
        texts::{Rendered, with_id},
    },
    store::{Actor, DeliveryRow, Ms, NotificationRow, OperationRow, Result},
};

/// The account of steps: no account of a tenant has this name, so nobody can take their keys.
pub(super) const ACCOUNT: &str = "";
/// By how much urgent steps go before others of their lane, in milliseconds.
const URGENT_MS: Ms = 3_600_000;

/// May a step be called?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in super::super) enum Wanted {
    /// Yes.
    Yes,
    /// Not before then: quiet hours.
    Later {
        /// When they end.
        at: Ms,
    },
    /// No: the chain went on without it.
    No,
}

/// Begins one leg: its delivery and its operation, or why there is none.
pub(super) fn send(
    conn: &Connection,
    row: &NotificationRow,
    broadcast: &Broadcast,
    recipient: &Recipient,
    leg: usize,
    now: Ms,
) -> Result<()> {
    let Some(rule) = broadcast.route.channels.get(leg) else { return Ok(()) };
    let payload = match payload(row, broadcast, recipient, rule) {
        Ok(payload) => payload,
        // The texts were checked when they were stored, and their data when it came: a person's own locale may still fail.
        Err(problem) => {
            let reason = format!("no_text: {}", problem.field.unwrap_or_else(|| problem.detail.clone()));
            return skip(conn, row, broadcast, leg, &reason, now);
        }
    };
    let text = payload.to_string();
    let adapter = rule.channel.as_str();
    let typed = match check_payload(adapter, SEND, 1, &text) {
        Ok(typed) => typed,
        Err(problem) => {
            let reason = format!("no_text: {}", problem.field.unwrap_or_default());
            return skip(conn, row, broadcast, leg, &reason, now);
        }
    };
    let id = id_of(row.id, leg);
    insert(conn, row, leg, rule, Some(id), None, now)?;
    if let Some(cost) = rule.cost() {
        costs::reserve(conn, row, rule.channel, &cost, now)?;
    }
    take(conn, row, leg, rule, text, typed, now)?;
    if broadcast.route.priority == Priority::Urgent {
        dispatch::release(conn, &row.tenant, id, now - URGENT_MS)?;
    }
    Ok(())
}

/// Leaves one leg out.
pub(super) fn skip(
    conn: &Connection,
    row: &NotificationRow,
    broadcast: &Broadcast,
    leg: usize,
    reason: &str,
    now: Ms,
) -> Result<()> {
    let Some(rule) = broadcast.route.channels.get(leg) else { return Ok(()) };
    insert(conn, row, leg, rule, None, Some(reason), now)
}

fn insert(
    conn: &Connection,
    row: &NotificationRow,
    leg: usize,
    rule: &Leg,
    operation: Option<OperationId>,
    reason: Option<&str>,
    now: Ms,
) -> Result<()> {
    let cost = rule.cost().filter(|_| operation.is_some());
    let sql = "INSERT INTO deliveries (tenant_id, notification_id, leg, channel, operation_id, reason, lost, begun_at, over_at, currency, \
               cost, estimated) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        row.id.as_bytes(),
        number(leg),
        rule.channel.as_str(),
        operation.map(|id| id.as_bytes().to_vec()),
        reason,
        operation.is_none(),
        now,
        operation.is_none().then_some(now),
        cost.as_ref().map(|cost| cost.currency.as_str()),
        cost.as_ref().map_or(0, |cost| cost.micros),
        cost.is_some(),
    ])?;
    Ok(())
}

/// The id of a step: of its chain and leg, whoever begins it.
pub(super) fn id_of(notification: Uuid, leg: usize) -> OperationId {
    let digest = Sha256::new().chain_update(notification.as_bytes()).chain_update(leg.to_be_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    OperationId(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

fn payload(
    row: &NotificationRow,
    broadcast: &Broadcast,
    recipient: &Recipient,
    rule: &Leg,
) -> core::result::Result<Value, Problem> {
    let data = with_id(&broadcast.data, row.id);
    let rendered = broadcast.texts.render(rule.channel, recipient.locale.as_deref(), &data)?;
    let number = |channel| {
        let missing = || Problem::new(Code::MissingField, "the person has no number").with_field("phone");
        recipient.number(channel).ok_or_else(missing)
    };
    Ok(match rendered {
        Rendered::Push { title, body, data } => {
            let priority = if broadcast.route.priority == Priority::Bulk { "normal" } else { "high" };
            // The provider keeps it no longer than the chain waits for it.
            let ttl_s = rule.wait_s.min(PUSH_TTL_S_MAX);
            json!({ "to": { "user": row.account }, "title": title, "body": body, "data": data, "ttl_s": ttl_s, "priority": priority })
        }
        Rendered::Whatsapp(mut fields) => {
            fields["to"] = json!(number(Channel::Whatsapp)?);
            fields
        }
        Rendered::Sms { text, .. } => json!({ "to": number(Channel::Sms)?, "message": text }),
    })
}

/// Takes a step as an operation.
fn take(
    conn: &Connection,
    row: &NotificationRow,
    leg: usize,
    rule: &Leg,
    text: String,
    payload: Payload,
    now: Ms,
) -> Result<()> {
    // As the adapters of messages say: whoever it is for.
    let correlation = if let Payload::MessageSend(send) = &payload { send.to.0.first() } else { None };
    let correlation = correlation.map(|to| to.as_str().to_owned());
    let own = Own {
        tenant: &row.tenant,
        account: ACCOUNT,
        actor: Actor::Notification,
        id: id_of(row.id, leg),
        key: format!("{}:{leg}", row.id.simple()),
        adapter: rule.channel.as_str(),
        action: SEND,
        text,
        payload,
        correlation,
        // Not begun after its wait; quiet hours may put it off by a day.
        expires_at: now + rule.wait_ms() + DAY_MS,
    };
    // Its delivery was made just now.
    own::take_new(conn, own, now)
}

/// Takes back a step that was not sent. One that may have been sent is not asked for again (`wanted`).
pub(super) fn withdraw(conn: &Connection, tenant: &str, delivery: &DeliveryRow, now: Ms) -> Result<()> {
    let Some(id) = delivery.operation else { return Ok(()) };
    let Some(operation) = map::load(conn, tenant, id)? else { return Ok(()) };
    match operation.state {
        State::Held | State::Ready => end_unsent(conn, &operation, "the chain went on without it", now),
        State::Calling
        | State::Waiting
        | State::Unresolved
        | State::Expired
        | State::Cancelled
        | State::Failed
        | State::Succeeded => Ok(()),
    }
}

/// Ends a step whose next call is not made: cancelled if none was made that may have done it.
pub(in super::super) fn end_unsent(conn: &Connection, operation: &OperationRow, why: &str, now: Ms) -> Result<()> {
    if read::certainly_nothing_done(conn, operation)? {
        return order::end(conn, operation, State::Cancelled, Some(Problem::new(Code::Cancelled, why)), now);
    }
    let detail = format!("{why}; an earlier call may have sent it");
    order::end(conn, operation, State::Failed, Some(Problem::new(Code::OutcomeUnknown, detail)), now)
}
