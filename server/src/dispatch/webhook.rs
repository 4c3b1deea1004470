//! Providers tell us what became of a call.
//!
//! The order: path token → signature → store → reply → settle. What is not authentic is never stored; what is stored is
//! never lost: events that match nothing yet wait for their operation.

use std::{net::IpAddr, sync::Arc};

use tarishi_protocol::{Code, OperationId, Problem};
use uuid::Uuid;

use super::{
    policy::CHARGE,
    received,
    reports::{adopt, reported},
    rules::rules,
};
use crate::{
    App,
    adapters::{Disposition, Hook, HookEvent, News, Reply, Target},
    store::{self, EventState, Evidence, OperationRow, Settle, Source, WebhookEventRow, WebhookRow},
    vault::Vault,
};

mod stored;

pub use stored::{RETRY_MAX, Reprocessed, drain, reprocess, retry};

/// A webhook as it came in.
#[derive(Debug)]
pub struct Incoming {
    /// By which route.
    pub route: Route,
    /// What follows the token in the path, without the first slash.
    pub rest: String,
    /// The query string.
    pub query: String,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The peer.
    pub peer: Option<IpAddr>,
    /// The body.
    pub body: Vec<u8>,
}

/// How a webhook is addressed.
#[derive(Debug)]
pub enum Route {
    /// `/k/{attempt}/{token}`: one attempt's own address.
    Attempt {
        /// The attempt.
        attempt: Uuid,
        /// Its token.
        token: String,
    },
    /// `/h/{token}`: one tenant's address for one adapter.
    Token {
        /// The token.
        token: String,
    },
    /// `/api/v2/integrations/{adapter}/webhook/{token}/…` of the default tenant.
    Legacy {
        /// The tenant.
        tenant: String,
        /// The adapter.
        adapter: String,
    },
}

/// Whom a webhook is for.
struct Addressee {
    tenant: String,
    adapter: String,
    attempt: Option<(Uuid, String)>,
    rest: String,
}

/// Takes one webhook: verified, stored, answered; its news are settled after the answer.
///
/// # Errors
/// `not_found` for an address that is none; `malformed` for what is not authentic or cannot be read.
pub async fn receive(app: &Arc<App>, incoming: Incoming) -> Result<Reply, Problem> {
    let nobody = || Problem::new(Code::NotFound, "there is nothing here");
    let addressee = addressee(app, &incoming).await.map_err(internal)?.ok_or_else(|| {
        tracing::warn!("a webhook at an address that is nobody's was refused");
        nobody()
    })?;
    let adapter = app.adapters.get(addressee.adapter.as_str()).ok_or_else(nobody)?;
    let effective = app.effective(&addressee.tenant, &addressee.adapter).await.map_err(internal)?.ok_or_else(nobody)?;
    let now = app.clock.now_ms();
    let hook = Hook {
        attempt_id: addressee.attempt.as_ref().map(|(attempt, _)| *attempt),
        action: addressee.attempt.as_ref().map(|(_, action)| action.as_str()),
        rest: &addressee.rest,
        query: &incoming.query,
        headers: &incoming.headers,
        peer: incoming.peer,
        body: &incoming.body,
        verified: false,
        settings: &effective.settings,
        now: app.clock.now(),
    };
    let read = adapter.read_webhook(&hook).map_err(|error| {
        tracing::warn!(adapter = addressee.adapter, %error, "a webhook was refused");
        let code = if error.disposition == Disposition::Unauthorized { Code::Unauthorized } else { Code::Malformed };
        Problem::new(error.problem.unwrap_or(code), "the webhook is not authentic or cannot be read")
    })?;
    let webhook = WebhookRow {
        tenant: addressee.tenant.clone(),
        adapter: addressee.adapter.clone(),
        attempt: hook.attempt_id,
        path: addressee.rest.clone(),
        // A handshake tells nothing, and its query holds a secret.
        query: if read.events.is_empty() { String::new() } else { incoming.query.clone() },
        body: incoming.body.clone(),
        received_at: now,
    };
    let events = read.events.into_iter().map(|event| row(&addressee, event, now)).collect();
    let events = app.store.store_webhook(webhook, events).await.map_err(internal)?;
    super::failpoint::reach("server.after_webhook_store");
    let app = Arc::clone(app);
    tokio::spawn(async move {
        for event in events {
            settle(&app, event).await;
        }
    });
    Ok(read.reply)
}

async fn addressee(app: &App, incoming: &Incoming) -> store::Result<Option<Addressee>> {
    match &incoming.route {
        Route::Attempt { attempt, token } => {
            let Some(row) = app.store.attempt(*attempt).await? else { return Ok(None) };
            let good = app.vault.is_callback_token(&row.tenant, *attempt, token);
            Ok(good.then(|| Addressee {
                tenant: row.tenant,
                adapter: row.adapter,
                attempt: Some((*attempt, row.action)),
                rest: format!("/{}", incoming.rest),
            }))
        }
        Route::Token { token } => by_token(app, token, &incoming.rest).await,
        Route::Legacy { tenant, adapter } => {
            let (token, rest) = incoming.rest.split_once('/').unwrap_or((&incoming.rest, ""));
            let found = by_token(app, token, rest).await?;
            Ok(found.filter(|found| found.tenant == *tenant && found.adapter == *adapter))
        }
    }
}

async fn by_token(app: &App, token: &str, rest: &str) -> store::Result<Option<Addressee>> {
    let found = app.store.webhook_token(Vault::token_hash(token)).await?;
    Ok(found.map(|(tenant, adapter)| Addressee { tenant, adapter, attempt: None, rest: format!("/{rest}") }))
}

fn row(addressee: &Addressee, event: HookEvent, now: store::Ms) -> WebhookEventRow {
    let (attempt, reference) = match event.target {
        Target::Attempt(attempt) => (Some(attempt), None),
        Target::Reference(reference) => (None, Some(reference)),
        Target::Nobody => (None, None),
    };
    WebhookEventRow {
        id: 0,
        tenant: addressee.tenant.clone(),
        adapter: addressee.adapter.clone(),
        attempt,
        reference,
        event_id: event.event_id,
        correlation: event.correlation,
        news: event.news,
        noted: false,
        received_at: now,
    }
}

/// Settles the news that waited for this operation.
///
/// # Errors
/// The store's.
pub(super) async fn matching(app: &Arc<App>, tenant: &str, id: OperationId) -> store::Result<()> {
    for event in app.store.events_for(tenant, id).await? {
        settle(app, event).await;
    }
    Ok(())
}

async fn settle(app: &Arc<App>, event: WebhookEventRow) {
    let id = event.id;
    match received::settle(app, event).await {
        Ok(true) => {
            if let Err(error) = app.store.mark_event(id, EventState::Done).await {
                tracing::warn!(%error, event = id, "a settled event could not be marked; settling it again is harmless");
            }
            app.wake.feed_moved();
            app.wake.dispatch_now();
        }
        Ok(false) => {}
        Err(error) => tracing::error!(%error, event = id, "a webhook's news could not be settled; they are kept"),
    }
}

/// Settles one event; false if it matches nothing yet.
pub(super) async fn settle_one(app: &Arc<App>, event: WebhookEventRow) -> store::Result<bool> {
    let Some((row, evidence)) = find(app, &event).await? else { return Ok(false) };
    let Some(adapter) = app.adapters.get(row.adapter.as_str()) else { return Ok(false) };
    let Some(effective) = app.effective(&row.tenant, &row.adapter).await? else { return Ok(false) };
    let adopted = matches!((&event.news, &evidence), (News::Message(_), Evidence::Answer(_)));
    let settled = app
        .store
        .settle(Settle {
            tenant: row.tenant.clone(),
            id: row.id,
            source: Source::Webhook { attempt: spoken_of(&event, &row) },
            evidence,
            rules: rules(app, &**adapter, &row.action, &effective.settings),
            now: app.clock.now_ms(),
        })
        .await?;
    if settled.late_success {
        tracing::warn!(operation = %row.id, "succeeded late, after it had been told otherwise");
    }
    let moved = settled.moved.is_some_and(|(before, after)| before != after);
    if adopted && !moved && settled.moved.is_some() {
        // Another report was faster: this one is about a message that is known now.
        return Box::pin(settle_one(app, event)).await;
    }
    // Whether a payment is told is not decided by its claim.
    let claims = match &event.news {
        News::Payment(_) => true,
        News::Answer(answer) => answer.is_claim() && row.action == CHARGE,
        News::Message(_) | News::Inbound(_) | News::Nothing => false,
    };
    if adopted || (moved && !claims) {
        // Marked before others are looked at, so that it is not taken for one of them.
        app.store.mark_event(event.id, EventState::Done).await?;
        // News of this operation may have waited for the outcome or the end that it has now.
        Box::pin(matching(app, &row.tenant, row.id)).await?;
    }
    Ok(settled.moved.is_some())
}

/// The operation that an event names.
pub(super) async fn named(app: &App, event: &WebhookEventRow) -> store::Result<Option<OperationRow>> {
    match (event.attempt, &event.reference) {
        (Some(attempt), _) => match app.store.attempt(attempt).await? {
            // A webhook may name any attempt in its body: only one of its own tenant and adapter is meant.
            Some(attempt) if attempt.tenant == event.tenant && attempt.adapter == event.adapter => {
                app.store.operation(&event.tenant, attempt.operation).await
            }
            Some(_) | None => Ok(None),
        },
        (None, Some(reference)) => app.store.operation_by_reference(&event.tenant, &event.adapter, reference).await,
        (None, None) => Ok(None),
    }
}

/// The attempt that an event speaks of. A reference speaks of the present one if the operation is known by it or had no other.
fn spoken_of(event: &WebhookEventRow, row: &OperationRow) -> Option<Uuid> {
    let named = || row.reference.as_ref().is_some_and(|known| Some(&known.id) == event.reference.as_ref());
    match event.attempt {
        Some(attempt) => Some(attempt),
        None if named() || (row.attempts <= 1 && row.effect_number == 0) => row.attempt_id,
        None => None,
    }
}

/// The operation that an event is about, and what the event says of it.
async fn find(app: &App, event: &WebhookEventRow) -> store::Result<Option<(OperationRow, Evidence)>> {
    if let Some(row) = named(app, event).await? {
        return Ok(match &event.news {
            News::Answer(answer) => Some((row, Evidence::Answer(answer.clone()))),
            News::Message(news) if row.outcome.is_some() => Some((row, Evidence::Message(news.clone()))),
            News::Message(news) => reported(app, event, &row, news).map(|answer| (row, Evidence::Answer(answer))),
            News::Payment(payment) => Some((row, Evidence::Answer((*payment.claim).clone()))),
            News::Inbound(_) | News::Nothing => None,
        });
    }
    adopt(app, event).await
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn internal(error: store::Error) -> Problem {
    tracing::error!(%error, "the store failed");
    Problem::new(Code::Internal, "the webhook could not be stored; send it again")
}
