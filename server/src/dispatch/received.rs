//! What came in by itself: messages and money. Each is told to the tenant's backend once, money also to the call of ours that
//! it may belong to.
//!
//! Money is rather told twice in two ways (as a charge's outcome and as a payment) than not at all; the receipt is the same.

use serde_json::json;

use super::webhook;
use crate::{
    App,
    adapters::{InboundNews, News, PaymentNews},
    store::{self, EventRow, MESSAGE_RECEIVED, PAYMENT_RECEIVED, WebhookEventRow},
};

/// Settles one event of any kind; false if it matches nothing yet.
pub(super) async fn settle(app: &App, event: WebhookEventRow) -> store::Result<bool> {
    match &event.news {
        News::Payment(payment) => take_up(app, &event, payment).await,
        News::Inbound(message) => tell(app, &event, message).await,
        News::Answer(_) | News::Message(_) | News::Nothing => webhook::settle_one(app, event).await,
    }
}

/// Tells of one message; always settles it.
async fn tell(app: &App, event: &WebhookEventRow, message: &InboundNews) -> store::Result<bool> {
    let row = EventRow {
        seq: 0,
        tenant: event.tenant.clone(),
        fact: format!("{}:{MESSAGE_RECEIVED}:{}", event.adapter, message.id),
        kind: MESSAGE_RECEIVED.to_owned(),
        data: json!({
            "adapter": event.adapter,
            "message_id": message.id,
            "from": message.from,
            "to": message.to,
            "kind": message.kind,
            "text": message.text,
            "sent_at": message.sent_at,
        }),
        at: event.received_at,
    };
    app.store.record_event(row).await?;
    Ok(true)
}

/// Takes up one payment; always settles it.
async fn take_up(app: &App, event: &WebhookEventRow, payment: &PaymentNews) -> store::Result<bool> {
    let (tenant, adapter) = (event.tenant.as_str(), event.adapter.as_str());
    if app.store.operation_by_receipt(tenant, adapter, &payment.receipt).await?.is_some() {
        // A charge of ours was told with this receipt.
        return Ok(true);
    }
    let asked = match &event.reference {
        Some(reference) => app.store.operation_by_reference(tenant, adapter, reference).await?,
        None => None,
    };
    if asked.is_some() {
        // On record as a claim; what follows from it is the adapter's and the policy's to say.
        Box::pin(webhook::settle_one(app, event.clone())).await?;
    }
    let mut data = json!({
        "adapter": adapter,
        "receipt": payment.receipt,
        "amount": payment.amount,
        "reference": payment.reference,
        "paid_at": payment.paid_at,
        "payer": payment.payer,
        "payer_phone": payment.payer_phone,
    });
    if let Some(operation) = &asked {
        data["operation_id"] = json!(operation.id);
    }
    let row = EventRow {
        seq: 0,
        tenant: event.tenant.clone(),
        fact: format!("{adapter}:{PAYMENT_RECEIVED}:{}", payment.receipt),
        kind: PAYMENT_RECEIVED.to_owned(),
        data,
        at: event.received_at,
    };
    if app.store.record_event(row).await? {
        tracing::info!(adapter, "a payment came in");
    }
    Ok(true)
}
