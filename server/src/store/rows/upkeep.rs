//! Retention and figures.

use tarishi_protocol::State;

use super::{LaneRow, Ms};

/// How long things are kept, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Operations that moved no money, after their end.
    pub operations: Ms,
    /// Lines of the log that had no effect.
    pub polls: Ms,
    /// Webhooks, and events that matched nothing.
    pub webhooks: Ms,
}

/// Figures for `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Operations not ended, by adapter and state.
    pub depth: Vec<(String, State, u64)>,
    /// Operations ended, by adapter and state.
    pub ended: Vec<(String, State, u64)>,
    /// Attempts, by adapter and result.
    pub attempts: Vec<(String, String, u64)>,
    /// Lanes.
    pub lanes: Vec<LaneRow>,
    /// Dead letters.
    pub dead_letters: u64,
    /// Webhook events that match nothing yet.
    pub unmatched_events: u64,
}
