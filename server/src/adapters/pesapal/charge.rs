//! Collecting a payment: an order, its page, and the question how it stands.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tarishi_protocol::{Charge, ChargeOutcome, Code, Interim, Money, OpenUrl, PaymentMethod, PaymentQuery, State};

use super::super::{AdapterError, Answer, Call, Claim, Disposition, REVERSED, Reference, payments};
use super::{Desk, answers, answers::Order, answers::Stands, ipn::Kept, wire};

/// Makes the order; before the first one of a tenant, finds out what our IPN address is called.
pub(super) async fn execute(call: &Call<'_>, desk: &Desk<'_>, ipns: &Kept, charge: &Charge) -> Result<Answer, AdapterError> {
    if charge.method == Some(PaymentMethod::MobileMoney) {
        let message = "Pesapal collects on its page only; leave method out or use link";
        return Err(AdapterError::new(Disposition::Unsupported, message));
    }
    let reference = wire::reference(call.attempt_id);
    let Some(notification_id) = ipns.known(call, desk).await else {
        // What cannot be ordered needs no address.
        wire::order_body(&desk.config, charge, &reference, "-")?;
        return Ok(Answer::Looked { memo: json!({ "ipn_id": ipns.find(call, desk).await? }) });
    };
    let body = wire::order_body(&desk.config, charge, &reference, &notification_id)?;
    let answer = desk.post("/api/Transactions/SubmitOrderRequest", &body).await?;
    let made = match answers::read_order(&answer, &reference) {
        Ok(made) => made,
        Err(error) => {
            if error.disposition == Disposition::Misconfigured {
                ipns.forget(call, desk).await;
            }
            return Err(error);
        }
    };
    let expires_at = call.now + TimeDelta::minutes(desk.config.order_minutes);
    let reference = Reference::new(reference.clone())
        .with("reference", reference.as_str())
        .with("tracking", made.tracking)
        .with("until", expires_at.to_rfc3339())
        .with("withdrawn", Value::Null);
    let interim = Some(json!(Interim::OpenUrl(OpenUrl { url: made.url, expires_at: Some(expires_at) })));
    Ok(Answer::Waiting { reference: Some(reference), poll_after: desk.config.waits.polls.first(), interim })
}

/// Asks how it stands: first the order that an IPN named, then ours.
pub(super) async fn recover(
    call: &Call<'_>,
    desk: &Desk<'_>,
    charge: &Charge,
    known: Option<&Reference>,
) -> Result<Answer, AdapterError> {
    // What is known of an earlier attempt says nothing of the one under way.
    let named = wire::reference(call.attempt_id);
    let current = known.filter(|known| known.data.get("reference").and_then(Value::as_str) == Some(named.as_str()));
    let text = |name: &str| current.and_then(|known| known.data.get(name)?.as_str());
    let own = text("tracking").filter(|id| wire::is_id(id));
    if let Some((reference, tracking)) = known.and_then(claim)
        && Some(tracking) != own
        && let Some(order) = status(desk, tracking).await.map_err(open)?
        && order.reference == reference
        && order.stands == Stands::Paid
    {
        return paid(&order, &charge.amount, known, tracking);
    }
    let (Some(known), Some(tracking)) = (current, own) else {
        // The order's answer was lost: whether or not it exists, nobody holds its page, so nobody can pay it.
        return Ok(Answer::NotFound);
    };
    let order = status(desk, tracking).await.map_err(open)?;
    if let Some(order) = &order {
        // Before anybody has paid the order may be told without its name.
        if order.reference != named && !(order.stands == Stands::Open && order.reference.is_empty()) {
            return Err(AdapterError::new(Disposition::Ambiguous, "Pesapal answered for another order"));
        }
        match order.stands {
            Stands::Paid => return paid(order, &charge.amount, Some(known), tracking),
            Stands::Reversed => {
                let message = "the payment was made and given back".to_owned();
                return Ok(Answer::Failed { code: REVERSED.to_owned(), message });
            }
            // The payer may try again on the same page.
            Stands::Failed | Stands::Open => {}
        }
    }
    let until = text("until").and_then(|until| until.parse::<DateTime<Utc>>().ok());
    if until.is_some_and(|until| call.now >= until) {
        return withdraw(call, desk, known, tracking).await;
    }
    Ok(wait(call, desk, known.clone()))
}

/// An order that is too old is withdrawn once, asked about once more, and only then has failed.
async fn withdraw(call: &Call<'_>, desk: &Desk<'_>, known: &Reference, tracking: &str) -> Result<Answer, AdapterError> {
    match known.data.get("withdrawn").and_then(Value::as_bool) {
        Some(true) => Ok(Answer::Failed {
            code: "expired".to_owned(),
            message: "nobody paid in time; the order was withdrawn".to_owned(),
        }),
        // Pesapal did not withdraw it: it may be paid still.
        Some(false) => Ok(wait(call, desk, known.clone())),
        None => {
            let answer =
                desk.post("/api/Transactions/CancelOrder", &json!({ "order_tracking_id": tracking })).await.map_err(open)?;
            let withdrawn = match answers::read_taken(&answer, "withdrawal") {
                Ok(()) => true,
                Err(error) if error.disposition == Disposition::Rejected => false,
                Err(error) => return Err(open(error)),
            };
            let reference = known.clone().with("withdrawn", withdrawn);
            Ok(Answer::Waiting { reference: Some(reference), poll_after: desk.config.waits.polls.first(), interim: None })
        }
    }
}

fn wait(call: &Call<'_>, desk: &Desk<'_>, known: Reference) -> Answer {
    Answer::Waiting { reference: Some(known), poll_after: desk.config.waits.polls.after(call.polls), interim: None }
}

/// It is paid, if the money is what was asked for; the order's name was compared before.
fn paid(order: &Order, asked: &Money, known: Option<&Reference>, tracking: &str) -> Result<Answer, AdapterError> {
    let enough = |amount: &&Money| amount.currency() == asked.currency() && amount.minor_units() >= asked.minor_units();
    let unclear = |message: String| Err(AdapterError::new(Disposition::Ambiguous, message).with_problem(Code::OutcomeUnknown));
    let Some(amount) = order.amount.as_ref().filter(enough) else {
        let came = order.amount.as_ref().map_or_else(|| "an unknown amount".to_owned(), ToString::to_string);
        return unclear(format!("{came} came in where {asked} was asked for (order {tracking})"));
    };
    if order.confirmation_code.is_empty() {
        return Err(AdapterError::new(Disposition::Ambiguous, "Pesapal says paid and gives no confirmation code"));
    }
    let receipt = order.confirmation_code.clone();
    let outcome =
        ChargeOutcome { receipt: Some(receipt.clone()), receipt_missing: false, amount: Some(amount.clone()), paid_at: None };
    let mut outcome = json!(outcome);
    if amount.minor_units() > asked.minor_units() {
        outcome["overpaid"] = true.into();
    }
    let reference = known.cloned().unwrap_or_else(|| Reference::new(order.reference.clone()));
    let reference = reference.with("reference", order.reference.as_str()).with("tracking", tracking);
    Ok(Answer::Succeeded { outcome, reference: Some(reference), receipt: Some(receipt) })
}

/// What an IPN named: our order and Pesapal's id of it.
fn claim(known: &Reference) -> Option<(&str, &str)> {
    let claim = known.data.get("claim")?;
    let tracking = claim.get("tracking")?.as_str().filter(|id| wire::is_id(id))?;
    Some((claim.get("reference")?.as_str()?, tracking))
}

/// How the order stands that an IPN named after its charge had ended. Each IPN may tell of a reversal: none is taken for known.
pub(super) async fn confirm(desk: &Desk<'_>, told: &Claim<'_>) -> Result<Answer, AdapterError> {
    let Some((reference, tracking)) = claim(told.reference) else { return Ok(Answer::NotFound) };
    let own = told.known.and_then(|known| known.data.get("tracking")?.as_str()) == Some(tracking);
    let later = Answer::Waiting { reference: None, poll_after: Duration::ZERO, interim: None };
    let Some(order) = status(desk, tracking).await? else { return Ok(later) };
    if order.reference != reference {
        return Ok(Answer::NotFound);
    }
    Ok(match order.stands {
        Stands::Paid if order.confirmation_code.is_empty() => later,
        Stands::Paid if told.receipt == Some(order.confirmation_code.as_str()) => Answer::NotFound,
        Stands::Paid => Answer::Succeeded {
            outcome: json!({ "receipt": order.confirmation_code, "amount": order.amount }),
            reference: Some(Reference::new(reference)),
            receipt: Some(order.confirmation_code),
        },
        Stands::Reversed if own => {
            Answer::Failed { code: REVERSED.to_owned(), message: "the payment was given back".to_owned() }
        }
        // Whatever comes next is told by an IPN of its own.
        Stands::Reversed | Stands::Failed | Stands::Open => Answer::NotFound,
    })
}

/// Asks for one order by Pesapal's id; there is no other way.
pub(super) async fn status(desk: &Desk<'_>, tracking: &str) -> Result<Option<Order>, AdapterError> {
    let path = format!("/api/Transactions/GetTransactionStatus?orderTrackingId={tracking}");
    answers::read_status(&desk.get(&path).await?)
}

/// An error of a question: it never says that the order itself was refused.
pub(super) fn open(error: AdapterError) -> AdapterError {
    match error.disposition {
        Disposition::Transient | Disposition::RateLimited | Disposition::Unauthorized => error,
        Disposition::Ambiguous | Disposition::Rejected | Disposition::Misconfigured | Disposition::Unsupported => {
            AdapterError { disposition: Disposition::Ambiguous, ..error }
        }
    }
}

/// `query`: where a payment of ours stands. What has ended is answered from our own books.
pub(super) async fn query(call: &Call<'_>, desk: &Desk<'_>, query: &PaymentQuery) -> Result<Answer, AdapterError> {
    let (related, mut outcome) = payments::on_record(call, query)?;
    let text = |name: &str| related.reference.as_ref().and_then(|reference| reference.data.get(name)?.as_str());
    if let (false, "charge", Some(tracking)) = (related.state.is_ended(), related.action.as_str(), text("tracking"))
        && let Some(order) = status(desk, tracking).await?
        && Some(order.reference.as_str()) == text("reference")
    {
        match order.stands {
            Stands::Paid => {
                (outcome.state, outcome.receipt, outcome.amount) =
                    (State::Succeeded, Some(order.confirmation_code), order.amount);
            }
            Stands::Reversed => outcome.state = State::Failed,
            Stands::Failed | Stands::Open => {}
        }
    }
    Ok(Answer::Succeeded { outcome: json!(outcome), reference: None, receipt: None })
}
