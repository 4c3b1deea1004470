//! Operations that the server cannot digest step aside, so that one of them does not stop a phone.

use rusqlite::params;
use tarishi_protocol::{Code, OperationId, Problem};

use super::{
    command::Tx,
    plan::bury,
    row::TIMED,
    transition::{self, Moves},
};
use crate::{Error, Event};

/// Server errors for one operation alone, within a day, after which it steps aside.
const STRIKES_MAX: i64 = 5;
/// The window of the strikes, and how often one that stepped aside is tried: a day.
pub(crate) const ASIDE_MS: i64 = 24 * 3_600 * 1_000;
/// The first wait after a strike; it doubles.
const STRIKE_WAIT_MS: i64 = 10_000;

/// The server answered everything but this operation. `for_good`: it called the request itself wrong.
pub(crate) fn strike(tx: &mut Tx<'_>, id: OperationId, for_good: bool) -> Result<(), Error> {
    let Some(row) = transition::by_id(tx, id)?.filter(|row| row.state.is_unreceipted()) else { return Ok(()) };
    let now = tx.context.uptime.now();
    let fresh = row.strikes == 0 || now.saturating_sub(row.strikes_up) > ASIDE_MS;
    let (strikes, since) = if fresh { (1, now) } else { (row.strikes + 1, row.strikes_up) };
    let aside = for_good || row.aside || strikes >= STRIKES_MAX;
    let shift = u32::try_from(strikes - 1).unwrap_or(0).min(10);
    let wait = if aside { ASIDE_MS } else { STRIKE_WAIT_MS << shift };
    let problem = Problem::new(Code::ServerError, "the server fails on this operation; it is tried again later");
    // One that says `halt` keeps its place and holds its key; others leave the order and the key goes on.
    let leaves = aside && !row.halt;
    let sql = "UPDATE operations SET strikes = ?2, strikes_up = ?3, parked = ?4, not_before = ?5, problem = ?6,
        aside = CASE WHEN ?7 THEN 1 ELSE aside END, head = CASE WHEN ?7 THEN 1 ELSE head END WHERE seq = ?1";
    let problem = transition::as_json(&problem);
    tx.connection.prepare_cached(sql)?.execute(params![
        row.seq,
        strikes,
        since,
        TIMED,
        now.saturating_add(wait),
        problem,
        leaves
    ])?;
    if leaves && !row.aside {
        let mut moves = Moves::default();
        moves.leaves_order(&row);
        moves.finish(tx)?;
    }
    tx.news.push(Event::OperationChanged { id, state: row.state });
    Ok(())
}

/// One operation alone is larger than the server takes.
pub(crate) fn too_large(tx: &mut Tx<'_>, id: OperationId) -> Result<(), Error> {
    let Some(row) = transition::by_id(tx, id)? else { return Ok(()) };
    bury(tx, &row, Code::PayloadTooLarge, "it is larger than the server takes")
}
