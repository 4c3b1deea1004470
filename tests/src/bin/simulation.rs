//! `simulation --seeds N [--first K] [--seed K]`: runs seeds, or one again. Ends with 1 at the first that breaks a promise.

use std::process::ExitCode;

use tarishi_tests::simulation::{Failure, Tally, run_many, run_one};

const SEEDS_DEFAULT: u64 = 200;
const USAGE: &str = "usage: simulation [--seeds N] [--first K] | --seed K";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut seeds = SEEDS_DEFAULT;
    let mut first = 0;
    let mut only = None;
    for pair in args.chunks(2) {
        let number = pair.get(1).and_then(|text| text.parse().ok());
        match (pair[0].as_str(), number) {
            ("--seeds", Some(number)) => seeds = number,
            ("--first", Some(number)) => first = number,
            ("--seed", Some(number)) => only = Some(number),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let outcome = match only {
        Some(seed) => run_one(seed),
        None => run_many(first..first + seeds, |done| eprintln!("{done} seeds done")),
    };
    report(outcome)
}

#[expect(clippy::print_stdout, reason = "this is the program's answer")]
fn report(outcome: Result<Tally, Box<Failure>>) -> ExitCode {
    match outcome {
        Ok(tally) => {
            println!(
                "{} seeds: {} operations, {} effects, {} requests, {} crashes, {} looked up by an operator; no promise broken",
                tally.runs, tally.operations, tally.effects, tally.requests, tally.crashes, tally.resolved
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}\nrun it again: tests/run simulation --seed {}", failure.seed);
            ExitCode::FAILURE
        }
    }
}
