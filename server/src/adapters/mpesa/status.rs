//! What became of a refund whose callback never came: Daraja's Transaction Status, which answers by a callback of its own.
//!
//! Asked by the reversal's own conversation where Daraja named it, else by the receipt that was to be reversed. Asking has no
//! effect; a reversal is never sent again by itself.

use std::time::Duration;

use serde_json::{Value, json};
use tarishi_protocol::{Code, Refund, RefundOutcome};
use uuid::Uuid;

use super::super::{AdapterError, Answer, Call, Disposition, HookEvent, News, Reference, Target, payments};
use super::{
    config::{Config, Initiator},
    open, refund, standing, webhook, wire,
};

const PATH: &str = "/mpesa/transactionstatus/v1/query";
/// Questions about one refund before a person is asked.
const ASKS_MAX: u64 = 3;

/// Where the result of a question comes back, after the attempt's own path.
pub(super) const OF_REVERSAL: &str = "s";
pub(super) const OF_RECEIPT: &str = "o";
pub(super) const TIMED_OUT: &str = "u";

/// Asks, waits for what was asked, and at last leaves it to a person.
pub(super) async fn recover(
    call: &Call<'_>,
    config: &Config<'_>,
    refund: &Refund,
    known: Option<&Reference>,
) -> Result<Answer, AdapterError> {
    let wait = config.waits.receipt_wait;
    if known.is_some_and(|known| known.data.get("already_reversed").is_some_and(Value::is_string)) {
        let amount = refund.amount.clone().or_else(|| call.related.and_then(payments::paid_amount));
        return standing::conclude_refund(known, amount, call.polls);
    }
    let age = (call.now - call.first_opened_at).to_std().unwrap_or_default();
    if known.is_none() && age < wait {
        // The result may still come by itself.
        return Ok(Answer::Waiting {
            reference: None,
            poll_after: (wait - age).max(Duration::from_millis(100)),
            interim: None,
        });
    }
    let asks = known.and_then(|known| known.data.get("status_asks")?.as_u64()).unwrap_or(0);
    if asks >= ASKS_MAX {
        let message = "neither the result of the reversal nor its status came: look the receipt up in the organisation portal";
        return Err(AdapterError::new(Disposition::Ambiguous, message).with_problem(Code::OutcomeUnknown));
    }
    let conversation = known.filter(|known| known.data.contains_key("conversation_id")).map(|known| known.id.as_str());
    let (field, subject, rest) = match conversation.filter(|id| !id.is_empty()) {
        Some(id) => ("OriginalConversationID", id.to_owned(), OF_REVERSAL),
        None => ("TransactionID", refund::receipt(refund, call.related)?, OF_RECEIPT),
    };
    let initiator = Initiator::read(call.settings)?;
    let body = json!({
        "Initiator": initiator.name,
        "SecurityCredential": refund::credential(&initiator).await?,
        "CommandID": "TransactionStatusQuery",
        field: subject,
        "PartyA": config.shortcode,
        "IdentifierType": "4",
        "ResultURL": format!("{}/{rest}", call.callback_url),
        "QueueTimeOutURL": format!("{}/{TIMED_OUT}", call.callback_url),
        "Remarks": "Status of refund",
        "Occasion": wire::account_reference(call.attempt_id),
    });
    let asked = super::post(call, config, PATH, &body, super::QUERY_DEADLINE).await;
    let asked = asked.and_then(|answer| wire::read_accepted(&answer, "OriginatorConversationID"));
    // That the question was refused says nothing of the refund.
    asked.map_err(|error| AdapterError { disposition: open(error.disposition), ..error })?;
    let reference = known.cloned().unwrap_or_else(|| Reference::new(wire::account_reference(call.attempt_id)));
    Ok(Answer::Waiting { reference: Some(reference.with("status_asks", asks + 1)), poll_after: wait, interim: None })
}

/// What the result of a question says. Only "it is done" says anything.
pub(super) fn read(body: &[u8], attempt: Uuid, rest: &str) -> Result<Vec<HookEvent>, AdapterError> {
    let told = webhook::told(body)?;
    let state = told.item("TransactionStatus").unwrap_or_default().to_ascii_lowercase();
    let answer = match (rest, told.code.as_str()) {
        (OF_REVERSAL, "0") if state == "completed" => {
            let receipt = told.item("ReceiptNo").map(str::to_owned);
            let outcome = RefundOutcome { receipt: receipt.clone(), amount: told.item("Amount").and_then(wire::shillings) };
            Some(Answer::Succeeded { outcome: json!(outcome), reference: None, receipt })
        }
        // The word for a payment that was given back is (unverified).
        (OF_RECEIPT, "0") if state.contains("revers") => {
            let reference = Reference::new(wire::account_reference(attempt)).with("already_reversed", attempt.to_string());
            Some(Answer::Waiting { reference: Some(reference), poll_after: Duration::ZERO, interim: None })
        }
        _ => None,
    };
    let news = answer.map_or(News::Nothing, News::Answer);
    Ok(vec![HookEvent { target: Target::Attempt(attempt), event_id: None, news, correlation: None }])
}
