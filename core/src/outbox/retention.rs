//! Forgets what ended long ago, a bounded portion at a time.
//!
//! Of money the row stays for ever, without its payload: the key must be known as long as somebody could ask twice.

use rusqlite::params;
use tarishi_protocol::catalog;

use super::command::Tx;
use crate::Error;

pub(crate) const SETTLED: &str =
    "SELECT seq, action FROM operations WHERE state >= 5 AND compact = 0 AND settled_up <= ?1 ORDER BY settled_up LIMIT 500";

/// Forgets up to 500 rows; `true` if there may be more.
pub(crate) fn forget(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let before = tx.context.uptime.now().saturating_sub(tx.context.retention_ms);
    let mut statement = tx.connection.prepare_cached(SETTLED)?;
    let found = statement.query_map(params![before], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found = found.collect::<Result<Vec<(i64, String)>, _>>()?;
    for (seq, action) in &found {
        let sql = if catalog::moves_money(action) {
            "UPDATE operations SET payload = NULL, form = 0, blobs = NULL, compact = 1 WHERE seq = ?1"
        } else {
            let links = "DELETE FROM links WHERE kind IN (1, 2, 3) AND id = (SELECT id FROM operations WHERE seq = ?1)";
            tx.connection.prepare_cached(links)?.execute([seq])?;
            "DELETE FROM operations WHERE seq = ?1"
        };
        tx.connection.prepare_cached(sql)?.execute([seq])?;
    }
    Ok(found.len() == 500)
}
