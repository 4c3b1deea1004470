//! What all adapters of payments share: what our own books say of one.

use tarishi_protocol::{Code, Money, PaymentQuery, PaymentQueryOutcome};

use super::{AdapterError, Call, Disposition, Related};

/// Begins the answer to a query: the payment that it is about, and how that stands by our books.
///
/// # Errors
/// [`Disposition::Rejected`] or [`Disposition::Unsupported`] if we have no such payment.
pub(super) fn on_record<'a>(call: &Call<'a>, query: &PaymentQuery) -> Result<(&'a Related, PaymentQueryOutcome), AdapterError> {
    let Some(related) = call.related else {
        return Err(match query.operation_id {
            Some(_) => AdapterError::new(Disposition::Rejected, "no such operation").with_problem(Code::NotFound),
            None => AdapterError::new(Disposition::Unsupported, "this receipt is not known here; ask by operation_id"),
        });
    };
    let receipt = related.outcome.as_ref().and_then(|outcome| outcome.get("receipt")?.as_str()).map(str::to_owned);
    Ok((related, PaymentQueryOutcome { state: related.state, receipt, amount: paid_amount(related) }))
}

/// What was paid, by its outcome.
pub(super) fn paid_amount(related: &Related) -> Option<Money> {
    serde_json::from_value(related.outcome.as_ref()?.get("amount")?.clone()).ok()
}
