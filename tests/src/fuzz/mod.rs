//! Broken inputs for everything that reads what others send, in this process, on stable Rust.
//!
//! Inputs are the golden files and the adapters' fixtures, mutated (`mutate`). Nothing may panic, whatever the thread; and where
//! something is promised beside that, it is checked (`targets`). A run is repeated by its seed; an input that breaks
//! something is written down and printed.

mod answers;
mod hooks;
mod http;
mod mutate;
mod samples;
mod targets;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

pub use targets::all;

use crate::harness::Result;

/// Executions of a target below which a run has tried nothing.
pub const RUNS_MIN: u64 = 50;
/// Inputs of one target in a row, at most: then the others have their turn.
const ROUND: u64 = 5_000;
/// So do they after this long.
const TURN: Duration = Duration::from_millis(100);

/// Something that reads inputs of others.
pub trait Target {
    /// Its name.
    fn name(&self) -> String;

    /// Good inputs.
    fn samples(&self) -> &[Vec<u8>];

    /// Reads one. A panic is a failure too.
    ///
    /// # Errors
    /// A promise was broken: which.
    fn read(&mut self, input: &[u8]) -> std::result::Result<(), String>;
}

/// An input that broke something.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What read it.
    pub target: String,
    /// What happened.
    pub broken: String,
    /// The input.
    pub input: Vec<u8>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\ninput: {}", self.target, self.broken, self.input.escape_ascii())
    }
}

impl Failure {
    /// Writes the input into the system's folder for temporary files; where.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self) -> Result<PathBuf> {
        let file =
            std::env::temp_dir().join(format!("tarishi-fuzz-{}-{}", self.target.replace(['.', ' '], "-"), std::process::id()));
        std::fs::write(&file, &self.input)?;
        Ok(file)
    }
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts panics of all threads: those of a server's tasks are caught before they get here.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }));
    });
}

/// Runs the targets in turn for so long, and until each was run [`RUNS_MIN`] times. `passed` is the time since the beginning.
/// How often each was run. Each target has random numbers of its own, so that a seed gives it the same inputs in the same order
/// however fast the others are.
///
/// # Errors
/// The first input that broke something.
pub fn run(
    targets: &mut [Box<dyn Target>],
    seed: u64,
    long: Duration,
    mut passed: impl FnMut() -> Duration,
) -> std::result::Result<Vec<(String, u64)>, Box<Failure>> {
    count_panics();
    let mut ran: Vec<(String, u64)> = targets.iter().map(|target| (target.name(), 0)).collect();
    let mut rngs: Vec<StdRng> =
        (0..targets.len() as u64).map(|at| StdRng::seed_from_u64(seed.wrapping_add(at << 32))).collect();
    loop {
        for ((target, rng), (_, count)) in targets.iter_mut().zip(&mut rngs).zip(&mut ran) {
            let begun = passed();
            for _ in 0..ROUND {
                if passed() - begun > TURN {
                    break;
                }
                let samples = target.samples();
                let [sample, other] = [0; 2].map(|_| &samples[rng.random_range(0..samples.len())]);
                let input = mutate::mutated(rng, sample, other);
                one(target.as_mut(), &input)?;
                *count += 1;
            }
        }
        if passed() >= long && ran.iter().all(|(_, count)| *count >= RUNS_MIN) {
            return Ok(ran);
        }
    }
}

/// Runs one input.
///
/// # Errors
/// It broke something.
pub fn one(target: &mut dyn Target, input: &[u8]) -> std::result::Result<(), Box<Failure>> {
    let before = PANICS.load(Ordering::SeqCst);
    let read = catch_unwind(AssertUnwindSafe(|| target.read(input)));
    let broken = match read {
        Ok(Ok(())) if PANICS.load(Ordering::SeqCst) == before => return Ok(()),
        Ok(Err(broken)) => broken,
        Ok(Ok(())) | Err(_) => "panicked".to_owned(),
    };
    Err(Box::new(Failure { target: target.name(), broken, input: input.to_vec() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Touchy(Vec<Vec<u8>>);

    impl Target for Touchy {
        fn name(&self) -> String {
            "touchy".to_owned()
        }

        fn samples(&self) -> &[Vec<u8>] {
            &self.0
        }

        fn read(&mut self, input: &[u8]) -> std::result::Result<(), String> {
            assert!(input.starts_with(b"{"), "a panic that was wanted");
            if input.len() < 4 { Err("too short".to_owned()) } else { Ok(()) }
        }
    }

    #[test]
    fn what_breaks_is_found_again_by_its_seed() {
        let run = |seed| {
            let mut targets: Vec<Box<dyn Target>> = vec![Box::new(Touchy(vec![b"{\"a\": 1}".to_vec()]))];
            run(&mut targets, seed, Duration::from_secs(60), || Duration::ZERO).unwrap_err()
        };
        let (first, second) = (run(1), run(1));
        assert_eq!((&first.input, &first.broken), (&second.input, &second.broken));
        let mut touchy = Touchy(Vec::new());
        assert_eq!(one(&mut touchy, b"{}").unwrap_err().broken, "too short");
        assert_eq!(one(&mut touchy, b"x").unwrap_err().broken, "panicked");
        one(&mut touchy, b"{\"a\":1}").unwrap();
    }
}
