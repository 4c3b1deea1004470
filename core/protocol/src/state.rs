//! Where an operation stands at the server.

use serde::{Deserialize, Serialize};

/// The state of an operation at the server. `settle` only climbs [`State::rank`]; the few ways down are a transient retry,
/// `redrive`, `resolve --run-again` and the revival of a dependent whose parent succeeded late.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Accepted; waits for an operation before it (ordering key or `after`).
    Held,
    /// May be executed. Only this state is ever executed.
    Ready,
    /// A call to the provider is open. Only ever recovered, never executed again.
    Calling,
    /// The outcome is unknown and a human is asked.
    Unresolved,
    /// Too old to begin.
    Expired,
    /// Cancelled before anything was done.
    Cancelled,
    /// Ended without the effect.
    Failed,
    /// Ended with the effect.
    Succeeded,
    /// The provider has it; its answer comes later. An unknown state from a newer server reads as this one.
    #[serde(other)]
    Waiting,
}

impl State {
    /// All states, lowest first.
    pub const ALL: [Self; 9] = [
        Self::Held,
        Self::Ready,
        Self::Calling,
        Self::Waiting,
        Self::Unresolved,
        Self::Expired,
        Self::Cancelled,
        Self::Failed,
        Self::Succeeded,
    ];

    /// Height in `held, ready < calling < waiting < unresolved < expired, cancelled, failed < succeeded`.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Held | Self::Ready => 0,
            Self::Calling => 1,
            Self::Waiting => 2,
            Self::Unresolved => 3,
            Self::Expired | Self::Cancelled | Self::Failed => 4,
            Self::Succeeded => 5,
        }
    }

    /// Nothing more will happen by itself.
    #[must_use]
    pub fn is_ended(self) -> bool {
        self.rank() >= 4
    }

    /// An attempt may be under way or have had an effect: TTL and cancel no longer apply.
    #[must_use]
    pub fn may_have_effect(self) -> bool {
        (1..=3).contains(&self.rank())
    }

    /// The word on the wire and in databases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Ready => "ready",
            Self::Calling => "calling",
            Self::Waiting => "waiting",
            Self::Unresolved => "unresolved",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
        }
    }

    /// The state of a word that [`State::as_str`] wrote.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_a_newer_server_reads_as_waiting() {
        assert_eq!(serde_json::from_str::<State>("\"pondering\"").unwrap(), State::Waiting);
    }

    #[test]
    fn every_word_is_read_back() {
        for state in State::ALL {
            assert_eq!(State::from_word(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
