//! Money besides what a charge was told with, and money that went back: told, and never taken for the charge's own. Pure.

use serde_json::{Value, json};
use tarishi_protocol::State;

use super::{Decision, Rules};
use crate::{
    adapters::{Answer, REVERSED},
    store::{Evidence, Ms, OperationRow},
};

/// The action whose provider may be paid more than once.
pub const CHARGE: &str = "charge";

/// Money that came in besides what its charge was told with.
#[derive(Clone, Debug, PartialEq)]
pub struct Besides {
    /// The provider's receipt; it is named by `reference` where there is none.
    pub receipt: Option<String>,
    /// The name under which it was paid.
    pub reference: String,
    /// Its amount and time, as in a charge's outcome.
    pub outcome: Value,
}

/// What a charge that has ended learns of money: of a claim that was asked about, or by a success that is another.
pub(super) fn besides(row: &OperationRow, answer: &Answer) -> Option<Decision> {
    if row.action != CHARGE || !row.state.is_ended() {
        return None;
    }
    match answer {
        Answer::Succeeded { outcome, reference, receipt } => {
            let told = row.outcome.as_ref().and_then(|told| told.get("receipt")?.as_str());
            let another = receipt.is_none() || receipt.as_deref() != told;
            another.then(|| {
                let reference = reference.as_ref().map(|reference| reference.id.clone()).unwrap_or_default();
                let besides = Besides { receipt: receipt.clone(), reference, outcome: outcome.clone() };
                Decision { besides: Some(besides), ..Decision::default() }
            })
        }
        Answer::Failed { code, .. } if code == REVERSED && row.state == State::Succeeded => {
            let mut outcome = row.outcome.clone().filter(|outcome| outcome.is_object() && outcome["reversed"] != true)?;
            outcome["reversed"] = json!(true);
            Some(Decision { outcome: Some(outcome), reversed: true, ..Decision::default() })
        }
        Answer::Failed { .. } | Answer::NotFound | Answer::Waiting { .. } | Answer::Next { .. } | Answer::Looked { .. } => None,
    }
}

/// What becomes of a claim whose provider was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Claimed {
    /// The provider said what there is to it.
    Answered(Answer),
    /// It is asked again.
    Later,
    /// It was asked about as long as a payment is waited for.
    GivenUp,
}

/// Decides about a claim of this age.
#[must_use]
pub fn claimed(said: Evidence, age: Ms, rules: &Rules) -> Claimed {
    match said {
        Evidence::Answer(answer @ (Answer::Succeeded { .. } | Answer::Failed { .. } | Answer::NotFound)) => {
            Claimed::Answered(answer)
        }
        _ if age < rules.max_wait_ms => Claimed::Later,
        _ => Claimed::GivenUp,
    }
}
