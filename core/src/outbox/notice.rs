//! Notifications: which of them this device knows, so that a double is not shown, and what the server is still to be told.
//!
//! A notification may come by several tries and channels under one id. The first word of each kind, `received` and `opened`,
//! is stored beside the id in one transaction; a second one changes nothing and travels nowhere.

use rusqlite::{Connection, params};

use super::{command::Tx, meta::Uptime};
use crate::Error;

/// How long an id is known, by the uptime clock: 30 days from the first word of it.
const KNOWN_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Ids that are known, at most; the newest stay.
const KNOWN_MAX: i64 = 10_000;
/// Receipts that wait for the next exchange, at most: the oldest `received` goes first, since `opened` says more.
const WAITING_MAX: i64 = 1_000;

pub(crate) const FORGET: &str = "DELETE FROM notifications WHERE seen_up < ?1";

/// Notes that a notification was received or opened. `true`: that is news, and the server is to be told.
pub(crate) fn note(tx: &mut Tx<'_>, id: &str, opened: bool) -> Result<bool, Error> {
    let (connection, uptime) = (tx.connection, &tx.context.uptime);
    connection.prepare_cached(FORGET)?.execute([since(uptime)])?;
    let sql = "INSERT INTO notifications (id, opened, seen_up) VALUES (?1, ?2, ?3)
        ON CONFLICT (id) DO UPDATE SET opened = 1 WHERE excluded.opened > opened";
    if connection.prepare_cached(sql)?.execute(params![id, opened, uptime.now()])? == 0 {
        return Ok(false);
    }
    let sql = "INSERT INTO notices (notification_id, event, at_up) VALUES (?1, IIF(?2, 'opened', 'received'), ?3)";
    connection.prepare_cached(sql)?.execute(params![id, opened, uptime.now()])?;
    let sql = "DELETE FROM notifications WHERE seq <= (SELECT MAX(seq) FROM notifications) - ?1";
    connection.prepare_cached(sql)?.execute([KNOWN_MAX])?;
    let sql = "DELETE FROM notices WHERE seq IN (SELECT seq FROM notices ORDER BY event = 'opened', seq
        LIMIT (SELECT MAX(COUNT(*) - ?1, 0) FROM notices))";
    connection.prepare_cached(sql)?.execute([WAITING_MAX])?;
    uptime.save(connection)?;
    tx.nudge = true;
    Ok(true)
}

/// Was anything noted of this notification?
pub(crate) fn is_known(connection: &Connection, uptime: &Uptime, id: &str) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM notifications WHERE id = ?1 AND seen_up >= ?2)";
    Ok(connection.prepare_cached(sql)?.query_row(params![id, since(uptime)], |row| row.get(0))?)
}

fn since(uptime: &Uptime) -> i64 {
    uptime.now().saturating_sub(KNOWN_MS)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::Arc;

    use super::*;
    use crate::{
        ManualClock,
        outbox::{command::Context, memory::Memory, schema, seal::Sealer},
    };

    const RECEIVED: bool = false;
    const OPENED: bool = true;

    /// A database in memory and a clock that stands still.
    struct Desk {
        connection: Connection,
        clock: Arc<ManualClock>,
        context: Context,
    }

    impl Desk {
        fn new() -> Self {
            let connection = schema::in_memory();
            let clock = Arc::new(ManualClock::new(0));
            let uptime = Uptime::load(&connection, Arc::clone(&clock) as _).unwrap();
            let sealer = Sealer::new(None, Vec::new());
            let context = Context { uptime, sealer, quota_operations: 0, quota_bytes: 0, retention_ms: 0 };
            Self { connection, clock, context }
        }

        fn note(&self, id: &str, opened: bool) -> bool {
            let (connection, context) = (&self.connection, &self.context);
            let mut memory = Memory::default();
            let mut tx = Tx { connection, memory: &mut memory, context, news: Vec::new(), nudge: false };
            let is_news = note(&mut tx, id, opened).unwrap();
            assert_eq!(tx.nudge, is_news, "who syncs is woken for what is new, and for nothing else");
            is_news
        }

        fn knows(&self, id: &str) -> bool {
            is_known(&self.connection, &self.context.uptime, id).unwrap()
        }

        fn advance(&self, ms: i64) {
            self.clock.advance(Duration::from_millis(ms.unsigned_abs()));
        }

        fn waiting(&self) -> Vec<String> {
            let sql = "SELECT event || ' ' || notification_id FROM notices ORDER BY seq";
            let mut statement = self.connection.prepare(sql).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        }
    }

    #[test]
    fn an_id_is_known_for_thirty_days_to_the_millisecond() {
        let desk = Desk::new();
        assert!(desk.note("a", RECEIVED));
        desk.advance(KNOWN_MS);
        assert!(desk.knows("a") && !desk.note("a", RECEIVED));
        desk.advance(1);
        assert!(!desk.knows("a"), "also before something sweeps");
        assert!(desk.note("a", RECEIVED));
    }

    #[test]
    fn to_open_it_makes_an_id_known_no_longer() {
        let desk = Desk::new();
        assert!(desk.note("a", RECEIVED));
        desk.advance(KNOWN_MS);
        assert!(desk.note("a", OPENED));
        desk.advance(1);
        assert!(!desk.knows("a"));
    }

    #[test]
    fn the_ten_thousand_newest_ids_are_known() {
        let desk = Desk::new();
        for id in 0..KNOWN_MAX {
            assert!(desk.note(&id.to_string(), RECEIVED));
        }
        assert!(desk.knows("0") && !desk.note("0", RECEIVED), "as many as are known");
        assert!(desk.note("new", RECEIVED));
        assert!(!desk.knows("0") && desk.knows("1") && desk.knows("new"));
        let count: i64 = desk.connection.query_row("SELECT COUNT(*) FROM notifications", [], |row| row.get(0)).unwrap();
        assert_eq!(count, KNOWN_MAX);
    }

    #[test]
    fn where_too_many_receipts_wait_the_oldest_received_goes_first() {
        let desk = Desk::new();
        assert!(desk.note("old", OPENED) && desk.note("a", RECEIVED) && desk.note("b", RECEIVED));
        for id in 3..WAITING_MAX {
            assert!(desk.note(&id.to_string(), OPENED));
        }
        let full = desk.waiting();
        assert_eq!((full.len(), full[1].as_str()), (1_000, "received a"), "as many as may wait");

        assert!(desk.note("b", OPENED));
        let after = desk.waiting();
        assert_eq!((after.len(), &after[..2]), (1_000, &["opened old".to_owned(), "received b".to_owned()][..]));
        assert!(desk.knows("a"), "it is a double all the same");
    }

    #[test]
    fn where_only_opened_ones_wait_the_oldest_of_them_goes() {
        let desk = Desk::new();
        for id in 0..=WAITING_MAX {
            assert!(desk.note(&id.to_string(), OPENED));
        }
        let waiting = desk.waiting();
        assert_eq!((waiting.len(), waiting[0].as_str()), (1_000, "opened 1"));
    }
}
