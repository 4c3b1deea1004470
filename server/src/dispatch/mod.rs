//! Takes due operations to their adapters.
//!
//! The loop claims what is due, lane by lane ([`crate::store::LaneRow`]: one adapter of one tenant), least recently served
//! first, up to the lane's free slots; each claimed operation is one step (`step.rs`). Polling is the contract; a wake-up only
//! shortens the wait. Two transactions and no third surround a call: *open* and *settle*.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tarishi_protocol::OperationId;
use tokio_util::task::TaskTracker;

use crate::{
    App, feed,
    store::{self, Ms},
};

mod audience;
mod claims;
mod delivery;
mod errand;
pub mod failpoint;
pub mod janitor;
mod names;
mod offers;
mod on_disk;
pub mod operator;
pub mod policy;
mod received;
mod reports;
mod rules;
mod slots;
mod step;
pub mod tokens;
pub mod webhook;

use slots::{InUse, Slot, free_slots};

pub use errand::errand;
pub(crate) use offers::offer;
pub use reports::ADOPTED;
pub use slots::SLOTS;
pub use step::step;

/// Lanes looked at in one round.
const LANES: u32 = 64;
/// The longest the loop sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(1);
/// The shortest: something is due, but its lane is full.
const BUSY: Duration = Duration::from_millis(50);
/// How long a claim lasts before its attempt is opened.
const CLAIM_MS: Ms = 15_000;

/// What is under way.
#[derive(Debug, Default)]
pub struct Dispatcher {
    in_use: Arc<InUse>,
    steps: TaskTracker,
    runs: AtomicBool,
}

/// Dispatches until the server stops, then waits for the calls under way.
pub async fn run(app: Arc<App>) {
    let Dispatcher { steps, runs, .. } = &app.dispatcher;
    webhook::drain(&app).await;
    runs.store(true, Ordering::Release);
    while !app.shutdown.is_cancelled() {
        let claimed = match round(&app).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "a round of dispatch failed");
                0
            }
        };
        if claimed > 0 {
            continue;
        }
        let pause = pause(&app).await;
        tokio::select! {
            () = app.shutdown.cancelled() => {}
            () = app.wake.dispatch.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    runs.store(false, Ordering::Release);
    steps.close();
    steps.wait().await;
}

/// Claims what is due and starts its steps; says how many.
async fn round(app: &Arc<App>) -> store::Result<usize> {
    let in_use = &app.dispatcher.in_use;
    let now = app.clock.now_ms();
    if app.store.expire_due(now).await? > 0 {
        app.wake.feed_moved();
    }
    if app.store.advance_chains(now).await? > 0 {
        app.wake.feed_moved();
    }
    let lanes = app.store.due_lanes(now, LANES).await?;
    let mut queues = HashSet::new();
    let several = lanes.iter().any(|lane| lane.tenant != lanes[0].tenant);
    let mut claimed = 0;
    for lane in lanes {
        let slots = app.adapter(&lane.adapter).map_or(1, |adapter| adapter.descriptor().slots);
        let free = free_slots(slots, &lane, in_use, several);
        let key = (lane.tenant.clone(), lane.adapter.clone());
        if free == 0 {
            queues.insert(key);
            continue;
        }
        let rows = app.store.claim(&lane.tenant, &lane.adapter, now, now + CLAIM_MS, free).await?;
        claimed += rows.len();
        if rows.len() >= usize::try_from(free).unwrap_or(usize::MAX) {
            queues.insert(key);
        }
        for row in rows {
            let slot = Slot::take(in_use, (row.tenant.clone(), row.adapter.clone()));
            let id = row.id;
            let work = Arc::clone(app);
            app.dispatcher.steps.spawn(taken(Arc::clone(app), slot, id, async move { step(&work, row).await }));
        }
    }
    in_use.set_queues(queues);
    Ok(claimed)
}

/// Takes one step, and wakes whoever may go on after it.
async fn taken(app: Arc<App>, slot: Slot, id: OperationId, work: impl Future<Output = store::Result<()>>) {
    if let Err(error) = work.await {
        // The claim ends by itself, and whoever looks next finds what is on record.
        tracing::error!(%error, operation = %id, "a step failed");
    }
    drop(slot);
    app.wake.feed_moved();
    app.wake.dispatch_now();
}

async fn pause(app: &App) -> Duration {
    match app.store.next_due().await {
        Ok(Some(due)) => feed::wait_of(due - app.clock.now_ms()).clamp(BUSY, IDLE),
        Ok(None) | Err(_) => IDLE,
    }
}
