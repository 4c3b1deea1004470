//! How much a credential may do in a day. Reserved when a call is opened, given back when it certainly did nothing.

use rusqlite::{Connection, OptionalExtension, params};
use tarishi_protocol::{Audience, Code, Listed, Money, NotifyTo, Payload, Problem};

use super::{accounts, chain, intake::Desk, map};
use crate::store::{Actor, Caps, Checked, Grants, Ms, OperationRow, Result};

/// Milliseconds of a day.
const DAY_MS: Ms = 86_400_000;

/// What one operation uses up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Use {
    /// Minor units of money.
    pub(super) amount: i64,
    /// Messages.
    pub(super) messages: i64,
}

/// What an operation would use up; a refund of all uses up what was `paid`.
fn of(payload: &Payload, paid: Option<i64>) -> Use {
    match payload {
        Payload::Charge(charge) => Use { amount: charge.amount.minor_units(), messages: 0 },
        Payload::Refund(refund) => {
            Use { amount: refund.amount.as_ref().map(Money::minor_units).or(paid).unwrap_or(0), messages: 0 }
        }
        Payload::MessageSend(send) => Use { amount: 0, messages: i64::try_from(send.to.0.len()).unwrap_or(i64::MAX) },
        Payload::PushSend(send) => Use { amount: 0, messages: people(&send.to) },
        Payload::Notify(notify) => Use { amount: 0, messages: chains(&notify.to) },
        Payload::PaymentQuery(_)
        | Payload::MessageQuery(_)
        | Payload::Balance(_)
        | Payload::Upload(_)
        | Payload::Download(_)
        | Payload::Delete(_)
        | Payload::List(_)
        | Payload::Enroll(_)
        | Payload::SyncGrades(_)
        | Payload::SyncCourses(_)
        | Payload::CreateCourse(_)
        | Payload::Free(_) => Use::default(),
    }
}

fn people(to: &Audience) -> i64 {
    match to {
        Audience::User(_) | Audience::Device(_) => 1,
        Audience::List(list) => i64::try_from(list.len()).unwrap_or(i64::MAX),
    }
}

/// A chain counts as one message, whatever its channels; of a list that is kept here the length is looked up.
fn chains(to: &NotifyTo) -> i64 {
    match to {
        NotifyTo::User(_) | NotifyTo::List(Listed::Named(_)) => 1,
        NotifyTo::List(Listed::These(accounts)) => i64::try_from(accounts.len()).unwrap_or(i64::MAX),
    }
}

/// What an operation would use up, lists looked up.
fn wanted(conn: &Connection, tenant: &str, payload: &Payload, paid: Option<i64>) -> Result<Use> {
    if let Payload::Notify(notify) = payload
        && let NotifyTo::List(Listed::Named(name)) = &notify.to
    {
        let members = chain::list(conn, tenant, name)?.map_or(0, |list| list.members.len());
        return Ok(Use { amount: 0, messages: i64::try_from(members).unwrap_or(i64::MAX) });
    }
    Ok(of(payload, paid))
}

/// Would this operation pass its credential's daily caps? Then it must come later.
pub(super) fn would_exceed(
    conn: &Connection,
    desk: &Desk<'_>,
    checked: &Checked,
    paid: Option<i64>,
) -> Result<Option<Problem>> {
    let wanted = wanted(conn, desk.tenant, &checked.payload, paid)?;
    if wanted == Use::default() {
        return Ok(None);
    }
    let Some(grants) = grants(conn, desk.tenant, &desk.actor)? else { return Ok(None) };
    let day = desk.now / DAY_MS;
    if fits(conn, (desk.tenant, &desk.actor), &grants.caps, day, wanted)? {
        return Ok(None);
    }
    let wait = u64::try_from((day + 1) * DAY_MS - desk.now).unwrap_or(0);
    Ok(Some(Problem {
        retryable: true,
        ..Problem::new(Code::CapExceeded, "the day's cap is reached").with_retry_after_ms(wait)
    }))
}

/// Does a cap of the credential forbid a refund that does not say how much? All is what was `paid`; where that is unknown
/// here, no cap could hold it.
pub(super) fn forbids(
    conn: &Connection,
    tenant: &str,
    actor: &Actor,
    payload: &Payload,
    paid: Option<i64>,
) -> Result<Option<Problem>> {
    let Payload::Refund(_) = payload else { return Ok(None) };
    match grants(conn, tenant, actor)? {
        Some(grants) => Ok(forbidden(&grants.caps, payload, paid)),
        None => Ok(None),
    }
}

fn forbidden(caps: &Caps, payload: &Payload, paid: Option<i64>) -> Option<Problem> {
    let (Payload::Refund(refund), true) = (payload, caps.amount_per_operation.or(caps.amount_per_day).is_some()) else {
        return None;
    };
    let problem = |code, detail| Some(Problem::new(code, detail).with_field("payload.amount"));
    match paid {
        _ if refund.amount.is_some() => None,
        None => problem(Code::MissingField, "say how much: the payment is not known here, and the credential has a cap"),
        Some(paid) if caps.amount_per_operation.is_some_and(|cap| paid > cap) => {
            problem(Code::CapExceeded, "all of the payment is above the credential's cap")
        }
        Some(_) => None,
    }
}

/// May the call be made, and is there room for it? Reserves the room.
pub(super) fn reserve(conn: &Connection, row: &OperationRow, payload: &Payload, paid: Option<i64>, now: Ms) -> Result<Room> {
    let Some(grants) = grants(conn, &row.tenant, &row.actor)? else { return Ok(Room::Yes) };
    if !grants.allow(&row.adapter, &row.action) {
        return Ok(Room::Never(Problem::new(Code::Forbidden, "the credential no longer allows this")));
    }
    if let Some(problem) = forbidden(&grants.caps, payload, paid) {
        return Ok(Room::Never(problem));
    }
    let wanted = wanted(conn, &row.tenant, payload, paid)?;
    let day = now / DAY_MS;
    if wanted == Use::default() {
        return Ok(Room::Yes);
    }
    if !fits(conn, (&row.tenant, &row.actor), &grants.caps, day, wanted)? {
        return Ok(Room::Tomorrow { at: (day + 1) * DAY_MS });
    }
    add(conn, row, day, wanted)?;
    let sql = "UPDATE operations SET reserved_day = ?3, reserved_amount = ?4, reserved_messages = ?5 \
               WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), day, wanted.amount, wanted.messages])?;
    Ok(Room::Yes)
}

/// Is there room?
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Room {
    /// It is reserved.
    Yes,
    /// The credential was revoked, its scopes no longer cover this, or it is more than it may do at once.
    Never(Problem),
    /// Not today.
    Tomorrow {
        /// When the next day begins.
        at: Ms,
    },
}

/// Gives back what was reserved for a call that certainly did nothing.
pub(super) fn give_back(conn: &Connection, row: &OperationRow) -> Result<()> {
    let sql =
        "SELECT reserved_day, reserved_amount, reserved_messages FROM operations WHERE tenant_id = ?1 AND operation_id = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<Ms>>(0)?, row.get(1)?, row.get(2)?));
    let (day, amount, messages): (Option<Ms>, i64, i64) =
        conn.prepare_cached(sql)?.query_row(params![row.tenant, row.id.as_bytes()], read)?;
    let Some(day) = day else { return Ok(()) };
    add(conn, row, day, Use { amount: -amount, messages: -messages })?;
    let sql = "UPDATE operations SET reserved_day = NULL, reserved_amount = 0, reserved_messages = 0 \
               WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes()])?;
    Ok(())
}

/// The credential's grants as they are now; `None` = nobody's credential: the operator and the server itself may do all.
fn grants(conn: &Connection, tenant: &str, actor: &Actor) -> Result<Option<Grants>> {
    Ok(match actor {
        Actor::Operator | Actor::Event | Actor::Notification => None,
        Actor::Device { device } => Some(
            accounts::device(conn, tenant, device)?
                .filter(|device| device.revoked_at.is_none())
                .map(|device| device.grants)
                .unwrap_or_default(),
        ),
        Actor::Key { key } => Some(
            accounts::api_key(conn, tenant, key)?
                .filter(|key| key.revoked_at.is_none())
                .map(|key| key.grants)
                .unwrap_or_default(),
        ),
    })
}

/// Is there room for it in the day's caps?
fn fits(conn: &Connection, (tenant, actor): (&str, &Actor), caps: &Caps, day: Ms, wanted: Use) -> Result<bool> {
    if caps.amount_per_day.or(caps.messages_per_day).is_none() {
        return Ok(true);
    }
    let used = used(conn, tenant, actor, day)?;
    let within =
        |cap: Option<i64>, used: i64, wanted: i64| wanted == 0 || cap.is_none_or(|cap| used.saturating_add(wanted) <= cap);
    Ok(within(caps.amount_per_day, used.amount, wanted.amount) && within(caps.messages_per_day, used.messages, wanted.messages))
}

fn used(conn: &Connection, tenant: &str, actor: &Actor, day: Ms) -> Result<Use> {
    let (kind, id) = map::actor_columns(actor);
    let sql = "SELECT amount, messages FROM usage WHERE tenant_id = ?1 AND actor_kind = ?2 AND actor_id = ?3 AND day = ?4";
    let read = |row: &rusqlite::Row<'_>| Ok(Use { amount: row.get(0)?, messages: row.get(1)? });
    Ok(conn.prepare_cached(sql)?.query_row(params![tenant, kind, id, day], read).optional()?.unwrap_or_default())
}

fn add(conn: &Connection, row: &OperationRow, day: Ms, more: Use) -> Result<()> {
    let (kind, id) = map::actor_columns(&row.actor);
    let sql = "INSERT INTO usage (tenant_id, actor_kind, actor_id, day, amount, messages) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (tenant_id, actor_kind, actor_id, day) DO UPDATE SET amount = amount + excluded.amount, \
               messages = messages + excluded.messages";
    conn.prepare_cached(sql)?.execute(params![row.tenant, kind, id, day, more.amount, more.messages])?;
    Ok(())
}
