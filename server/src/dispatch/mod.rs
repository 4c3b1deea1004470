//! Takes due operations to their adapters.
//!
//! The loop claims what is due, lane by lane ([`crate::store::LaneRow`]: one adapter of one tenant), least recently served
//! first, up to the lane's free slots; each claimed operation is one step (`step.rs`). Polling is the contract; a wake-up only
//! shortens the wait. Two transactions and no third surround a call: *open* and *settle*.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::task::TaskTracker;

use crate::{
    App,
    adapters::event,
    feed,
    store::{LaneRow, Ms, OperationRow},
};

mod audience;
mod claims;
mod delivery;
mod errand;
pub mod failpoint;
pub mod janitor;
mod names;
pub mod operator;
pub mod policy;
mod received;
mod reports;
mod rules;
mod step;
pub mod tokens;
pub mod webhook;

use policy::BREAKER_FAILURES;

pub use errand::errand;
pub use reports::ADOPTED;
pub use step::step;

/// Calls that may be open at once in one process.
pub const SLOTS: u32 = 64;
/// Of these, calls that tell backends of events: receivers that hang leave the rest to the providers.
const DELIVERY_SLOTS: u32 = SLOTS / 2;
/// Lanes looked at in one round.
const LANES: u32 = 64;
/// The longest the loop sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(1);
/// The shortest: something is due, but its lane is full.
const BUSY: Duration = Duration::from_millis(50);
/// How long a claim lasts before its attempt is opened.
const CLAIM_MS: Ms = 15_000;

/// Steps under way, by lane.
#[derive(Debug, Default)]
struct InUse(Mutex<HashMap<(String, String), u32>>);

impl InUse {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, lane: &(String, String)) -> u32 {
        self.map().get(lane).copied().unwrap_or(0)
    }

    fn all(&self) -> u32 {
        self.map().values().sum()
    }

    fn of_tenant(&self, tenant: &str) -> u32 {
        self.map().iter().filter(|((name, _), _)| name == tenant).map(|(_, count)| count).sum()
    }

    fn of_deliveries(&self) -> u32 {
        self.map().iter().filter(|((_, name), _)| event::subscription_of(name).is_some()).map(|(_, count)| count).sum()
    }

    fn change(&self, lane: &(String, String), by: i32) {
        let mut map = self.map();
        let count = map.entry(lane.clone()).or_default();
        *count = count.saturating_add_signed(by);
        if *count == 0 {
            map.remove(lane);
        }
    }
}

/// One step's place in its lane; given back when it is dropped, also by a panic.
struct Slot {
    in_use: Arc<InUse>,
    lane: (String, String),
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.in_use.change(&self.lane, -1);
    }
}

/// Dispatches until the server stops, then waits for the calls under way.
pub async fn run(app: Arc<App>) {
    let steps = TaskTracker::new();
    let in_use = Arc::new(InUse::default());
    webhook::drain(&app).await;
    while !app.shutdown.is_cancelled() {
        let claimed = match round(&app, &steps, &in_use).await {
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
    steps.close();
    steps.wait().await;
}

/// Claims what is due and starts its steps; says how many.
async fn round(app: &Arc<App>, steps: &TaskTracker, in_use: &Arc<InUse>) -> crate::store::Result<usize> {
    let now = app.clock.now_ms();
    if app.store.expire_due(now).await? > 0 {
        app.wake.feed_moved();
    }
    if app.store.advance_chains(now).await? > 0 {
        app.wake.feed_moved();
    }
    let lanes = app.store.due_lanes(now, LANES).await?;
    let several = lanes.iter().any(|lane| lane.tenant != lanes[0].tenant);
    let mut claimed = 0;
    for lane in lanes {
        let slots = app.adapter(&lane.adapter).map_or(1, |adapter| adapter.descriptor().slots);
        let free = free_slots(slots, &lane, in_use, several);
        if free == 0 {
            continue;
        }
        let rows = app.store.claim(&lane.tenant, &lane.adapter, now, now + CLAIM_MS, free).await?;
        claimed += rows.len();
        for row in rows {
            start(app, steps, in_use, row);
        }
    }
    Ok(claimed)
}

/// A lane's free slots: its adapter's, the process's, and at most half of the process's for a tenant while others are due, and
/// for deliveries of events. A provider whose breaker has opened is probed by one call alone until one succeeds, and a receiver
/// as soon as it failed: what is unknown after an outage is a probe or two, not a queue.
fn free_slots(slots: u32, lane: &LaneRow, in_use: &InUse, several: bool) -> u32 {
    let key = (lane.tenant.clone(), lane.adapter.clone());
    let enough = if event::subscription_of(&lane.adapter).is_some() { 1 } else { BREAKER_FAILURES };
    let probes = lane.failures >= enough;
    let slots = if probes { 1 } else { slots };
    let of_lane = slots.saturating_sub(in_use.of(&key));
    let of_process = SLOTS.saturating_sub(in_use.all());
    let of_tenant = if several { (SLOTS / 2).saturating_sub(in_use.of_tenant(&lane.tenant)) } else { SLOTS };
    let of_kind = match event::subscription_of(&lane.adapter) {
        Some(_) => DELIVERY_SLOTS.saturating_sub(in_use.of_deliveries()),
        None => SLOTS,
    };
    of_lane.min(of_process).min(of_tenant).min(of_kind)
}

fn start(app: &Arc<App>, steps: &TaskTracker, in_use: &Arc<InUse>, row: OperationRow) {
    let lane = (row.tenant.clone(), row.adapter.clone());
    in_use.change(&lane, 1);
    let slot = Slot { in_use: Arc::clone(in_use), lane };
    let app = Arc::clone(app);
    steps.spawn(async move {
        let id = row.id;
        if let Err(error) = step(&app, row).await {
            // The claim ends by itself, and whoever looks next finds what is on record.
            tracing::error!(%error, operation = %id, "a step failed");
        }
        drop(slot);
        app.wake.feed_moved();
        app.wake.dispatch_now();
    });
}

async fn pause(app: &App) -> Duration {
    match app.store.next_due().await {
        Ok(Some(due)) => feed::wait_of(due - app.clock.now_ms()).clamp(BUSY, IDLE),
        Ok(None) | Err(_) => IDLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(adapter: &str, failures: u32) -> LaneRow {
        LaneRow {
            tenant: "t".to_owned(),
            adapter: adapter.to_owned(),
            not_before: 0,
            failures,
            last_served: 0,
            in_use: 0,
            depth: 0,
        }
    }

    #[test]
    fn a_receiver_that_failed_last_is_asked_by_one_call_alone() {
        let in_use = InUse::default();
        let free = |adapter: &str| free_slots(4, &lane(adapter, 1), &in_use, false);
        assert_eq!((free("event_a"), free("mpesa")), (1, 4));
        in_use.change(&("t".to_owned(), "event_a".to_owned()), 1);
        assert_eq!((free("event_a"), free("event_b")), (0, 1));
    }

    #[test]
    fn a_provider_whose_breaker_has_opened_is_probed_by_one_call_alone_until_one_succeeds() {
        let in_use = InUse::default();
        let free = |failures: u32| free_slots(8, &lane("mpesa", failures), &in_use, false);
        assert_eq!((free(BREAKER_FAILURES - 1), free(BREAKER_FAILURES), free(BREAKER_FAILURES + 7)), (8, 1, 1));
        let mpesa = ("t".to_owned(), "mpesa".to_owned());
        in_use.change(&mpesa, 1);
        assert_eq!(free(BREAKER_FAILURES), 0, "the probe is under way");
        in_use.change(&mpesa, 2);
        assert_eq!(free(BREAKER_FAILURES), 0, "calls from before the breaker opened count too");
        assert_eq!(free(0), 5, "a success opens it");
    }

    #[test]
    fn receivers_that_hang_leave_half_of_the_slots_to_the_providers() {
        let in_use = InUse::default();
        let free = |adapter: &str| free_slots(4, &lane(adapter, 0), &in_use, false);
        let busy = |count: u32| {
            for number in 0..count {
                in_use.change(&("t".to_owned(), format!("event_{number}")), 1);
            }
        };
        busy(DELIVERY_SLOTS - 1);
        assert_eq!((free("event_new"), free("mpesa")), (1, 4));
        busy(1);
        assert_eq!((free("event_new"), free("mpesa")), (0, 4));
    }
}
