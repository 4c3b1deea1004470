//! `cargo demo`: a school's morning on a bad network, with everything going wrong that can, and the providers' books at the end.
//!
//! Three phones queue three hundred operations without network and go online over 2G. One phone and the server are killed with
//! SIGKILL in the middle of it; then one operation goes through every adapter, and a class's parents are told that school is closed. The closing table is read from the simulated providers' ledger, not from our own tables.

mod acts;
mod board;
mod broadcast;
mod cast;
mod handset;
mod stage;
mod table;
mod timeline;
mod tour;

use crate::harness::Result;

/// Plays the demo; true if every operation happened exactly once.
///
/// # Errors
/// Something does not start, or does not come to an end.
pub async fn run() -> Result<bool> {
    Box::pin(acts::play()).await
}
