//! Reversal: the whole of a payment goes back, once per receipt.
//!
//! Partial reversals are refused: nothing proves that Daraja carries them out.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{Response, Result};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::conversation::{Conversation, new_receipt, post};
use super::request::{Body, is_webhook_url};
use super::{Refusal, before};
use crate::connection::Line;
use crate::credentials::MPESA_SHORTCODE;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, lock};
use crate::{clock, gate};

/// Result code of a wrong initiator.
const WRONG_INITIATOR: &str = "2001";

/// What the result of a reversal tells, by key.
type Parameters = [(&'static str, Value); 4];

struct Reversal {
    receipt: String,
    amount: u64,
    result_url: String,
    initiator_known: bool,
}

impl Reversal {
    fn read(world: &World, body: &Body) -> Result<Self, Refusal> {
        let initiator_known = body.check_initiator("TransactionReversal")?;
        let receipt = body.need("TransactionID", |receipt| !receipt.is_empty())?;
        let amount = body.amount()?;
        body.need("ReceiverParty", |party| party == MPESA_SHORTCODE)?;
        body.need("RecieverIdentifierType", |kind| kind == "11")?;
        let result_url = body.need("ResultURL", is_webhook_url)?;
        body.need("Remarks", |remarks| (2..=100).contains(&remarks.chars().count()))?;
        if lock(&world.mpesa).payment(&receipt).is_some_and(|payment| payment.amount != amount) {
            return Err(Refusal::invalid("Amount"));
        }
        Ok(Self { receipt, amount, result_url, initiator_known })
    }

    fn facts(&self, world: &World) -> Facts {
        let mut facts = Facts(vec![("receipt", self.receipt.clone()), ("amount", self.amount.to_string())]);
        if let Some(payment) = lock(&world.mpesa).payment(&self.receipt) {
            facts.0.push(("phone", payment.phone.clone()));
        }
        facts
    }
}

pub(super) async fn refund(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let reversal = Reversal::read(&world, &Body::read(&world, &headers, &bytes)?)?;
    let fault = world.fault(Adapter::Mpesa, Call::Refund, reversal.facts(&world));
    before(&line, fault.as_ref()).await?;
    let conversation = Conversation::open(&world);
    lock(&world.mpesa).add_reversal(conversation.originator_id.clone(), reversal.receipt.clone());
    let answer = conversation.acknowledgement();
    let later = (Arc::clone(&world), fault.clone());
    world.later(async move {
        let (world, fault) = later;
        conclude(&world, &reversal, &conversation, fault.as_ref()).await;
    });
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

async fn conclude(world: &World, reversal: &Reversal, conversation: &Conversation, fault: Option<&Fault>) {
    sleep(world.options.mpesa_delay).await;
    let done = match gate::result_of(fault) {
        Some(code) if code != "0" => Err(code),
        Some(_) | None if !reversal.initiator_known => Err(WRONG_INITIATOR),
        Some(_) | None => reverse(world, &reversal.receipt),
    };
    let body = match done {
        Ok((receipt, parameters)) => conversation.result("0", &receipt, &parameters),
        Err(code) => conversation.result(code, "UKO0000000", &[]),
    };
    post(world, &reversal.result_url, fault, body).await;
}

/// Moves the money back; the code says why not.
fn reverse(world: &World, original: &str) -> Result<(String, Parameters), &'static str> {
    let mut book = lock(&world.mpesa);
    let receipt = new_receipt(world, &book);
    let payment = book.reverse(original, &receipt)?;
    lock(&world.ledger).push(LedgerEntry {
        to: Some(payment.phone.clone()),
        amount: Some(format!("{}.00", payment.amount)),
        currency: Some("KES".into()),
        provider_id: Some(receipt.clone()),
        request_id: Some(original.to_owned()),
        ..LedgerEntry::new(Adapter::Mpesa, Effect::MoneyOut)
    });
    let completed: Value = clock::nairobi(clock::now()).parse::<u64>().map_or(Value::Null, Value::from);
    let parameters = [
        ("Amount", json!(payment.amount)),
        ("OriginalTransactionID", json!(original)),
        ("TransCompletedTime", completed),
        ("CreditPartyPublicName", json!(format!("{} - A Payer", payment.phone))),
    ];
    Ok((receipt, parameters))
}
