//! STK push: a prompt now, the payer's answer a moment later, the webhook once.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response, Result};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::book::{Charge, Payment};
use super::request::{Body, digits, is_phone, is_webhook_url};
use super::{Refusal, before, result_code};
use crate::connection::Line;
use crate::credentials::MPESA_SHORTCODE;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, lock};
use crate::{clock, gate};

/// The most one transaction may move.
const AMOUNT_MAX: u64 = 250_000;
/// The result code of a prompt nobody has answered yet. As a fault: of one nobody ever answers.
pub(super) const STILL_PROCESSING: &str = "4999";

struct Prompt {
    phone: String,
    amount: u64,
    callback_url: String,
    reference: String,
    description: String,
}

impl Prompt {
    fn read(body: &Body) -> Result<Self, Refusal> {
        body.check_password()?;
        body.need("TransactionType", |kind| matches!(kind, "CustomerPayBillOnline" | "CustomerBuyGoodsOnline"))?;
        let amount = body.amount()?;
        let phone = body.need("PhoneNumber", is_phone)?;
        body.need("PartyA", |party| party == phone)?;
        body.need("PartyB", digits)?;
        let callback_url = body.need("CallBackURL", is_webhook_url)?;
        let reference = body.need("AccountReference", |text| (1..=12).contains(&text.chars().count()))?;
        let description = body.get("TransactionDesc").unwrap_or_default();
        if description.chars().count() > 13 {
            return Err(Refusal::invalid("TransactionDesc"));
        }
        Ok(Self { phone, amount, callback_url, reference, description })
    }

    fn facts(&self) -> Facts {
        Facts(vec![
            ("phone", self.phone.clone()),
            ("amount", self.amount.to_string()),
            ("reference", self.reference.clone()),
            ("description", self.description.clone()),
        ])
    }
}

pub(super) async fn charge(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let prompt = Prompt::read(&Body::read(&world, &headers, &bytes)?)?;
    let fault = world.fault(Adapter::Mpesa, Call::Charge, prompt.facts());
    before(&line, fault.as_ref()).await?;
    let answer = push(&world, prompt, fault.clone());
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

/// Sends the prompt to the payer's phone.
fn push(world: &Arc<World>, prompt: Prompt, fault: Option<Fault>) -> Response {
    let now = clock::now();
    let merchant_request_id = format!("{}-{}", world.random_hex(4), world.random_hex(8));
    let checkout_request_id = format!("ws_CO_{}{}{}", clock::nairobi(now), world.random_hex(3), &prompt.phone[3..]);
    let answer = json!({
        "MerchantRequestID": merchant_request_id,
        "CheckoutRequestID": checkout_request_id,
        "ResponseCode": "0",
        "ResponseDescription": "Success. Request accepted for processing",
        "CustomerMessage": "Success. Request accepted for processing",
    });
    let Prompt { phone, amount, callback_url, reference, .. } = prompt;
    let code = {
        let mut book = lock(&world.mpesa);
        let code = match gate::result_of(fault.as_ref()) {
            Some(code) => code.to_owned(),
            None if amount > AMOUNT_MAX => "3".into(),
            None if world.options.rule_17 && book.breaks_rule_17(&phone, amount, now) => "17".into(),
            None => "0".into(),
        };
        book.add_charge(
            checkout_request_id.clone(),
            Charge { merchant_request_id, phone, amount, reference, callback_url, at: now, code: None },
        );
        code
    };
    if code != STILL_PROCESSING {
        let later = Arc::clone(world);
        world.later(async move { conclude(&later, &checkout_request_id, &code, fault.as_ref()).await });
    }
    Json(answer).into_response()
}

/// The payer answers the prompt, and Daraja tells once.
async fn conclude(world: &World, checkout_request_id: &str, code: &str, fault: Option<&Fault>) {
    sleep(world.options.mpesa_delay).await;
    let Some((charge, receipt)) = settle(world, checkout_request_id, code) else { return };
    let body = webhook_body(&charge, checkout_request_id, code, receipt);
    for pause in gate::webhook_pauses(fault) {
        sleep(pause).await;
        world.callbacks.post_json(&charge.callback_url, Some(MPESA_SHORTCODE), body.clone()).await;
    }
}

/// Ends the prompt; with code 0 the money moves and there is a receipt.
fn settle(world: &World, checkout_request_id: &str, code: &str) -> Option<(Charge, Option<String>)> {
    let mut book = lock(&world.mpesa);
    let charge = book.end_charge(checkout_request_id, code)?;
    if code != "0" {
        return Some((charge, None));
    }
    let receipt = super::conversation::new_receipt(world, &book);
    let payment = Payment {
        phone: charge.phone.clone(),
        amount: charge.amount,
        paid_at: clock::now(),
        reference: charge.reference.clone(),
        reversed_by: None,
    };
    book.add_payment(receipt.clone(), payment);
    lock(&world.ledger).push(LedgerEntry {
        to: Some(charge.phone.clone()),
        amount: Some(format!("{}.00", charge.amount)),
        currency: Some("KES".into()),
        provider_id: Some(receipt.clone()),
        request_id: Some(checkout_request_id.to_owned()),
        ..LedgerEntry::new(Adapter::Mpesa, Effect::MoneyIn)
    });
    Some((charge, Some(receipt)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
}

fn item(name: &'static str, json: String) -> Item {
    Item { name, value: RawValue::from_string(json).ok() }
}

/// `Body.stkCallback`; amounts are written with cents, phones are masked, the balance has no value.
fn webhook_body(charge: &Charge, checkout_request_id: &str, code: &str, receipt: Option<String>) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct StkCallback<'a> {
        #[serde(rename = "MerchantRequestID")]
        merchant_request_id: &'a str,
        #[serde(rename = "CheckoutRequestID")]
        checkout_request_id: &'a str,
        result_code: serde_json::Value,
        result_desc: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        callback_metadata: Option<Metadata>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Metadata {
        item: Vec<Item>,
    }
    #[derive(Serialize)]
    struct Outer<T> {
        #[serde(rename = "Body")]
        body: T,
    }
    #[derive(Serialize)]
    struct Inner<T> {
        #[serde(rename = "stkCallback")]
        stk_callback: T,
    }
    let callback_metadata = receipt.map(|receipt| Metadata {
        item: vec![
            item("Amount", format!("{}.00", charge.amount)),
            item("MpesaReceiptNumber", format!("\"{receipt}\"")),
            Item { name: "Balance", value: None },
            item("TransactionDate", clock::nairobi(clock::now())),
            item("PhoneNumber", format!("\"0{}000***\"", &charge.phone[3..6])),
        ],
    });
    let stk_callback = StkCallback {
        merchant_request_id: &charge.merchant_request_id,
        checkout_request_id,
        result_code: code.parse::<i64>().map_or_else(|_| code.into(), Into::into),
        result_desc: result_code::description(code),
        callback_metadata,
    };
    serde_json::to_string(&Outer { body: Inner { stk_callback } }).expect("plain data has a JSON form")
}
