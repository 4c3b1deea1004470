//! What the writer keeps in memory so that no command counts rows.

use rusqlite::Connection;

use super::meta;
use crate::{DeviceState, Error};

/// Exchange numbers reserved by one write.
const EXCHANGE_BLOCK: u64 = 64;

/// Copied before each command and put back if the command is undone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Operations that have not ended, by state code.
    pub(crate) counts: [u64; 5],
    /// Bytes of their payloads.
    pub(crate) bytes: u64,
    /// The last server time seen.
    pub(crate) server_time: Option<i64>,
    exchange_next: u64,
    exchange_end: u64,
}

impl Memory {
    /// Counts once, over covering indexes that hold only what has not ended.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut memory = Self { server_time: meta::get(connection, meta::SERVER_TIME)?, ..Self::default() };
        let end = meta::get::<i64>(connection, meta::EXCHANGE_END)?.unwrap_or(1);
        memory.exchange_next = u64::try_from(end).unwrap_or(1);
        memory.exchange_end = memory.exchange_next;
        for sql in [
            "SELECT 0, COUNT(*), COALESCE(SUM(size), 0) FROM operations WHERE state = 0",
            "SELECT state, COUNT(*), SUM(size) FROM operations WHERE state >= 1 AND state <= 4 GROUP BY state",
        ] {
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (state, count, bytes): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                if let Some(slot) = usize::try_from(state).ok().and_then(|state| memory.counts.get_mut(state)) {
                    *slot = u64::try_from(count).unwrap_or(0);
                }
                memory.bytes += u64::try_from(bytes).unwrap_or(0);
            }
        }
        Ok(memory)
    }

    /// Operations that have not ended.
    pub(crate) fn live(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Operations without a receipt.
    pub(crate) fn unreceipted(&self) -> u64 {
        self.counts[0] + self.counts[1]
    }

    /// A row came into this state.
    pub(crate) fn add(&mut self, state: DeviceState, size: i64) {
        if let Some(slot) = self.slot(state) {
            *slot += 1;
            self.bytes += u64::try_from(size).unwrap_or(0);
        }
    }

    /// A row left this state.
    pub(crate) fn remove(&mut self, state: DeviceState, size: i64) {
        if let Some(slot) = self.slot(state) {
            *slot = slot.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(u64::try_from(size).unwrap_or(0));
        }
    }

    fn slot(&mut self, state: DeviceState) -> Option<&mut u64> {
        usize::try_from(state.code()).ok().and_then(|code| self.counts.get_mut(code))
    }

    /// The next exchange number; the block it is of is committed before it is used.
    pub(crate) fn next_exchange(&mut self, connection: &Connection) -> Result<u64, Error> {
        if self.exchange_next >= self.exchange_end {
            self.reserve(connection, self.exchange_next.saturating_add(EXCHANGE_BLOCK))?;
        }
        let number = self.exchange_next;
        self.exchange_next += 1;
        Ok(number)
    }

    /// Skips numbers: the server has seen a higher one.
    pub(crate) fn skip_exchanges(&mut self, connection: &Connection, by: u64) -> Result<(), Error> {
        self.exchange_next = self.exchange_next.saturating_add(by);
        self.reserve(connection, self.exchange_next.saturating_add(EXCHANGE_BLOCK))
    }

    fn reserve(&mut self, connection: &Connection, end: u64) -> Result<(), Error> {
        meta::put(connection, meta::EXCHANGE_END, i64::try_from(end).unwrap_or(i64::MAX))?;
        self.exchange_end = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchange_numbers_rise_over_restarts_and_their_block_is_stored_first() {
        let connection = super::super::schema::in_memory();
        let mut last = 0;
        for _ in 0..3 {
            let mut memory = Memory::load(&connection).unwrap();
            for _ in 0..100 {
                let number = memory.next_exchange(&connection).unwrap();
                assert!(number > last);
                let stored: i64 = meta::get(&connection, meta::EXCHANGE_END).unwrap().unwrap();
                assert!(u64::try_from(stored).unwrap() > number);
                last = number;
            }
        }
    }
}
