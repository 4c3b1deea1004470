//! Mobile-money charges: accepted as pending, ended by the payer a moment later, told by a webhook.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::HeaderMap;
use axum::response::{Response, Result};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;

use super::book::{Payment, Transaction};
use super::request::Body;
use super::{before, invalid, success};
use crate::connection::Line;
use crate::credentials::FLUTTERWAVE_SECRET_HASH;
use crate::fault::{Adapter, Call, Fault};
use crate::ledger::{Effect, LedgerEntry};
use crate::money::text;
use crate::world::{World, lock};
use crate::{clock, gate};

/// How often a webhook is tried again while nobody answers 200.
const RETRIES: u32 = 3;
/// As the outcome of a fault: the payer never answers.
const NEVER: &str = "pending";
/// As the outcome of a fault: half of the money comes in.
const HALF: &str = "underpaid";

#[derive(Deserialize)]
pub(super) struct Kind {
    #[serde(rename = "type", default)]
    kind: String,
}

/// Kind, currency, country and networks.
const KINDS: [(&str, &str, &str, &[&str]); 5] = [
    ("mpesa", "KES", "254", &["SAFARICOM", "AIRTEL"]),
    ("mobile_money_uganda", "UGX", "256", &["MTN", "AIRTEL"]),
    ("mobile_money_ghana", "GHS", "233", &["MTN", "AIRTELTIGO", "VODAFONE"]),
    ("mobile_money_tanzania", "TZS", "255", &["HALOPESA", "AIRTEL", "TIGO", "VODACOM"]),
    ("mobile_money_rwanda", "RWF", "250", &["MTN", "AIRTEL"]),
];

fn read(kind: &str, headers: &HeaderMap, bytes: &Bytes) -> Result<(Payment, String), Response> {
    let body = Body::read(headers, bytes)?;
    let known = KINDS.iter().find(|(name, ..)| *name == kind);
    let (_, currency, country, networks) = known.ok_or_else(|| invalid("type is not valid"))?;
    if body.currency()? != *currency {
        return Err(invalid("currency does not fit the type"));
    }
    let phone = body.need("phone_number")?;
    let digits = phone.strip_prefix('+').unwrap_or(&phone);
    if digits.len() != 12 || !digits.starts_with(country) {
        return Err(invalid("phone_number is not valid"));
    }
    match body.get("network") {
        None if *country != "254" => return Err(invalid("network is required")),
        Some(network) if !networks.contains(&network.as_str()) => return Err(invalid("network is not valid")),
        Some(_) | None => {}
    }
    let payment = Payment {
        tx_ref: body.tx_ref()?,
        amount: body.amount()?,
        currency: body.currency()?,
        phone: Some(digits.to_owned()),
        email: body.email("email")?,
    };
    Ok((payment, body.get("meta.reference").unwrap_or_default()))
}

pub(super) async fn charge(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Query(Kind { kind }): Query<Kind>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let (payment, reference) = read(&kind, &headers, &bytes)?;
    let mut facts = payment.facts();
    facts.0.push(("reference", reference));
    let fault = world.fault(Adapter::Flutterwave, Call::Charge, facts);
    before(&line, fault.as_ref()).await?;
    let outcome = gate::result_of(fault.as_ref()).unwrap_or("successful").to_owned();
    let transaction = begin(&world, payment, &kind, outcome, fault.clone());
    Ok(gate::after(&line, fault.as_ref(), success("Charge initiated", &transaction.json())).await)
}

/// Puts a transaction into the book and has its payer answer later.
pub(super) fn begin(world: &Arc<World>, payment: Payment, kind: &str, outcome: String, fault: Option<Fault>) -> Transaction {
    let (id, amount) = (new_id(world), payment.amount);
    let transaction = Transaction {
        id,
        payment,
        flw_ref: world.random_alphanumeric(12),
        kind: kind.to_owned(),
        status: "pending".into(),
        at: clock::now(),
    };
    lock(&world.flutterwave).add(transaction.clone());
    if outcome == NEVER {
        return transaction;
    }
    let later = Arc::clone(world);
    world.later(async move {
        sleep(later.options.mpesa_delay).await;
        let (status, amount) = match outcome.as_str() {
            HALF => ("successful", amount / 2),
            "successful" => ("successful", amount),
            _ => ("failed", amount),
        };
        let Some(ended) = settle(&later, id, status, amount) else { return };
        tell(&later, &ended, fault.as_ref()).await;
    });
    transaction
}

/// Ends the transaction; a successful one moves money.
fn settle(world: &World, id: u64, status: &str, amount: u64) -> Option<Transaction> {
    let ended = lock(&world.flutterwave).end(id, status, amount)?;
    if status == "successful" {
        lock(&world.ledger).push(LedgerEntry {
            to: Some(ended.payment.payer()),
            amount: Some(text(amount)),
            currency: Some(ended.payment.currency.clone()),
            provider_id: Some(id.to_string()),
            request_id: Some(ended.payment.tx_ref.clone()),
            ..LedgerEntry::new(Adapter::Flutterwave, Effect::MoneyIn)
        });
    }
    Some(ended)
}

async fn tell(world: &World, ended: &Transaction, fault: Option<&Fault>) {
    let Some(url) = lock(&world.flutterwave_webhook_url).clone() else { return };
    let mut data = ended.json();
    if let Some(fields) = data.as_object_mut() {
        fields.remove("amount_settled");
    }
    let body = json!({ "event": "charge.completed", "data": data, "event.type": "MOBILEMONEY_TRANSACTION" }).to_string();
    for pause in gate::webhook_pauses(fault) {
        sleep(pause).await;
        world.callbacks.post_signed(&url, ("verif-hash", FLUTTERWAVE_SECRET_HASH), body.clone(), RETRIES).await;
    }
}

/// A number that neither a transaction nor a refund has.
pub(super) fn new_id(world: &World) -> u64 {
    loop {
        let id = u64::from_str_radix(&world.random_hex(4), 16).unwrap_or_default() + 1;
        if lock(&world.flutterwave).is_new(id) {
            return id;
        }
    }
}
