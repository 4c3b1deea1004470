//! What phones and people say by themselves: a notification came, was opened, is done; somebody wrote back.

use rusqlite::{Connection, params};
use tarishi_protocol::NotificationEvent;
use uuid::Uuid;

use super::{
    super::map,
    advance::{self, number},
    heed, retract, rows, send,
};
use crate::{
    chain::{Channel, Reach},
    store::{ChainState, Intake, Ms, NotificationRow, Result, Signal},
};

/// Chains of one person that an answer is taken for, at most, newest first.
const REPLIES_MAX: i64 = 20;
/// How long after its message an answer is one to it, in milliseconds: three days.
const REPLY_MS: Ms = 3 * 86_400_000;

/// What a device says with an exchange, of notifications of its account. What names no chain is kept on record alone.
pub(in super::super) fn signals_of_device(conn: &Connection, intake: &Intake) -> Result<()> {
    for receipt in &intake.notification_receipts {
        let Ok(id) = Uuid::parse_str(&receipt.notification_id) else { continue };
        let word = match receipt.event {
            NotificationEvent::Received => Signal::Received,
            NotificationEvent::Opened => Signal::Opened,
        };
        signal(conn, &intake.tenant, id, Some(&intake.account), word, intake.now)?;
    }
    Ok(())
}

/// Says something of one person's chain; false if there is no such chain (of this account).
pub(in super::super) fn signal(
    conn: &Connection,
    tenant: &str,
    id: Uuid,
    account: Option<&str>,
    word: Signal,
    now: Ms,
) -> Result<bool> {
    let row = rows::notification(conn, tenant, id)?;
    let Some(row) = row.filter(|row| account.is_none_or(|account| account == row.account)) else { return Ok(false) };
    let push =
        rows::deliveries(conn, tenant, id)?.into_iter().find(|row| row.channel == Channel::Push && row.operation.is_some());
    match (word, push) {
        (Signal::Received, Some(push)) => heed::reached(conn, &row, push.leg, Reach::Delivered, now)?,
        (Signal::Opened, Some(push)) => heed::reached(conn, &row, push.leg, Reach::Read, now)?,
        (Signal::Received, None) => {}
        // Seen in the app, by whichever way the person came to it.
        (Signal::Opened, None) => finish(conn, &row, "opened", now)?,
        (Signal::Done, _) => finish(conn, &row, "done", now)?,
    }
    Ok(true)
}

/// The person has it, and no channel is to be thanked for it.
fn finish(conn: &Connection, row: &NotificationRow, reason: &str, now: Ms) -> Result<()> {
    if !row.state.may_yet_succeed() {
        return Ok(());
    }
    let deliveries = rows::deliveries(conn, &row.tenant, row.id)?;
    if let Some(last) = deliveries.last() {
        let sql =
            "UPDATE deliveries SET over_at = coalesce(over_at, ?4) WHERE tenant_id = ?1 AND notification_id = ?2 AND leg = ?3";
        conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), number(last.leg), now])?;
        send::withdraw(conn, &row.tenant, last, now)?;
    }
    retract::retract(conn, row, &deliveries, now)?;
    advance::end_as(conn, row, ChainState::Succeeded, None, Some(reason), now)
}

/// Somebody wrote to us from this number: what was sent to them by this channel was read.
pub(in super::super) fn replied(conn: &Connection, tenant: &str, adapter: &str, from: &str, now: Ms) -> Result<()> {
    let Some(channel) = Channel::from_word(adapter) else { return Ok(()) };
    let column = match channel {
        Channel::Push => return Ok(()),
        Channel::Whatsapp => "whatsapp",
        Channel::Sms => "phone",
    };
    let sql = format!(
        "SELECT n.notification_id, d.leg FROM recipients r \
         JOIN notifications n ON n.tenant_id = r.tenant_id AND n.account = r.account AND n.created_at > ?4 \
         JOIN deliveries d ON d.tenant_id = n.tenant_id AND d.notification_id = n.notification_id AND d.channel = ?3 \
         AND d.operation_id IS NOT NULL AND d.reach IS NOT NULL AND d.read_at IS NULL \
         WHERE r.tenant_id = ?1 AND r.{column} = ?2 ORDER BY n.created_at DESC LIMIT ?5"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let found: Vec<(Vec<u8>, i64)> = statement
        .query_map(params![tenant, from, channel.as_str(), now - REPLY_MS, REPLIES_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, leg) in found {
        let Some(row) = rows::notification(conn, tenant, map::uuid(&id)?)? else { continue };
        heed::reached(conn, &row, usize::try_from(leg).unwrap_or(0), Reach::Read, now)?;
    }
    Ok(())
}
