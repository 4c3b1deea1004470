//! What Safaricom remembers: the token, every prompt, every payment and its reversal.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::fault::Adapter;
use crate::ledger::{Effect, LedgerEntry};

/// Rule 17: the same amount from the same phone within this time.
const RULE_17_SECS: i64 = 120;

#[derive(Default)]
pub(crate) struct Book {
    token: Option<(String, DateTime<Utc>)>,
    charges: HashMap<String, Charge>,
    payments: HashMap<String, Payment>,
    reversals: HashMap<String, String>,
    paybill: Option<super::paybill::Addresses>,
    pull_open: bool,
}

/// One prompt, by `CheckoutRequestID`.
#[derive(Clone)]
pub(super) struct Charge {
    pub(super) merchant_request_id: String,
    pub(super) phone: String,
    pub(super) amount: u64,
    /// The account number that the payer saw.
    pub(super) reference: String,
    pub(super) callback_url: String,
    pub(super) at: DateTime<Utc>,
    /// The result code, once there is one.
    pub(super) code: Option<String>,
}

/// Money that came in, by receipt.
#[derive(Clone)]
pub(super) struct Payment {
    pub(super) phone: String,
    pub(super) amount: u64,
    pub(super) paid_at: DateTime<Utc>,
    /// The account number that was paid to.
    pub(super) reference: String,
    /// The receipt of the reversal.
    pub(super) reversed_by: Option<String>,
}

impl Book {
    /// Remembers payments and reversals of a former run.
    pub(crate) fn from_ledger(entries: &[LedgerEntry]) -> Self {
        let mut book = Self::default();
        for entry in entries.iter().filter(|entry| entry.adapter == Adapter::Mpesa) {
            let amount = entry.amount.as_deref().and_then(|amount| amount.split('.').next()?.parse().ok());
            let (Some(phone), Some(amount), Some(receipt)) = (entry.to.clone(), amount, entry.provider_id.clone()) else {
                continue;
            };
            let request_id = entry.request_id.clone().unwrap_or_default();
            let at = entry.at.parse().unwrap_or_default();
            match entry.effect {
                Effect::MoneyIn => {
                    let charge = Charge {
                        merchant_request_id: format!("restored-{}", entry.seq),
                        phone: phone.clone(),
                        amount,
                        reference: String::new(),
                        callback_url: String::new(),
                        at,
                        code: Some("0".into()),
                    };
                    book.charges.insert(request_id, charge);
                    book.payments
                        .insert(receipt, Payment { phone, amount, paid_at: at, reference: String::new(), reversed_by: None });
                }
                Effect::MoneyOut => {
                    if let Some(payment) = book.payments.get_mut(&request_id) {
                        payment.reversed_by = Some(receipt);
                    }
                }
                Effect::Message
                | Effect::File
                | Effect::Deleted
                | Effect::Enrolment
                | Effect::Course
                | Effect::Grade
                | Effect::Retraction => {}
            }
        }
        book
    }

    /// Forgets all but the token and what was registered.
    pub(crate) fn reset(&mut self) {
        *self = Self { token: self.token.take(), paybill: self.paybill.take(), pull_open: self.pull_open, ..Self::default() };
    }

    pub(super) fn set_paybill(&mut self, addresses: super::paybill::Addresses) {
        self.paybill = Some(addresses);
    }

    pub(super) fn paybill(&self) -> Option<super::paybill::Addresses> {
        self.paybill.clone()
    }

    pub(super) fn open_pull(&mut self) {
        self.pull_open = true;
    }

    pub(super) fn is_pull_open(&self) -> bool {
        self.pull_open
    }

    pub(super) fn payments(&self) -> impl Iterator<Item = (&String, &Payment)> {
        self.payments.iter()
    }

    pub(super) fn set_token(&mut self, token: String, expires: DateTime<Utc>) {
        self.token = Some((token, expires));
    }

    pub(super) fn is_token(&self, bearer: &str, now: DateTime<Utc>) -> bool {
        self.token.as_ref().is_some_and(|(token, expires)| token == bearer && now < *expires)
    }

    pub(super) fn charge(&self, checkout_request_id: &str) -> Option<&Charge> {
        self.charges.get(checkout_request_id)
    }

    pub(super) fn add_charge(&mut self, checkout_request_id: String, charge: Charge) {
        self.charges.insert(checkout_request_id, charge);
    }

    /// True if the same was asked of the same phone a moment ago and not refused since.
    pub(super) fn breaks_rule_17(&self, phone: &str, amount: u64, now: DateTime<Utc>) -> bool {
        self.charges.values().any(|charge| {
            charge.phone == phone
                && charge.amount == amount
                && now - charge.at < TimeDelta::seconds(RULE_17_SECS)
                && charge.code.as_deref().is_none_or(|code| code == "0")
        })
    }

    /// Ends a prompt with a result code; `None` if it was forgotten meanwhile.
    pub(super) fn end_charge(&mut self, checkout_request_id: &str, code: &str) -> Option<Charge> {
        let charge = self.charges.get_mut(checkout_request_id)?;
        charge.code = Some(code.to_owned());
        Some(charge.clone())
    }

    pub(super) fn payment(&self, receipt: &str) -> Option<&Payment> {
        self.payments.get(receipt)
    }

    pub(super) fn add_payment(&mut self, receipt: String, payment: Payment) {
        self.payments.insert(receipt, payment);
    }

    /// True if no payment and no reversal bears this receipt.
    pub(super) fn is_new_receipt(&self, receipt: &str) -> bool {
        !self.payments.contains_key(receipt)
            && !self.payments.values().any(|payment| payment.reversed_by.as_deref() == Some(receipt))
    }

    /// Reverses a payment once; the code says why not.
    pub(super) fn reverse(&mut self, receipt: &str, reversal: &str) -> Result<Payment, &'static str> {
        let payment = self.payments.get_mut(receipt).ok_or("R000002")?;
        if payment.reversed_by.is_some() {
            return Err("R000001");
        }
        payment.reversed_by = Some(reversal.to_owned());
        Ok(payment.clone())
    }

    /// Remembers which receipt a reversal's conversation was about.
    pub(super) fn add_reversal(&mut self, originator_conversation_id: String, receipt: String) {
        self.reversals.insert(originator_conversation_id, receipt);
    }

    pub(super) fn receipt_of_conversation(&self, originator_conversation_id: &str) -> Option<&str> {
        self.reversals.get(originator_conversation_id).map(String::as_str)
    }
}
