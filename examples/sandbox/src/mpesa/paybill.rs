//! Payments that nobody prompted for: registered addresses, validation, confirmation.
//!
//! As at Safaricom an answer of validation that does not come in time counts as the response type says, and a confirmation is
//! sent once.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::book::Payment;
use super::conversation::{new_receipt, post};
use super::request::{Body, is_webhook_url};
use super::{Refusal, before};
use crate::connection::Line;
use crate::credentials::MPESA_SHORTCODE;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, lock};
use crate::{clock, gate};

/// How long validation may take.
const VALIDATION: Duration = Duration::from_secs(8);

/// Where payments are told.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    confirmation: String,
    validation: String,
    /// A payment is made though validation does not answer.
    completes: bool,
}

pub(super) async fn register(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let addresses = read(&Body::read(&world, &headers, &bytes)?)?;
    let fault = world.fault(Adapter::Mpesa, Call::Register, Facts::default());
    before(&line, fault.as_ref()).await?;
    lock(&world.mpesa).set_paybill(addresses);
    let answer = json!({
        "OriginatorCoversationID": world.random_hex(8), "ResponseCode": "0", "ResponseDescription": "Success",
    });
    Ok(gate::after(&line, fault.as_ref(), Json(answer).into_response()).await)
}

fn read(body: &Body) -> Result<Addresses, Refusal> {
    body.need("ShortCode", |code| code == MPESA_SHORTCODE)?;
    let kind = body.need("ResponseType", |kind| matches!(kind, "Completed" | "Cancelled"))?;
    Ok(Addresses {
        confirmation: body.need("ConfirmationURL", is_webhook_url)?,
        validation: body.need("ValidationURL", is_webhook_url)?,
        completes: kind == "Completed",
    })
}

/// A person who pays to the paybill by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payer {
    /// `2547XXXXXXXX`.
    pub(crate) phone: String,
    /// Whole shillings.
    pub(crate) amount: u64,
    /// The account number that was typed.
    pub(crate) reference: String,
}

/// Makes the payment; the receipt, or `None` if it was refused.
pub(crate) async fn pay(world: &Arc<World>, payer: &Payer) -> Option<String> {
    let facts =
        vec![("phone", payer.phone.clone()), ("amount", payer.amount.to_string()), ("reference", payer.reference.clone())];
    let fault = world.fault(Adapter::Mpesa, Call::Paybill, Facts(facts));
    let addresses = lock(&world.mpesa).paybill();
    let receipt = {
        let book = lock(&world.mpesa);
        new_receipt(world, &book)
    };
    if let Some(addresses) = &addresses
        && !is_valid(world, addresses, &told(&receipt, payer)).await
    {
        return None;
    }
    let payment = Payment {
        phone: payer.phone.clone(),
        amount: payer.amount,
        paid_at: clock::now(),
        reference: payer.reference.clone(),
        reversed_by: None,
    };
    lock(&world.mpesa).add_payment(receipt.clone(), payment);
    lock(&world.ledger).push(LedgerEntry {
        to: Some(payer.phone.clone()),
        amount: Some(format!("{}.00", payer.amount)),
        currency: Some("KES".into()),
        provider_id: Some(receipt.clone()),
        ..LedgerEntry::new(Adapter::Mpesa, Effect::MoneyIn)
    });
    if let Some(addresses) = addresses {
        confirm(world, addresses, told(&receipt, payer), fault);
    }
    Some(receipt)
}

/// Tells of a payment that came by a prompt, as some paybills are told; false if there is no such payment.
pub(crate) fn tell(world: &Arc<World>, receipt: &str) -> bool {
    let (payment, addresses) = {
        let book = lock(&world.mpesa);
        (book.payment(receipt).cloned(), book.paybill())
    };
    let (Some(payment), Some(addresses)) = (payment, addresses) else { return false };
    let payer = Payer { phone: payment.phone, amount: payment.amount, reference: payment.reference };
    confirm(world, addresses, told(receipt, &payer), None);
    true
}

fn confirm(world: &Arc<World>, addresses: Addresses, body: Value, fault: Option<Fault>) {
    let later = Arc::clone(world);
    world.later(async move {
        sleep(later.options.mpesa_delay).await;
        post(&later, &addresses.confirmation, fault.as_ref(), body.to_string()).await;
    });
}

async fn is_valid(world: &World, addresses: &Addresses, body: &Value) -> bool {
    let asked = tokio::time::timeout(VALIDATION, world.callbacks.ask_json(&addresses.validation, body.to_string()));
    let code = asked.await.ok().flatten().and_then(|answer: Value| {
        answer.get("ResultCode").map(|code| code.as_str().map_or_else(|| code.to_string(), str::to_owned))
    });
    match code {
        Some(code) => code == "0",
        None => addresses.completes,
    }
}

fn told(receipt: &str, payer: &Payer) -> Value {
    json!({
        "TransactionType": "Pay Bill", "TransID": receipt, "TransTime": clock::nairobi(clock::now()),
        "TransAmount": format!("{}.00", payer.amount), "BusinessShortCode": MPESA_SHORTCODE, "BillRefNumber": payer.reference,
        "InvoiceNumber": "", "OrgAccountBalance": "49197.00", "ThirdPartyTransID": "",
        "MSISDN": format!("{}***{}", &payer.phone[..5], &payer.phone[payer.phone.len() - 3..]),
        "FirstName": "Zawadi", "MiddleName": "", "LastName": "",
    })
}

/// The list of payments: registration.
pub(super) async fn register_pull(State(world): State<Arc<World>>, headers: HeaderMap, bytes: Bytes) -> Result<Response> {
    let body = Body::read(&world, &headers, &bytes)?;
    body.need("ShortCode", |code| code == MPESA_SHORTCODE)?;
    body.need("RequestType", |kind| kind == "Pull")?;
    body.need("NominatedNumber", |number| !number.is_empty())?;
    body.need("CallBackURL", is_webhook_url)?;
    lock(&world.mpesa).open_pull();
    let answer = json!({ "ResponseRefID": world.random_hex(8), "ResponseStatus": "1000", "ResponseDescription": "Success" });
    Ok(Json(answer).into_response())
}

/// The list of payments: a page of a hundred. How it is wrapped is the simplest reading of the documentation, which does not say.
pub(super) async fn pull(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let body = Body::read(&world, &headers, &bytes)?;
    let fault = world.fault(Adapter::Mpesa, Call::Pull, Facts::default());
    before(&line, fault.as_ref()).await?;
    let (from, until, offset) = (body.get("StartDate"), body.get("EndDate"), body.get("OffSetValue"));
    let (Some(from), Some(until), Some(offset)) = (from, until, offset.and_then(|offset| offset.parse::<usize>().ok())) else {
        return Err(Refusal::invalid("StartDate").into());
    };
    let hidden = gate::result_of(fault.as_ref()).map(str::to_owned);
    let answer = {
        let book = lock(&world.mpesa);
        if !book.is_pull_open() {
            return Err(Refusal::invalid("ShortCode").into());
        }
        let mut listed: Vec<(String, Value)> = book
            .payments()
            .filter(|(receipt, _)| hidden.as_deref() != Some(receipt.as_str()))
            .map(|(receipt, payment)| (listed_time(payment), item(receipt, payment)))
            .filter(|(at, _)| *at >= from && *at <= until)
            .collect();
        listed.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.to_string().cmp(&other.1.to_string())));
        let items: Vec<Value> = listed.into_iter().skip(offset).take(100).map(|(_, item)| item).collect();
        json!({ "ResponseRefID": "sandbox", "ResponseCode": "1000", "ResponseMessage": "Success", "Response": [items] })
    };
    Ok(gate::after(&line, fault.as_ref(), Json(answer).into_response()).await)
}

fn listed_time(payment: &Payment) -> String {
    let at = clock::nairobi(payment.paid_at);
    format!("{}-{}-{} {}:{}:{}", &at[..4], &at[4..6], &at[6..8], &at[8..10], &at[10..12], &at[12..14])
}

fn item(receipt: &str, payment: &Payment) -> Value {
    json!({
        "transactionId": receipt, "trxDate": listed_time(payment), "msisdn": payment.phone, "sender": "", "transactiontype": "c2b-pay-bill-debit",
        "billreference": payment.reference, "amount": format!("{}.00", payment.amount), "organizationname": "Sandbox",
    })
}
