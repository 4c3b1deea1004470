//! *Why is it waiting?* as an answer, not a guess.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tarishi_protocol::{Code, OperationId, catalog};

use crate::{
    DeviceState, Error,
    clock::date,
    inner::Inner,
    outbox::{
        read,
        row::{GATED, Row, TIMED},
    },
    sync::backoff::Trouble,
};

/// Why an operation has not ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyReason {
    /// It has ended.
    NotWaiting,
    /// No network, or nothing comes back over it.
    Offline,
    /// The network costs, and the app or its budget forbids it.
    Metered,
    /// The last try failed or the server said later; see `until`.
    BackingOff,
    /// An earlier operation of its ordering key has no receipt yet; see `behind`.
    Behind,
    /// Another payment for the same reference is under way.
    PaymentInFlight,
    /// The person must sign in.
    NeedsAuth,
    /// The operator paused this action.
    PausedByServer,
    /// The server has it.
    AtServer,
    /// The provider has it.
    AtProvider,
    /// The outcome is unknown and a human is asked.
    Unresolved,
    /// The operation it waits for has no receipt yet; see `behind`.
    After,
    /// The client is suspended.
    Suspended,
    /// This version is too old for the server.
    UpgradeRequired,
    /// The server fails on this one; it is tried daily.
    ServerError,
    /// Nothing: it goes with the next exchange.
    Ready,
}

/// The answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Why {
    /// The reason.
    pub reason: WhyReason,
    /// Until when, where that is known; by the phone's wall clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<OperationId>,
}

impl Why {
    fn only(reason: WhyReason) -> Self {
        Self { reason, until: None, behind: None }
    }
}

impl Inner {
    pub(crate) async fn why(&self, id: OperationId) -> Result<Why, Error> {
        if self.conditions().suspended {
            return Ok(Why::only(WhyReason::Suspended));
        }
        // Whoever holds the flight has read them already.
        if let Ok(mut engine) = self.flight.try_lock() {
            engine.load(self).await?;
        }
        let found = self.outbox.read(move |connection, _| read::with_predecessor(connection, id)).await?;
        let (row, behind) = found.ok_or(Error::NotFound)?;
        let why = match row.state {
            DeviceState::Pending | DeviceState::InFlight => self.why_unreceipted(&row, behind),
            DeviceState::Accepted => Why::only(WhyReason::AtServer),
            DeviceState::Waiting => Why::only(WhyReason::AtProvider),
            DeviceState::Unresolved => Why::only(WhyReason::Unresolved),
            DeviceState::Succeeded
            | DeviceState::Failed
            | DeviceState::Refused
            | DeviceState::Cancelled
            | DeviceState::Expired
            | DeviceState::Dead => Why::only(WhyReason::NotWaiting),
        };
        Ok(why)
    }

    fn why_unreceipted(&self, row: &Row, behind: Option<OperationId>) -> Why {
        let (now, wall_ms) = (self.now(), self.wall_ms());
        let until = |at: i64| Some(date(wall_ms.saturating_add(at.saturating_sub(now).max(0))));
        let conditions = self.conditions();
        if let Some(reason) = conditions.forbidden(&self.options, now, wall_ms) {
            return Why::only(reason);
        }
        if let Some(earlier) = behind {
            return Why { behind: Some(earlier), ..Why::only(WhyReason::Behind) };
        }
        if row.parked == GATED
            && let Some(after) = row.after
        {
            return Why { behind: Some(after.operation_id), ..Why::only(WhyReason::After) };
        }
        if row.parked == TIMED && row.not_before > now {
            let is = |code: Code| row.problem.as_ref().is_some_and(|problem| problem.is(code));
            let reason = if is(Code::PaymentInFlight) {
                WhyReason::PaymentInFlight
            } else if is(Code::Paused) {
                WhyReason::PausedByServer
            } else if is(Code::ServerError) {
                WhyReason::ServerError
            } else {
                WhyReason::BackingOff
            };
            return Why { until: until(row.not_before), ..Why::only(reason) };
        }
        if conditions.limits.paused.iter().any(|pattern| catalog::pattern_covers(pattern, &row.adapter, &row.action)) {
            return Why::only(WhyReason::PausedByServer);
        }
        if let Some(gate) = conditions.gate(now) {
            let unreachable = conditions.backoff.trouble() == Some(Trouble::Unreachable) && conditions.hard_until != Some(gate);
            let reason = if unreachable { WhyReason::Offline } else { WhyReason::BackingOff };
            return Why { until: until(gate), ..Why::only(reason) };
        }
        Why::only(WhyReason::Ready)
    }
}
