//! What Pesapal remembers: tokens, IPN addresses, orders.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::fault::Fault;

#[derive(Default)]
pub(crate) struct Book {
    tokens: HashMap<String, DateTime<Utc>>,
    ipns: Vec<Ipn>,
    orders: HashMap<String, Order>,
}

/// A registered address.
#[derive(Clone)]
pub(super) struct Ipn {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) method: String,
}

/// An order, by Pesapal's id.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) tracking: String,
    pub(super) reference: String,
    /// In hundredths.
    pub(super) amount: u64,
    pub(super) currency: String,
    pub(super) phone: Option<String>,
    pub(super) email: Option<String>,
    pub(super) callback_url: String,
    pub(super) ipn: String,
    /// `0` to `3`.
    pub(super) code: u8,
    pub(super) paid: u64,
    pub(super) confirmation_code: String,
    pub(super) method: String,
    pub(super) withdrawn: bool,
    pub(super) refund_requested: bool,
    /// What goes wrong with its notifications and its payment.
    pub(super) fault: Option<Fault>,
}

impl Book {
    /// Forgets orders; tokens and addresses stay.
    pub(crate) fn reset(&mut self) {
        self.orders.clear();
    }

    pub(super) fn add_token(&mut self, token: String, expires: DateTime<Utc>) {
        self.tokens.insert(token, expires);
    }

    pub(super) fn is_token(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.tokens.get(token).is_some_and(|expires| now < *expires)
    }

    pub(super) fn add_ipn(&mut self, ipn: Ipn) {
        self.ipns.push(ipn);
    }

    pub(super) fn ipns(&self) -> &[Ipn] {
        &self.ipns
    }

    pub(super) fn ipn(&self, id: &str) -> Option<&Ipn> {
        self.ipns.iter().find(|ipn| ipn.id == id)
    }

    pub(super) fn add_order(&mut self, order: Order) {
        self.orders.insert(order.tracking.clone(), order);
    }

    pub(super) fn order(&self, tracking: &str) -> Option<&Order> {
        self.orders.get(tracking)
    }

    pub(super) fn order_mut(&mut self, tracking: &str) -> Option<&mut Order> {
        self.orders.get_mut(tracking)
    }

    pub(super) fn is_used(&self, reference: &str) -> bool {
        self.orders.values().any(|order| order.reference == reference)
    }

    pub(super) fn by_confirmation(&mut self, code: &str) -> Option<&mut Order> {
        self.orders.values_mut().find(|order| order.confirmation_code == code)
    }
}
