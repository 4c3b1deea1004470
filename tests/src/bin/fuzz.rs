//! `fuzz --seconds N [--seed S]`, or `fuzz --target NAME --input FILE` for one input again. Ends with 1 if something breaks.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use tarishi_core::{Clock as _, SystemClock};
use tarishi_tests::{
    fuzz::{Failure, all, one, run},
    harness::Result,
};

const SECONDS_DEFAULT: u64 = 20;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (mut seconds, mut seed) = (SECONDS_DEFAULT, u64::from(rand::random::<u32>()));
    let (mut target, mut input) = (None, None);
    for pair in args.chunks(2) {
        let number = pair.get(1).and_then(|text| text.parse().ok());
        match (pair[0].as_str(), pair.get(1), number) {
            ("--seconds", _, Some(number)) => seconds = number,
            ("--seed", _, Some(number)) => seed = number,
            ("--target", Some(name), _) => target = Some(name.clone()),
            ("--input", Some(file), _) => input = Some(file.clone()),
            _ => {
                say("usage: fuzz --seconds N [--seed S] | --target NAME --input FILE");
                return ExitCode::from(2);
            }
        }
    }
    let done = match (target, input) {
        (Some(name), Some(file)) => again(&name, &file),
        _ => go(seconds, seed),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("FAILED: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn go(seconds: u64, seed: u64) -> Result<()> {
    say(&format!("seed {seed}"));
    let mut targets = all()?;
    let begun = SystemClock.boot_ms();
    let passed = || Duration::from_millis(SystemClock.boot_ms().saturating_sub(begun));
    match run(&mut targets, seed, Duration::from_secs(seconds), passed) {
        Ok(ran) => {
            for (name, count) in &ran {
                say(&format!("{count:8} {name}"));
            }
            say(&format!(
                "{} inputs for {} targets in {} s; nothing broke",
                ran.iter().map(|(_, count)| count).sum::<u64>(),
                ran.len(),
                passed().as_secs()
            ));
            Ok(())
        }
        Err(failure) => Err(told(&failure, Some(seed))),
    }
}

fn again(name: &str, file: &str) -> Result<()> {
    let input = std::fs::read(file)?;
    let mut targets = all()?;
    let target = targets.iter_mut().find(|target| target.name() == name).ok_or("there is no such target")?;
    one(target.as_mut(), &input).map_err(|failure| told(&failure, None))
}

fn told(failure: &Failure, seed: Option<u64>) -> tarishi_tests::harness::Error {
    let kept = failure.keep().map_or_else(|error| error.to_string(), |file| file.display().to_string());
    let seed = seed.map(|seed| format!("; the whole run again: tests/run fuzz --seed {seed}")).unwrap_or_default();
    format!("{failure}\nkept in {kept}{seed}").into()
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: the exit code still tells.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
