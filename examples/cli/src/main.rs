//! `tarishi`: a phone in a terminal.
//!
//! Every command is one verb of the device core on one database file, as an app would call it. It shows how little an app has
//! to do, and it is the phone of the demo and of the crash tests. Exit codes: 0 done, 1 refused or failed, 2 usage, 3 the
//! deadline came with work left.

mod args;
mod commands;
mod duration;
mod exit;
mod line;
mod output;
mod phone;
mod server;

use std::process::ExitCode;

use args::Cli;
use clap::Parser as _;
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Also `--help` and `--version`, which go to standard output with 0.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return if error.print().is_ok() { code.into() } else { Exit::Failed.into() };
        }
    };
    log_to_stderr();
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.is_closed_pipe() {
                eprintln!("tarishi: {failure}");
            }
            failure.exit().into()
        }
    }
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(commands::run(cli))
}

/// Silent unless `RUST_LOG` asks.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
