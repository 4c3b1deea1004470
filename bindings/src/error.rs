//! The one error of the bindings: few variants, each something that an app can do.

use std::any::Any;

use tarishi_core::{Error, TokenError, TransportError};
use tarishi_protocol::{Code, Problem};
use tokio::task::JoinError;

/// Why a call did not do what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error, uniffi::Error)]
pub enum ClientError {
    /// Let the person sign in, then sync again; nothing is lost.
    #[error("sign-in needed")]
    SignIn,
    /// Nothing is wrong with the request; try again later.
    #[error("later: {reason}")]
    Wait {
        /// Why not now.
        reason: String,
    },
    /// Correct the request; nothing was stored.
    #[error("{code} ({field}): {reason}")]
    FixInput {
        /// The field at fault, as a path: `payload.to[1]`.
        field: String,
        /// The stable code: `invalid_phone`.
        code: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The operation's state forbids it; look at it again.
    #[error("not allowed: {reason}")]
    NotAllowed {
        /// In words.
        reason: String,
    },
    /// The phone's storage failed: full, or not readable now.
    #[error("storage: {reason}")]
    Storage {
        /// What SQLite or the system said.
        reason: String,
    },
    /// Offer the person the newer version of the app; what is queued stays.
    #[error("this version is too old for the server")]
    Upgrade,
    /// The database is a copy of another phone's: register a new device and open a database for it.
    #[error("this database is a copy of another device's")]
    NewDevice,
    /// The client is suspended, closed, or open in another process.
    #[error("not open: {reason}")]
    NotOpen {
        /// Which of them.
        reason: String,
    },
    /// The app stopped it.
    #[error("stopped")]
    Stopped,
    /// Report it: a defect of this library, or an exception in code of the app that was called from here.
    #[error("bug: {reason}")]
    Bug {
        /// What to report; holds no payload.
        reason: String,
    },
}

impl ClientError {
    pub(crate) fn bug(reason: impl Into<String>) -> Self {
        Self::Bug { reason: reason.into() }
    }

    pub(crate) fn fix_input(code: Code, field: &str, reason: impl Into<String>) -> Self {
        Self::FixInput { field: field.to_owned(), code: code.as_str().to_owned(), reason: reason.into() }
    }

    /// What a caught panic said, if it said it in words.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::bug(words.unwrap_or("panic without words"))
    }

    /// A task of the client's runtime did not end by itself.
    pub(crate) fn of_join(error: JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => Self::of_panic(panic.as_ref()),
            // The runtime is shut down when the client is dropped, and by nothing else.
            Err(_) => Self::Stopped,
        }
    }
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        let reason = error.to_string();
        match error {
            Error::InvalidInput(problem) => problem.into(),
            Error::KeyReused => Self::fix_input(Code::IdempotencyKeyReused, "key", reason),
            Error::NotFound => Self::fix_input(Code::NotFound, "id", reason),
            Error::NotAllowed { why } => Self::NotAllowed { reason: why },
            Error::QueueFull | Error::Offline => Self::Wait { reason },
            Error::Storage(reason) => Self::Storage { reason },
            Error::NeedsAuth => Self::SignIn,
            Error::UpgradeRequired => Self::Upgrade,
            Error::CopiedDevice => Self::NewDevice,
            Error::AlreadyOpen | Error::Suspended | Error::Closed => Self::NotOpen { reason },
        }
    }
}

impl From<Problem> for ClientError {
    fn from(problem: Problem) -> Self {
        Self::FixInput { field: problem.field.unwrap_or_default(), code: problem.code, reason: problem.detail }
    }
}

/// An app's token source answered with an error: only [`ClientError::SignIn`] pauses the sync, all else is asked again.
impl From<ClientError> for TokenError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::SignIn => Self::NeedsSignIn,
            ClientError::Wait { .. }
            | ClientError::FixInput { .. }
            | ClientError::NotAllowed { .. }
            | ClientError::Storage { .. }
            | ClientError::Upgrade
            | ClientError::NewDevice
            | ClientError::NotOpen { .. }
            | ClientError::Stopped
            | ClientError::Bug { .. } => Self::Unavailable,
        }
    }
}

/// An app's transport answered with an error. Whether the request arrived is not known, and the core never assumes it.
impl From<ClientError> for TransportError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Wait { .. } | ClientError::NotOpen { .. } => Self::Unreachable,
            ClientError::SignIn
            | ClientError::FixInput { .. }
            | ClientError::NotAllowed { .. }
            | ClientError::Storage { .. }
            | ClientError::Upgrade
            | ClientError::NewDevice
            | ClientError::Stopped
            | ClientError::Bug { .. } => Self::Interrupted,
        }
    }
}

/// Code of the app that was called from here threw something undeclared.
impl From<uniffi::UnexpectedUniFFICallbackError> for ClientError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        // Kotlin sends the whole stack trace; the first line says what happened.
        Self::bug(error.reason.lines().next().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_field_to_fix() {
        let problem = Problem::new(Code::InvalidPhone, "no phone number").with_field("payload.phone");
        let ClientError::FixInput { field, code, reason } = Error::InvalidInput(problem).into() else { panic!() };
        assert_eq!((field.as_str(), code.as_str(), reason.as_str()), ("payload.phone", "invalid_phone", "no phone number"));
    }

    #[test]
    fn an_undeclared_exception_keeps_its_first_line_only() {
        let thrown = uniffi::UnexpectedUniFFICallbackError::new("IllegalStateException: no\n\tat io.app.Main(Main.kt:1)");
        assert_eq!(ClientError::from(thrown), ClientError::bug("IllegalStateException: no"));
    }

    #[test]
    fn only_sign_in_pauses_the_sync() {
        assert_eq!(TokenError::from(ClientError::SignIn), TokenError::NeedsSignIn);
        assert_eq!(TokenError::from(ClientError::bug("x")), TokenError::Unavailable);
    }
}
