//! *Open* and *settle*: what goes into the two transactions around a call.

use tarishi_protocol::{OperationId, State};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{ChainPart, Ms, OperationRow, PushTokenRow};
use crate::{
    adapters::{Answer, MessageNews},
    dispatch::policy::{Failure, Rules},
};

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub struct Open {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub id: OperationId,
    /// How.
    pub terms: Terms,
}

/// What is put on record of a call before it is made.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The new attempt's id.
    pub attempt: Uuid,
    /// What the provider will call this attempt, where we choose it: evidence is matched by it though the answer be lost.
    pub reference: Option<String>,
    /// Nothing is sent after this.
    pub send_before: Ms,
    /// The answer is here by then, or lost.
    pub answer_by: Ms,
    /// Nobody else looks before this.
    pub lease_until: Ms,
    /// Now.
    pub now: Ms,
}

/// A free slot of a lane: what comes in and is alone there is opened in the transaction that takes it.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Whose.
    pub tenant: String,
    /// The lane's adapter.
    pub adapter: String,
    /// The action that the terms are made for.
    pub action: String,
    /// How it is called.
    pub terms: Terms,
}

/// Free slots for what one transaction takes.
#[derive(Debug, Default)]
pub struct Offered {
    /// One a lane, at most.
    pub slots: Vec<Offer>,
    /// Is told of the calls that were opened while they are not on disk yet, so that they can be prepared. None may be made
    /// before the transaction has answered, and none if it failed.
    pub opened: Option<oneshot::Sender<Vec<OpenCall>>>,
}

/// A call that is on record, or will be in a moment, and is to be made.
#[derive(Clone, Debug)]
pub struct OpenCall {
    /// The operation as it stands now.
    pub operation: OperationRow,
    /// What its adapter is told beside it.
    pub about: About,
}

/// What is told to an adapter beside its operation, as it stands at the same moment.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// For an action about another operation: that one.
    pub related: Option<OperationRow>,
    /// For a push: where it goes.
    pub phones: Vec<PushTokenRow>,
    /// For an operation of the server's own: what it is to which chain.
    pub chain: Option<ChainPart>,
}

/// May the call be made?
#[derive(Clone, Debug)]
pub enum Opened {
    /// Yes: the attempt is on record.
    Yes(Box<OpenCall>),
    /// No: what forbade it has been settled.
    No,
}

/// Where evidence came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// The call of this attempt.
    Call {
        /// The attempt.
        attempt: Uuid,
    },
    /// A poll or recovery.
    Poll,
    /// A webhook.
    Webhook {
        /// The attempt that it speaks of, where that is known.
        attempt: Option<Uuid>,
    },
    /// A human.
    Operator {
        /// Who.
        who: String,
    },
}

/// What was learnt about an operation.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// An answer of the provider.
    Answer(Answer),
    /// A call that gave none.
    Failure(Failure),
    /// The attempt's time is over and nobody closed it.
    Lost,
    /// The wait for a receipt is over.
    ReceiptOverdue,
    /// A message's delivery.
    Message(MessageNews),
    /// What the provider said of a claim about a charge that has ended.
    Claimed(Answer),
    /// A human's decision.
    Resolve(Resolution),
}

/// A human's decision about an unresolved operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// The effect exists.
    Succeeded {
        /// Its outcome.
        outcome: serde_json::Value,
    },
    /// It does not and will not.
    Failed {
        /// Why.
        reason: String,
    },
    /// It does not; execute it again.
    RunAgain,
}

/// Evidence to settle.
#[derive(Clone, Debug)]
pub struct Settle {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub id: OperationId,
    /// Where it came from.
    pub source: Source,
    /// What was learnt.
    pub evidence: Evidence,
    /// The tenant's waits and retries for this action.
    pub rules: Rules,
    /// Now.
    pub now: Ms,
}

/// What settling did.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// The state before and after; none = no such operation.
    pub moved: Option<(State, State)>,
    /// It succeeded after it had been told failed or expired.
    pub late_success: bool,
    /// Money came in besides what it was told with, or its own was given back.
    pub besides: bool,
    /// Webhook events that wait for this operation may match now.
    pub news: bool,
}
