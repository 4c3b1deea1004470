//! `sync`: send what waits and fetch what happened, until all is exchanged or the deadline comes.

use std::time::Duration;

use clap::Args as ClapArgs;
use tarishi_core::{Error, SyncReport};

use super::why;
use crate::{
    args,
    exit::{Exit, Failure},
    phone::Phone,
};

/// Exchange with the server until nothing is left to exchange or the deadline comes (exit 3).
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// How long it may take.
    #[arg(long, default_value = "25s", value_parser = args::parse_duration)]
    deadline: Duration,
}

pub(crate) async fn run(args: &Args, phone: &mut Phone) -> Result<Exit, Failure> {
    phone.connect().await?;
    match phone.client.sync(args.deadline, None).await {
        Ok(report) => {
            phone.out.say(&report, &in_words(&report))?;
            Ok(if report.complete { Exit::Done } else { Exit::WorkLeft })
        }
        // The queue is safe and a later sync goes on: work is left, nothing failed.
        Err(error @ Error::Offline) => {
            eprintln!("tarishi: {error}");
            Ok(Exit::WorkLeft)
        }
        Err(error) => Err(error.into()),
    }
}

/// `3 accepted, 1 refused, 0 pending; 2 exchanges, 1234 bytes up, 987 down`, and what stands in the way.
pub(crate) fn in_words(report: &SyncReport) -> String {
    let SyncReport { exchanges, accepted, refused, pending, bytes_up, bytes_down, complete: _, reason } = report;
    let counts = format!("{accepted} accepted, {refused} refused, {pending} pending");
    let traffic = format!("{exchanges} exchanges, {bytes_up} bytes up, {bytes_down} down");
    match reason {
        Some(reason) => format!("{counts}; {traffic}; {}", why::reason_in_words(*reason)),
        None => format!("{counts}; {traffic}"),
    }
}
