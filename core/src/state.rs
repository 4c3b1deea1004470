//! Where an operation stands on the device, and the one `match` that moves it.

use core::fmt;

use serde::{Deserialize, Serialize};
use tarishi_protocol::State;

/// The state of an operation on the device.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Only here; never sent. Only this state may be edited, expired or cancelled on the device.
    Pending,
    /// The server may have it. Nothing leads back to `pending`.
    InFlight,
    /// Durable at the server.
    Accepted,
    /// The provider has it.
    Waiting,
    /// The outcome is unknown and a human is asked.
    Unresolved,
    /// Ended with the effect.
    Succeeded,
    /// Ended without the effect.
    Failed,
    /// The server will never run it.
    Refused,
    /// Cancelled before anything was done.
    Cancelled,
    /// Too old to begin.
    Expired,
    /// Cannot be sent; on the device only.
    Dead,
}

/// What moves an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// It goes into a batch.
    Planned,
    /// The server answered `accepted` or `duplicate`, standing here.
    Receipted(State),
    /// The server answered `refused`.
    Refused,
    /// The feed says where it stands.
    Told(State),
    /// The server granted the wish to cancel.
    CancelGranted,
    /// The person cancelled before it was ever sent.
    CancelledHere,
    /// It grew too old before it was ever sent.
    ExpiredHere,
    /// What it depends on ended another way, both never sent.
    DependencyFailedHere,
    /// It cannot be read or is too large to travel.
    Unsendable,
    /// The server was restored from a backup and asks for what has not ended.
    Reset,
}

impl DeviceState {
    /// All states, in order of their codes.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::InFlight,
        Self::Accepted,
        Self::Waiting,
        Self::Unresolved,
        Self::Succeeded,
        Self::Failed,
        Self::Refused,
        Self::Cancelled,
        Self::Expired,
        Self::Dead,
    ];

    /// Nothing more will happen by itself.
    #[must_use]
    pub fn is_ended(self) -> bool {
        self.code() >= Self::Succeeded.code()
    }

    /// No receipt has come yet: it belongs into the next batches.
    #[must_use]
    pub fn is_unreceipted(self) -> bool {
        matches!(self, Self::Pending | Self::InFlight)
    }

    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight => "in_flight",
            Self::Accepted => "accepted",
            Self::Waiting => "waiting",
            Self::Unresolved => "unresolved",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Dead => "dead",
        }
    }

    /// The state of a word that [`DeviceState::as_str`] wrote.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The number in the database; the partial indexes of the schema rest on this order.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::InFlight => 1,
            Self::Accepted => 2,
            Self::Waiting => 3,
            Self::Unresolved => 4,
            Self::Succeeded => 5,
            Self::Failed => 6,
            Self::Refused => 7,
            Self::Cancelled => 8,
            Self::Expired => 9,
            Self::Dead => 10,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        usize::try_from(code).ok().and_then(|index| Self::ALL.get(index).copied())
    }

    /// How the server's state reads here.
    pub(crate) fn of_server(state: State) -> Self {
        match state {
            State::Held | State::Ready | State::Calling => Self::Accepted,
            State::Waiting => Self::Waiting,
            State::Unresolved => Self::Unresolved,
            State::Expired => Self::Expired,
            State::Cancelled => Self::Cancelled,
            State::Failed => Self::Failed,
            State::Succeeded => Self::Succeeded,
        }
    }

    /// How an end on this device, before anything was sent, counts for what waits for it.
    pub(crate) fn as_parent_end(self) -> Option<State> {
        match self {
            Self::Cancelled => Some(State::Cancelled),
            Self::Expired => Some(State::Expired),
            Self::Failed | Self::Refused | Self::Dead => Some(State::Failed),
            Self::Succeeded => Some(State::Succeeded),
            Self::Pending | Self::InFlight | Self::Accepted | Self::Waiting | Self::Unresolved => None,
        }
    }

    /// Where this cause leads; `None` refuses the move.
    pub(crate) fn step(self, cause: Cause) -> Option<Self> {
        match (self, cause) {
            (Self::Succeeded, _) => None,
            (Self::Pending | Self::InFlight, Cause::Planned) => Some(Self::InFlight),
            (Self::Pending | Self::InFlight, Cause::Receipted(state)) => Some(Self::of_server(state)),
            (Self::Pending | Self::InFlight, Cause::Refused) => Some(Self::Refused),
            (Self::Pending | Self::InFlight, Cause::Unsendable) => Some(Self::Dead),
            (Self::Pending, Cause::CancelledHere) => Some(Self::Cancelled),
            (Self::Pending, Cause::ExpiredHere) => Some(Self::Expired),
            (Self::Pending, Cause::DependencyFailedHere) => Some(Self::Failed),
            // The feed is the only source of outcomes; it may revive what had ended.
            (_, Cause::Told(state)) => Some(Self::of_server(state)),
            (Self::InFlight | Self::Accepted | Self::Waiting | Self::Unresolved, Cause::CancelGranted) => Some(Self::Cancelled),
            (Self::InFlight | Self::Accepted | Self::Waiting | Self::Unresolved, Cause::Reset) => Some(Self::InFlight),
            (
                _,
                Cause::Planned
                | Cause::Receipted(_)
                | Cause::Refused
                | Cause::Unsendable
                | Cause::CancelledHere
                | Cause::ExpiredHere
                | Cause::DependencyFailedHere
                | Cause::CancelGranted
                | Cause::Reset,
            ) => None,
        }
    }
}

impl fmt::Display for DeviceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes() -> Vec<Cause> {
        let mut causes = vec![
            Cause::Planned,
            Cause::Refused,
            Cause::CancelGranted,
            Cause::CancelledHere,
            Cause::ExpiredHere,
            Cause::DependencyFailedHere,
            Cause::Unsendable,
            Cause::Reset,
        ];
        causes.extend(State::ALL.map(Cause::Receipted));
        causes.extend(State::ALL.map(Cause::Told));
        causes
    }

    #[test]
    fn nothing_returns_to_pending() {
        for state in DeviceState::ALL {
            for cause in causes() {
                assert_ne!(state.step(cause), Some(DeviceState::Pending), "{state} by {cause:?}");
            }
        }
    }

    #[test]
    fn nothing_leaves_succeeded() {
        assert!(causes().into_iter().all(|cause| DeviceState::Succeeded.step(cause).is_none()));
    }

    #[test]
    fn only_pending_is_cancelled_or_expired_here() {
        for state in DeviceState::ALL.into_iter().filter(|state| *state != DeviceState::Pending) {
            for cause in [Cause::CancelledHere, Cause::ExpiredHere, Cause::DependencyFailedHere] {
                assert_eq!(state.step(cause), None, "{state} by {cause:?}");
            }
        }
    }

    #[test]
    fn the_feed_moves_everything_that_has_not_succeeded() {
        for state in DeviceState::ALL.into_iter().filter(|state| *state != DeviceState::Succeeded) {
            assert_eq!(state.step(Cause::Told(State::Succeeded)), Some(DeviceState::Succeeded));
        }
    }

    #[test]
    fn words_and_codes_are_read_back() {
        for state in DeviceState::ALL {
            assert_eq!(DeviceState::from_code(state.code()), Some(state));
            assert_eq!(DeviceState::from_word(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
