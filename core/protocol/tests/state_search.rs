//! The rules of the wire, searched state by state.
//!
//! A device, a server and a network that delays, repeats and loses are reduced to a state of a few words; every state that
//! can be reached is visited. Two operations share one ordering key; the user may cancel, an exchange may time out, each
//! request is delivered up to twice in any order, the operator switches the adapter on in between. Three things must never
//! be: an operation runs that its device was told is refused, or cancelled; the two run in the wrong order. The search knows
//! no crash, so it refutes and does not prove; that it can refute is shown by leaving out one rule at a time.

#[path = "state_search/world.rs"]
mod world;

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use world::{RULES, Rules, Violation, World};

/// Visits every state; gives the violations and how many states there are.
fn search(rules: Rules) -> (BTreeSet<Violation>, usize) {
    let start = World::start();
    let mut seen = HashSet::from([start.clone()]);
    let mut todo = vec![start];
    let mut violations = BTreeSet::new();
    while let Some(world) = todo.pop() {
        if let Some(violation) = world.violation() {
            violations.insert(violation);
            continue;
        }
        for next in world.next_worlds(rules) {
            if seen.insert(next.clone()) {
                todo.push(next);
            }
        }
    }
    (violations, seen.len())
}

fn assert_none(rules: Rules) {
    let (violations, states) = search(rules);
    assert!(violations.is_empty(), "{rules:?}: {violations:?} among {states} states");
    assert!(states > 1_000, "{rules:?} reaches {states} states only");
}

#[test]
fn verdicts_as_rows_and_the_prefix_rule_keep_every_promise() {
    assert_none(RULES);
}

#[test]
fn they_keep_it_with_several_requests_under_way() {
    assert_none(Rules { several: true, exchanges: 2, ..RULES });
}

#[test]
fn they_keep_it_with_a_strictly_rising_exchange() {
    assert_none(Rules { rising: true, several: true, ..RULES });
}

#[test]
fn without_stored_verdicts_an_operation_runs_after_its_device_was_told_otherwise() {
    let (violations, _) = search(Rules { verdicts: false, ..RULES });
    assert!(violations.contains(&Violation::RanAfterRefused), "{violations:?}");
    assert!(violations.contains(&Violation::RanAfterCancelled), "{violations:?}");
}

#[test]
fn a_rising_exchange_alone_does_not_stand_in_for_stored_verdicts() {
    let (violations, _) = search(Rules { verdicts: false, rising: true, several: true, ..RULES });
    assert_eq!(violations, BTreeSet::from([Violation::RanAfterRefused]));
}

#[test]
fn without_the_prefix_rule_the_order_is_inverted() {
    for rising in [false, true] {
        let (violations, _) = search(Rules { prefix: false, rising, ..RULES });
        assert!(violations.contains(&Violation::OrderInverted), "{violations:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Longer than the search can go: walks at random.
    #[test]
    fn no_random_walk_finds_a_violation(choices in proptest::collection::vec(any::<prop::sample::Index>(), 1..80), rising: bool) {
        let rules = Rules { several: true, exchanges: 8, rising, ..RULES };
        let mut world = World::start();
        for choice in choices {
            let mut worlds = world.next_worlds(rules);
            if worlds.is_empty() {
                break;
            }
            world = worlds.swap_remove(choice.index(worlds.len()));
            prop_assert_eq!(world.violation(), None);
        }
    }
}
