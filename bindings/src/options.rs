//! How an app sets a client up.

use std::{sync::Arc, time::Duration};

use tarishi_core::Options;
use tarishi_protocol::Code;

use crate::{
    ClientError, TokenSource, Transport,
    foreign::{TokenBridge, TransportBridge},
};

/// How a client is set up.
#[derive(Clone, uniffi::Record)]
pub struct ClientOptions {
    /// The path of the database; one per account, outside the system's backups.
    pub database: String,
    /// The companion server: `https://pay.example.org`.
    pub server_url: String,
    /// The account; if absent, the server is asked once whose token it is.
    #[uniffi(default = None)]
    pub account: Option<String>,
    /// 32 bytes from the Keystore or Keychain that seal payloads and outcomes at rest.
    #[uniffi(default = None)]
    pub seal_key: Option<Vec<u8>>,
    /// Operations that have not ended, at most; a million if not said.
    #[uniffi(default = None)]
    pub quota_operations: Option<u64>,
    /// Bytes of their payloads, at most; 1 GiB if not said.
    #[uniffi(default = None)]
    pub quota_bytes: Option<u64>,
    /// Bytes a day on metered networks, at most; no limit if absent.
    #[uniffi(default = None)]
    pub metered_bytes_per_day: Option<u64>,
    /// Sync on metered networks at all.
    #[uniffi(default = true)]
    pub sync_on_metered: bool,
    /// How long ended operations stay readable; 30 days if not said.
    #[uniffi(default = None)]
    pub retention: Option<Duration>,
}

/// The seal key stays out of logs.
impl std::fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientOptions")
            .field("database", &self.database)
            .field("server_url", &self.server_url)
            .field("sealed", &self.seal_key.is_some())
            .finish_non_exhaustive()
    }
}

impl ClientOptions {
    pub(crate) fn into_core(
        self,
        tokens: Arc<dyn TokenSource>,
        transport: Option<Arc<dyn Transport>>,
    ) -> Result<Options, ClientError> {
        let mut options = Options::new(self.database, self.server_url.clone()).with_token_source(Arc::new(TokenBridge(tokens)));
        options.account = self.account;
        if let Some(key) = self.seal_key {
            let key =
                key.try_into().map_err(|_| ClientError::fix_input(Code::InvalidValue, "seal_key", "must have 32 bytes"))?;
            options = options.with_seal_key(key);
        }
        if let Some(transport) = transport {
            let server_url = self.server_url.trim_end_matches('/').to_owned();
            options = options.with_transport(Arc::new(TransportBridge { transport, server_url }));
        }
        options.quota_operations = self.quota_operations.unwrap_or(options.quota_operations);
        options.quota_bytes = self.quota_bytes.unwrap_or(options.quota_bytes);
        options.metered_bytes_per_day = self.metered_bytes_per_day;
        options.sync_on_metered = self.sync_on_metered;
        options.retention = self.retention.unwrap_or(options.retention);
        Ok(options)
    }
}
