//! How a client is set up.

use core::{fmt, time::Duration};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::{Clock, SystemClock, Tls, Transport};

/// Operations that have not ended, at most, unless the app says otherwise.
pub(crate) const QUOTA_OPERATIONS: u64 = 1_000_000;
/// Bytes of their payloads, at most, unless the app says otherwise: 1 GiB.
pub(crate) const QUOTA_BYTES: u64 = 1024 * 1024 * 1024;
/// How long ended operations stay readable, unless the app says otherwise: 30 days.
pub(crate) const RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Everything a client needs to know.
#[derive(Clone)]
pub struct Options {
    /// The database file; one per account, outside the system's backups.
    pub database: PathBuf,
    /// The companion server: `https://pay.example.org`.
    pub server_url: String,
    /// The account; `None` asks the server once whose token it is, and remembers.
    pub account: Option<String>,
    /// What carries the bytes; `None` is HTTP by the library itself.
    pub transport: Option<Arc<dyn Transport>>,
    /// Whom the library's own HTTP trusts; a transport of the app's sees to that itself.
    pub tls: Tls,
    /// Where tokens come from.
    pub token_source: Arc<dyn TokenSource>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Seals payloads and outcomes at rest; from the Keystore or Keychain.
    pub seal_key: Option<[u8; 32]>,
    /// Operations that have not ended, at most.
    pub quota_operations: u64,
    /// Bytes of their payloads, at most.
    pub quota_bytes: u64,
    /// Bytes a day on metered networks, at most; `None` is no limit.
    pub metered_bytes_per_day: Option<u64>,
    /// Sync on metered networks at all.
    pub sync_on_metered: bool,
    /// How long ended operations stay readable.
    pub retention: Duration,
    /// Seeds the jitter of waits; a test fixes it.
    pub seed: u64,
}

impl Options {
    /// The usual options: no token yet, HTTP, the system's clocks.
    #[must_use]
    pub fn new(database: impl Into<PathBuf>, server_url: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            server_url: server_url.into(),
            account: None,
            transport: None,
            tls: Tls::default(),
            token_source: Arc::new(StaticToken::none()),
            clock: Arc::new(SystemClock),
            seal_key: None,
            quota_operations: QUOTA_OPERATIONS,
            quota_bytes: QUOTA_BYTES,
            metered_bytes_per_day: None,
            sync_on_metered: true,
            retention: RETENTION,
            seed: rand::random(),
        }
    }

    /// Uses one token, until the server rotates it.
    #[must_use]
    pub fn with_static_token(mut self, token: impl Into<String>) -> Self {
        self.token_source = Arc::new(StaticToken::new(token));
        self
    }

    /// Names the account.
    #[must_use]
    pub fn with_account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Takes another transport.
    #[must_use]
    pub fn with_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Trusts what this says, in the library's own HTTP.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Takes another token source.
    #[must_use]
    pub fn with_token_source(mut self, source: Arc<dyn TokenSource>) -> Self {
        self.token_source = source;
        self
    }

    /// Takes another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Seals payloads and outcomes with this key.
    #[must_use]
    pub fn with_seal_key(mut self, key: [u8; 32]) -> Self {
        self.seal_key = Some(key);
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("database", &self.database)
            .field("server_url", &self.server_url)
            .field("sealed", &self.seal_key.is_some())
            .finish_non_exhaustive()
    }
}

/// Where tokens come from.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// The token to use. `rejected` is the one the server just refused: asked once, then syncing pauses.
    async fn token(&self, rejected: Option<String>) -> Result<String, TokenError>;

    /// The server rotated the token: keep this one. The old one stays good for a while.
    async fn rotated(&self, token: String);
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// The person must sign in.
    #[error("sign-in needed")]
    NeedsSignIn,
    /// It cannot be had right now; ask again later.
    #[error("no token right now")]
    Unavailable,
}

/// One token, replaced only when the server rotates it.
pub struct StaticToken(Mutex<Option<String>>);

impl StaticToken {
    /// This token.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self(Mutex::new(Some(token.into())))
    }

    /// No token: everything works but the sync.
    #[must_use]
    pub fn none() -> Self {
        Self(Mutex::new(None))
    }

    /// Another token, after the person signed in again.
    pub fn set(&self, token: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.into());
    }
}

impl fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticToken")
    }
}

#[async_trait]
impl TokenSource for StaticToken {
    async fn token(&self, rejected: Option<String>) -> Result<String, TokenError> {
        let token = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        token.filter(|token| rejected.as_ref() != Some(token)).ok_or(TokenError::NeedsSignIn)
    }

    async fn rotated(&self, token: String) {
        self.set(token);
    }
}
