use core::convert::Infallible;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

#[derive(Clone, Debug)]
struct Model {
    rows: Vec<Candidate<()>>,
    next: [usize; 2],
}

fn id(n: usize) -> OperationId {
    OperationId(Uuid::from_u128(n as u128 + 1))
}

fn row(seq: usize, lane: usize, key: Option<&str>, parent: Option<usize>, held: bool) -> Candidate<()> {
    Candidate {
        seq: seq as i64,
        id: id(seq),
        lane,
        key: key.map(str::to_owned),
        parent: parent.map(id),
        bytes: 100,
        held,
        item: (),
    }
}

impl Model {
    fn new(rows: Vec<Candidate<()>>) -> Self {
        Self { rows, next: [0, 0] }
    }

    fn is_first(&self, index: usize) -> bool {
        let row = &self.rows[index];
        row.key.is_none() || !self.rows[..index].iter().any(|earlier| earlier.key == row.key)
    }
}

impl Feed<()> for Model {
    type Error = Infallible;

    fn head(&mut self, lane: usize) -> Result<Option<Candidate<()>>, Infallible> {
        while self.next[lane] < self.rows.len() {
            let index = self.next[lane];
            self.next[lane] += 1;
            let row = &self.rows[index];
            if row.lane == lane && row.parent.is_none() && self.is_first(index) {
                return Ok(Some(row.clone()));
            }
        }
        Ok(None)
    }

    fn next_of_key(&mut self, key: &str, seq: i64) -> Result<Option<Candidate<()>>, Infallible> {
        Ok(self.rows.iter().find(|row| row.key.as_deref() == Some(key) && row.seq > seq).cloned())
    }

    fn children(&mut self, parent: OperationId) -> Result<Vec<Candidate<()>>, Infallible> {
        let found = (0..self.rows.len()).filter(|index| self.rows[*index].parent == Some(parent) && self.is_first(*index));
        Ok(found.map(|index| self.rows[index].clone()).collect())
    }
}

fn seqs(rows: Vec<Candidate<()>>, operations: usize) -> Vec<i64> {
    let Ok(chosen) = plan(&mut Model::new(rows), Room { operations, bytes: usize::MAX });
    chosen.into_iter().map(|candidate| candidate.seq).collect()
}

#[test]
fn without_keys_the_oldest_go_first() {
    assert_eq!(seqs((0..10).map(|seq| row(seq, 1, None, None, false)).collect(), 4), [0, 1, 2, 3]);
}

#[test]
fn a_key_stops_at_an_operation_that_must_wait_and_others_go_on() {
    let rows = vec![
        row(0, 1, Some("a"), None, false),
        row(1, 1, Some("a"), None, true),
        row(2, 1, Some("a"), None, false),
        row(3, 1, Some("b"), None, false),
    ];
    assert_eq!(seqs(rows, 10), [0, 3]);
}

#[test]
fn every_fourth_slot_goes_to_the_oldest() {
    let rows = (0..12).map(|seq| row(seq, usize::from(seq < 4), None, None, false)).collect();
    assert_eq!(seqs(rows, 8), [4, 5, 6, 0, 7, 8, 9, 1]);
}

#[test]
fn a_dependent_travels_behind_its_parent_or_not_at_all() {
    let rows = vec![row(0, 1, None, Some(2), false), row(1, 1, None, Some(9), false), row(2, 1, None, None, false)];
    assert_eq!(seqs(rows, 10), [2, 0]);
}

#[test]
fn a_dependent_inside_a_key_waits_for_its_parent_and_then_lets_the_key_go_on() {
    let rows = vec![
        row(0, 1, Some("a"), None, false),
        row(1, 1, Some("a"), Some(3), false),
        row(2, 1, Some("a"), None, false),
        row(3, 1, None, None, false),
    ];
    assert_eq!(seqs(rows, 10), [0, 3, 1, 2]);
}

#[test]
fn one_operation_always_fits_and_bytes_end_the_batch() {
    let rows = || (0..5).map(|seq| row(seq, 1, None, None, false)).collect();
    let Ok(one) = plan(&mut Model::new(rows()), Room { operations: 10, bytes: 1 });
    assert_eq!(one.len(), 1);
    let Ok(three) = plan(&mut Model::new(rows()), Room { operations: 10, bytes: 300 });
    assert_eq!(three.len(), 3);
}

fn any_rows() -> impl Strategy<Value = Vec<Candidate<()>>> {
    let one = (0..2_usize, prop::option::of(0..4_u8), prop::option::of(0..30_usize), prop::bool::weighted(0.1));
    prop::collection::vec(one, 0..40).prop_map(|rows| {
        let make = |(seq, (lane, key, parent, held)): (usize, (usize, Option<u8>, Option<usize>, bool))| {
            let key = key.map(|key| format!("k{key}"));
            // Every row of a key shares the key's lane here, as `raise` makes it for the rows before an urgent one.
            let lane = key.as_ref().map_or(lane, |key| usize::from(key.ends_with(['0', '1'])));
            row(seq, lane, key.as_deref(), parent.filter(|parent| *parent < seq && parent % 3 == 0), held)
        };
        rows.into_iter().enumerate().map(make).collect()
    })
}

proptest! {
    #[test]
    fn every_batch_is_a_gapless_prefix_of_each_key(rows in any_rows(), operations in 0..50_usize, room in 0..4_000_usize) {
        let Ok(chosen) = plan(&mut Model::new(rows.clone()), Room { operations, bytes: room });
        prop_assert!(chosen.len() <= operations);
        prop_assert!(chosen.len() <= 1 || chosen.iter().map(|c| c.bytes).sum::<usize>() <= room);
        let place = |seq: i64| chosen.iter().position(|candidate| candidate.seq == seq);
        for (at, candidate) in chosen.iter().enumerate() {
            prop_assert!(!candidate.held);
            prop_assert_eq!(place(candidate.seq), Some(at), "chosen twice");
            if candidate.key.is_some() {
                for earlier in rows.iter().filter(|row| row.key == candidate.key && row.seq < candidate.seq) {
                    prop_assert!(place(earlier.seq).is_some_and(|earlier| earlier < at), "a gap");
                }
            }
            if let Some(parent) = candidate.parent {
                prop_assert!(chosen[..at].iter().any(|before| before.id == parent), "before its parent");
            }
        }
    }

    #[test]
    fn any_shorter_batch_of_the_same_queue_is_a_prefix_too(rows in any_rows(), operations in 1..40_usize) {
        let Ok(long) = plan(&mut Model::new(rows.clone()), Room { operations, bytes: usize::MAX });
        let Ok(half) = plan(&mut Model::new(rows), Room { operations: operations / 2, bytes: usize::MAX });
        prop_assert_eq!(&long[..half.len()], &half[..]);
    }

    #[test]
    fn with_room_everything_that_may_travel_does(rows in any_rows()) {
        let Ok(chosen) = plan(&mut Model::new(rows.clone()), Room { operations: 1_000, bytes: usize::MAX });
        let has = |id: OperationId| chosen.iter().any(|candidate| candidate.id == id);
        for row in rows.iter().filter(|row| !has(row.id)) {
            let key_blocked = rows.iter().any(|earlier| row.key.is_some() && earlier.key == row.key && earlier.seq < row.seq && !has(earlier.id));
            let parent_blocked = row.parent.is_some_and(|parent| !has(parent));
            prop_assert!(row.held || key_blocked || parent_blocked, "{} was left out for nothing", row.seq);
        }
    }
}
