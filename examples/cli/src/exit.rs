//! How a command can end, and what it says when it cannot do what was asked.

use std::{io, path::PathBuf, process::ExitCode};

use tarishi_core::{Error, protocol::Problem};

/// How a command ended. Scripts rest on the numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Refused or failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The deadline came with work left.
    WorkLeft,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::WorkLeft => Self::from(3),
        }
    }
}

/// Why a command could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The core refused or failed.
    #[error("{}", describe(.0))]
    Core(#[from] Error),
    /// `init` was not called on this database.
    #[error("no server is known yet: run `tarishi --db FILE init --server URL --token TOKEN`")]
    NotInitialised,
    /// No `--db` and no `TARISHI_DB`.
    #[error("--db FILE is missing")]
    NoDatabase,
    /// `--server` is no address.
    #[error("--server: expected an address like https://pay.example.org")]
    ServerUrl,
    /// No such operation.
    #[error("no operation has this id")]
    NotFound,
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output is closed or full.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// A value could not be written as JSON.
    #[error("output: {0}")]
    Json(#[from] serde_json::Error),
    /// The runtime or the signal handlers could not be set up.
    #[error("runtime: {0}")]
    Runtime(io::Error),
}

impl Failure {
    /// The exit that goes with it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::NoDatabase | Self::ServerUrl => Exit::Usage,
            // `tarishi list | head`: who reads has seen enough.
            Self::Output(_) if self.is_closed_pipe() => Exit::Done,
            Self::Core(_)
            | Self::NotInitialised
            | Self::NotFound
            | Self::Read { .. }
            | Self::Output(_)
            | Self::Json(_)
            | Self::Runtime(_) => Exit::Failed,
        }
    }

    /// The reader of our output has gone away.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// `field: problem`, as both `import` and the other verbs say it.
pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::InvalidInput(problem) => describe_problem(problem),
        Error::KeyReused => format!("key: {error}"),
        Error::QueueFull => format!("queue: {error}"),
        Error::NotFound
        | Error::NotAllowed { .. }
        | Error::AlreadyOpen
        | Error::Storage(_)
        | Error::NeedsAuth
        | Error::UpgradeRequired
        | Error::CopiedDevice
        | Error::Offline
        | Error::Suspended
        | Error::Closed => error.to_string(),
    }
}

/// `field: detail (code)`.
pub(crate) fn describe_problem(problem: &Problem) -> String {
    let field = problem.field.as_deref().unwrap_or("operation");
    if problem.detail.is_empty() {
        return format!("{field}: {}", problem.code);
    }
    format!("{field}: {} ({})", problem.detail, problem.code)
}

#[cfg(test)]
mod tests {
    use tarishi_core::protocol::Code;

    use super::*;

    #[test]
    fn a_refusal_names_the_field_first() {
        let problem = Problem::new(Code::InvalidPhone, "not a phone number").with_field("payload.phone");
        assert_eq!(describe(&Error::InvalidInput(problem)), "payload.phone: not a phone number (invalid_phone)");
        assert_eq!(describe_problem(&Problem::new(Code::Malformed, "")), "operation: malformed");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert_eq!(Failure::Output(io::ErrorKind::BrokenPipe.into()).exit(), Exit::Done);
        assert_eq!(Failure::Output(io::ErrorKind::StorageFull.into()).exit(), Exit::Failed);
    }
}
