//! What comes in, and what is answered.

use tarishi_protocol::{Code, Fingerprint, NotificationReceipt, OperationId, Payload, Problem, SyncResponse};

use super::{Actor, Ms};
use crate::chain::Channel;

/// What must not be under way twice: a payment for one reference, a course of one number.
#[derive(Clone, Debug)]
pub struct Exclusive {
    /// Its name.
    pub name: String,
    /// What the second one is told.
    pub busy: Problem,
}

impl Exclusive {
    /// What must not be paid, given back or made twice at once.
    #[must_use]
    pub fn of(payload: &Payload) -> Option<Self> {
        let payment = |name| {
            let busy = Problem::new(Code::PaymentInFlight, "another payment for this reference is under way");
            Self { name, busy: busy.with_field("payload.reference") }
        };
        match payload {
            Payload::Charge(charge) => Some(payment(format!("charge:{}", charge.reference))),
            Payload::Refund(refund) => {
                let of = |id: &OperationId| format!("refund:{id}");
                let name = refund.operation_id.as_ref().map(of);
                name.or_else(|| refund.receipt.as_ref().map(|receipt| format!("refund:{receipt}"))).map(payment)
            }
            // Moodle lets calls that run at once make twins.
            Payload::CreateCourse(course) => {
                let busy = Problem::new(Code::Unavailable, "a course of this idnumber is just being made");
                let name = format!("course:{}", course.idnumber.trim().to_lowercase());
                Some(Self { name, busy: busy.with_field("payload.idnumber") })
            }
            _ => None,
        }
    }
}

/// One operation that passed all checks that need no database.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The envelope.
    pub operation: tarishi_protocol::Operation,
    /// Its payload's fingerprint.
    pub fingerprint: Fingerprint,
    /// Its typed payload.
    pub payload: Payload,
    /// Of a `notify`: the channels of its type's route, as it is now.
    pub channels: Vec<Channel>,
    /// What must not be under way twice.
    pub exclusive: Option<Exclusive>,
    /// What a receipt without reference may be recognised by.
    pub correlation: Option<String>,
    /// When it becomes too old to begin.
    pub expires_at: Ms,
    /// When it was enqueued, by our clock.
    pub enqueued_at: Ms,
}

/// What the checks say of one operation, before the database is asked.
#[derive(Clone, Debug)]
pub enum Preview {
    /// It may be taken.
    Take(Box<Checked>),
    /// It must be refused for good, unless its id or key is known already.
    Refuse {
        /// Its id.
        id: OperationId,
        /// Its key, if it could be read.
        key: Option<String>,
        /// Its fingerprint, if its payload could be read.
        fingerprint: Option<Fingerprint>,
        /// Its ordering key, if it could be read.
        ordering_key: Option<String>,
        /// Why.
        problem: Problem,
    },
    /// It may come again, unless its id or key is known already.
    Later {
        /// Its id.
        id: OperationId,
        /// Its key.
        key: String,
        /// Its fingerprint.
        fingerprint: Option<Fingerprint>,
        /// Its ordering key: what follows in it must wait too.
        ordering_key: Option<String>,
        /// Why.
        problem: Problem,
    },
}

/// One exchange of one device.
#[derive(Clone, Debug)]
pub struct Intake {
    /// Whose.
    pub tenant: String,
    /// Which device.
    pub device: String,
    /// Its account.
    pub account: String,
    /// The request's counter.
    pub exchange: u64,
    /// Operations, in the order sent.
    pub operations: Vec<Preview>,
    /// Wishes to cancel.
    pub cancellations: Vec<OperationId>,
    /// Notification receipts.
    pub notification_receipts: Vec<NotificationReceipt>,
    /// Where the device's feed stands.
    pub cursor: Option<String>,
    /// Now.
    pub now: Ms,
}

/// How an exchange went.
#[derive(Clone, Debug)]
pub enum ExchangeOutcome {
    /// Committed; the answer.
    Done(Box<SyncResponse>),
    /// The counter is not above the highest seen; nothing was changed.
    Stale {
        /// The highest seen.
        highest: u64,
    },
}

/// An operation that no device sent.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Whose.
    pub tenant: String,
    /// Who asks.
    pub actor: Actor,
    /// The account it is for.
    pub account: String,
    /// Every device of this account hears of it.
    pub deliver_to: Option<String>,
    /// What.
    pub preview: Preview,
    /// Now.
    pub now: Ms,
}

/// What was answered about an id that never became an operation.
#[derive(Clone, Debug)]
pub struct VerdictRow {
    /// Refused, or cancelled before it came, or the same as another.
    pub verdict: Verdict,
    /// Whose account asked.
    pub account: String,
}

/// What was answered.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Refused for good.
    Refused(Problem),
    /// Cancelled before it came.
    Cancelled,
    /// The same key as this operation.
    DuplicateOf(OperationId),
}
