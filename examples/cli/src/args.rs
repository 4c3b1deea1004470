//! What may stand on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use tarishi_core::{
    DeviceState,
    protocol::{After, AfterOn, OperationId},
};

use crate::{commands, duration};

/// A phone in a terminal: enqueue operations offline, sync them when there is network.
#[derive(Debug, Parser)]
#[command(
    name = "tarishi",
    version,
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 deadline with work left."
)]
pub(crate) struct Cli {
    /// The phone's database; made if it is not there.
    #[arg(long, global = true, env = "TARISHI_DB", value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// One JSON object a line instead of words.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs, each in a file of its own under `commands/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::Args),
    Enqueue(commands::enqueue::Args),
    Import(commands::import::Args),
    Sync(commands::sync::Args),
    List(commands::list::Args),
    Show(commands::show::Args),
    Why(commands::why::Args),
    Cancel(commands::cancel::Args),
    Replace(commands::replace::Args),
    Retry(commands::retry::Args),
    Notification(commands::notification::Args),
    Watch(commands::watch::Args),
    Stats(commands::stats::Args),
    Report(commands::report::Args),
}

/// `25s`, `7d`, `10m`, `2h`, `500ms`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

/// A word of [`DeviceState`].
pub(crate) fn parse_state(word: &str) -> Result<DeviceState, String> {
    DeviceState::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = DeviceState::ALL.into_iter().map(DeviceState::as_str).collect();
        format!("must be one of {}", words.join(", "))
    })
}

/// `ID:succeeded`.
pub(crate) fn parse_after(text: &str) -> Result<After, String> {
    let (id, word) = text.split_once(':').ok_or("expected ID:succeeded, ID:failed, ID:cancelled or ID:ended")?;
    let operation_id: OperationId = id.parse().map_err(|_| "the part before the colon is no operation's id".to_owned())?;
    let on = AfterOn::from_word(word).ok_or("after the colon: succeeded, failed, cancelled or ended")?;
    Ok(After { operation_id, on })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn after_names_an_operation_and_an_end() {
        let id = OperationId::generate();
        let after = parse_after(&format!("{id}:ended")).unwrap();
        assert_eq!((after.operation_id, after.on), (id, AfterOn::Ended));
        for bad in [id.to_string(), format!("{id}:"), format!("{id}:done"), "x:succeeded".to_owned()] {
            assert!(parse_after(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_state_is_answered_with_the_known_ones() {
        assert_eq!(parse_state("in_flight"), Ok(DeviceState::InFlight));
        assert!(parse_state("sleeping").unwrap_err().contains("pending"));
    }
}
