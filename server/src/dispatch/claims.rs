//! Claims about a charge: a webhook says that money came in, and proves nothing.
//!
//! A claim makes the charge be asked about, and waits for its end. Then it is the charge's own payment, or its provider is asked
//! what there is to it: money besides is told as a payment with the charge's id, and takes nothing from the charge.

use std::{sync::Arc, time::Duration};

use super::{
    policy::{CHARGE, Claimed, claimed},
    step, webhook,
};
use crate::{
    App,
    adapters::Reference,
    store::{self, Evidence, OperationRow, Settle, Source, WebhookEventRow},
};

/// Settles one claim; false as long as its charge has not ended, or its provider has not said what there is to it.
pub(super) async fn settle(app: &Arc<App>, event: &WebhookEventRow, claim: &Reference) -> store::Result<bool> {
    let Some(charge) = webhook::named(app, event).await? else { return Ok(false) };
    if charge.action != CHARGE {
        return webhook::settle_one(app, event.clone()).await;
    }
    if !event.noted {
        if !webhook::settle_one(app, event.clone()).await? {
            return Ok(false);
        }
        app.store.note_event(event.id).await?;
    }
    let Some(charge) = app.store.operation(&charge.tenant, charge.id).await? else { return Ok(true) };
    if !charge.state.is_ended() {
        return Ok(false);
    }
    ask(app, event, charge, claim).await
}

async fn ask(app: &Arc<App>, event: &WebhookEventRow, charge: OperationRow, claim: &Reference) -> store::Result<bool> {
    let age = (app.clock.now_ms() - event.received_at).max(0);
    let asked = step::confirm(app, &charge, claim.clone(), Duration::from_millis(age.unsigned_abs())).await?;
    // An adapter that is switched off is asked when it is on again.
    let Some((said, rules)) = asked else { return Ok(false) };
    let answer = match claimed(said, age, &rules) {
        Claimed::Answered(answer) => answer,
        Claimed::Later => return Ok(false),
        Claimed::GivenUp => {
            tracing::error!(operation = %charge.id, adapter = charge.adapter, "a claim of money was never answered: look at the provider");
            return Ok(true);
        }
    };
    let settle = Settle {
        tenant: charge.tenant.clone(),
        id: charge.id,
        source: Source::Poll,
        evidence: Evidence::Claimed(answer),
        rules,
        now: app.clock.now_ms(),
    };
    if app.store.settle(settle).await?.besides {
        tracing::warn!(operation = %charge.id, adapter = charge.adapter, "money came in or went back besides what the charge was told with");
    }
    Ok(true)
}
