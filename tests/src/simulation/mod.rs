//! Phones, a server and providers in one thread, in an order drawn from a seed.
//!
//! The device core and the server's intake, store and dispatch are the real ones, on real files; what is simulated is the
//! network between them (`network.rs`), the providers (`books.rs`, `adapters.rs`) and time, which moves by hand. A run draws
//! what happens next: operations, cancellations, retries, lost and repeated requests, crashes of both sides, calls that hang
//! or lie, callbacks that are lost, late or doubled, clocks that jump. Then everything is calmed and drained, and the
//! books are compared (`check.rs`). The same seed draws the same run, but for the times of threads.

mod adapters;
mod backend;
mod books;
mod check;
mod events;
mod network;
mod payers;
mod phone;
mod run;

use std::{
    ops::{AddAssign, Range},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
};

/// What happened in some runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Operations enqueued.
    pub operations: u64,
    /// Effects at the providers.
    pub effects: u64,
    /// Requests that reached the server, copies among them.
    pub requests: u64,
    /// Crashes of phones and servers.
    pub crashes: u64,
    /// Operations that an operator had to look up.
    pub resolved: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.runs += more.runs;
        self.operations += more.operations;
        self.effects += more.effects;
        self.requests += more.requests;
        self.crashes += more.crashes;
        self.resolved += more.resolved;
    }
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that shows it.
    pub seed: u64,
    /// What was broken.
    pub broken: String,
    /// What had happened, in order.
    pub story: Vec<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.story {
            writeln!(f, "  {line}")?;
        }
        write!(f, "seed {}: {}", self.seed, self.broken)
    }
}

/// Runs one seed.
///
/// # Errors
/// A promise was broken.
pub fn run_one(seed: u64) -> Result<Tally, Box<Failure>> {
    let outcome = catch_unwind(AssertUnwindSafe(|| run::run(seed)));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        Err(Box::new(Failure { seed, broken: format!("panicked: {text}"), story: Vec::new() }))
    })
}

/// Runs seeds on two threads until one fails; `said` is told each hundred.
///
/// # Errors
/// The first promise that was broken.
pub fn run_many(seeds: Range<u64>, said: impl Fn(u64) + Sync) -> Result<Tally, Box<Failure>> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds.end {
                return Ok(tally);
            }
            match run_one(seed) {
                Ok(more) => tally += more,
                Err(failure) => {
                    next.store(seeds.end, Ordering::SeqCst);
                    return Err(failure);
                }
            }
            if (seed + 1 - seeds.start).is_multiple_of(100) {
                said(seed + 1 - seeds.start);
            }
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mine = work();
        let theirs = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let mut tally = mine?;
        tally += theirs?;
        Ok(tally)
    })
}
