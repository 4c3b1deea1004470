//! HTTP by the library itself. The one place that builds an HTTP client.

use core::{fmt, time::Duration};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use reqwest::{Client, Method, redirect};
use rustls::ClientConfig;
use tarishi_protocol::{Code, Problem, limits};

use super::{Tls, Transport, TransportError, TransportRequest, TransportResponse, tls_config};
use crate::Error;

/// How long connecting may take, handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection unused for longer is not trusted: mobile networks drop them silently.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// Speaks HTTP/1.1, over TLS or plain to `http://` servers.
///
/// What the server holds has a connection of its own. So the one that carried the last request stays open beside it and carries
/// the next one, which would otherwise have to connect first: two round trips more, with TLS.
pub struct HttpTransport {
    clients: Mutex<Clients>,
    config: ClientConfig,
    base: String,
}

/// Each keeps one connection that is unused.
struct Clients {
    carrying: Client,
    holding: Client,
}

impl Clients {
    fn new(config: &ClientConfig) -> Result<Self, reqwest::Error> {
        Ok(Self { carrying: client(config.clone())?, holding: client(config.clone())? })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that builds an HTTP client")]
fn client(config: ClientConfig) -> Result<Client, reqwest::Error> {
    Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_gzip()
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(1)
        .build()
}

impl HttpTransport {
    /// A transport to this server, which trusts whom `tls` says.
    ///
    /// # Errors
    /// [`Error::InvalidInput`]: the address is not one of HTTP, a root is no certificate, or there are pins and the address is
    /// not of HTTPS.
    pub fn new(server_url: &str, tls: &Tls) -> Result<Self, Error> {
        let url = reqwest::Url::parse(server_url).map_err(|error| invalid("server_url", error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid("server_url", "must begin with http:// or https://"));
        }
        let config = if url.scheme() == "https" {
            tls_config::secure(tls)?
        } else if tls.pins.is_empty() {
            tls_config::plain(tls)?
        } else {
            return Err(invalid("server_url", "must begin with https:// if there are pins"));
        };
        Self::with_config(server_url, config)
    }

    pub(super) fn with_config(server_url: &str, config: ClientConfig) -> Result<Self, Error> {
        let clients = Clients::new(&config).map_err(|error| invalid("server_url", error.to_string()))?;
        Ok(Self { clients: Mutex::new(clients), config, base: server_url.trim_end_matches('/').to_owned() })
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send_by(&self, client: Client, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| TransportError::Unreachable)?;
        let mut builder = client.request(method, format!("{}{}", self.base, request.path)).timeout(request.timeout);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.body(request.body).send().await.map_err(|error| meaning(&error))?;
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| meaning(&error))? {
            if body.len() + chunk.len() > limits::ENCODED_BYTES_MAX {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(TransportResponse { status, headers, body })
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpTransport({})", self.base)
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let client = self.clients().carrying.clone();
        self.send_by(client, request).await
    }

    async fn hold(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let client = self.clients().holding.clone();
        self.send_by(client, request).await
    }

    fn network_changed(&self) {
        if let Ok(fresh) = Clients::new(&self.config) {
            *self.clients() = fresh;
        }
    }
}

pub(super) fn invalid(field: impl Into<String>, text: impl Into<String>) -> Error {
    Error::InvalidInput(Problem::new(Code::InvalidValue, text).with_field(field))
}

fn meaning(error: &reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::Unreachable
    } else if error.is_timeout() {
        TransportError::TimedOut
    } else {
        TransportError::Interrupted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_at_once() {
        for url in ["", "ftp://x", "example.org", "http://"] {
            assert!(matches!(HttpTransport::new(url, &Tls::default()), Err(Error::InvalidInput(_))), "{url}");
        }
        HttpTransport::new("https://pay.example.org/", &Tls::default()).unwrap();
    }
}
