//! What became of notifications, by type and channel.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use tarishi_protocol::Money;

use crate::{
    chain::Cost,
    store::{ChainFigures, ChainSavings, Ms, Result},
};

/// Figures since a time, of one type or of all.
pub(in super::super) fn figures(conn: &Connection, tenant: &str, kind: Option<&str>, since: Ms) -> Result<Vec<ChainFigures>> {
    let mut all: BTreeMap<(String, String), ChainFigures> = BTreeMap::new();
    let sql = "SELECT n.kind, d.channel, count(d.operation_id), count(d.accepted_at), count(d.delivered_at), count(d.read_at), \
               sum(d.late), sum(d.estimated) FROM deliveries d JOIN notifications n ON n.tenant_id = d.tenant_id \
               AND n.notification_id = d.notification_id WHERE n.tenant_id = ?1 AND n.created_at >= ?2 AND (?3 IS NULL OR n.kind = ?3) \
               GROUP BY 1, 2";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, since, kind], |row| {
        let number = |column: usize| row.get::<_, i64>(column).map(i64::unsigned_abs);
        Ok(ChainFigures {
            kind: row.get(0)?,
            channel: row.get(1)?,
            attempted: number(2)?,
            accepted: number(3)?,
            delivered: number(4)?,
            read: number(5)?,
            late: number(6)?,
            estimated: number(7)?,
            ..ChainFigures::default()
        })
    })?;
    for row in rows {
        let row = row?;
        all.insert((row.kind.clone(), row.channel.clone()), row);
    }
    escalated(conn, tenant, kind, since, &mut all)?;
    costs(conn, tenant, kind, since, &mut all)?;
    times(conn, tenant, kind, since, &mut all)?;
    Ok(all.into_values().collect())
}

type All = BTreeMap<(String, String), ChainFigures>;

/// Why the chain went on from a channel: left out, failed, or nothing was heard in time.
fn escalated(conn: &Connection, tenant: &str, kind: Option<&str>, since: Ms, all: &mut All) -> Result<()> {
    let sql = "SELECT n.kind, d.channel, CASE WHEN d.lost THEN coalesce(substr(d.reason, 1, instr(d.reason || ':', ':') - 1), 'failed') \
               ELSE 'no_receipt' END, count(*) FROM deliveries d JOIN notifications n ON n.tenant_id = d.tenant_id \
               AND n.notification_id = d.notification_id WHERE n.tenant_id = ?1 AND n.created_at >= ?2 AND (?3 IS NULL OR n.kind = ?3) \
               AND EXISTS (SELECT 1 FROM deliveries e WHERE e.tenant_id = d.tenant_id AND e.notification_id = d.notification_id \
               AND e.leg > d.leg) GROUP BY 1, 2, 3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, since, kind], |row| {
        Ok(((row.get(0)?, row.get(1)?), row.get::<_, String>(2)?, row.get::<_, i64>(3)?.unsigned_abs()))
    })?;
    for row in rows {
        let (key, reason, count) = row?;
        all.entry(key).or_default().escalated.insert(reason, count);
    }
    Ok(())
}

fn costs(conn: &Connection, tenant: &str, kind: Option<&str>, since: Ms, all: &mut All) -> Result<()> {
    let sql = "SELECT n.kind, d.channel, d.currency, sum(d.cost) FROM deliveries d JOIN notifications n ON n.tenant_id = d.tenant_id \
               AND n.notification_id = d.notification_id WHERE n.tenant_id = ?1 AND n.created_at >= ?2 AND (?3 IS NULL OR n.kind = ?3) \
               AND d.cost > 0 AND d.currency IS NOT NULL GROUP BY 1, 2, 3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, since, kind], |row| {
        Ok(((row.get(0)?, row.get(1)?), row.get::<_, String>(2)?, row.get::<_, i64>(3)?))
    })?;
    for row in rows {
        let (key, currency, micros) = row?;
        all.entry(key).or_default().cost.insert(currency, micros);
    }
    Ok(())
}

/// From the beginning of a step until its message was on the phone.
fn times(conn: &Connection, tenant: &str, kind: Option<&str>, since: Ms, all: &mut All) -> Result<()> {
    let sql = "SELECT kind, channel, max(CASE WHEN place <= (2 + n - 1) / 2 THEN took END), \
               max(CASE WHEN place <= (95 * n + 99) / 100 THEN took END) FROM \
               (SELECT n.kind kind, d.channel channel, d.delivered_at - d.begun_at took, \
               row_number() OVER (PARTITION BY n.kind, d.channel ORDER BY d.delivered_at - d.begun_at) place, \
               count(*) OVER (PARTITION BY n.kind, d.channel) n \
               FROM deliveries d JOIN notifications n ON n.tenant_id = d.tenant_id AND n.notification_id = d.notification_id \
               WHERE n.tenant_id = ?1 AND n.created_at >= ?2 AND (?3 IS NULL OR n.kind = ?3) AND d.delivered_at IS NOT NULL) \
               GROUP BY 1, 2";
    let mut statement = conn.prepare_cached(sql)?;
    let rows =
        statement.query_map(params![tenant, since, kind], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?, row.get(3)?)))?;
    for row in rows {
        let (key, p50, p95) = row?;
        let figures = all.entry(key).or_default();
        (figures.p50_ms, figures.p95_ms) = (p50, p95);
    }
    Ok(())
}

/// What each type cost against an SMS to everybody whom anything was sent to: of types whose route names an SMS's tariff.
pub(in super::super) fn savings(conn: &Connection, tenant: &str, kind: Option<&str>, since: Ms) -> Result<Vec<ChainSavings>> {
    let sql = "SELECT n.kind, json_extract(l.value, '$.tariff'), count(*) FROM notifications n \
               JOIN broadcasts b ON b.tenant_id = n.tenant_id AND b.operation_id = n.operation_id, json_each(b.route, '$.channels') l \
               WHERE n.tenant_id = ?1 AND n.created_at >= ?2 AND (?3 IS NULL OR n.kind = ?3) \
               AND json_extract(l.value, '$.channel') = 'sms' AND json_extract(l.value, '$.tariff') IS NOT NULL \
               AND EXISTS (SELECT 1 FROM deliveries d WHERE d.tenant_id = n.tenant_id \
               AND d.notification_id = n.notification_id AND d.operation_id IS NOT NULL) GROUP BY 1, 2";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, since, kind], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
    })?;
    let mut all: BTreeMap<(String, String), ChainSavings> = BTreeMap::new();
    for row in rows {
        let (kind, tariff, people) = row?;
        let tariff = Cost::of(&super::book::from_json::<Money>(&tariff)?);
        let sums = all.entry((kind.clone(), tariff.currency.clone())).or_default();
        (sums.kind, sums.currency) = (kind, tariff.currency);
        sums.told += people.unsigned_abs();
        sums.all_sms = sums.all_sms.saturating_add(tariff.micros.saturating_mul(people));
    }
    let mut costs_of = All::new();
    costs(conn, tenant, kind, since, &mut costs_of)?;
    for ((kind, _), figures) in costs_of {
        for (currency, micros) in figures.cost {
            if let Some(sums) = all.get_mut(&(kind.clone(), currency)) {
                sums.cost = sums.cost.saturating_add(micros);
            }
        }
    }
    Ok(all.into_values().collect())
}
