//! Daraja's vocabulary: what each code allows next. Decided on codes; on texts only where one code means several things.

use super::super::{AdapterError, Disposition, http::HttpAnswer};

/// What a result code of an STK push says of this one prompt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StkResult {
    /// Money moved.
    Paid,
    /// Nobody has answered yet.
    Pending,
    /// This prompt will take no money.
    Over(&'static str),
    /// The phone was not reached: believed only when said twice, since such payments have come late.
    NotReached(&'static str),
    /// No word of Daraja's that we know; never a failure.
    Unknown,
}

pub(super) fn stk_result(code: &str) -> StkResult {
    match code {
        "0" => StkResult::Paid,
        "4999" => StkResult::Pending,
        "1019" => StkResult::NotReached("the prompt expired before the payer answered"),
        "1037" => StkResult::NotReached("the payer's phone could not be reached or did not answer"),
        "1" => StkResult::Over("the payer's balance is too low"),
        "2" => StkResult::Over("the amount is below M-Pesa's minimum"),
        "3" => StkResult::Over("the amount is above M-Pesa's maximum for one payment"),
        "4" => StkResult::Over("the payer's daily limit would be exceeded"),
        "8" => StkResult::Over("the payee's account balance limit would be exceeded"),
        "17" => StkResult::Over("the same amount was asked of the same payer within two minutes"),
        "26" => StkResult::Over("M-Pesa is busy; a new payment may be tried later"),
        "1001" => StkResult::Over("another M-Pesa session is open on the payer's phone"),
        "1025" | "9999" => StkResult::Over("the prompt could not be sent"),
        "1032" => StkResult::Over("the payer cancelled"),
        "2001" => StkResult::Over("the payer entered a wrong PIN"),
        "2002" => StkResult::Over("the till and store numbers do not belong together"),
        "2028" => StkResult::Over("the shortcode may not do this; transaction_type or party_b is wrong"),
        "8006" => StkResult::Over("the payer's M-Pesa PIN is locked"),
        "SFC_IC0003" => StkResult::Over("M-Pesa does not know the operator or party"),
        _ => StkResult::Unknown,
    }
}

/// What a result code of a reversal says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ReversalResult {
    /// The money went back.
    Done,
    /// It had gone back before.
    AlreadyReversed,
    /// It will not go back by this request.
    Refused(&'static str),
    /// No word that we know; never a failure.
    Unknown,
}

pub(super) fn reversal_result(code: &str) -> ReversalResult {
    match code {
        "0" => ReversalResult::Done,
        "R000001" => ReversalResult::AlreadyReversed,
        "R000002" => ReversalResult::Refused("M-Pesa does not know this receipt"),
        "1" => ReversalResult::Refused("the organisation's account has too little money"),
        "11" | "2006" => ReversalResult::Refused("the organisation's account is not active"),
        "21" => ReversalResult::Refused("the initiator lacks the role for reversals"),
        "2001" => ReversalResult::Refused("the initiator's name, password or certificate is wrong"),
        "2028" => ReversalResult::Refused("the shortcode may not reverse payments"),
        "8006" => ReversalResult::Refused("the initiator's password is locked"),
        _ => ReversalResult::Unknown,
    }
}

/// What an error envelope of a call with an effect allows next.
pub(super) fn refusal(code: &str, text: &str) -> AdapterError {
    let text = text.to_ascii_lowercase();
    let says = |words: &str| text.contains(words);
    let (disposition, message) = match code {
        _ if says("no apiproduct match found") => {
            (Disposition::Misconfigured, "this product is not enabled for the Daraja app")
        }
        "400.002.02" | "400.002.05" | "400.003.02" => (Disposition::Rejected, "M-Pesa refused a field of the request"),
        "404.001.03" | "400.003.01" | "401.003.01" | "401.002.01" | "404.001.04" => {
            (Disposition::Unauthorized, "M-Pesa did not take the access token")
        }
        "404.001.01" | "404.003.01" | "405.001" => (Disposition::Misconfigured, "M-Pesa does not know this address"),
        "500.001.1001" if says("merchant does not exist") => {
            (Disposition::Misconfigured, "M-Pesa does not know the shortcode in this environment")
        }
        "500.001.1001" if says("wrong credentials") => (Disposition::Misconfigured, "the shortcode or passkey is wrong"),
        "500.001.1001" if says("unable to lock subscriber") => {
            (Disposition::Rejected, "another M-Pesa session is open on the payer's phone; no prompt was sent")
        }
        "500.003.02" if says("spike arrest") => (Disposition::RateLimited, "too many calls to M-Pesa"),
        "500.003.03" => (Disposition::RateLimited, "M-Pesa's quota is used up"),
        _ => (Disposition::Ambiguous, "M-Pesa answered with an error that leaves the outcome open"),
    };
    AdapterError::new(disposition, message).with_code(code)
}

/// What an answer without any of Daraja's codes allows next, for a call with an effect.
pub(super) fn uncoded(answer: &HttpAnswer) -> AdapterError {
    let (disposition, message) = match answer.status {
        401 => (Disposition::Unauthorized, "M-Pesa did not take the access token"),
        403 => (Disposition::Misconfigured, "M-Pesa's firewall refused the call (this server's address, or a word in a URL)"),
        429 => (Disposition::RateLimited, "too many calls to M-Pesa"),
        _ => (Disposition::Ambiguous, "M-Pesa's answer cannot be read"),
    };
    hinted(AdapterError::new(disposition, message), answer)
}

/// Adds the provider's own wait.
pub(super) fn hinted(error: AdapterError, answer: &HttpAnswer) -> AdapterError {
    match answer.retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}
