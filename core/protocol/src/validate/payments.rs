//! What is checked of payments beyond their types.

use super::{invalid, one_of, short};
use crate::{Charge, Code, Money, PaymentMethod, PaymentQuery, Phone, Problem, Refund, catalog, limits};

pub(super) fn check_charge(adapter: &str, charge: Charge) -> Result<Charge, Problem> {
    short("reference", &charge.reference, limits::REFERENCE_CHARS_MAX)?;
    if let Some(text) = &charge.description {
        short("description", text, limits::REFERENCE_CHARS_MAX)?;
    }
    check_amount(adapter, "payload.amount", &charge.amount)?;
    check_network(adapter, &charge)?;
    if adapter == "mpesa" {
        let phone = charge
            .phone
            .as_ref()
            .ok_or_else(|| Problem::new(Code::MissingField, "M-Pesa prompts the payer's phone").with_field("payload.phone"))?;
        check_mpesa_phone(phone)?;
    }
    Ok(charge)
}

fn check_network(adapter: &str, charge: &Charge) -> Result<(), Problem> {
    let Some(network) = &charge.network else { return Ok(()) };
    let field = "payload.network";
    if adapter != "flutterwave" {
        return Err(Problem::new(Code::UnknownField, format!("{adapter} takes no network")).with_field(field));
    }
    if charge.method == Some(PaymentMethod::Link) || charge.phone.is_none() {
        return Err(invalid(field, "a network is for mobile money: it needs the payer's phone and no method link"));
    }
    let known = catalog::mobile_networks(charge.amount.currency());
    if known.contains(&network.as_str()) {
        return Ok(());
    }
    let detail = match known {
        [] => format!("there is no mobile money in {}", charge.amount.currency()),
        known => format!("{} has {}", charge.amount.currency(), known.join(", ")),
    };
    Err(invalid(field, detail))
}

fn check_amount(adapter: &str, field: &str, amount: &Money) -> Result<(), Problem> {
    if amount.minor_units() <= 0 {
        return Err(Problem::new(Code::AmountOutOfRange, "must be more than nothing").with_field(field));
    }
    if adapter != "mpesa" {
        return Ok(());
    }
    if amount.currency() != "KES" {
        return Err(Problem::new(Code::InvalidAmount, "M-Pesa takes KES only").with_field(field));
    }
    if amount.whole_units().is_none() {
        return Err(Problem::new(Code::AmountNotWhole, "M-Pesa takes whole shillings only").with_field(field));
    }
    if !limits::MPESA_MINOR_UNITS.contains(&amount.minor_units()) {
        return Err(Problem::new(Code::AmountOutOfRange, "M-Pesa takes KES 1 to 250,000").with_field(field));
    }
    Ok(())
}

fn check_mpesa_phone(phone: &Phone) -> Result<(), Problem> {
    if phone.is_kenyan_mobile() {
        return Ok(());
    }
    Err(Problem::new(Code::InvalidPhone, "M-Pesa needs a Kenyan mobile number").with_field("payload.phone"))
}

pub(super) fn check_refund(adapter: &str, refund: Refund) -> Result<Refund, Problem> {
    one_of(("operation_id", refund.operation_id.is_some()), ("receipt", refund.receipt.is_some()))?;
    short("reason", &refund.reason, limits::REFERENCE_CHARS_MAX)?;
    if let Some(receipt) = &refund.receipt {
        short("receipt", receipt, limits::REFERENCE_CHARS_MAX)?;
    }
    if let Some(amount) = &refund.amount {
        check_amount(adapter, "payload.amount", amount)?;
    }
    Ok(refund)
}

pub(super) fn check_payment_query(query: PaymentQuery) -> Result<PaymentQuery, Problem> {
    one_of(("operation_id", query.operation_id.is_some()), ("receipt", query.receipt.is_some()))?;
    Ok(query)
}
