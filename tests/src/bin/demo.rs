//! `cargo demo`: see [`tarishi_tests::demo`]. Exit code 0 if every operation happened exactly once.

use std::process::ExitCode;

use tarishi_tests::demo;

#[tokio::main]
async fn main() -> ExitCode {
    match demo::run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\n  the demo did not come to its end: {error}\n");
            ExitCode::FAILURE
        }
    }
}
