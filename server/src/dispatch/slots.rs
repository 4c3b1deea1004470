//! Slots: how many calls of a lane may be under way at once in this process.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::policy::BREAKER_FAILURES;
use crate::{adapters::event, store::LaneRow};

/// Calls that may be open at once in one process.
pub const SLOTS: u32 = 64;
/// Of these, calls that tell backends of events: receivers that hang leave the rest to the providers.
const DELIVERY_SLOTS: u32 = SLOTS / 2;

/// A tenant and an adapter.
type Lane = (String, String);

/// Steps under way, by lane; and the lanes in which more is due than the last round could claim.
#[derive(Debug, Default)]
pub(super) struct InUse {
    counts: Mutex<HashMap<Lane, u32>>,
    queues: Mutex<HashSet<Lane>>,
}

impl InUse {
    fn map(&self) -> MutexGuard<'_, HashMap<Lane, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes where the last round left something due.
    pub(super) fn set_queues(&self, queues: HashSet<Lane>) {
        *self.queues.lock().unwrap_or_else(PoisonError::into_inner) = queues;
    }

    fn has_queue(&self, lane: &Lane) -> bool {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).contains(lane)
    }

    fn of(&self, lane: &Lane) -> u32 {
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

    fn change(&self, lane: &Lane, by: i32) {
        let mut map = self.map();
        let count = map.entry(lane.clone()).or_default();
        *count = count.saturating_add_signed(by);
        if *count == 0 {
            map.remove(lane);
        }
    }
}

/// One step's place in its lane; given back when it is dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Slot {
    in_use: Arc<InUse>,
    lane: Lane,
}

impl Slot {
    /// One of a lane, of which the caller knows that it is free.
    pub(super) fn take(in_use: &Arc<InUse>, lane: Lane) -> Self {
        in_use.change(&lane, 1);
        Self { in_use: Arc::clone(in_use), lane }
    }

    /// One of this many of a lane if one is free, nothing queues for it, and the process has more than half of its own left:
    /// what comes through the door keeps nobody waiting.
    pub(super) fn take_free(in_use: &Arc<InUse>, lane: Lane, slots: u32) -> Option<Self> {
        if in_use.has_queue(&lane) {
            return None;
        }
        let mut map = in_use.map();
        let all: u32 = map.values().sum();
        let count = map.get(&lane).copied().unwrap_or(0);
        if count >= slots || all >= SLOTS / 2 {
            return None;
        }
        map.insert(lane.clone(), count + 1);
        drop(map);
        Some(Self { in_use: Arc::clone(in_use), lane })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.in_use.change(&self.lane, -1);
    }
}

/// A lane's free slots: its adapter's, the process's, and at most half of the process's for a tenant while others are due, and
/// for deliveries of events. A provider whose breaker has opened is probed by one call alone until one succeeds, and a receiver
/// as soon as it failed: what is unknown after an outage is a probe or two, not a queue.
pub(super) fn free_slots(slots: u32, lane: &LaneRow, in_use: &InUse, several: bool) -> u32 {
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

    #[test]
    fn a_slot_is_offered_where_one_is_free_and_more_than_half_of_the_process_is() {
        let in_use = Arc::new(InUse::default());
        let take = |adapter: &str| Slot::take_free(&in_use, ("t".to_owned(), adapter.to_owned()), 2);
        let (first, second) = (take("mpesa"), take("mpesa"));
        assert!(first.is_some() && second.is_some());
        assert!(take("mpesa").is_none(), "all of the lane's are taken");
        drop(first);
        assert!(take("mpesa").is_some(), "one was given back");
        drop(second);
        assert_eq!(in_use.all(), 0);
        in_use.set_queues(HashSet::from([("t".to_owned(), "mpesa".to_owned())]));
        assert!(take("mpesa").is_none(), "those who queue come first");
        in_use.set_queues(HashSet::new());
        in_use.change(&("t".to_owned(), "sms".to_owned()), i32::try_from(SLOTS / 2 - 1).unwrap());
        let last = take("mpesa");
        assert!(last.is_some());
        assert!(take("mpesa").is_none(), "half of the process's are for those who queue");
    }
}
