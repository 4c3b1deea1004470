//! Finds the one operation that a server cannot digest, without giving up on any other.
//!
//! A batch that is called wrong, or fails three times, is halved; a prefix of a batch keeps the order. One operation that
//! fails alone is doubted only after the server has answered a request without it: an outage is nobody's fault.

use tarishi_protocol::OperationId;

/// Server errors for the same batch before it is halved.
const SAME_BATCH_MAX: u32 = 3;

/// What to do about a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reaction {
    /// Wait and send the same again.
    Wait,
    /// Send the first half.
    Halve,
    /// Ask without operations whether the server is well at all.
    Probe,
}

/// An operation that failed alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Suspect {
    pub(crate) id: OperationId,
    /// The server called the request itself wrong.
    pub(crate) for_good: bool,
}

/// What is known about failing batches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Poison {
    same: Option<(OperationId, usize)>,
    count: u32,
    limit: Option<usize>,
    suspect: Option<Suspect>,
}

impl Poison {
    /// Operations for the next batch, at most.
    pub(crate) fn operations_max(&self, usual: usize) -> usize {
        if self.suspect.is_some() { 0 } else { self.limit.map_or(usual, |limit| limit.min(usual)) }
    }

    /// Is the next request a probe?
    pub(crate) fn is_probing(&self) -> bool {
        self.suspect.is_some()
    }

    /// The server failed on these. `for_good`: it called the request wrong.
    pub(crate) fn failed(&mut self, sent: &[OperationId], for_good: bool) -> Reaction {
        let Some(first) = sent.first().copied() else {
            // Even without operations: an outage.
            self.suspect = None;
            return Reaction::Wait;
        };
        let batch = (first, sent.len());
        self.count = if self.same == Some(batch) { self.count + 1 } else { 1 };
        self.same = Some(batch);
        if !for_good && self.count < SAME_BATCH_MAX {
            return Reaction::Wait;
        }
        self.count = 0;
        if sent.len() > 1 {
            self.limit = Some(sent.len() / 2);
            return Reaction::Halve;
        }
        self.suspect = Some(Suspect { id: first, for_good });
        Reaction::Probe
    }

    /// The batch has too many bytes: the next is half of it.
    pub(crate) fn too_large(&mut self, sent: usize) {
        self.limit = Some((sent / 2).max(1));
    }

    /// The server answered; gives the operation that it answered without.
    pub(crate) fn answered(&mut self, sent: usize) -> Option<Suspect> {
        self.count = 0;
        self.same = None;
        if sent > 0 {
            self.limit = self.limit.map(|limit| limit.saturating_mul(2)).filter(|limit| *limit < 500);
        }
        self.suspect.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<u128>) -> Vec<OperationId> {
        range.map(|n| OperationId(uuid::Uuid::from_u128(n))).collect()
    }

    #[test]
    fn three_server_errors_for_the_same_batch_halve_it() {
        let mut poison = Poison::default();
        let batch = ids(0..8);
        assert_eq!(poison.failed(&batch, false), Reaction::Wait);
        assert_eq!(poison.failed(&batch, false), Reaction::Wait);
        assert_eq!(poison.failed(&batch, false), Reaction::Halve);
        assert_eq!(poison.operations_max(500), 4);
    }

    #[test]
    fn a_request_called_wrong_is_halved_at_once() {
        let mut poison = Poison::default();
        assert_eq!(poison.failed(&ids(0..9), true), Reaction::Halve);
        assert_eq!(poison.operations_max(500), 4);
    }

    #[test]
    fn an_outage_makes_no_operation_suspect() {
        let mut poison = Poison::default();
        for _ in 0..2 {
            assert_eq!(poison.failed(&ids(0..1), false), Reaction::Wait);
        }
        assert_eq!(poison.failed(&ids(0..1), false), Reaction::Probe);
        assert_eq!(poison.operations_max(500), 0);
        assert_eq!(poison.failed(&[], false), Reaction::Wait);
        assert_eq!(poison.answered(1), None);
    }

    #[test]
    fn one_that_fails_while_the_server_answers_is_named() {
        let mut poison = Poison::default();
        assert_eq!(poison.failed(&ids(0..1), true), Reaction::Probe);
        assert_eq!(poison.answered(0), Some(Suspect { id: ids(0..1)[0], for_good: true }));
        assert!(!poison.is_probing());
    }

    #[test]
    fn bisecting_reaches_the_one_and_lets_the_others_pass() {
        let (mut poison, bad) = (Poison::default(), ids(37..38)[0]);
        let mut queue = ids(0..100);
        let mut exchanges = 0;
        while !queue.is_empty() {
            exchanges += 1;
            assert!(exchanges < 200);
            let batch: Vec<_> = queue.iter().copied().take(poison.operations_max(500)).collect();
            if batch.contains(&bad) {
                poison.failed(&batch, false);
            } else if let Some(suspect) = poison.answered(batch.len()) {
                assert_eq!(suspect.id, bad);
                queue.retain(|id| *id != bad);
            } else {
                queue.drain(..batch.len());
            }
        }
    }
}
