//! What a caller of the client can meet, in few variants that an app can act on.

use tarishi_protocol::Problem;

/// Why a call did not do what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The operation is wrong; the problem names the field. Nothing was stored.
    #[error("{0}")]
    InvalidInput(Problem),
    /// The idempotency key names another operation already.
    #[error("the idempotency key was used with another payload")]
    KeyReused,
    /// The queue holds as much as it may.
    #[error("the queue is full")]
    QueueFull,
    /// No such operation on this device.
    #[error("no such operation")]
    NotFound,
    /// The operation's state forbids it.
    #[error("not allowed: {why}")]
    NotAllowed {
        /// In words.
        why: String,
    },
    /// Another process has the database open.
    #[error("another process has this database open")]
    AlreadyOpen,
    /// The database could not be read or written. Says nothing about the network.
    #[error("storage: {0}")]
    Storage(String),
    /// The server does not take the token; the person must sign in.
    #[error("sign-in needed")]
    NeedsAuth,
    /// The server no longer speaks this client's protocol.
    #[error("this version is too old for the server")]
    UpgradeRequired,
    /// The server has seen a later request of this device: the database was copied or restored from a backup.
    #[error("this database is a copy: register it as a new device")]
    CopiedDevice,
    /// The server cannot be reached.
    #[error("the server cannot be reached")]
    Offline,
    /// The client is suspended; call `resume`.
    #[error("the client is suspended")]
    Suspended,
    /// The client was closed or signed out.
    #[error("the client is closed")]
    Closed,
}

impl Error {
    pub(crate) fn not_allowed(why: impl Into<String>) -> Self {
        Self::NotAllowed { why: why.into() }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::InvalidInput(problem)
    }
}

/// Did SQLite say that the file itself is damaged?
pub(crate) fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
}
