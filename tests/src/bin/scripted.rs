//! `scripted --listen 127.0.0.1:0`: the scripted server over HTTP for tests in Kotlin, Swift or anything else. Says where it
//! listens and serves until its standard input ends or it is told to stop.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use tarishi_tests::{harness::Result, scripted::Scripted};
use tokio::{
    io::AsyncReadExt as _,
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

fn main() -> ExitCode {
    let Some(address) = address(std::env::args().skip(1)) else {
        say("usage: scripted [--listen ADDRESS:PORT]");
        return ExitCode::from(2);
    };
    let ran = Runtime::new().map_err(Into::into).and_then(|runtime| {
        let served = runtime.block_on(serve(address));
        // Reading standard input cannot be cut short: nobody waits for it.
        runtime.shutdown_background();
        served
    });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("cannot serve at {address}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn address(mut arguments: impl Iterator<Item = String>) -> Option<SocketAddr> {
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (None, ..) => Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        (Some("--listen"), Some(address), None) => address.parse().ok(),
        _ => None,
    }
}

async fn serve(address: SocketAddr) -> Result<()> {
    let mut stop = signal(SignalKind::terminate())?;
    let server = Scripted::listen(address).await?;
    say(&format!("listening on {}", server.url()));
    tokio::select! {
        () = input_ends() => {}
        _ = stop.recv() => {}
    }
    Ok(())
}

async fn input_ends() {
    let (mut input, mut buffer) = (tokio::io::stdin(), [0; 256]);
    while matches!(input.read(&mut buffer).await, Ok(1..)) {}
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: the exit code still tells.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
