//! How refunds are read. Pure.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use tarishi_protocol::Money;

use super::super::{AdapterError, http::HttpAnswer};
use super::answers::{Envelope, Page, accepted, ambiguous, digits, money};

/// Where a refund stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RefundStatus {
    Done,
    Pending,
    Failed,
}

impl RefundStatus {
    /// `completed` alone means "initiated"; with a word behind it, done.
    pub(super) fn read(text: &str) -> Self {
        if text.starts_with("completed-") {
            Self::Done
        } else if text.starts_with("failed") {
            Self::Failed
        } else {
            Self::Pending
        }
    }
}

/// A refund as Flutterwave tells it.
#[derive(Clone, Debug)]
pub(super) struct Returned {
    /// Digits.
    pub(super) id: String,
    /// The transaction's id.
    pub(super) transaction: Option<String>,
    /// Without its currency, which is the transaction's.
    amount: Option<Box<RawValue>>,
    pub(super) status: RefundStatus,
    pub(super) comments: Option<String>,
    pub(super) created_at: Option<DateTime<Utc>>,
}

impl Returned {
    pub(super) fn amount(&self, currency: &str) -> Option<Money> {
        money(self.amount.as_ref()?, currency)
    }
}

#[derive(Deserialize)]
struct RawReturned {
    id: Box<RawValue>,
    #[serde(default)]
    tx_id: Option<Box<RawValue>>,
    #[serde(default)]
    amount_refunded: Option<Box<RawValue>>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    comments: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
}

impl RawReturned {
    fn read(self) -> Option<Returned> {
        Some(Returned {
            id: digits(&self.id)?,
            transaction: self.tx_id.and_then(|id| digits(&id)),
            amount: self.amount_refunded,
            status: RefundStatus::read(self.status.as_deref().unwrap_or_default()),
            comments: self.comments,
            created_at: self.created_at.and_then(|at| at.parse().ok()),
        })
    }
}

/// Reads one refund: as it was asked for, or as it stands.
pub(super) fn read_refund(answer: &HttpAnswer) -> Result<Returned, AdapterError> {
    let envelope = accepted(answer, Envelope::read(answer))?;
    let refund = envelope.data::<RawReturned>().and_then(RawReturned::read);
    refund.ok_or_else(|| ambiguous("Flutterwave's refund cannot be read"))
}

/// Reads a page of refunds.
pub(super) fn read_refunds(answer: &HttpAnswer) -> Result<Page<Returned>, AdapterError> {
    let envelope = accepted(answer, Envelope::read(answer))?;
    let raw = envelope.data::<Vec<RawReturned>>();
    let items: Option<Vec<_>> = raw.and_then(|raw| raw.into_iter().map(RawReturned::read).collect());
    let items = items.ok_or_else(|| ambiguous("Flutterwave's list cannot be read"))?;
    Ok(Page { more: envelope.goes_on(items.len()), items })
}
