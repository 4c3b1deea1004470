//! What carries the bytes: HTTP by the library, the platform's client through the bindings, or memory in tests.

#[cfg(feature = "http")]
mod http;
pub mod memory;
mod tls;
#[cfg(feature = "http")]
mod tls_config;
#[cfg(feature = "http")]
mod tls_pin;
#[cfg(all(test, feature = "http"))]
mod tls_tests;

use core::{fmt, time::Duration};

use async_trait::async_trait;

#[cfg(feature = "http")]
pub use http::HttpTransport;
pub use tls::Tls;

/// Carries one request and brings its answer. It never retries, never follows a redirect and keeps nothing.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request. Dropping the future ends it.
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError>;

    /// Sends a request that the server holds until there is news. It is dropped as soon as there is something to send, and its
    /// connection with it: whoever has another one ready then need not connect first.
    async fn hold(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        self.send(request).await
    }

    /// The device is on another network: connections that are open and unused lead nowhere.
    fn network_changed(&self) {}
}

/// One request.
#[derive(Clone)]
pub struct TransportRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// The path on the server: `/api/v2/sync`.
    pub path: String,
    /// Names in lower case, and values; one holds the token.
    pub headers: Vec<(String, String)>,
    /// The body as it travels, compressed if a header says so.
    pub body: Vec<u8>,
    /// When to give up.
    pub timeout: Duration,
}

impl fmt::Debug for TransportRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.path, self.body.len())
    }
}

/// One answer.
#[derive(Clone)]
pub struct TransportResponse {
    /// The HTTP status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body as it travelled, or decompressed by the platform.
    pub body: Vec<u8>,
}

impl TransportResponse {
    /// The first value of a header, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for TransportResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TransportError {
    /// No connection: nothing left this device.
    #[error("unreachable")]
    Unreachable,
    /// It took too long; the server may have it.
    #[error("timed out")]
    TimedOut,
    /// The connection broke; the server may have it.
    #[error("interrupted")]
    Interrupted,
    /// Somebody else answered in the server's place.
    #[error("captive portal")]
    CaptivePortal,
    /// The answer has more bytes than allowed.
    #[error("answer too large")]
    TooLarge,
}
