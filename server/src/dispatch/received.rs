//! What came in by itself: messages and money. Each is told to the tenant's backend once, money also to the call of ours that
//! it may belong to.
//!
//! What is a charge's receipt is told as that charge's outcome and not once more as a payment. So a payment under the name of a
//! charge that has not ended waits for its end; whatever that is, the money is told.

use std::sync::Arc;

use serde_json::json;
use tarishi_protocol::State;

use super::{claims, webhook};
use crate::{
    App,
    adapters::{Answer, InboundNews, News, PaymentNews},
    store::{self, EventRow, MESSAGE_RECEIVED, WebhookEventRow},
};

/// Settles one event of any kind; false if it matches nothing yet.
pub(super) async fn settle(app: &Arc<App>, event: WebhookEventRow) -> store::Result<bool> {
    match &event.news {
        News::Payment(payment) => take_up(app, &event, payment).await,
        News::Inbound(message) => tell(app, &event, message).await,
        News::Answer(answer @ Answer::Waiting { reference: Some(claim), .. }) if answer.is_claim() => {
            Box::pin(claims::settle(app, &event, claim)).await
        }
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

/// Takes up one payment; false as long as it may be that of a charge which has not ended.
async fn take_up(app: &Arc<App>, event: &WebhookEventRow, payment: &PaymentNews) -> store::Result<bool> {
    let (tenant, adapter) = (event.tenant.as_str(), event.adapter.as_str());
    let mut asked = match &event.reference {
        Some(reference) => app.store.operation_by_reference(tenant, adapter, reference).await?,
        None => None,
    };
    if let Some(charge) = &asked {
        if !event.noted {
            // On record as a claim; what follows from it is the adapter's and the policy's to say.
            Box::pin(webhook::settle_one(app, event.clone())).await?;
            app.store.note_event(event.id).await?;
        }
        asked = app.store.operation(tenant, charge.id).await?;
    }
    if app.store.operation_by_receipt(tenant, adapter, &payment.receipt).await?.is_some() {
        // A charge of ours was told with this receipt.
        return Ok(true);
    }
    if asked.as_ref().is_some_and(|charge| !charge.state.is_ended() && charge.state != State::Unresolved) {
        return Ok(false);
    }
    let mut data = json!({
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
    let row = EventRow::payment(tenant, adapter, &payment.receipt, data, event.received_at);
    if app.store.record_event(row).await? {
        tracing::info!(adapter, "a payment came in");
    }
    Ok(true)
}
