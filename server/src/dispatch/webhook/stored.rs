//! Webhooks as they are stored: what was not settled, because the server stopped or its store failed, and what an adapter can read only today.

use std::sync::Arc;

use serde::Serialize;

use super::{Addressee, row, settle};
use crate::{
    App,
    adapters::Hook,
    store::{self, Ms, WebhookEventRow, WebhookRow},
};

/// Events looked at when the server starts: the newest. The others have their turn in the rounds after that.
const DRAIN_MAX: u32 = 10_000;
/// Events looked at again in one round, at most.
pub const RETRY_MAX: u32 = 500;
/// What is younger than this is still with whoever took it in.
const RETRY_AFTER_MS: Ms = 30_000;
/// Webhooks read from the store at once.
const PAGE: u32 = 200;

/// Settles what was stored and not settled before the server stopped.
pub async fn drain(app: &Arc<App>) {
    settle_all(app, app.store.open_events(DRAIN_MAX).await).await;
}

/// Tries what is not settled once more, the next [`RETRY_MAX`] after this event: an error of the store held it up, or its
/// operation is known only now. Says after which to go on; 0 is the beginning.
pub async fn retry(app: &Arc<App>, after: i64) -> i64 {
    let before = app.clock.now_ms() - RETRY_AFTER_MS;
    settle_all(app, app.store.open_events_after(after, before, RETRY_MAX).await).await
}

async fn settle_all(app: &Arc<App>, events: store::Result<Vec<WebhookEventRow>>) -> i64 {
    let events = match events {
        Ok(events) => events,
        Err(error) => {
            tracing::error!(%error, "stored webhooks could not be read");
            return 0;
        }
    };
    let last = events.last().filter(|_| events.len() >= RETRY_MAX as usize).map_or(0, |event| event.id);
    for event in events {
        settle(app, event).await;
    }
    last
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
pub async fn reprocess(app: &Arc<App>, tenant: &str, adapter: Option<&str>) -> store::Result<Reprocessed> {
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
                settle(app, event).await;
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
