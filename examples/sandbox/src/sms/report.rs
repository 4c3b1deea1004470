//! Delivery reports: posted as a form a moment after the message was accepted.

use std::sync::Arc;

use tokio::time::sleep;

use super::recipient::Recipient;
use crate::fault::Fault;
use crate::gate;
use crate::world::{World, lock};

/// How often a report is tried again while nobody answers: over three seconds.
const RETRIES: u32 = 5;
const NETWORK_CODE: &str = "63902";

/// Reports an accepted message later, if there is anywhere to report to.
pub(super) fn schedule(world: &Arc<World>, recipient: &Recipient, fault: Option<&Fault>) {
    let Some(url) = lock(&world.sms_delivery_url).clone() else { return };
    let Some(id) = recipient.message_id.clone() else { return };
    let status = recipient.report.clone().unwrap_or_else(|| "Success".into());
    let number = recipient.number.clone();
    let pauses = gate::webhook_pauses(fault);
    let later = Arc::clone(world);
    world.later(async move {
        let mut form = vec![("id", id.as_str()), ("status", &status), ("phoneNumber", &number), ("networkCode", NETWORK_CODE)];
        if matches!(status.as_str(), "Failed" | "Rejected") {
            form.push(("failureReason", "DeliveryFailure"));
        }
        sleep(later.options.sms_delay).await;
        for pause in pauses {
            sleep(pause).await;
            later.callbacks.post_form(&url, &form, RETRIES).await;
        }
    });
}
