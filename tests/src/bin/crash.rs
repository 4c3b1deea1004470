//! `crash --cycles N [--seed S]`: kills phones and servers N times and shows what became of the operations.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use tarishi_tests::crash::{Plan, run};

const AUDIT_EVERY: u32 = 50;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        say("usage: crash --cycles N [--seed S]");
        return ExitCode::from(2);
    };
    say(&format!("seed {}", plan.seed));
    match run(plan, say).await {
        Ok(totals) => {
            say(&totals.to_string());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("FAILED: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn plan(mut args: impl Iterator<Item = String>) -> Option<Plan> {
    let mut plan = Plan { cycles: 40, audit_every: AUDIT_EVERY, seed: u64::from(rand::random::<u32>()) };
    while let Some(name) = args.next() {
        let number = args.next()?;
        match name.as_str() {
            "--cycles" => plan.cycles = number.parse().ok()?,
            "--seed" => plan.seed = number.parse().ok()?,
            _ => return None,
        }
    }
    Some(plan)
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: the exit code still tells.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
