//! What is learnt of a step moves its chain, in the same transaction.

use rusqlite::{Connection, params};
use serde_json::Value;
use tarishi_protocol::{Code, State};

use super::{
    super::map,
    advance::{self, number},
    book, costs, rows, send,
};
use crate::{
    chain::{Cost, Reach, people},
    store::{Actor, DeliveryRow, Ms, NotificationRow, OperationRow, Result},
};

/// What an operation says of its delivery.
#[derive(Debug, Default, PartialEq)]
struct Told {
    reach: Option<Reach>,
    lost: bool,
    reason: Option<String>,
    cost: Billed,
}

/// What a message costs.
#[derive(Debug, Default, PartialEq)]
enum Billed {
    /// Nobody has said; the tariff stands.
    #[default]
    Unsaid,
    /// Nothing was sent.
    Nothing,
    /// This.
    Cost(Cost),
}

/// Something may have been learnt of an operation: if it is a step, its chain moves.
pub(in super::super) fn heed(conn: &Connection, before: &OperationRow, now: Ms) -> Result<()> {
    if before.actor != Actor::Notification {
        return Ok(());
    }
    let Some(operation) = map::load(conn, &before.tenant, before.id)? else { return Ok(()) };
    let Some((id, leg)) = rows::step_of(conn, &operation.tenant, operation.id)? else { return Ok(()) };
    let Some(row) = rows::notification(conn, &operation.tenant, id)? else { return Ok(()) };
    let deliveries = rows::deliveries(conn, &operation.tenant, id)?;
    let Some(delivery) = deliveries.iter().find(|delivery| delivery.leg == leg) else { return Ok(()) };
    let told = told(&operation);
    let went_on = deliveries.iter().any(|other| other.leg > leg && other.operation.is_some());
    let moved = write(conn, &row, delivery, &told, went_on, now)?;
    bill(conn, &row, delivery, &told.cost)?;
    if let Some(code) = told.reason.as_deref().and_then(|reason| reason.split(':').next()).filter(|_| told.lost)
        && people::is_unreachable(delivery.channel, code)
    {
        book::learn(conn, &row.tenant, &row.account, delivery.channel, code, now)?;
    }
    // The step that the chain goes on without says nothing more, unless the message came.
    let reached = told.reach > delivery.reach;
    if reached || delivery.over_at.is_none() && (moved || before.state != operation.state) {
        advance::advance(conn, &row.tenant, id, now)?;
    }
    Ok(())
}

fn bill(conn: &Connection, row: &NotificationRow, delivery: &DeliveryRow, billed: &Billed) -> Result<()> {
    let cost = match billed {
        Billed::Unsaid => return Ok(()),
        Billed::Nothing => match &delivery.currency {
            Some(currency) => Cost { currency: currency.clone(), micros: 0 },
            None => return Ok(()),
        },
        Billed::Cost(cost) => cost.clone(),
    };
    let known = delivery.currency.as_deref() == Some(&cost.currency) && delivery.cost == cost.micros && !delivery.estimated;
    if known { Ok(()) } else { costs::settle(conn, row, delivery, &cost) }
}

/// A message reached the person by this delivery: a phone or a person said so.
pub(super) fn reached(conn: &Connection, row: &NotificationRow, leg: usize, reach: Reach, now: Ms) -> Result<()> {
    let deliveries = rows::deliveries(conn, &row.tenant, row.id)?;
    let Some(delivery) = deliveries.iter().find(|delivery| delivery.leg == leg) else { return Ok(()) };
    let went_on = deliveries.iter().any(|other| other.leg > leg && other.operation.is_some());
    let told = Told { reach: Some(reach), ..Told::default() };
    if write(conn, row, delivery, &told, went_on, now)? {
        advance::advance(conn, &row.tenant, row.id, now)?;
    }
    Ok(())
}

/// Writes what is new; a reach only climbs. False if nothing is.
fn write(conn: &Connection, row: &NotificationRow, before: &DeliveryRow, told: &Told, went_on: bool, now: Ms) -> Result<bool> {
    let reach = before.reach.max(told.reach);
    let arrives = reach >= Some(Reach::Delivered) && before.reach < Some(Reach::Delivered);
    // What arrived has not failed, whatever was said before.
    let lost = (before.lost || told.lost) && reach < Some(Reach::Delivered);
    if reach == before.reach && lost == before.lost {
        return Ok(false);
    }
    let since = |known: Option<Ms>, from: Reach| known.or_else(|| (reach >= Some(from)).then_some(now));
    let sql = "UPDATE deliveries SET reach = ?4, lost = ?5, reason = CASE WHEN ?5 THEN coalesce(?6, reason) ELSE reason END, \
               late = max(late, ?7), accepted_at = ?8, delivered_at = ?9, read_at = ?10 \
               WHERE tenant_id = ?1 AND notification_id = ?2 AND leg = ?3";
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        row.id.as_bytes(),
        number(before.leg),
        reach.map(Reach::as_str),
        lost,
        told.reason,
        arrives && went_on,
        since(before.accepted_at, Reach::Accepted),
        since(before.delivered_at, Reach::Delivered),
        since(before.read_at, Reach::Read)
    ])?;
    Ok(true)
}

/// What an operation says of its delivery: the best of its messages (a push has one a phone).
fn told(operation: &OperationRow) -> Told {
    match operation.state {
        State::Held | State::Ready | State::Calling | State::Waiting | State::Unresolved => Told::default(),
        State::Expired | State::Cancelled | State::Failed => {
            let problem = operation.problem.as_ref();
            let unknown = problem.is_some_and(|problem| problem.is(Code::OutcomeUnknown));
            let reason = problem.map(|problem| problem.provider_code.clone().unwrap_or_else(|| problem.code.clone()));
            // Nothing was sent, so nothing is owed; unless nobody knows.
            Told { reach: None, lost: true, reason, cost: if unknown { Billed::Unsaid } else { Billed::Nothing } }
        }
        State::Succeeded => {
            let messages = operation.outcome.as_ref().and_then(|outcome| outcome["messages"].as_array());
            of_messages(messages.map_or(&[], Vec::as_slice))
        }
    }
}

fn of_messages(messages: &[Value]) -> Told {
    let reach = messages.iter().filter_map(|message| Reach::from_word(message["status"].as_str()?)).max();
    let lost = reach.is_none() && !messages.iter().any(|message| message["status"] == "unknown");
    let reason = messages.iter().find_map(|message| message["reason"].as_str()).map(str::to_owned);
    let costs: Vec<Cost> = messages.iter().filter_map(|message| Cost::read(message["cost"].as_str()?)).collect();
    let same = costs.first().filter(|first| costs.iter().all(|cost| cost.currency == first.currency));
    let sum = |first: &Cost| Cost { micros: costs.iter().map(|cost| cost.micros).sum(), ..first.clone() };
    let cost = match same {
        Some(first) => Billed::Cost(sum(first)),
        None if lost && costs.is_empty() => Billed::Nothing,
        None => Billed::Unsaid,
    };
    Told { reach, lost, reason, cost }
}

/// A step whose channel is switched off, paused or not set up: nothing was sent, and the chain goes on at once.
pub(in super::super) fn given_up(conn: &Connection, tenant: &str, id: tarishi_protocol::OperationId, now: Ms) -> Result<()> {
    let Some(operation) = map::load(conn, tenant, id)? else { return Ok(()) };
    if operation.actor != Actor::Notification || !matches!(operation.state, State::Held | State::Ready) {
        return Ok(());
    }
    send::end_unsent(conn, &operation, "the channel is switched off", now)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_to_several_phones_came_as_far_as_the_best_of_them() {
        let told = of_messages(&[
            json!({ "to": "d1", "status": "dead", "reason": "UNREGISTERED: gone" }),
            json!({ "to": "d2", "status": "accepted", "id": "m" }),
        ]);
        assert_eq!((told.reach, told.lost), (Some(Reach::Accepted), false));
        let none = of_messages(&[json!({ "to": "d1", "status": "failed", "reason": "131026: no WhatsApp" })]);
        assert_eq!((none.reach, none.lost, none.reason.as_deref()), (None, true, Some("131026: no WhatsApp")));
    }

    #[test]
    fn costs_of_one_currency_are_added_up_and_of_two_are_none() {
        let with = |costs: &[&str]| {
            let messages: Vec<Value> = costs.iter().map(|cost| json!({ "status": "sent", "cost": cost })).collect();
            of_messages(&messages).cost
        };
        let sum = Cost { currency: "KES".to_owned(), micros: 1_600_000 };
        assert_eq!(with(&["KES 0.8000", "KES 0.80"]), Billed::Cost(sum));
        assert_eq!(with(&["KES 0.80", "USD 0.01"]), Billed::Unsaid);
        let refused = [json!({ "status": "rejected", "reason": "403" })];
        assert_eq!(of_messages(&refused).cost, Billed::Nothing);
    }
}
