//! Rows of chains to values.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tarishi_protocol::OperationId;
use uuid::Uuid;

use super::{super::map, retract};
use crate::{
    chain::{Channel, Reach, Route, Texts},
    store::{ChainPart, ChainState, DeliveryRow, Error, NotificationRow, Result},
};

const NOTIFICATION: &str = "tenant_id, notification_id, operation_id, account, kind, state, channel, reason, spent, created_at, \
     deadline_at, deferred_until, next_at, ended_at";
const DELIVERY: &str = "leg, channel, operation_id, reason, lost, reach, late, begun_at, accepted_at, delivered_at, read_at, over_at, \
     currency, cost, estimated";

/// One `notify`: what it began with.
pub(super) struct Broadcast {
    pub(super) kind: String,
    pub(super) route: Route,
    pub(super) texts: Texts,
    pub(super) data: serde_json::Map<String, serde_json::Value>,
    pub(super) dedupe_key: Option<String>,
}

pub(super) fn broadcast(conn: &Connection, tenant: &str, operation: OperationId) -> Result<Option<Broadcast>> {
    let sql = "SELECT kind, route, texts, data, dedupe_key FROM broadcasts WHERE tenant_id = ?1 AND operation_id = ?2";
    let damaged = || Error::Damaged("a notification without its route".to_owned());
    let read = |row: &Row<'_>| -> Result<Broadcast> {
        Ok(Broadcast {
            kind: row.get(0)?,
            route: map::json(row, 1)?.ok_or_else(damaged)?,
            texts: map::json(row, 2)?.ok_or_else(damaged)?,
            data: map::json(row, 3)?.unwrap_or_default(),
            dedupe_key: row.get(4)?,
        })
    };
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_row(params![tenant, operation.as_bytes()], |row| Ok(read(row))).optional()?.transpose()
}

/// Whom a `notify` is for, from the first whose chain has not begun on, a page; and whether more follow.
pub(super) fn unspread(conn: &Connection, tenant: &str, operation: OperationId, page: usize) -> Result<(Vec<String>, bool)> {
    let sql = "SELECT m.value FROM broadcasts b, json_each(b.members) m WHERE b.tenant_id = ?1 AND b.operation_id = ?2 \
               AND m.key >= b.spread ORDER BY m.key LIMIT ?3";
    let most = i64::try_from(page).unwrap_or(i64::MAX).saturating_add(1);
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, operation.as_bytes(), most], |row| row.get(0))?;
    let mut accounts = rows.collect::<rusqlite::Result<Vec<String>>>()?;
    let more = accounts.len() > page;
    accounts.truncate(page);
    Ok((accounts, more))
}

/// One person's chain.
pub(in super::super) fn notification(conn: &Connection, tenant: &str, id: Uuid) -> Result<Option<NotificationRow>> {
    Ok(notification_of_any(conn, id)?.filter(|row| row.tenant == tenant))
}

/// One person's chain, of whichever tenant: for a token that names no tenant.
pub(in super::super) fn notification_of_any(conn: &Connection, id: Uuid) -> Result<Option<NotificationRow>> {
    let sql = format!("SELECT {NOTIFICATION} FROM notifications WHERE notification_id = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    statement.query_row([id.as_bytes()], |row| Ok(read_notification(row))).optional()?.transpose()
}

/// The chains of one `notify`, by account, after one.
pub(in super::super) fn notifications_of(
    conn: &Connection,
    tenant: &str,
    operation: OperationId,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<NotificationRow>> {
    let sql = format!(
        "SELECT {NOTIFICATION} FROM notifications WHERE tenant_id = ?1 AND operation_id = ?2 AND account > ?3 \
         ORDER BY account LIMIT ?4"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let values = params![tenant, operation.as_bytes(), after.unwrap_or_default(), limit];
    let rows = statement.query_and_then(values, read_notification)?;
    rows.collect()
}

fn read_notification(row: &Row<'_>) -> Result<NotificationRow> {
    let word: String = row.get(5)?;
    let channel: Option<String> = row.get(6)?;
    Ok(NotificationRow {
        tenant: row.get(0)?,
        id: map::uuid(&row.get::<_, Vec<u8>>(1)?)?,
        operation: map::operation_id(&row.get::<_, Vec<u8>>(2)?)?,
        account: row.get(3)?,
        kind: row.get(4)?,
        state: ChainState::from_word(&word).ok_or_else(|| Error::Damaged(format!("chain {word}")))?,
        channel: channel.as_deref().and_then(Channel::from_word),
        reason: row.get(7)?,
        spent: row.get(8)?,
        created_at: row.get(9)?,
        deadline_at: row.get(10)?,
        deferred_until: row.get(11)?,
        next_at: row.get(12)?,
        ended_at: row.get(13)?,
    })
}

/// The channels of a chain so far, in their order.
pub(in super::super) fn deliveries(conn: &Connection, tenant: &str, id: Uuid) -> Result<Vec<DeliveryRow>> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE tenant_id = ?1 AND notification_id = ?2 ORDER BY leg");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_and_then(params![tenant, id.as_bytes()], read_delivery)?;
    rows.collect()
}

/// The chain that an operation is of: as a step, or to take its push back.
pub(in super::super) fn part_of(conn: &Connection, tenant: &str, id: OperationId) -> Result<Option<ChainPart>> {
    if let Some((chain, _)) = step_of(conn, tenant, id)? {
        return Ok(Some(ChainPart { chain, retracts: false }));
    }
    Ok(retract::chain_of(conn, tenant, id)?.map(|chain| ChainPart { chain, retracts: true }))
}

/// The chain and the leg that an operation is a step of.
pub(super) fn step_of(conn: &Connection, tenant: &str, operation: OperationId) -> Result<Option<(Uuid, usize)>> {
    let sql = "SELECT notification_id, leg FROM deliveries WHERE tenant_id = ?1 AND operation_id = ?2";
    let read = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?));
    let found = conn.prepare_cached(sql)?.query_row(params![tenant, operation.as_bytes()], read).optional()?;
    found.map(|(id, leg)| Ok((map::uuid(&id)?, usize::try_from(leg).unwrap_or(0)))).transpose()
}

fn read_delivery(row: &Row<'_>) -> Result<DeliveryRow> {
    let word: String = row.get(1)?;
    let reach: Option<String> = row.get(5)?;
    Ok(DeliveryRow {
        leg: usize::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        channel: Channel::from_word(&word).ok_or_else(|| Error::Damaged(format!("channel {word}")))?,
        operation: row.get::<_, Option<Vec<u8>>>(2)?.map(|id| map::operation_id(&id)).transpose()?,
        reason: row.get(3)?,
        lost: row.get(4)?,
        reach: reach.as_deref().and_then(Reach::from_word),
        late: row.get(6)?,
        begun_at: row.get(7)?,
        accepted_at: row.get(8)?,
        delivered_at: row.get(9)?,
        read_at: row.get(10)?,
        over_at: row.get(11)?,
        currency: row.get(12)?,
        cost: row.get(13)?,
        estimated: row.get(14)?,
    })
}
