//! Orders nobody thought of. More of them: `tests/run simulation --seeds N`; one again: `tests/run simulation --seed K`.

use tarishi_tests::simulation::run_many;

/// Few: the suite `simulation` goes on from here.
const SEEDS: u64 = 40;

#[test]
fn no_order_of_events_breaks_a_promise() {
    let outcome = run_many(0..SEEDS, |done| println!("{done} seeds done"));

    match outcome {
        Ok(tally) => {
            println!("{tally:?}");
            assert!(tally.operations > 400 && tally.effects > 200 && tally.crashes > 40 && tally.resolved > 1, "{tally:?}");
        }
        Err(failure) => panic!("{failure}\nrun it again: tests/run simulation --seed {}", failure.seed),
    }
}
