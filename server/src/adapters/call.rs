//! What an adapter is told.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::Value;
use tarishi_protocol::{OperationId, Payload, State};
use uuid::Uuid;

use super::{Booked, Names, Outbound, Reference, Settings, Targets};

/// What an adapter is told. Everything in it was durable before the call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Whose.
    pub tenant: &'a str,
    /// Which operation.
    pub operation_id: OperationId,
    /// What is asked.
    pub action: &'a str,
    /// With what.
    pub payload: &'a Payload,
    /// Names this one call.
    pub attempt_id: Uuid,
    /// Names the effect; the same over all tries (hex, 64 characters).
    pub effect_key: &'a str,
    /// What an earlier step left.
    pub memo: Option<&'a Value>,
    /// For an action about another operation (`query`, `refund`): what is known of that one.
    pub related: Option<&'a Related>,
    /// For `balance`: what our own books say was spent.
    pub booked: Option<&'a Booked>,
    /// The tenant's settings.
    pub settings: &'a Settings,
    /// The access token, where the action needs one.
    pub access_token: Option<&'a str>,
    /// Where the provider may tell this attempt's outcome: `https://host/k/{attempt}/{token}`; more path may follow.
    pub callback_url: &'a str,
    /// When the operation's first attempt was opened.
    pub first_opened_at: DateTime<Utc>,
    /// Polls made so far for this operation.
    pub polls: u32,
    /// Now, by the server's clock.
    pub now: DateTime<Utc>,
    /// Names that mean one thing to every worker.
    pub names: &'a dyn Names,
    /// For a push: the devices it goes to.
    pub targets: &'a Targets,
    /// For a step of a chain: what a phone may say about it.
    pub notification: Option<&'a Chained>,
    /// An earlier call of this same step may have had its effect: the provider may see a double.
    pub repeats_unknown: bool,
    /// The way out.
    pub outbound: &'a Outbound,
}

impl Call<'_> {
    /// How long ago this attempt was begun; its id says when.
    #[must_use]
    pub fn since_attempt(&self) -> Duration {
        let begun = self.attempt_id.get_timestamp().and_then(|at| {
            let (secs, nanos) = at.to_unix();
            DateTime::from_timestamp(i64::try_from(secs).ok()?, nanos)
        });
        (self.now - begun.unwrap_or(self.first_opened_at)).to_std().unwrap_or_default()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("operation", &self.operation_id).field("attempt", &self.attempt_id).finish_non_exhaustive()
    }
}

/// The chain that a message is a step of.
#[derive(Clone, Eq, PartialEq)]
pub struct Chained {
    /// The notification's id, the same in every channel: by it an app tells a double.
    pub id: Uuid,
    /// Who knows it may say that the notification came: for a part of an app that has no token of its own.
    pub receipt_token: String,
    /// Nothing is to be shown: what was shown of it is to go.
    pub retracts: bool,
}

impl fmt::Debug for Chained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chained").field("id", &self.id).field("retracts", &self.retracts).finish_non_exhaustive()
    }
}

/// What is known of the operation that a `query` or `refund` is about.
#[derive(Clone, Debug)]
pub struct Related {
    /// Its id.
    pub operation_id: OperationId,
    /// Its action.
    pub action: String,
    /// Where it stands.
    pub state: State,
    /// What the provider calls it.
    pub reference: Option<Reference>,
    /// How it ended.
    pub outcome: Option<Value>,
}

/// What an access token is needed for.
#[derive(Clone, Copy, Debug)]
pub struct TokenNeed<'a> {
    /// The tenant's settings.
    pub settings: &'a Settings,
    /// The step: what an earlier one left, and the devices of a push; absent = for health.
    pub step: Option<(Option<&'a Value>, &'a Targets)>,
}

/// What [`super::Adapter::health`] is told.
#[derive(Clone, Copy, Debug)]
pub struct HealthCall<'a> {
    /// The tenant's settings.
    pub settings: &'a Settings,
    /// The access token, for adapters whose actions need one.
    pub access_token: Option<&'a str>,
    /// The way out.
    pub outbound: &'a Outbound,
}
