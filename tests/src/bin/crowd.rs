//! `crowd [--people N] [--kills K] [--seed S]`: tells N people one thing while the server is killed K times.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use tarishi_tests::crowd::{Plan, run};

#[tokio::main]
async fn main() -> ExitCode {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        say("usage: crowd [--people N] [--kills K] [--seed S]");
        return ExitCode::from(2);
    };
    say(&format!("seed {}", plan.seed));
    match Box::pin(run(plan, say)).await {
        Ok(report) => {
            say(&report.to_string());
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            say(&format!("FAILED: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn plan(mut args: impl Iterator<Item = String>) -> Option<Plan> {
    let mut plan = Plan { people: 200, kills: 2, seed: u64::from(rand::random::<u32>()) };
    while let Some(name) = args.next() {
        let number = args.next()?;
        match name.as_str() {
            "--people" => plan.people = number.parse().ok()?,
            "--kills" => plan.kills = number.parse().ok()?,
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
