//! Webhooks as they are stored: what was not settled before the server stopped, and what an adapter can read only today.

use std::sync::Arc;

use serde::Serialize;

use super::{Addressee, row, settle};
use crate::{
    App,
    adapters::Hook,
    store::{self, WebhookEventRow, WebhookRow},
};

/// Events looked at when the server starts.
const DRAIN_MAX: u32 = 10_000;
/// Webhooks read from the store at once.
const PAGE: u32 = 200;

/// Settles what was stored and not settled before the server stopped.
pub async fn drain(app: &Arc<App>) {
    match app.store.open_events(None, None, DRAIN_MAX).await {
        Ok(events) => {
            for event in events {
                settle(app, event, true).await;
            }
        }
        Err(error) => tracing::error!(%error, "stored webhooks could not be read"),
    }
}

/// What became of webhooks that were read again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Reprocessed {
    /// Webhooks that were read.
    pub webhooks: u64,
    /// Webhooks that cannot be read today either.
    pub unreadable: u64,
    /// News in them, settled or waiting for their operation.
    pub news: u64,
}

/// Reads those of a tenant's stored webhooks again of which nothing was settled: an adapter may understand today what it only
/// kept when it came. They were verified then. What was settled once is left alone.
///
/// # Errors
/// The store's.
pub async fn reprocess(app: &App, tenant: &str, adapter: Option<&str>) -> store::Result<Reprocessed> {
    let (mut done, mut after) = (Reprocessed::default(), 0);
    loop {
        let page = app.store.unsettled_webhooks(tenant, adapter.map(str::to_owned), after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(done) };
        after = *last;
        for (id, webhook) in page {
            let Some(events) = read(app, &webhook).await? else {
                done.unreadable += 1;
                continue;
            };
            done.webhooks += 1;
            for event in app.store.replace_webhook_events(id, events).await? {
                done.news += 1;
                settle(app, event, true).await;
            }
        }
    }
}

async fn read(app: &App, webhook: &WebhookRow) -> store::Result<Option<Vec<WebhookEventRow>>> {
    let Some(adapter) = app.adapters.get(webhook.adapter.as_str()) else { return Ok(None) };
    let Some(effective) = app.effective(&webhook.tenant, &webhook.adapter).await? else { return Ok(None) };
    let action = match webhook.attempt {
        Some(attempt) => app.store.attempt(attempt).await?.map(|row| row.action),
        None => None,
    };
    let hook = Hook {
        attempt_id: webhook.attempt,
        action: action.as_deref(),
        rest: &webhook.path,
        query: &webhook.query,
        headers: &[],
        peer: None,
        body: &webhook.body,
        verified: true,
        settings: &effective.settings,
        now: app.clock.now(),
    };
    let Ok(read) = adapter.read_webhook(&hook) else { return Ok(None) };
    let addressee = Addressee {
        tenant: webhook.tenant.clone(),
        adapter: webhook.adapter.clone(),
        attempt: None,
        rest: webhook.path.clone(),
    };
    Ok(Some(read.events.into_iter().map(|event| row(&addressee, event, webhook.received_at)).collect()))
}
