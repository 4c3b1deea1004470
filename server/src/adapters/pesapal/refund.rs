//! Giving a payment back, in two steps: ask what was paid, then request the refund.
//!
//! Pesapal takes exactly one request for each payment, and people approve it. So a request whose answer was lost may be sent
//! once more, unchanged; "there is one already" is then ours.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tarishi_protocol::{Code, Money, Refund, RefundOutcome, State};

use super::super::{AdapterError, Answer, Call, Disposition, Reference};
use super::{Desk, answers, answers::Stands, charge, wire};

/// Before a payment's code in the receipt of its refund.
const RECEIPT: &str = "refund-";

/// What was learnt before the request.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Memo {
    tracking: String,
    reference: String,
    confirmation_code: String,
    amount: Money,
    /// Questions asked before it was sent first; more mean that it was sent and nobody knows.
    #[serde(default)]
    polls: u32,
    /// It is sent for the second time.
    #[serde(default)]
    again: bool,
}

impl Memo {
    fn read(call: &Call<'_>) -> Option<Self> {
        serde_json::from_value(call.memo?.clone()).ok()
    }
}

/// One step: the look before, or the request itself.
pub(super) async fn execute(call: &Call<'_>, desk: &Desk<'_>, refund: &Refund) -> Result<Answer, AdapterError> {
    match Memo::read(call) {
        None => look(call, desk, refund).await,
        // It was sent before and nobody knows: that this is the second time is written down first.
        Some(memo) if call.polls > memo.polls && !memo.again => {
            Ok(Answer::Looked { memo: json!(Memo { again: true, ..memo }) })
        }
        Some(memo) => send(desk, refund, &memo).await,
    }
}

async fn look(call: &Call<'_>, desk: &Desk<'_>, refund: &Refund) -> Result<Answer, AdapterError> {
    let related = call.related.filter(|related| related.action == "charge" && related.state == State::Succeeded);
    let text = |name: &str| related.and_then(|related| related.reference.as_ref()?.data.get(name)?.as_str());
    let (Some(tracking), Some(reference)) = (text("tracking").filter(|id| wire::is_id(id)), text("reference")) else {
        return Err(rejected(
            Code::NotFound,
            "no such payment of this account succeeded here, and Pesapal is asked by its order only",
        ));
    };
    let order =
        charge::status(desk, tracking).await.map_err(AdapterError::harmless)?.filter(|order| order.reference == reference);
    let order = order.ok_or_else(|| rejected(Code::NotFound, "Pesapal knows no such payment"))?;
    match order.stands {
        Stands::Paid => {}
        Stands::Reversed => return Err(rejected(Code::ProviderRejected, "the payment was given back before")),
        Stands::Failed | Stands::Open => return Err(rejected(Code::NotFound, "Pesapal knows no such successful payment")),
    }
    let paid = order.amount.filter(|_| !order.confirmation_code.is_empty());
    let paid = paid.ok_or_else(|| AdapterError::new(Disposition::Transient, "Pesapal does not say what was paid"))?;
    let amount = refund.amount.clone().unwrap_or_else(|| paid.clone());
    if amount.currency() != paid.currency() {
        return Err(rejected(Code::InvalidAmount, "a payment is given back in its own currency"));
    }
    if amount.minor_units() > paid.minor_units() {
        return Err(rejected(Code::AmountOutOfRange, "that is more than was paid"));
    }
    if amount != paid && !is_card(&order.method) {
        return Err(AdapterError::new(Disposition::Unsupported, "Pesapal gives back a part of card payments only"));
    }
    let memo = Memo {
        tracking: tracking.to_owned(),
        reference: order.reference,
        confirmation_code: order.confirmation_code,
        amount,
        polls: call.polls,
        again: false,
    };
    Ok(Answer::Looked { memo: json!(memo) })
}

async fn send(desk: &Desk<'_>, refund: &Refund, memo: &Memo) -> Result<Answer, AdapterError> {
    let body = wire::refund_body(&memo.confirmation_code, &memo.amount, desk.config.refund_username, &refund.reason);
    let answer = desk.post("/api/Transactions/RefundRequest", &body).await?;
    match answers::read_taken(&answer, "refund") {
        Ok(()) => Ok(requested(desk, memo)),
        Err(error) if memo.again && answers::speaks_of_earlier(&error) => Ok(requested(desk, memo)),
        // One request is there, and it is not ours.
        Err(error) if !memo.again && error.disposition == Disposition::Ambiguous && answers::speaks_of_earlier(&error) => {
            Err(AdapterError { disposition: Disposition::Rejected, ..error })
        }
        Err(error) => Err(error),
    }
}

fn requested(desk: &Desk<'_>, memo: &Memo) -> Answer {
    let reference = Reference::new(format!("{RECEIPT}{}", memo.confirmation_code)).with("requested", true);
    Answer::Waiting { reference: Some(reference), poll_after: desk.config.waits.polls.slowest(), interim: None }
}

/// Asks whether the payment is given back.
pub(super) async fn recover(call: &Call<'_>, desk: &Desk<'_>, known: Option<&Reference>) -> Result<Answer, AdapterError> {
    // Without a memo only the look was made, which does nothing.
    let Some(memo) = Memo::read(call) else { return Ok(Answer::NotFound) };
    let order = charge::status(desk, &memo.tracking).await.map_err(charge::open)?;
    if order.as_ref().is_some_and(|order| order.reference != memo.reference) {
        return Err(AdapterError::new(Disposition::Ambiguous, "Pesapal answered for another order"));
    }
    if order.is_some_and(|order| order.stands == Stands::Reversed) {
        let receipt = format!("{RECEIPT}{}", memo.confirmation_code);
        let outcome = RefundOutcome { receipt: Some(receipt.clone()), amount: Some(memo.amount) };
        let reference = known.cloned().unwrap_or_else(|| Reference::new(receipt.clone()));
        return Ok(Answer::Succeeded { outcome: json!(outcome), reference: Some(reference), receipt: Some(receipt) });
    }
    if known.is_some_and(|known| known.data.contains_key("requested")) {
        return Ok(Answer::Waiting { reference: known.cloned(), poll_after: desk.config.waits.polls.slowest(), interim: None });
    }
    if call.since_attempt() < desk.config.waits.refund_settle_after {
        let poll_after = desk.config.waits.polls.after(call.polls);
        return Ok(Answer::Waiting { reference: known.cloned(), poll_after, interim: None });
    }
    if !memo.again {
        return Ok(Answer::NotFound);
    }
    let message =
        format!("nobody knows if the refund of {} was requested: look in Pesapal's dashboard", memo.confirmation_code);
    Err(AdapterError::new(Disposition::Ambiguous, message).with_problem(Code::OutcomeUnknown))
}

fn is_card(method: &str) -> bool {
    let method = method.to_ascii_lowercase();
    ["visa", "master", "amex", "american", "card"].iter().any(|word| method.contains(word))
}

fn rejected(problem: Code, message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(problem)
}
