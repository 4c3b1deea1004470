//! Signing out with work left: what was never sent is thrown away, what may be at the server stays as a stub until the
//! server has answered the wish to cancel it.

use rusqlite::params;
use tarishi_protocol::{Code, Problem};

use super::{
    command::Tx,
    row::columns,
    transition::{self, Moves},
};
use crate::{DeviceState, Error, LogoutReport, state::Cause};

/// Counts what has not ended by how far it came.
pub(crate) fn count(tx: &Tx<'_>) -> LogoutReport {
    let [pending, in_flight, accepted, waiting, unresolved] = tx.memory.counts;
    LogoutReport { never_sent: pending, maybe_sent: in_flight, running: accepted + waiting + unresolved }
}

/// Throws away up to 500 operations that were never sent; `true` if there may be more.
pub(crate) fn drop_unsent(tx: &mut Tx<'_>) -> Result<bool, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM operations WHERE state = 0 ORDER BY expires_up LIMIT 500");
    let rows = transition::read_all(tx, sql, params![])?;
    let problem = Problem::new(Code::Cancelled, "thrown away at sign-out");
    let mut moves = Moves::default();
    for row in &rows {
        // A child of one thrown away just now may have ended already.
        if let Some(row) = transition::by_seq(tx, row.seq)?.filter(|row| row.state == DeviceState::Pending) {
            moves.end_here(tx, &row, Cause::CancelledHere, &problem)?;
        }
    }
    moves.finish(tx)?;
    Ok(rows.len() == 500)
}

/// Wishes to cancel everything that may be at the server.
pub(crate) fn wish_all(tx: &mut Tx<'_>) -> Result<(), Error> {
    tx.connection.execute_batch(
        "UPDATE operations SET wish = 1, head = 0 WHERE state >= 1 AND state <= 4;
         INSERT OR IGNORE INTO links (kind, id, seq) SELECT 4, id, seq FROM operations WHERE state >= 1 AND state <= 4;",
    )?;
    tx.nudge = true;
    Ok(())
}

/// Removes what ended and empties what has not: a stub knows its id and nothing private.
pub(crate) fn empty(tx: &mut Tx<'_>) -> Result<(), Error> {
    tx.connection.execute_batch(
        "DELETE FROM operations WHERE state >= 5;
         UPDATE operations SET payload = NULL, form = 0, outcome = NULL, outcome_form = 0, blobs = NULL, size = 0,
             ordering_key = NULL;
         DELETE FROM links WHERE kind <> 4;
         DELETE FROM notices;
         DELETE FROM notifications;",
    )?;
    tx.memory.bytes = 0;
    Ok(())
}
