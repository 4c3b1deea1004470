//! What Flutterwave remembers: transactions, payment pages, refunds.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::clock;
use crate::fault::Fault;
use crate::fault_book::Facts;
use crate::money::{self, decimal};

#[derive(Default)]
pub(crate) struct Book {
    transactions: Vec<Transaction>,
    pages: HashMap<String, Page>,
    refunds: Vec<Refund>,
}

/// What is to be paid, and by whom.
#[derive(Clone)]
pub(super) struct Payment {
    pub(super) tx_ref: String,
    /// In hundredths.
    pub(super) amount: u64,
    pub(super) currency: String,
    pub(super) phone: Option<String>,
    pub(super) email: String,
}

/// One try to pay.
#[derive(Clone)]
pub(super) struct Transaction {
    pub(super) id: u64,
    pub(super) payment: Payment,
    pub(super) flw_ref: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) at: DateTime<Utc>,
}

/// A page where one reference may be paid.
#[derive(Clone)]
pub(super) struct Page {
    pub(super) payment: Payment,
    pub(super) redirect_url: String,
    pub(super) expires: DateTime<Utc>,
    /// What goes wrong with its webhook.
    pub(super) fault: Option<Fault>,
}

#[derive(Clone)]
pub(super) struct Refund {
    pub(super) id: u64,
    pub(super) transaction: u64,
    pub(super) flw_ref: String,
    pub(super) amount: u64,
    pub(super) status: String,
    pub(super) at: DateTime<Utc>,
}

impl Payment {
    /// Whom the ledger names.
    pub(super) fn payer(&self) -> String {
        self.phone.clone().unwrap_or_else(|| self.email.clone())
    }

    pub(super) fn facts(&self) -> Facts {
        Facts(vec![
            ("phone", self.phone.clone().unwrap_or_default()),
            ("amount", money::fact(self.amount)),
            ("email", self.email.clone()),
            ("tx_ref", self.tx_ref.clone()),
        ])
    }
}

impl Transaction {
    pub(super) fn json(&self) -> Value {
        let Payment { tx_ref, currency, phone, email, .. } = &self.payment;
        let amount = decimal(self.payment.amount);
        let settled = if self.status == "successful" { amount.clone() } else { json!(0) };
        json!({
            "id": self.id,
            "tx_ref": tx_ref,
            "flw_ref": self.flw_ref,
            "amount": amount,
            "charged_amount": amount,
            "app_fee": 0,
            "merchant_fee": 0,
            "currency": currency,
            // As with Flutterwave this speaks of the processor and not of the money.
            "processor_response": if self.status == "failed" { "The payer declined" } else { "Successful" },
            "auth_model": "LIPA_MPESA",
            "status": self.status,
            "auth_url": "N/A",
            "payment_type": self.kind,
            "created_at": clock::stamp(self.at),
            "account_id": 40_021,
            "amount_settled": settled,
            "customer": { "id": 3_120_044, "phone_number": phone, "name": "A Payer", "email": email },
        })
    }
}

impl Refund {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "account_id": 40_021,
            "tx_id": self.transaction,
            "flw_ref": self.flw_ref,
            "wallet_id": 55_021,
            "amount_refunded": decimal(self.amount),
            "status": self.status,
            "destination": "payment_source",
            "meta": { "source": "availablebalance" },
            "created_at": clock::stamp(self.at),
        })
    }
}

impl Book {
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn add(&mut self, transaction: Transaction) {
        self.transactions.push(transaction);
    }

    pub(super) fn transaction(&self, id: u64) -> Option<&Transaction> {
        self.transactions.iter().find(|transaction| transaction.id == id)
    }

    /// All of one reference, the newest first.
    pub(super) fn of_reference(&self, tx_ref: &str) -> Vec<Transaction> {
        self.transactions.iter().rev().filter(|transaction| transaction.payment.tx_ref == tx_ref).cloned().collect()
    }

    /// Ends a transaction; `None` if it was forgotten meanwhile.
    pub(super) fn end(&mut self, id: u64, status: &str, amount: u64) -> Option<Transaction> {
        let transaction = self.transactions.iter_mut().find(|transaction| transaction.id == id)?;
        status.clone_into(&mut transaction.status);
        transaction.payment.amount = amount;
        Some(transaction.clone())
    }

    pub(super) fn add_page(&mut self, token: String, page: Page) {
        self.pages.insert(token, page);
    }

    pub(super) fn page(&self, token: &str) -> Option<&Page> {
        self.pages.get(token)
    }

    pub(super) fn add_refund(&mut self, refund: Refund) {
        self.refunds.push(refund);
    }

    pub(super) fn refund(&self, id: u64) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// All refunds, the newest first.
    pub(super) fn refunds(&self) -> Vec<Value> {
        self.refunds.iter().rev().map(Refund::json).collect()
    }

    /// What was given back of a transaction, or is about to be.
    pub(super) fn given_back(&self, transaction: u64) -> u64 {
        let of = self.refunds.iter().filter(|refund| refund.transaction == transaction && !refund.status.starts_with("failed"));
        of.map(|refund| refund.amount).sum()
    }

    pub(super) fn end_refund(&mut self, id: u64, status: &str) {
        if let Some(refund) = self.refunds.iter_mut().find(|refund| refund.id == id) {
            status.clone_into(&mut refund.status);
        }
    }

    /// No transaction and no refund has this number.
    pub(super) fn is_new(&self, id: u64) -> bool {
        self.transaction(id).is_none() && self.refund(id).is_none()
    }
}
