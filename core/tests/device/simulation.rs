//! Seeds of a small world: a server that keeps the protocol's rules over a network that drops requests, loses answers and
//! delivers old copies late, and an app that enqueues, cancels and restarts. What must hold in every one of them: each
//! operation has at most one effect, order within a key is the order of `enqueue`, what the device was told is cancelled or
//! refused never runs, and in the end everything has ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use tarishi_core::{
    DeviceState, TransportError,
    protocol::{
        Cancellation, CancellationResult, Change, Operation, OperationId, Receipt, ReceiptStatus, State, SyncRequest,
        SyncResponse,
    },
    transport::memory::{Step, friendly},
};

use crate::{Phone, change, charge, later, receipt};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Ran,
    Held,
    Refused,
    Cancelled,
}

#[derive(Default)]
struct Server {
    verdicts: BTreeMap<OperationId, Verdict>,
    keys: BTreeMap<String, OperationId>,
    effects: Vec<(OperationId, Option<String>)>,
    feed: Vec<Change>,
    last_exchange: u64,
}

impl Server {
    fn take(&mut self, request: &SyncRequest<Operation>, dice: &mut u64) -> Option<SyncResponse> {
        let carries = !request.operations.is_empty() || !request.cancellations.is_empty();
        if carries && request.exchange <= self.last_exchange {
            return None;
        }
        if carries {
            self.last_exchange = request.exchange;
        }
        let mut response = friendly(request);
        let mut held_keys = BTreeSet::new();
        response.receipts = request.operations.iter().map(|op| self.receive(op, &mut held_keys, dice)).collect();
        response.cancellations = request.cancellations.iter().map(|id| self.cancel(*id)).collect();
        self.run(dice);
        let cursor: usize = request.cursor.as_ref().and_then(|text| text.parse().ok()).unwrap_or(0);
        let end = self.feed.len().min(cursor + 3);
        response.changes = self.feed[cursor..end].to_vec();
        response.cursor = Some(end.to_string());
        response.more = end < self.feed.len();
        Some(response)
    }

    fn receive(&mut self, operation: &Operation, held: &mut BTreeSet<Option<String>>, dice: &mut u64) -> Receipt {
        let id = operation.id;
        if let Some(verdict) = self.verdicts.get(&id) {
            let status = if *verdict == Verdict::Refused { ReceiptStatus::Refused } else { ReceiptStatus::Duplicate };
            let state = Some(if *verdict == Verdict::Cancelled { State::Cancelled } else { State::Ready });
            return Receipt { state, ..receipt(id, status) };
        }
        let key = operation.ordering_key.clone();
        if roll(dice).is_multiple_of(9) || (key.is_some() && held.contains(&key)) {
            held.insert(key);
            return later(id, roll(dice) % 2_000, None);
        }
        assert!(self.keys.insert(operation.idempotency_key.clone(), id).is_none_or(|known| known == id));
        let refused = roll(dice).is_multiple_of(11);
        self.verdicts.insert(id, if refused { Verdict::Refused } else { Verdict::Held });
        if !refused {
            self.effects.push((id, key));
        }
        receipt(id, if refused { ReceiptStatus::Refused } else { ReceiptStatus::Accepted })
    }

    fn cancel(&mut self, id: OperationId) -> Cancellation {
        let granted = match self.verdicts.get(&id) {
            None | Some(Verdict::Held | Verdict::Cancelled) => true,
            Some(Verdict::Ran | Verdict::Refused) => false,
        };
        if granted {
            let known = self.verdicts.insert(id, Verdict::Cancelled);
            self.effects.retain(|(other, _)| *other != id);
            if known == Some(Verdict::Held) {
                self.tell(id, State::Cancelled);
            }
        }
        Cancellation { id, result: if granted { CancellationResult::Cancelled } else { CancellationResult::TooLate } }
    }

    fn run(&mut self, dice: &mut u64) {
        let held: Vec<_> = self.effects.iter().map(|(id, _)| *id).filter(|id| self.verdicts[id] == Verdict::Held).collect();
        for id in held {
            if !roll(dice).is_multiple_of(3) {
                break;
            }
            self.verdicts.insert(id, Verdict::Ran);
            self.tell(id, if roll(dice).is_multiple_of(4) { State::Failed } else { State::Succeeded });
        }
    }

    fn tell(&mut self, id: OperationId, state: State) {
        self.feed.push(change(self.feed.len() as u64 + 1, id, state));
    }
}

fn roll(dice: &mut u64) -> u64 {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *dice >> 33
}

async fn world(seed: u64) {
    let mut phone = Phone::new();
    let server = Arc::new(Mutex::new(Server::default()));
    let calm = Arc::new(Mutex::new(false));
    let (shared, quiet) = (Arc::clone(&server), Arc::clone(&calm));
    let mut dice = seed;
    let mut copies: Vec<SyncRequest<Operation>> = Vec::new();
    phone.server.handle(move |request| {
        let mut server = shared.lock().unwrap();
        let calm = *quiet.lock().unwrap();
        if !calm && roll(&mut dice).is_multiple_of(4) && !copies.is_empty() {
            let copy = copies.swap_remove(roll(&mut dice) as usize % copies.len());
            server.take(&copy, &mut dice);
        }
        if !calm {
            copies.push(request.clone());
        }
        match roll(&mut dice) % 6 {
            0 if !calm => return Step::Fail(TransportError::TimedOut),
            1 if !calm => return Step::Fail(TransportError::Unreachable),
            _ => {}
        }
        match server.take(request, &mut dice) {
            Some(_) if !calm && roll(&mut dice).is_multiple_of(4) => Step::Fail(TransportError::Interrupted),
            Some(response) => Step::answer(move |_| response),
            None => panic!("a fresh request was stale"),
        }
    });
    let mut dice = seed ^ 0xABCD;
    let mut made: Vec<(OperationId, Option<String>)> = Vec::new();
    for turn in 0..25_u32 {
        for _ in 0..roll(&mut dice) % 3 {
            let key = (!roll(&mut dice).is_multiple_of(4)).then(|| format!("k{}", roll(&mut dice) % 2));
            let mut new = charge(&format!("fee-{turn}-{}", made.len()));
            new.ordering_key.clone_from(&key);
            made.push((phone.add(new).await.id, key));
        }
        if roll(&mut dice).is_multiple_of(4) && !made.is_empty() {
            let (id, _) = made[roll(&mut dice) as usize % made.len()];
            phone.client.cancel(id).await.unwrap();
        }
        if roll(&mut dice).is_multiple_of(6) {
            phone = phone.restart();
        }
        phone.client.sync(Duration::from_millis(3), None).await.unwrap();
        phone.clock.advance(Duration::from_millis(roll(&mut dice) % 3_000));
    }
    *calm.lock().unwrap() = true;
    for _ in 0..400 {
        phone.client.sync(Duration::from_millis(20), None).await.unwrap();
        phone.clock.advance(Duration::from_secs(10));
        if phone.all().await.iter().all(|operation| operation.state.is_ended()) {
            break;
        }
    }
    let states: BTreeMap<_, _> = phone.all().await.into_iter().map(|operation| (operation.id, operation.state)).collect();
    let server = server.lock().unwrap();
    let mut seen = BTreeSet::new();
    for (id, _) in &server.effects {
        assert!(seen.insert(*id), "seed {seed}: twice");
    }
    for (id, state) in &states {
        assert!(state.is_ended(), "seed {seed}: {id} is {state}");
        let ran = seen.contains(id);
        match state {
            DeviceState::Cancelled | DeviceState::Refused => {
                assert!(!ran, "seed {seed}: ran after the device was told {state}")
            }
            DeviceState::Succeeded | DeviceState::Failed => assert!(ran, "seed {seed}: {state} without having run"),
            other => panic!("seed {seed}: {other}"),
        }
    }
    for key in ["k0", "k1"] {
        let wanted: Vec<_> =
            made.iter().filter(|(id, k)| k.as_deref() == Some(key) && seen.contains(id)).map(|(id, _)| *id).collect();
        let found: Vec<_> = server.effects.iter().filter(|(_, k)| k.as_deref() == Some(key)).map(|(id, _)| *id).collect();
        assert_eq!(found, wanted, "seed {seed}: the order of {key}");
    }
}

#[tokio::test]
async fn order_effects_and_answers_hold_over_a_bad_network() {
    for seed in 0..25 {
        world(seed).await;
    }
}
