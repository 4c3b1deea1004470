//! Giving a payment back: whose receipt, how much, and who asks for it.

use tarishi_protocol::{Code, Money, Refund, State};

use super::super::{AdapterError, Answer, Call, Disposition, Related, payments};
use super::{
    config::{Config, Credential, Initiator},
    security, wire,
};

/// Asks for the reversal of the whole payment.
pub(super) async fn execute(call: &Call<'_>, config: &Config<'_>, refund: &Refund) -> Result<Answer, AdapterError> {
    let initiator = Initiator::read(call.settings)?;
    let receipt = receipt(refund, call.related)?;
    let amount = refund_amount(refund, call.related)?;
    let credential = credential(&initiator).await?;
    let reversal = wire::Reversal {
        initiator: initiator.name,
        credential: &credential,
        receipt: &receipt,
        amount: &amount,
        reason: &refund.reason,
        attempt_id: call.attempt_id,
        callback_url: call.callback_url,
    };
    let body = wire::reversal_body(config, &reversal)?;
    let answer = super::post(call, config, super::REVERSAL_PATH, &body, super::MONEY_DEADLINE).await?;
    let accepted = wire::read_accepted(&answer, "OriginatorConversationID")?;
    let id = wire::text(&accepted, "OriginatorConversationID").unwrap_or_default();
    let reference = super::submitted(call, &id)
        .with("conversation_id", wire::text(&accepted, "ConversationID"))
        .with("earlier_unknown", call.polls > 0);
    Ok(Answer::Waiting { reference: Some(reference), poll_after: config.waits.receipt_wait, interim: None })
}

/// The receipt of the payment that is given back.
pub(super) fn receipt(refund: &Refund, related: Option<&Related>) -> Result<String, AdapterError> {
    refund.receipt.clone().or_else(|| related.and_then(paid_receipt)).ok_or_else(|| {
        AdapterError::new(Disposition::Rejected, "the payment has no receipt here, and M-Pesa gives back by receipt only")
    })
}

/// The initiator's password as Daraja wants it.
pub(super) async fn credential(initiator: &Initiator<'_>) -> Result<String, AdapterError> {
    match initiator.credential {
        Credential::Given(credential) => Ok(credential.to_owned()),
        Credential::Password { password, certificate_path } => {
            let certificate = tokio::fs::read(certificate_path).await;
            let unreadable = |_| AdapterError::misconfigured("the file of certificate_path cannot be read");
            security::seal(password, &certificate.map_err(unreadable)?)
        }
    }
}

/// All of the payment: whether Daraja carries out partial reversals is not known.
fn refund_amount(refund: &Refund, related: Option<&Related>) -> Result<Money, AdapterError> {
    match (refund.amount.as_ref(), related.and_then(payments::paid_amount)) {
        (Some(asked), Some(paid)) if *asked != paid => {
            Err(AdapterError::new(Disposition::Unsupported, "M-Pesa gives back the whole payment only"))
        }
        (Some(asked), _) => Ok(asked.clone()),
        (None, Some(paid)) => Ok(paid),
        (None, None) => {
            let message = "the payment is not known here: say its amount";
            Err(AdapterError::new(Disposition::Rejected, message).with_problem(Code::MissingField))
        }
    }
}

/// The receipt by the outcome, or by a callback that came after it.
fn paid_receipt(related: &Related) -> Option<String> {
    let outcome = related.outcome.as_ref().and_then(|outcome| outcome.get("receipt")?.as_str());
    let late = || related.reference.as_ref()?.data.get("paid")?.get("receipt")?.as_str();
    let receipt = outcome.or_else(late)?;
    (related.state == State::Succeeded).then(|| receipt.to_owned())
}
