//! The program `tarishi-server`; what it does is in the library.

use std::{io, process::ExitCode};

use clap::Parser as _;
use tarishi_server::commands;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    commands::run(cli, &mut io::stdout(), &mut io::stderr()).await
}
