//! `secrets --in FOLDER --tests FILE`: searches what a run of the tests left in the folder. FILE lists the tests that ran, as
//! `cargo test -- --list` prints them. Ends with 1 if anything is found that must be seen nowhere, or too little was left.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use tarishi_tests::{
    harness::Result,
    secrets::{Report, exceptions, proof, search},
};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [first, folder, second, list] = args.as_slice() else { return usage() };
    if (first.as_str(), second.as_str()) != ("--in", "--tests") {
        return usage();
    }
    match run(&PathBuf::from(folder), &PathBuf::from(list)).await {
        Ok(report) if report.is_clean() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("FAILED: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(folder: &std::path::Path, list: &std::path::Path) -> Result<Report> {
    let planted = proof::prove().await?;
    say(&format!("{planted} canaries put on purpose into logs, answers and databases: each was found"));
    let text = std::fs::read_to_string(list)?;
    let tests: Vec<String> = text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect();
    let report = search(folder, &tests).await?;
    say(&format!(
        "{} files of {} tests: {} KiB, {} answers, {} secrets searched for; {} found",
        report.files,
        tests.len(),
        report.bytes / 1_024,
        report.answers,
        report.secrets,
        report.findings.len()
    ));
    for line in exceptions() {
        say(&format!("may be seen: {line}"));
    }
    for finding in &report.findings {
        say(&format!("FOUND: {finding}"));
    }
    for gap in &report.gaps {
        say(&format!("MISSING: {gap}"));
    }
    Ok(report)
}

fn usage() -> ExitCode {
    say("usage: secrets --in FOLDER --tests FILE");
    ExitCode::from(2)
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: the exit code still tells.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
