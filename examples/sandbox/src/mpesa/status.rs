//! Transaction status: what became of a receipt, or of a reversal by its conversation.
//!
//! `Reversed` as the status of a reversed payment, and `R000002` for an unknown one, are the simplest readings; the
//! provider's documentation names neither.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{Response, Result};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::conversation::{Conversation, post};
use super::request::{Body, is_webhook_url};
use super::{Refusal, before};
use crate::connection::Line;
use crate::credentials::MPESA_SHORTCODE;
use crate::fault::{Adapter, Call, Fault};
use crate::fault_book::Facts;
use crate::world::{World, lock};
use crate::{clock, gate};

struct Inquiry {
    subject: Subject,
    result_url: String,
    initiator_known: bool,
}

enum Subject {
    Receipt(String),
    Conversation(String),
}

impl Inquiry {
    fn read(body: &Body) -> Result<Self, Refusal> {
        let initiator_known = body.check_initiator("TransactionStatusQuery")?;
        body.need("PartyA", |party| party == MPESA_SHORTCODE)?;
        body.need("IdentifierType", |kind| kind == "4")?;
        let result_url = body.need("ResultURL", is_webhook_url)?;
        let subject = body.get("TransactionID").map(Subject::Receipt);
        let subject = subject.or_else(|| body.get("OriginalConversationID").map(Subject::Conversation));
        let subject = subject.ok_or_else(|| Refusal::invalid("TransactionID"))?;
        Ok(Self { subject, result_url, initiator_known })
    }

    fn facts(&self) -> Facts {
        Facts(vec![match &self.subject {
            Subject::Receipt(receipt) => ("receipt", receipt.clone()),
            Subject::Conversation(id) => ("conversation_id", id.clone()),
        }])
    }
}

pub(super) async fn status(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let inquiry = Inquiry::read(&Body::read(&world, &headers, &bytes)?)?;
    let fault = world.fault(Adapter::Mpesa, Call::Status, inquiry.facts());
    before(&line, fault.as_ref()).await?;
    let conversation = Conversation::open(&world);
    let answer = conversation.acknowledgement();
    let later = (Arc::clone(&world), fault.clone());
    world.later(async move {
        let (world, fault) = later;
        conclude(&world, &inquiry, &conversation, fault.as_ref()).await;
    });
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

async fn conclude(world: &World, inquiry: &Inquiry, conversation: &Conversation, fault: Option<&Fault>) {
    sleep(world.options.mpesa_delay).await;
    let found = match gate::result_of(fault) {
        Some(code) if code != "0" => Err(code),
        Some(_) | None if !inquiry.initiator_known => Err("2001"),
        Some(_) | None => find(world, &inquiry.subject),
    };
    let body = match found {
        Ok(parameters) => conversation.result("0", "UKO0000000", &parameters),
        Err(code) => conversation.result(code, "UKO0000000", &[]),
    };
    post(world, &inquiry.result_url, fault, body).await;
}

fn find(world: &World, subject: &Subject) -> Result<[(&'static str, Value); 6], &'static str> {
    let book = lock(&world.mpesa);
    let original = match subject {
        Subject::Receipt(receipt) => receipt.as_str(),
        Subject::Conversation(id) => book.receipt_of_conversation(id).ok_or("R000002")?,
    };
    let payment = book.payment(original).ok_or("R000002")?;
    let (receipt, state) = match (subject, payment.reversed_by.as_deref()) {
        (Subject::Receipt(_), None) => (original, "Completed"),
        (Subject::Receipt(_), Some(_)) => (original, "Reversed"),
        (Subject::Conversation(_), Some(reversal)) => (reversal, "Completed"),
        (Subject::Conversation(_), None) => return Err("R000002"),
    };
    let finalised: Value = clock::nairobi(payment.paid_at).parse::<u64>().map_or(Value::Null, Value::from);
    let (payer, shop) = (format!("{} - A Payer", payment.phone), format!("{MPESA_SHORTCODE} - Sandbox"));
    let (debit, credit) = match subject {
        Subject::Receipt(_) => (payer, shop),
        Subject::Conversation(_) => (shop, payer),
    };
    Ok([
        ("ReceiptNo", json!(receipt)),
        ("TransactionStatus", json!(state)),
        ("Amount", json!(payment.amount)),
        ("FinalisedTime", finalised),
        ("DebitPartyName", json!(debit)),
        ("CreditPartyName", json!(credit)),
    ])
}
