//! What goes into a batch, as a pure choice.
//!
//! The rule everything else rests on: per ordering key a batch holds the oldest unreceipted operations first and without
//! gaps. Then, whenever an operation is in a request, all before it in its key are at the server already or stand before it
//! in the same request, and the order at the server is the order of `enqueue` under loss, delay and repetition. In the same
//! way a dependent never travels before its parent has a receipt or stands before it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet},
};

use tarishi_protocol::OperationId;

/// An operation that may come into the batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Candidate<T> {
    /// Its place in the order of `enqueue`.
    pub(crate) seq: i64,
    /// Which.
    pub(crate) id: OperationId,
    /// 0 goes before 1.
    pub(crate) lane: usize,
    /// Its ordering key, unless it stands outside the order.
    pub(crate) key: Option<String>,
    /// The parent that has no receipt yet.
    pub(crate) parent: Option<OperationId>,
    /// Bytes it adds, before compression.
    pub(crate) bytes: usize,
    /// It must not travel now, and with it nothing behind it in its key.
    pub(crate) held: bool,
    /// What the caller wants back.
    pub(crate) item: T,
}

/// Where candidates come from.
pub(crate) trait Feed<T> {
    /// What can go wrong.
    type Error;
    /// The next operation of a lane that is first of its key or has none, by `seq`; not those that wait for a parent.
    fn head(&mut self, lane: usize) -> Result<Option<Candidate<T>>, Self::Error>;
    /// The next unreceipted operation of a key behind this one.
    fn next_of_key(&mut self, key: &str, seq: i64) -> Result<Option<Candidate<T>>, Self::Error>;
    /// Operations that wait for this parent and are first of their key or have none.
    fn children(&mut self, parent: OperationId) -> Result<Vec<Candidate<T>>, Self::Error>;
}

/// How much fits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Operations.
    pub(crate) operations: usize,
    /// Bytes before compression; one operation always fits.
    pub(crate) bytes: usize,
}

/// Slots of which the last goes to the oldest operation of both lanes, so that the lower lane never starves.
const ROUND: usize = 4;

struct Lanes<T> {
    waiting: [BinaryHeap<Reverse<i64>>; 2],
    peeked: [Option<Candidate<T>>; 2],
    ended: [bool; 2],
    reached: BTreeMap<i64, Candidate<T>>,
}

impl<T> Lanes<T> {
    fn push(&mut self, candidate: Candidate<T>) {
        self.waiting[candidate.lane.min(1)].push(Reverse(candidate.seq));
        self.reached.insert(candidate.seq, candidate);
    }

    /// The oldest of a lane: reached over a key or a parent, or the next head.
    fn oldest<F: Feed<T>>(&mut self, feed: &mut F, lane: usize) -> Result<Option<i64>, F::Error> {
        if self.peeked[lane].is_none() && !self.ended[lane] {
            self.peeked[lane] = feed.head(lane)?;
            self.ended[lane] = self.peeked[lane].is_none();
        }
        let head = self.peeked[lane].as_ref().map(|candidate| candidate.seq);
        let reached = self.waiting[lane].peek().map(|Reverse(seq)| *seq);
        Ok(head.into_iter().chain(reached).min())
    }

    fn take(&mut self, lane: usize, seq: i64) -> Option<Candidate<T>> {
        if self.peeked[lane].as_ref().is_some_and(|candidate| candidate.seq == seq) {
            return self.peeked[lane].take();
        }
        self.waiting[lane].pop();
        self.reached.remove(&seq)
    }
}

/// Chooses a batch.
pub(crate) fn plan<T, F: Feed<T>>(feed: &mut F, room: Room) -> Result<Vec<Candidate<T>>, F::Error> {
    let mut lanes = Lanes {
        waiting: [BinaryHeap::new(), BinaryHeap::new()],
        peeked: [None, None],
        ended: [false, false],
        reached: BTreeMap::new(),
    };
    let mut chosen: Vec<Candidate<T>> = Vec::new();
    let mut ids = HashSet::new();
    let mut orphans: HashMap<OperationId, Vec<Candidate<T>>> = HashMap::new();
    let mut bytes = 0_usize;
    while chosen.len() < room.operations {
        let (high, low) = (lanes.oldest(feed, 0)?, lanes.oldest(feed, 1)?);
        let oldest_turn = chosen.len() % ROUND == ROUND - 1;
        let (lane, seq) = match (high, low) {
            (Some(high), Some(low)) if oldest_turn && low < high => (1, low),
            (Some(high), _) => (0, high),
            (None, Some(low)) => (1, low),
            (None, None) => break,
        };
        let Some(candidate) = lanes.take(lane, seq) else { break };
        if candidate.held || ids.contains(&candidate.id) {
            continue;
        }
        if let Some(parent) = candidate.parent
            && !ids.contains(&parent)
        {
            orphans.entry(parent).or_default().push(candidate);
            continue;
        }
        bytes = bytes.saturating_add(candidate.bytes);
        if bytes > room.bytes && !chosen.is_empty() {
            break;
        }
        ids.insert(candidate.id);
        if let Some(key) = &candidate.key
            && let Some(next) = feed.next_of_key(key, candidate.seq)?
        {
            lanes.push(next);
        }
        for child in feed.children(candidate.id)? {
            lanes.push(child);
        }
        for child in orphans.remove(&candidate.id).unwrap_or_default() {
            lanes.push(child);
        }
        chosen.push(candidate);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests;
