//! Takes a push back that another channel was faster than: what a phone shows of it goes, and what it does not show yet is not
//! shown any more. An operation like a step, of the same adapter; its payload is the step's, and its adapter knows by the chain
//! what is meant.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};
use tarishi_protocol::{OperationId, State, check_payload};
use uuid::Uuid;

use super::{
    super::{
        dispatch, map,
        own::{self, Own},
    },
    costs::DAY_MS,
    rows, send,
};
use crate::{
    chain::{Channel, Reach},
    store::{Actor, DeliveryRow, Error, Ms, NotificationRow, OperationRow, Result},
};

/// How long a provider keeps it for a phone that is off, in seconds: as long as anybody would look.
const TTL_S: i64 = DAY_MS / 1_000;
/// Where the id of a step has its leg.
const NO_LEG: usize = usize::MAX;
/// It follows a push whose call is open by this, in milliseconds: longer than any call takes.
const AFTER_CALL_MS: Ms = 45_000;

/// Takes the push of a chain back, if a phone may show it unread.
pub(super) fn retract(conn: &Connection, row: &NotificationRow, deliveries: &[DeliveryRow], now: Ms) -> Result<()> {
    let unread = |push: &&DeliveryRow| push.channel == Channel::Push && push.reach < Some(Reach::Read);
    let Some(step) = deliveries.iter().find(unread).and_then(|push| push.operation) else { return Ok(()) };
    let Some(push) = map::load(conn, &row.tenant, step)? else { return Ok(()) };
    if !may_be_shown(conn, &push)? {
        return Ok(());
    }
    let id = send::id_of(row.id, NO_LEG);
    let sql = "UPDATE notifications SET retraction = ?3 WHERE tenant_id = ?1 AND notification_id = ?2 AND retraction IS NULL";
    if conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), id.as_bytes()])? == 0 {
        return Ok(());
    }
    take(conn, row, &push, id, now)?;
    if push.state == State::Calling {
        dispatch::release(conn, &row.tenant, id, now + AFTER_CALL_MS)?;
    }
    Ok(())
}

/// A call was made of which nobody knows that it did nothing.
fn may_be_shown(conn: &Connection, push: &OperationRow) -> Result<bool> {
    Ok(match push.state {
        State::Held | State::Ready | State::Calling | State::Waiting | State::Unresolved => {
            push.first_opened_at.is_some() && !super::super::read::certainly_nothing_done(conn, push)?
        }
        State::Succeeded => true,
        State::Failed => push.problem.as_ref().is_some_and(|problem| problem.is(tarishi_protocol::Code::OutcomeUnknown)),
        State::Expired | State::Cancelled => false,
    })
}

fn take(conn: &Connection, row: &NotificationRow, push: &OperationRow, id: OperationId, now: Ms) -> Result<()> {
    let unfit = |error: &dyn std::fmt::Display| Error::Damaged(format!("a push to take back: {error}"));
    let mut payload: Value = serde_json::from_str(&push.payload).map_err(|error| unfit(&error))?;
    payload["ttl_s"] = json!(TTL_S);
    payload["priority"] = json!("normal");
    let text = payload.to_string();
    let typed = check_payload(&push.adapter, &push.action, 1, &text).map_err(|problem| unfit(&problem.detail))?;
    let own = Own {
        tenant: &row.tenant,
        account: send::ACCOUNT,
        actor: Actor::Notification,
        id,
        key: format!("{}:retract", row.id.simple()),
        adapter: &push.adapter,
        action: &push.action,
        text,
        payload: typed,
        correlation: None,
        expires_at: now + DAY_MS,
    };
    own::take(conn, own, now)
}

/// The chain whose push an operation takes back.
pub(super) fn chain_of(conn: &Connection, tenant: &str, id: OperationId) -> Result<Option<Uuid>> {
    let sql = "SELECT notification_id FROM notifications WHERE tenant_id = ?1 AND retraction = ?2";
    let found: Option<Vec<u8>> =
        conn.prepare_cached(sql)?.query_row(params![tenant, id.as_bytes()], |row| row.get(0)).optional()?;
    found.map(|id| map::uuid(&id)).transpose()
}

/// Nobody has opened it meanwhile.
pub(super) fn is_wanted(conn: &Connection, tenant: &str, chain: Uuid) -> Result<bool> {
    let deliveries = rows::deliveries(conn, tenant, chain)?;
    Ok(!deliveries.iter().any(|row| row.channel == Channel::Push && row.reach == Some(Reach::Read)))
}
