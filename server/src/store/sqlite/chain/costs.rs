//! What notifications are booked at, and a tenant's caps of a day.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use tarishi_protocol::Money;

use super::{
    super::{events, map},
    advance::number,
    book::from_json,
};
use crate::{
    chain::{
        Channel, Cost,
        caps::{self, DailyCaps, NEAR_PERCENT, Scope},
        step::Skip,
    },
    store::{DeliveryRow, EventRow, Ms, NOTIFICATIONS_BUDGET, NotificationRow, Result},
};

/// Milliseconds of a day.
pub(super) const DAY_MS: Ms = 86_400_000;

/// A tenant's caps of a day.
pub(in super::super) fn caps(conn: &Connection, tenant: &str) -> Result<DailyCaps> {
    let sql = "SELECT caps FROM notification_settings WHERE tenant_id = ?1";
    let text: Option<Option<String>> = conn.prepare_cached(sql)?.query_row([tenant], |row| row.get(0)).optional()?;
    text.flatten().map_or(Ok(DailyCaps::default()), |text| from_json(&text))
}

/// Sets them.
pub(in super::super) fn put_caps(conn: &Connection, tenant: &str, caps: &DailyCaps) -> Result<()> {
    let sql = "INSERT INTO notification_settings (tenant_id, caps) VALUES (?1, ?2) \
               ON CONFLICT (tenant_id) DO UPDATE SET caps = excluded.caps";
    conn.prepare_cached(sql)?.execute(params![tenant, map::to_json(caps)?])?;
    Ok(())
}

/// What is booked today in a currency, in millionths.
pub(in super::super) fn booked_today(
    conn: &Connection,
    tenant: &str,
    scope: Scope<'_>,
    currency: &str,
    now: Ms,
) -> Result<i64> {
    let sql = "SELECT micros FROM notification_spent WHERE tenant_id = ?1 AND day = ?2 AND scope = ?3 AND currency = ?4";
    let values = params![tenant, now / DAY_MS, scope.name(), currency];
    Ok(conn.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Which cap of the day one more message of this cost would pass.
pub(super) fn passed(conn: &Connection, row: &NotificationRow, channel: Channel, cost: &Cost, now: Ms) -> Result<Option<Skip>> {
    let caps = caps(conn, &row.tenant)?;
    for scope in Scope::of(channel, &row.account) {
        let Some(cap) = caps.of(scope) else { continue };
        if caps::passes(cap, booked_today(conn, &row.tenant, scope, &cost.currency, now)?, cost) {
            return Ok(Some(scope.skip()));
        }
    }
    Ok(None)
}

/// Books a step's tariff before it is sent. A tenant whose cap comes near is told.
pub(super) fn reserve(conn: &Connection, row: &NotificationRow, channel: Channel, cost: &Cost, now: Ms) -> Result<()> {
    let caps = caps(conn, &row.tenant)?;
    for scope in [Scope::All, Scope::Channel(channel)] {
        let Some(cap) = caps.of(scope) else { continue };
        if caps::comes_near(cap, booked_today(conn, &row.tenant, scope, &cost.currency, now)?, cost) {
            tell(conn, &row.tenant, scope, cap, NEAR_PERCENT, now)?;
        }
    }
    spend(conn, row, channel, cost, now)?;
    let sql = "UPDATE notifications SET spent = spent + ?3 WHERE tenant_id = ?1 AND notification_id = ?2";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), cost.micros])?;
    Ok(())
}

/// A message was left out for a cap of the day: the tenant is told once a day and cap.
pub(super) fn reached(conn: &Connection, tenant: &str, channel: Channel, why: Skip, now: Ms) -> Result<()> {
    let caps = caps(conn, tenant)?;
    let scope = [Scope::All, Scope::Channel(channel)].into_iter().find(|scope| scope.skip() == why);
    match scope.and_then(|scope| Some((scope, caps.of(scope)?))) {
        Some((scope, cap)) => tell(conn, tenant, scope, cap, 100, now),
        None => Ok(()),
    }
}

fn tell(conn: &Connection, tenant: &str, scope: Scope<'_>, cap: &Money, percent: i64, now: Ms) -> Result<()> {
    let (word, channel) = match scope {
        Scope::All => ("all", None),
        Scope::Channel(channel) => ("channel", Some(channel)),
        Scope::Person(_) => return Ok(()),
    };
    let data = json!({ "cap": word, "channel": channel, "percent": percent, "amount": cap });
    let fact = format!("{NOTIFICATIONS_BUDGET}:{}:{percent}:{}", scope.name(), now / DAY_MS);
    let kind = NOTIFICATIONS_BUDGET.to_owned();
    events::record(conn, &EventRow { seq: 0, tenant: tenant.to_owned(), fact, kind, data, at: now }).map(drop)
}

/// Books a cost, or takes one back, on the day on which its step began.
fn spend(conn: &Connection, row: &NotificationRow, channel: Channel, cost: &Cost, begun_at: Ms) -> Result<()> {
    if cost.micros == 0 {
        return Ok(());
    }
    let sql = "INSERT INTO notification_spent (tenant_id, day, scope, currency, micros) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (tenant_id, day, scope, currency) DO UPDATE SET micros = micros + excluded.micros";
    let mut statement = conn.prepare_cached(sql)?;
    for scope in Scope::of(channel, &row.account) {
        statement.execute(params![row.tenant, begun_at / DAY_MS, scope.name(), cost.currency, cost.micros])?;
    }
    Ok(())
}

/// The cost of a delivery has become known, or is nothing after all.
pub(super) fn settle(conn: &Connection, row: &NotificationRow, delivery: &DeliveryRow, cost: &Cost) -> Result<()> {
    let booked = Cost { currency: delivery.currency.clone().unwrap_or_else(|| cost.currency.clone()), micros: -delivery.cost };
    spend(conn, row, delivery.channel, &booked, delivery.begun_at)?;
    spend(conn, row, delivery.channel, cost, delivery.begun_at)?;
    // The cap is in the tariff's currency: what is told in another one leaves the tariff standing there.
    if booked.currency == cost.currency {
        let sql = "UPDATE notifications SET spent = spent + ?3 WHERE tenant_id = ?1 AND notification_id = ?2";
        conn.prepare_cached(sql)?.execute(params![row.tenant, row.id.as_bytes(), cost.micros - delivery.cost])?;
    }
    let sql = "UPDATE deliveries SET currency = ?4, cost = ?5, estimated = 0 \
               WHERE tenant_id = ?1 AND notification_id = ?2 AND leg = ?3";
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        row.id.as_bytes(),
        number(delivery.leg),
        cost.currency,
        cost.micros
    ])?;
    Ok(())
}

/// Forgets the sums of days before this.
pub(super) fn sweep(conn: &Connection, before: Ms, most: i64) -> Result<usize> {
    let sql = "DELETE FROM notification_spent WHERE (tenant_id, day, scope, currency) IN \
               (SELECT tenant_id, day, scope, currency FROM notification_spent WHERE day < ?1 LIMIT ?2)";
    Ok(conn.prepare_cached(sql)?.execute(params![before / DAY_MS, most])?)
}
