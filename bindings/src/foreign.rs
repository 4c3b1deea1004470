//! What the app implements and this library calls: tokens, events, the network's state, the key that seals, the platform's own
//! HTTP. A logger is in `log.rs`.
//!
//! All take values and return a `Result`: an exception nobody declared arrives as [`ClientError::Bug`] instead of a crash.
//! Calls into Kotlin cost about 100 µs, so events come in lists.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tarishi_core::{Event, TokenError, TransportError, TransportRequest, TransportResponse};

use crate::{ClientError, NetworkSink};

/// Where tokens come from.
#[uniffi::export(foreign)]
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// The token to use. `rejected` is the one the server just refused: asked once, then syncing pauses until the next sign-in.
    /// Throw `SignIn` if the person must sign in, `Wait` if there is no token right now.
    async fn token(&self, rejected: Option<String>) -> Result<String, ClientError>;

    /// The server rotated the token: store this one. The old one stays good for a while.
    async fn rotated(&self, token: String) -> Result<(), ClientError>;
}

/// Hears what happens. Called from a thread of the library, one call at a time, in order.
#[uniffi::export(foreign)]
pub trait EventListener: Send + Sync {
    /// These happened, oldest first; all of it is durable already.
    fn on_events(&self, events: Vec<Event>) -> Result<(), ClientError>;

    /// The listener was too slow and `count` events were dropped: read the present with `list`.
    fn on_missed(&self, count: u64) -> Result<(), ClientError>;
}

/// Watches the platform's network and says what it sees.
#[uniffi::export(foreign)]
pub trait NetworkMonitor: Send + Sync {
    /// Begins: tell the sink what there is now, then each change, from any thread.
    fn start(&self, sink: Arc<NetworkSink>) -> Result<(), ClientError>;

    /// Ends: the client is gone. What the sink is told later is ignored.
    fn stop(&self) -> Result<(), ClientError>;
}

/// Keeps the key that seals payloads and outcomes at rest: Android's Keystore, Apple's Keychain.
#[uniffi::export(foreign)]
pub trait KeyStore: Send + Sync {
    /// The 32 bytes for this database: made at random and kept by the first call, the same ever after. Asked once, when the
    /// client is opened; an error is the answer of `open`. Another key than before stops nothing else: what the old one sealed
    /// can no longer be read here, so what was never sent ends as `dead`, and the server goes on with what it has.
    fn seal_key(&self, database: String) -> Result<Vec<u8>, ClientError>;
}

/// The platform's own HTTP: its TLS, proxies and background transfers.
#[uniffi::export(foreign)]
#[async_trait]
pub trait HttpTransport: Send + Sync {
    /// Sends one request and returns the answer as it came or as the platform decompressed it; both are understood. Follows no
    /// redirects and retries nothing. Throw `Wait` if the server could not be reached; anything else means that the request may
    /// have arrived.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ClientError>;
}

/// One header.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct HttpHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// One request.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct HttpRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// The headers, with the token: not for logs.
    pub headers: Vec<HttpHeader>,
    /// The body, compressed already where a header says so.
    pub body: Vec<u8>,
    /// The library gives up after this and cancels the call.
    pub timeout: Duration,
    /// Give up on an answer with a longer body.
    pub response_bytes_max: u64,
}

/// One answer.
#[derive(Clone, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct HttpResponse {
    /// The status, redirects too.
    pub status: u16,
    /// The headers.
    pub headers: Vec<HttpHeader>,
    /// The body, compressed or not.
    pub body: Vec<u8>,
}

/// Headers hold the token and bodies hold payloads.
impl std::fmt::Debug for HttpHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The app's token source as the core calls it.
pub(crate) struct TokenBridge(pub(crate) Arc<dyn TokenSource>);

#[async_trait]
impl tarishi_core::TokenSource for TokenBridge {
    async fn token(&self, rejected: Option<String>) -> Result<String, TokenError> {
        Ok(self.0.token(rejected).await?)
    }

    async fn rotated(&self, token: String) {
        // If the app could not store it, the old one is good for a while and the server offers the new one again.
        let _ = self.0.rotated(token).await;
    }
}

/// The app's transport as the core calls it.
pub(crate) struct TransportBridge {
    pub(crate) transport: Arc<dyn HttpTransport>,
    /// Without the last slash.
    pub(crate) server_url: String,
}

#[async_trait]
impl tarishi_core::Transport for TransportBridge {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let headers = request.headers.into_iter().map(|(name, value)| HttpHeader { name, value }).collect();
        let timeout = request.timeout;
        let request = HttpRequest {
            method: request.method,
            url: format!("{}{}", self.server_url, request.path),
            headers,
            body: request.body,
            timeout,
            response_bytes_max: BODY_BYTES_MAX as u64,
        };
        let sent = tokio::time::timeout(timeout, self.transport.send(request)).await;
        let response = sent.map_err(|_| TransportError::TimedOut)??;
        if response.body.len() > BODY_BYTES_MAX {
            return Err(TransportError::TooLarge);
        }
        let headers = response.headers.into_iter().map(|header| (header.name, header.value)).collect();
        Ok(TransportResponse { status: response.status, headers, body: response.body })
    }
}

const BODY_BYTES_MAX: usize = tarishi_protocol::limits::DECODED_BYTES_MAX;
