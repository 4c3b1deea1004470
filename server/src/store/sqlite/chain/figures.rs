//! What became of notifications, by type and channel.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::store::{ChainFigures, Ms, Result};

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
