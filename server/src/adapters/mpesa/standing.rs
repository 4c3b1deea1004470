//! What is believed of a charge or refund, from what was remembered and what Daraja just said. Pure.
//!
//! A payment is believed when the query says so; a callback alone is a claim. A failure is believed late, since payments have
//! arrived after Daraja first called them off. No answer says nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tarishi_protocol::{ChargeOutcome, Code, Money, RefundOutcome};
use uuid::Uuid;

use super::super::{AdapterError, Answer, Claim, Disposition, Reference};
use super::{
    codes::{StkResult, stk_result},
    config::Waits,
    wire,
};

/// After so many queries without an answer a callback is believed alone, of a failure not before its time.
const CONFIRM_FAILURES_MAX: u64 = 3;

/// A charge that waits for its end.
pub(super) struct Standing<'a> {
    pub(super) waits: &'a Waits,
    pub(super) known: &'a Reference,
    /// What was asked for.
    pub(super) amount: &'a Money,
    pub(super) polls: u32,
    pub(super) first_opened_at: DateTime<Utc>,
    pub(super) now: DateTime<Utc>,
}

impl Standing<'_> {
    /// What follows from a query's result code, or from no answer.
    pub(super) fn conclude(&self, code: Option<&str>) -> Result<Answer, AdapterError> {
        let Some(code) = code else { return Ok(self.no_answer()) };
        let paid = paid(self.known);
        match stk_result(code) {
            StkResult::Paid => Ok(self.confirmed(paid.or_else(|| self.told()))),
            StkResult::Pending => Ok(self.wait(self.known.clone(), self.waits.polls.after(self.polls))),
            StkResult::Unknown => {
                Ok(self.wait(self.known.clone().with("unknown_code", code), self.waits.polls.after(self.polls)))
            }
            StkResult::Over(_) | StkResult::NotReached(_) if paid.is_some() => {
                let message = "the callback says paid and the query says not paid";
                Err(AdapterError::new(Disposition::Ambiguous, message).with_code(code))
            }
            StkResult::Over(message) => Ok(self.negative(code, message, Duration::ZERO)),
            StkResult::NotReached(message) => Ok(self.negative(code, message, self.waits.repeat_after())),
        }
    }

    /// A payment of this amount that Daraja told of under our name for the call: it has the receipt that a lost callback had.
    fn told(&self) -> Option<&Value> {
        let same = |claim: &&Value| {
            let amount: Option<Money> = claim.get("amount").and_then(|amount| serde_json::from_value(amount.clone()).ok());
            amount.as_ref() == Some(self.amount)
        };
        paybill(self.known).filter(same)
    }

    /// The query says paid. Without the callback's receipt one more round is waited for it: only it makes a refund possible.
    fn confirmed(&self, paid: Option<&Value>) -> Answer {
        if paid.is_some() {
            return self.succeeded(paid, false);
        }
        match since(self.known, "confirmed_at", self.now) {
            Some(elapsed) if elapsed >= self.waits.repeat_after() => self.succeeded(None, false),
            Some(elapsed) => self.wait(self.known.clone(), self.waits.repeat_after() - elapsed),
            None => self.wait(self.known.clone().with("confirmed_at", stamp(self.now)), self.waits.repeat_after()),
        }
    }

    fn no_answer(&self) -> Answer {
        let failures = |name: &str| self.known.data.get(name).and_then(Value::as_u64).unwrap_or(0) + 1;
        if let Some(paid) = paid(self.known) {
            let failures = failures("confirm_failures");
            if failures >= CONFIRM_FAILURES_MAX {
                return self.succeeded(Some(paid), true);
            }
            return self.wait(self.known.clone().with("confirm_failures", failures), self.waits.polls.after(0));
        }
        let Some((code, message)) = self.over() else {
            return self.wait(self.known.clone(), self.waits.polls.after(self.polls));
        };
        let failures = failures("negative_failures");
        if failures >= CONFIRM_FAILURES_MAX && self.elapsed() >= self.waits.negative_after {
            return Answer::Failed { code: code.to_owned(), message: message.to_owned() };
        }
        self.wait(self.known.clone().with("negative_failures", failures), self.waits.polls.after(0))
    }

    /// The prompt is over, by what Daraja said before.
    fn over(&self) -> Option<(&str, &'static str)> {
        let code = self.known.data.get("negative")?.get("code")?.as_str()?;
        match stk_result(code) {
            StkResult::Over(message) => Some((code, message)),
            StkResult::Paid | StkResult::Pending | StkResult::NotReached(_) | StkResult::Unknown => None,
        }
    }

    /// Since the prompt was sent.
    fn elapsed(&self) -> Duration {
        let submitted = since(self.known, "submitted_at", self.now);
        submitted.unwrap_or_else(|| (self.now - self.first_opened_at).to_std().unwrap_or_default())
    }

    fn negative(&self, code: &str, message: &str, apart: Duration) -> Answer {
        let said_first = self.said_first(code);
        let said_for = said_first.map_or(Duration::ZERO, |at| (self.now - at).to_std().unwrap_or_default());
        let left = self.waits.negative_after.saturating_sub(self.elapsed()).max(apart.saturating_sub(said_for));
        if left.is_zero() && (apart.is_zero() || said_first.is_some()) {
            return Answer::Failed { code: code.to_owned(), message: message.to_owned() };
        }
        let negative = negative(code, said_first.unwrap_or(self.now));
        self.wait(self.known.clone().with("negative", negative), left.max(Duration::from_millis(100)))
    }

    fn said_first(&self, code: &str) -> Option<DateTime<Utc>> {
        let negative = self.known.data.get("negative")?;
        let same = negative.get("code")?.as_str()? == code;
        let at = negative.get("at")?.as_str()?.parse().ok()?;
        same.then_some(at)
    }

    fn succeeded(&self, paid: Option<&Value>, unconfirmed: bool) -> Answer {
        let field = |name: &str| paid.and_then(|paid| paid.get(name)).filter(|value| !value.is_null());
        let receipt = field("receipt").and_then(Value::as_str).map(str::to_owned);
        let outcome = ChargeOutcome {
            receipt: receipt.clone(),
            receipt_missing: receipt.is_none(),
            amount: field("amount")
                .and_then(|amount| serde_json::from_value(amount.clone()).ok())
                .or_else(|| Some(self.amount.clone())),
            paid_at: field("paid_at").and_then(|at| at.as_str()?.parse().ok()),
        };
        let mut outcome = json!(outcome);
        if unconfirmed {
            outcome["unconfirmed"] = Value::Bool(true);
        }
        // The prompt that it stands on: the receipt of another is other money.
        let reference = self.known.clone().with("confirmed", checkout_request_id(self.known));
        Answer::Succeeded { outcome, reference: Some(reference), receipt }
    }

    fn wait(&self, reference: Reference, poll_after: Duration) -> Answer {
        Answer::Waiting { reference: Some(reference), poll_after, interim: None }
    }
}

/// A first "no", to be compared with the next one.
pub(super) fn negative(code: &str, at: DateTime<Utc>) -> Value {
    json!({ "code": code, "at": stamp(at) })
}

/// The prompt to ask about: the one our own call was told of; the callback's if that call's answer was lost, or if an earlier
/// attempt was paid late.
pub(super) fn checkout_request_id(known: &Reference) -> Option<&str> {
    let claimed = paid(known).and_then(|paid| paid.get("checkout")?.as_str());
    let ours = known.data.get("checkout").and_then(Value::as_str);
    // The id may be our own name for the call, by which Daraja cannot be asked.
    let named = Some(known.id.as_str()).filter(|id| !wire::is_account_reference(id));
    claimed.or(ours).or(named).filter(|id| !id.is_empty())
}

/// What a callback claimed was paid. A claim for our own attempt that names another prompt than Daraja named to us is none.
fn paid(known: &Reference) -> Option<&Value> {
    let paid = known.data.get("paid").filter(|paid| paid.is_object())?;
    let same_attempt = known.data.get("attempt").is_some_and(|attempt| paid.get("attempt") == Some(attempt));
    let same_checkout = known.data.get("checkout").is_none_or(|checkout| paid.get("checkout") == Some(checkout));
    (!same_attempt || same_checkout).then_some(paid)
}

/// What a callback claimed was paid, besides what its charge was told with.
pub(super) struct Besides<'a> {
    paid: &'a Value,
    /// The prompt to ask about.
    pub(super) checkout: &'a str,
    age: Duration,
}

impl<'a> Besides<'a> {
    /// `None` if it is the charge's own payment, or none.
    pub(super) fn read(claim: &Claim<'a>) -> Option<Self> {
        let paid = claim.reference.data.get("paid").filter(|paid| paid.is_object())?;
        let checkout = paid.get("checkout")?.as_str()?;
        let known = |name: &str| claim.known.and_then(|known| known.data.get(name)?.as_str());
        let stands_on = known("confirmed").or_else(|| known("checkout").filter(|_| claim.receipt.is_none()));
        let same_receipt = claim.receipt.is_some() && paid.get("receipt").and_then(Value::as_str) == claim.receipt;
        (!same_receipt && stands_on != Some(checkout)).then_some(Self { paid, checkout, age: claim.age })
    }

    /// What follows from a query's result code, or from no answer: after a while the callback is believed alone.
    pub(super) fn conclude(&self, code: Option<&str>, alone_after: Duration) -> Answer {
        match code.map(|code| (code, stk_result(code))) {
            Some((_, StkResult::Paid)) => self.succeeded(false),
            Some((code, StkResult::Over(message) | StkResult::NotReached(message))) => {
                Answer::Failed { code: code.to_owned(), message: message.to_owned() }
            }
            None if self.age >= alone_after => self.succeeded(true),
            None | Some((_, StkResult::Pending | StkResult::Unknown)) => {
                Answer::Waiting { reference: None, poll_after: Duration::ZERO, interim: None }
            }
        }
    }

    fn succeeded(&self, unconfirmed: bool) -> Answer {
        let text = |name: &str| self.paid.get(name).and_then(Value::as_str);
        let mut outcome =
            json!({ "receipt": text("receipt"), "amount": self.paid.get("amount"), "paid_at": self.paid.get("paid_at") });
        if unconfirmed {
            outcome["unconfirmed"] = Value::Bool(true);
        }
        let attempt: Option<Uuid> = text("attempt").and_then(|attempt| attempt.parse().ok());
        let name = attempt.map_or_else(|| self.checkout.to_owned(), wire::account_reference);
        Answer::Succeeded { outcome, reference: Some(Reference::new(name)), receipt: text("receipt").map(str::to_owned) }
    }
}

/// What is believed of a refund whose result said or did not say something. Daraja cannot be asked about one.
pub(super) fn conclude_refund(known: Option<&Reference>, amount: Option<Money>, polls: u32) -> Result<Answer, AdapterError> {
    let silence = || AdapterError::new(Disposition::Ambiguous, "M-Pesa cannot be asked about this; its callback is awaited");
    let known = known.ok_or_else(silence)?;
    let said = known.data.get("already_reversed").filter(|attempt| attempt.is_string()).ok_or_else(silence)?;
    if known.data.get("attempt").is_some_and(|attempt| attempt != said) {
        return Err(silence());
    }
    // An earlier attempt of ours whose outcome nobody knew is what reversed it.
    if known.data.get("earlier_unknown").and_then(Value::as_bool).unwrap_or(polls > 0) {
        let outcome = json!(RefundOutcome { receipt: None, amount });
        return Ok(Answer::Succeeded { outcome, reference: Some(known.clone()), receipt: None });
    }
    Ok(Answer::Failed { code: "R000001".to_owned(), message: "the payment was given back before".to_owned() })
}

/// What became of a charge whose own answer was lost and whose payment Daraja told of by our name for it.
pub(super) fn paid_by_paybill(known: Option<&Reference>, amount: &Money) -> Option<Result<Answer, AdapterError>> {
    let known = known?;
    let claim = paybill(known)?;
    let told: Option<Money> = claim.get("amount").and_then(|amount| serde_json::from_value(amount.clone()).ok());
    if told.as_ref() != Some(amount) {
        let message = "a payment of another amount came in under this charge's account number";
        return Some(Err(AdapterError::new(Disposition::Ambiguous, message).with_problem(Code::OutcomeUnknown)));
    }
    let receipt = claim.get("receipt").and_then(Value::as_str).map(str::to_owned);
    let outcome = ChargeOutcome {
        receipt: receipt.clone(),
        receipt_missing: receipt.is_none(),
        amount: told,
        paid_at: claim.get("paid_at").and_then(|at| at.as_str()?.parse().ok()),
    };
    let mut outcome = json!(outcome);
    outcome["unconfirmed"] = Value::Bool(true);
    Some(Ok(Answer::Succeeded { outcome, reference: Some(known.clone()), receipt }))
}

/// What Daraja told of a payment under our name for the call.
fn paybill(known: &Reference) -> Option<&Value> {
    known.data.get("paybill").filter(|claim| claim.is_object())
}

/// How long ago the remembered moment was.
pub(super) fn since(known: &Reference, name: &str, now: DateTime<Utc>) -> Option<Duration> {
    let at: DateTime<Utc> = known.data.get(name)?.as_str()?.parse().ok()?;
    Some((now - at).to_std().unwrap_or_default())
}

/// A moment as it is remembered.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
