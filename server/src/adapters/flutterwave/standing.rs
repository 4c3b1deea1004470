//! What is believed of a transaction that Flutterwave itself told. Pure.

use serde_json::json;
use tarishi_protocol::{ChargeOutcome, Code, Money};

use super::super::{AdapterError, Answer, Disposition, Reference};
use super::answers::Transaction;

/// It is paid, if the money is what was asked for. Less, or another currency, is neither paid nor failed: a human decides.
pub(super) fn paid(
    found: &Transaction,
    asked: &Money,
    known: Option<&Reference>,
    others: &[String],
) -> Result<Answer, AdapterError> {
    let enough = |amount: &Money| amount.currency() == asked.currency() && amount.minor_units() >= asked.minor_units();
    let Some(amount) = found.amount.as_ref().filter(|amount| enough(amount)) else {
        let message = match &found.amount {
            Some(amount) => format!("{amount} came in where {asked} was asked for (transaction {})", found.id),
            None => format!("Flutterwave does not say how much came in (transaction {})", found.id),
        };
        return Err(AdapterError::new(Disposition::Ambiguous, message).with_problem(Code::OutcomeUnknown));
    };
    let outcome = ChargeOutcome {
        receipt: Some(found.id.clone()),
        receipt_missing: false,
        amount: Some(amount.clone()),
        paid_at: found.created_at,
    };
    let mut outcome = json!(outcome);
    if amount.minor_units() > asked.minor_units() {
        outcome["overpaid"] = true.into();
    }
    if !others.is_empty() {
        outcome["also_paid"] = json!(others);
    }
    let reference = known.cloned().unwrap_or_else(|| Reference::new(found.tx_ref.clone()));
    let reference = reference
        .with("tx_ref", found.tx_ref.as_str())
        .with("transaction_id", found.id.as_str())
        .with("flw_ref", found.flw_ref.clone());
    Ok(Answer::Succeeded { outcome, reference: Some(reference), receipt: Some(found.id.clone()) })
}

/// It failed, and for this reason.
pub(super) fn refused(found: &Transaction) -> Answer {
    let said = if found.said.is_empty() { "the payment failed" } else { &found.said };
    Answer::Failed { code: "failed".to_owned(), message: said.to_owned() }
}
