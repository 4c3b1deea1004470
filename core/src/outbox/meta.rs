//! The small facts beside the queue, and the clock that survives reboots.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, ToSql, types::FromSql};

use crate::Clock;

/// 16 random bytes that name this database; part of what seals its rows.
pub(crate) const DEVICE: &str = "device";
/// Whose queue this is.
pub(crate) const ACCOUNT: &str = "account";
/// Where the feed stands.
pub(crate) const CURSOR: &str = "cursor";
/// No exchange number at or above this one has been used.
pub(crate) const EXCHANGE_END: &str = "exchange_end";
/// The last server time seen, in milliseconds since 1970.
pub(crate) const SERVER_TIME: &str = "server_time";
/// What the server takes, as JSON.
pub(crate) const LIMITS: &str = "limits";
/// The server asked not to come back before this uptime.
pub(crate) const HARD_UNTIL: &str = "hard_until";
/// A body of more bytes than this was refused as too large.
pub(crate) const CEILING: &str = "ceiling";
/// Bytes spent on metered networks, and the day they were spent on.
pub(crate) const METERED_DAY: &str = "metered_day";
/// See [`METERED_DAY`].
pub(crate) const METERED_BYTES: &str = "metered_bytes";

const BOOT_ID: &str = "boot_id";
const BOOT: &str = "boot";
const BASE: &str = "base";
const UPTIME: &str = "uptime";

pub(crate) fn get<T: FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get::<_, Option<T>>(0)).optional()?.flatten())
}

pub(crate) fn put(connection: &Connection, name: &str, value: impl ToSql) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute(rusqlite::params![name, value]).map(drop)
}

/// Milliseconds this device is known to have been running since the database was made: never goes back, whatever happens to
/// the wall clock, and counts sleep. Time while the device was off is not in it, so an age by it is a lower bound unless the
/// boot is the same.
#[derive(Clone, Debug)]
pub(crate) struct Uptime {
    clock: Arc<dyn Clock>,
    base: i64,
    boot: i64,
    exact: bool,
}

impl Uptime {
    /// Continues the clock that the database holds.
    pub(crate) fn load(connection: &Connection, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        let boot_now = i64::try_from(clock.boot_ms()).unwrap_or(i64::MAX);
        let id_now = clock.boot_id();
        let id_then: Option<String> = get(connection, BOOT_ID)?;
        let boot_then: i64 = get(connection, BOOT)?.unwrap_or(0);
        let seen: i64 = get(connection, UPTIME)?.unwrap_or(0);
        let newest = "SELECT created_up FROM operations ORDER BY seq DESC LIMIT 1";
        let queued: i64 = connection.query_row(newest, [], |row| row.get(0)).optional()?.unwrap_or(0);
        let last = seen.max(queued);
        let base_then: Option<i64> = get(connection, BASE)?;
        let same_boot = id_now.is_some() && id_now == id_then;
        let (base, boot) = match base_then {
            Some(base) if same_boot => (base, boot_then),
            // Another boot began after all that is known, at zero.
            Some(_) if id_now.is_some() && id_then.is_some() => (last, boot_then + 1),
            // Nobody says whether it is the same boot: only time within this run counts.
            Some(_) | None => (last - boot_now, boot_then + 1),
        };
        put(connection, BOOT_ID, &id_now)?;
        put(connection, BOOT, boot)?;
        put(connection, BASE, base)?;
        let uptime = Self { clock, base, boot, exact: id_now.is_some() };
        uptime.save(connection)?;
        Ok(uptime)
    }

    /// Now.
    pub(crate) fn now(&self) -> i64 {
        i64::try_from(self.clock.boot_ms()).unwrap_or(i64::MAX).saturating_add(self.base)
    }

    /// Remembers how far it has come; rides on writes that happen anyway.
    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET value = MAX(value, excluded.value)";
        connection.prepare_cached(sql)?.execute(rusqlite::params![UPTIME, self.now()]).map(drop)
    }

    /// The number of this boot, stored beside times.
    pub(crate) fn boot(&self) -> i64 {
        self.boot
    }

    /// How long ago something was, and whether that is exact.
    pub(crate) fn age(&self, then: i64, boot: i64) -> (u64, bool) {
        let age = u64::try_from(self.now().saturating_sub(then)).unwrap_or(0);
        (age, self.exact && boot == self.boot)
    }

    /// The wall clock; shown, never trusted.
    pub(crate) fn wall_ms(&self) -> i64 {
        self.clock.wall_ms()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::ManualClock;

    fn load(connection: &Connection, clock: &Arc<ManualClock>) -> Uptime {
        Uptime::load(connection, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
    }

    #[test]
    fn an_age_is_exact_within_a_boot_and_a_lower_bound_after_it() {
        let connection = super::super::schema::in_memory();
        let clock = Arc::new(ManualClock::new(0));
        let first = load(&connection, &clock);
        let (then, boot) = (first.now(), first.boot());
        clock.advance(Duration::from_secs(100));
        assert_eq!(first.age(then, boot), (100_000, true));
        first.save(&connection).unwrap();
        let again = load(&connection, &clock);
        assert_eq!(again.age(then, boot), (100_000, true), "a restart of the app changes nothing");
        clock.reboot(Some("boot-2"));
        let second = load(&connection, &clock);
        assert_eq!(second.age(then, boot), (160_000, false), "what ran before and the minute since the boot");
    }

    #[test]
    fn a_wall_clock_that_jumps_changes_no_age() {
        let connection = super::super::schema::in_memory();
        let clock = Arc::new(ManualClock::new(1_000_000));
        let uptime = load(&connection, &clock);
        let then = uptime.now();
        clock.set_wall_ms(-40_000_000);
        assert_eq!(uptime.age(then, uptime.boot()), (0, true));
    }

    #[test]
    fn without_a_boot_id_no_age_is_exact_and_none_is_too_large() {
        let connection = super::super::schema::in_memory();
        let clock = Arc::new(ManualClock::new(0));
        clock.reboot(None);
        let first = load(&connection, &clock);
        let (then, boot) = (first.now(), first.boot());
        clock.advance(Duration::from_secs(5));
        assert_eq!(first.age(then, boot), (5_000, false));
        first.save(&connection).unwrap();
        clock.advance(Duration::from_secs(50));
        let second = load(&connection, &clock);
        assert_eq!(second.age(then, boot), (5_000, false), "the time between two runs is unknown");
    }
}
