//! Giving a payment back, in two steps: note what is there, then ask for the refund.
//!
//! A refund has no reference of ours. So the refunds of the transaction are noted (durably, in the memo) before ours is sent;
//! after a lost answer ours is the one that was not there. If there is none, all of a payment may be asked back once more,
//! since Flutterwave gives back no more than was paid (unverified); a part of it is a human's decision.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tarishi_protocol::{Code, Money, Refund, RefundOutcome, State};

use super::super::{AdapterError, Answer, Call, Disposition, Reference};
use super::{
    Desk, answers,
    answers::Status,
    charge, returned,
    returned::{RefundStatus, Returned},
    wire,
};

/// Pages of refunds that are read.
const PAGES_MAX: u32 = 4;
/// Their clock may be behind ours by this.
const SKEW: TimeDelta = TimeDelta::minutes(5);
/// Times that the refund may be sent, at most, if the first time nobody knows.
const ROUNDS_MAX: u32 = 2;
/// Before a refund's id in our receipts: transactions and refunds are numbered apart.
pub(super) const RECEIPT: &str = "refund-";

/// What was noted before the refund was sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Memo {
    transaction: String,
    amount: Money,
    /// All of the payment.
    whole: bool,
    /// Refunds that were there.
    before: Vec<String>,
    /// When.
    at: DateTime<Utc>,
    /// The how-manyth time.
    round: u32,
}

impl Memo {
    fn read(call: &Call<'_>) -> Option<Self> {
        serde_json::from_value(call.memo?.clone()).ok()
    }

    /// Is this refund ours? New, as large, not older, and without another's mark.
    fn fits(&self, refund: &Returned, mark: &str) -> bool {
        let same = refund.transaction.as_deref() == Some(&self.transaction)
            && refund.amount(self.amount.currency()).as_ref() == Some(&self.amount);
        let marked = refund.comments.as_deref().filter(|comments| comments.ends_with(']'));
        same && !self.before.contains(&refund.id)
            && refund.created_at.is_none_or(|at| at + SKEW >= self.at)
            && marked.is_none_or(|comments| comments.ends_with(&format!("[{mark}]")))
    }
}

/// One step: the look before, or the refund itself.
pub(super) async fn execute(call: &Call<'_>, desk: &Desk<'_>, refund: &Refund) -> Result<Answer, AdapterError> {
    let memo = Memo::read(call);
    let fresh = desk.config.waits.refund_settle_after / 2;
    match memo {
        Some(memo) if (call.now - memo.at).to_std().unwrap_or_default() < fresh => send(call, desk, refund, &memo).await,
        memo => look(call, desk, refund, memo).await,
    }
}

async fn look(call: &Call<'_>, desk: &Desk<'_>, refund: &Refund, memo: Option<Memo>) -> Result<Answer, AdapterError> {
    let transaction = match &memo {
        Some(memo) => memo.transaction.clone(),
        None => transaction_id(call, refund)?,
    };
    let found = charge::verify(desk, &transaction).await.map_err(AdapterError::harmless)?;
    let paid = found.filter(|found| found.status == Status::Successful).and_then(|found| found.amount);
    let paid = paid.ok_or_else(|| rejected(Code::NotFound, "Flutterwave knows no such successful payment"))?;
    let list = refunds(desk, &transaction).await.map_err(AdapterError::harmless)?;
    if let Some(memo) = &memo
        && let Some(ours) = list.items.iter().find(|refund| memo.fits(refund, wire::mark(call.effect_key)))
    {
        return Ok(conclude(desk, call, ours, memo.amount.currency(), None));
    }
    let amount = refund.amount.clone().unwrap_or_else(|| paid.clone());
    if amount.currency() != paid.currency() {
        return Err(rejected(Code::InvalidAmount, "a payment is given back in its own currency"));
    }
    if amount.minor_units() > paid.minor_units() {
        return Err(rejected(Code::AmountOutOfRange, "that is more than was paid"));
    }
    let is_back = |refund: &&Returned| refund.status != RefundStatus::Failed;
    let back = list.items.iter().filter(is_back).filter_map(|refund| refund.amount(paid.currency()));
    let back = back.fold(0_i64, |sum, amount| sum.saturating_add(amount.minor_units()));
    // Whether Flutterwave itself refuses that is not documented.
    if amount.minor_units() > paid.minor_units().saturating_sub(back) {
        return Err(rejected(Code::AmountOutOfRange, "that is more than is left of the payment after earlier refunds"));
    }
    let memo = Memo {
        transaction,
        whole: amount == paid,
        amount,
        before: list.items.into_iter().map(|refund| refund.id).collect(),
        at: call.now,
        round: memo.map_or(1, |memo| memo.round + 1),
    };
    Ok(Answer::Looked { memo: json!(memo) })
}

async fn send(call: &Call<'_>, desk: &Desk<'_>, refund: &Refund, memo: &Memo) -> Result<Answer, AdapterError> {
    let body = wire::refund_body(&memo.amount, &refund.reason, wire::mark(call.effect_key));
    let answer = desk.post(&format!("/v3/transactions/{}/refund", memo.transaction), &body).await?;
    let returned = returned::read_refund(&answer)?;
    Ok(conclude(desk, call, &returned, memo.amount.currency(), None))
}

/// Asks what became of it.
pub(super) async fn recover(
    call: &Call<'_>,
    desk: &Desk<'_>,
    refund: &Refund,
    known: Option<&Reference>,
) -> Result<Answer, AdapterError> {
    let memo = Memo::read(call);
    let id = known.and_then(|known| known.data.get("refund_id")?.as_str()).filter(|id| answers::is_id(id));
    if let Some(id) = id {
        let answer = desk.get(&format!("/v3/refunds/{id}")).await.map_err(charge::open)?;
        let returned = returned::read_refund(&answer).map_err(charge::open)?;
        if returned.id != id {
            return Err(AdapterError::new(Disposition::Ambiguous, "Flutterwave answered for another refund"));
        }
        let currency = memo.as_ref().map(|memo| memo.amount.currency()).or(refund.amount.as_ref().map(Money::currency));
        return Ok(conclude(desk, call, &returned, currency.unwrap_or("KES"), known));
    }
    // Without a memo only the look was made, which does nothing.
    let Some(memo) = memo else { return Ok(Answer::NotFound) };
    let list = refunds(desk, &memo.transaction).await.map_err(charge::open)?;
    if let Some(ours) = list.items.iter().find(|refund| memo.fits(refund, wire::mark(call.effect_key))) {
        return Ok(conclude(desk, call, ours, memo.amount.currency(), known));
    }
    if call.since_attempt() < desk.config.waits.refund_settle_after {
        let poll_after = desk.config.waits.polls.after(call.polls);
        return Ok(Answer::Waiting { reference: known.cloned(), poll_after, interim: None });
    }
    if memo.whole && !list.more && memo.round < ROUNDS_MAX {
        return Ok(Answer::NotFound);
    }
    let message = format!("nobody knows if transaction {} was given back: look in the dashboard", memo.transaction);
    Err(AdapterError::new(Disposition::Ambiguous, message).with_problem(Code::OutcomeUnknown))
}

fn conclude(desk: &Desk<'_>, call: &Call<'_>, returned: &Returned, currency: &str, known: Option<&Reference>) -> Answer {
    let receipt = format!("{RECEIPT}{}", returned.id);
    let reference = known.cloned().unwrap_or_else(|| Reference::new(receipt.clone()));
    let reference = reference.with("refund_id", returned.id.as_str());
    match returned.status {
        RefundStatus::Done => {
            let outcome = RefundOutcome { receipt: Some(receipt.clone()), amount: returned.amount(currency) };
            Answer::Succeeded { outcome: json!(outcome), reference: Some(reference), receipt: Some(receipt) }
        }
        RefundStatus::Failed => {
            Answer::Failed { code: "failed".to_owned(), message: "Flutterwave could not give the payment back".to_owned() }
        }
        RefundStatus::Pending => {
            let poll_after =
                if known.is_none() { desk.config.waits.polls.first() } else { desk.config.waits.polls.after(call.polls) };
            Answer::Waiting { reference: Some(reference), poll_after, interim: None }
        }
    }
}

/// Which transaction is given back: by the charge's own record, or by its receipt.
fn transaction_id(call: &Call<'_>, refund: &Refund) -> Result<String, AdapterError> {
    if let Some(receipt) = &refund.receipt {
        let shown = || rejected(Code::InvalidValue, "a Flutterwave receipt of a payment is a number");
        return answers::is_id(receipt).then(|| receipt.clone()).ok_or_else(shown);
    }
    let related = call.related.filter(|related| related.action == "charge" && related.state == State::Succeeded);
    let id = related.and_then(|related| related.reference.as_ref()?.data.get("transaction_id")?.as_str());
    id.filter(|id| answers::is_id(id))
        .map(str::to_owned)
        .ok_or_else(|| rejected(Code::NotFound, "there is no such payment that succeeded"))
}

/// The refunds of one transaction. Filters of the list are not documented, so all are read and ours are picked.
async fn refunds(desk: &Desk<'_>, transaction: &str) -> Result<answers::Page<Returned>, AdapterError> {
    let mut items = Vec::new();
    for number in 1..=PAGES_MAX {
        let page = returned::read_refunds(&desk.get(&format!("/v3/refunds?page={number}")).await?)?;
        items.extend(page.items.into_iter().filter(|refund| refund.transaction.as_deref() == Some(transaction)));
        if !page.more {
            return Ok(answers::Page { items, more: false });
        }
    }
    Ok(answers::Page { items, more: true })
}

fn rejected(problem: Code, message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(problem)
}
