//! The door: what a device or a backend asks for is checked, authorised and stored, and only then answered.
//!
//! One bad operation is refused alone; the rest of the batch goes on. Checks that need no database come first
//! ([`preview`]); the verdict and its row are one transaction of the store.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use serde_json::value::RawValue;
use tarishi_protocol::{
    Code, Operation, OperationId, PROTOCOL, Problem, Receipt, ReceiptStatus, SyncRequest, SyncResponse, limits,
};

use crate::{
    App, dispatch, feed,
    store::{self, Actor, DeviceRow, ExchangeOutcome, Grants, Intake, OperationRow, Preview, Submission},
};

mod check;

pub use check::{Asker, preview};

/// What a backend asks for in one request.
#[derive(Clone, Debug)]
pub struct NewSubmission {
    /// The name of the effect; needed where there is one.
    pub idempotency_key: Option<String>,
    /// The adapter.
    pub adapter: String,
    /// The action.
    pub action: String,
    /// The payload's version.
    pub version: u32,
    /// The payload.
    pub payload: Box<RawValue>,
    /// Its order.
    pub ordering_key: Option<String>,
    /// How long it may wait before it begins.
    pub ttl_ms: Option<u64>,
    /// For whom.
    pub account: String,
    /// Every device of this account hears of it.
    pub deliver_to: Option<String>,
}

/// One exchange of one device.
///
/// # Errors
/// A problem of the whole request: `upgrade_required`, `account_mismatch`, `too_many`, `malformed`, `stale_exchange`,
/// `internal`.
pub async fn sync(app: &Arc<App>, device: &DeviceRow, request: SyncRequest<Box<RawValue>>) -> Result<SyncResponse, Problem> {
    if request.protocol != PROTOCOL {
        return Err(Problem::new(Code::UpgradeRequired, format!("this server speaks protocol {PROTOCOL}")));
    }
    if request.account != device.account {
        return Err(Problem::new(Code::AccountMismatch, "the token is another account's").with_field("account"));
    }
    check_counts(&request)?;
    let now = app.clock.now_ms();
    let carries =
        !request.operations.is_empty() || !request.cancellations.is_empty() || !request.notification_receipts.is_empty();
    let mut response = if carries {
        let response = exchange(app, device, &request, now).await?;
        app.wake.dispatch_now();
        app.wake.feed_moved();
        response
    } else {
        poll(app, device, &request, now).await?
    };
    response.limits.paused = paused(app, &device.tenant).await?;
    Ok(response)
}

fn check_counts(request: &SyncRequest<Box<RawValue>>) -> Result<(), Problem> {
    let counts = [
        ("operations", request.operations.len(), limits::OPERATIONS_MAX),
        ("cancellations", request.cancellations.len(), limits::CANCELLATIONS_MAX),
        ("notification_receipts", request.notification_receipts.len(), limits::NOTIFICATION_RECEIPTS_MAX),
    ];
    for (field, count, most) in counts {
        if count > most {
            return Err(Problem::new(Code::TooMany, format!("at most {most} {field} in a request")).with_field(field));
        }
    }
    Ok(())
}

async fn exchange(
    app: &Arc<App>,
    device: &DeviceRow,
    request: &SyncRequest<Box<RawValue>>,
    now: store::Ms,
) -> Result<SyncResponse, Problem> {
    app.store.rouse();
    let asker = Asker { tenant: &device.tenant, grants: &device.grants, sent_at: request.sent_at, now };
    let mut operations = Vec::with_capacity(request.operations.len());
    for (index, raw) in request.operations.iter().enumerate() {
        operations.push(check::read(app, &asker, raw, index).await?);
    }
    let intake = Intake {
        tenant: device.tenant.clone(),
        device: device.device.clone(),
        account: device.account.clone(),
        exchange: request.exchange,
        operations,
        cancellations: request.cancellations.clone(),
        notification_receipts: request.notification_receipts.clone(),
        cursor: request.cursor.clone(),
        now,
    };
    let offers = dispatch::offer(app, &intake.tenant, &intake.operations, now).await.map_err(internal)?;
    let store = Arc::clone(&app.store);
    match offers.take(|offered| async move { store.exchange(intake, offered).await }).await.map_err(internal)? {
        ExchangeOutcome::Done(response) => {
            for receipt in &response.receipts {
                tracing::info!(operation = %receipt.id, device = device.device, status = ?receipt.status, "received");
            }
            Ok(*response)
        }
        ExchangeOutcome::Stale { highest } => {
            let detail = format!("exchange {} is not above {highest}", request.exchange);
            Err(Problem::new(Code::StaleExchange, detail).with_field("exchange"))
        }
    }
}

/// A request that carries nothing: reads, and may be held until there is news.
async fn poll(
    app: &App,
    device: &DeviceRow,
    request: &SyncRequest<Box<RawValue>>,
    now: store::Ms,
) -> Result<SyncResponse, Problem> {
    let (tenant, id) = (&device.tenant, &device.device);
    let seq = request.cursor.as_deref().and_then(feed::seq_of).unwrap_or(0);
    let read = |now| app.store.poll_feed(tenant, id, request.cursor.clone(), now);
    let response = read(now).await.map_err(internal)?;
    if seq > 0 && !response.reset && app.hub.acknowledges(tenant, id, seq) {
        app.store.acknowledge(tenant, id, seq).await.map_err(internal)?;
    }
    if request.wait_secs == 0 || !response.changes.is_empty() || response.reset {
        return Ok(response);
    }
    app.hub.wait(tenant, id, seq, Duration::from_secs(request.wait_secs.min(limits::WAIT_SECS_MAX))).await;
    read(app.clock.now_ms()).await.map_err(internal)
}

/// What the operator paused, as `adapter:action`.
async fn paused(app: &App, tenant: &str) -> Result<Vec<String>, Problem> {
    let mut paused = Vec::new();
    for name in app.adapters.keys() {
        let effective = app.effective(tenant, name).await.map_err(internal)?;
        paused.extend(effective.into_iter().flat_map(|effective| effective.paused).map(|action| format!("{name}:{action}")));
    }
    Ok(paused)
}

/// Takes one operation that no device sent; the same road as a synced one.
///
/// # Errors
/// `internal`; everything else is in the receipt.
pub async fn submit(
    app: &Arc<App>,
    tenant: &str,
    actor: Actor,
    grants: &Grants,
    new: NewSubmission,
) -> Result<Receipt, Problem> {
    app.store.rouse();
    let now = app.clock.now_ms();
    let id = OperationId::generate();
    let sent_at = app.clock.now();
    let preview = if new.idempotency_key.is_none() && app.has_effect(&new.adapter, &new.action) {
        let problem = Problem::new(Code::KeyRequired, "this action needs an idempotency key").with_field("idempotency_key");
        Preview::Refuse { id, key: None, fingerprint: None, ordering_key: None, problem }
    } else {
        let operation = envelope(id, sent_at, &new);
        preview(app, &Asker { tenant, grants, sent_at, now }, operation).await?
    };
    let submission =
        Submission { tenant: tenant.to_owned(), actor, account: new.account, deliver_to: new.deliver_to, preview, now };
    let offers = dispatch::offer(app, tenant, std::slice::from_ref(&submission.preview), now).await.map_err(internal)?;
    let store = Arc::clone(&app.store);
    let receipt = offers.take(|offered| async move { store.submit(submission, offered).await }).await.map_err(internal)?;
    if receipt.status == ReceiptStatus::Accepted {
        tracing::info!(operation = %receipt.id, tenant, "received");
        app.wake.dispatch_now();
        app.wake.feed_moved();
    }
    Ok(receipt)
}

fn envelope(id: OperationId, sent_at: chrono::DateTime<Utc>, new: &NewSubmission) -> Operation {
    let key = new.idempotency_key.clone().unwrap_or_else(|| id.to_string());
    Operation {
        ordering_key: new.ordering_key.clone(),
        version: new.version,
        ttl_ms: new.ttl_ms,
        ..Operation::new(id, key, (&new.adapter, &new.action), new.payload.clone(), sent_at)
    }
}

/// Waits until an operation has ended or a human is asked, at most `wait`; gives it as it stands then.
///
/// # Errors
/// `internal`.
pub async fn wait_ended(app: &App, tenant: &str, id: OperationId, wait: Duration) -> Result<Option<OperationRow>, Problem> {
    let mut moved = app.wake.feed_subscribe();
    let deadline = tokio::time::sleep(wait.min(Duration::from_secs(limits::WAIT_SECS_MAX)));
    tokio::pin!(deadline);
    loop {
        let row = app.store.operation(tenant, id).await.map_err(internal)?;
        let over = row.as_ref().is_none_or(|row| row.state.is_ended() || row.state == tarishi_protocol::State::Unresolved);
        if over {
            return Ok(row);
        }
        tokio::select! {
            () = &mut deadline => return Ok(row),
            () = app.shutdown.cancelled() => return Ok(row),
            _ = tokio::time::timeout(feed::ASK_EVERY, moved.changed()) => {}
        }
    }
}

/// The store failed: nothing was lost, the caller may try again. The cause is for the log alone.
#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn internal(error: store::Error) -> Problem {
    tracing::error!(%error, "the store failed");
    Problem::new(Code::Internal, "the server could not store or read this; nothing was lost")
}
