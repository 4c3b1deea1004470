//! Orders nobody thought of. More of them: `tests/run simulation --seeds N`; one again: `tests/run simulation --seed K`.

use tarishi_tests::simulation::run_many;

const SEEDS: u64 = 200;

#[test]
fn no_order_of_events_breaks_a_promise() {
    let outcome = run_many(0..SEEDS, |done| println!("{done} seeds done"));

    match outcome {
        Ok(tally) => {
            println!("{tally:?}");
            assert!(
                tally.operations > 2_000 && tally.effects > 1_000 && tally.crashes > 200 && tally.resolved > 10,
                "{tally:?}"
            );
        }
        Err(failure) => panic!("{failure}\nrun it again: tests/run simulation --seed {}", failure.seed),
    }
}
