//! How an app sets a client up.

use std::{sync::Arc, time::Duration};

use tarishi_core::{Options, Tls};
use tarishi_protocol::Code;

use crate::{
    ClientError, HttpTransport, KeyStore, ScriptedServer, TestClock, TokenSource,
    foreign::{TokenBridge, TransportBridge},
};

/// Bytes of a seal key and of a pin.
const KEY_BYTES: usize = 32;

/// How a client is set up.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ClientOptions {
    /// The path of the database; one per account, outside the system's backups.
    pub database: String,
    /// The companion server: `https://pay.example.org`.
    pub server_url: String,
    /// The account; if absent, the server is asked once whose token it is.
    #[uniffi(default = None)]
    pub account: Option<String>,
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
    /// What the library's own HTTP trusts; the usual authorities if absent. The platform's HTTP has its own ways.
    #[uniffi(default = None)]
    pub tls: Option<TlsOptions>,
}

/// What the library's own HTTP trusts.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TlsOptions {
    /// Certificates (DER) of authorities, trusted beside the usual ones.
    #[uniffi(default = [])]
    pub roots: Vec<Vec<u8>>,
    /// SHA-256 of the server certificate's SubjectPublicKeyInfo; if there are any, one of them must match.
    #[uniffi(default = [])]
    pub pins: Vec<Vec<u8>>,
}

/// What a client works with besides its options.
pub(crate) struct Parts {
    pub(crate) token_source: Arc<dyn TokenSource>,
    pub(crate) transport: Option<Arc<dyn HttpTransport>>,
    pub(crate) key_store: Option<Arc<dyn KeyStore>>,
    pub(crate) clock: Option<Arc<TestClock>>,
    pub(crate) server: Option<Arc<ScriptedServer>>,
}

impl ClientOptions {
    pub(crate) fn into_core(self, parts: Parts) -> Result<Options, ClientError> {
        let Parts { token_source, transport, key_store, clock, server } = parts;
        let mut options = Options::new(self.database.clone(), self.server_url.clone());
        options = options.with_token_source(Arc::new(TokenBridge(token_source)));
        options.account = self.account;
        if let Some(store) = key_store {
            options = options.with_seal_key(exactly(store.seal_key(self.database)?, "seal_key")?);
        }
        if let Some(server) = server {
            options = options.with_transport(server.transport()?);
        } else if let Some(transport) = transport {
            let server_url = self.server_url.trim_end_matches('/').to_owned();
            options = options.with_transport(Arc::new(TransportBridge { transport, server_url }));
        }
        if let Some(clock) = clock {
            options = options.with_clock(clock.clock());
        }
        if let Some(TlsOptions { roots, pins }) = self.tls {
            let pins = pins.into_iter().enumerate().map(|(n, pin)| exactly(pin, &format!("tls.pins[{n}]")));
            options = options.with_tls(Tls { roots, pins: pins.collect::<Result<_, _>>()? });
        }
        options.quota_operations = self.quota_operations.unwrap_or(options.quota_operations);
        options.quota_bytes = self.quota_bytes.unwrap_or(options.quota_bytes);
        options.metered_bytes_per_day = self.metered_bytes_per_day;
        options.sync_on_metered = self.sync_on_metered;
        options.retention = self.retention.unwrap_or(options.retention);
        Ok(options)
    }
}

fn exactly(bytes: Vec<u8>, field: &str) -> Result<[u8; KEY_BYTES], ClientError> {
    bytes.try_into().map_err(|_| ClientError::fix_input(Code::InvalidValue, field, "must have 32 bytes"))
}
