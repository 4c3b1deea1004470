//! The one way out: every provider call goes through [`Outbound::send`].
//!
//! It decides from the phase in which a call broke: only a failed connect or TLS handshake is [`Disposition::Transient`];
//! whatever breaks later may have reached the provider and is [`Disposition::Ambiguous`]. It never retries, follows no
//! redirect and bounds the answer.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::{AdapterError, Disposition, Reach};

/// Bytes of a provider's answer, at most.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How long a connect may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection of HTTP/2 is kept.
const HTTP2_IDLE: Duration = Duration::from_secs(3_600);
/// How often such a connection is asked whether it is still there.
const HTTP2_PING: Duration = Duration::from_secs(60);

/// The HTTP client of all adapters, with what stops a call that is begun too late.
#[derive(Clone)]
pub struct Outbound {
    client: reqwest::Client,
    /// For providers that speak HTTP/2 only; few connections, kept for long.
    http2: reqwest::Client,
    /// For addresses that tenants give; resolves names by [`Reach`].
    receivers: reqwest::Client,
    reach: Reach,
    may_send: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}

/// A provider's answer.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, if the provider gave one in seconds.
    pub retry_after: Option<Duration>,
    /// The body, at most [`ANSWER_BYTES_MAX`].
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The body as JSON, if it is some.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new()
    }
}

impl Outbound {
    /// As [`Outbound::reaching`], with nothing private in reach.
    #[must_use]
    pub fn new() -> Self {
        Self::reaching(Reach::default())
    }

    /// The client; the process makes one. `reach` says where addresses that tenants give may lead.
    ///
    /// # Panics
    /// If the TLS roots of this machine cannot be read.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that builds the server's HTTP client")]
    pub fn reaching(reach: Reach) -> Self {
        // A second install is refused and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .user_agent(concat!("tarishi/", env!("CARGO_PKG_VERSION")))
        };
        let client = builder().pool_idle_timeout(Duration::from_secs(30)).build();
        let http2 = builder()
            .http2_prior_knowledge()
            .pool_idle_timeout(HTTP2_IDLE)
            .http2_keep_alive_interval(HTTP2_PING)
            .http2_keep_alive_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_while_idle(true)
            .build();
        let receivers = builder().pool_idle_timeout(Duration::from_secs(30)).dns_resolver(reach.clone()).build();
        let made = "the TLS provider was installed above";
        Self {
            client: client.expect(made),
            http2: http2.expect(made),
            receivers: receivers.expect(made),
            reach,
            may_send: Arc::new(|| true),
        }
    }

    /// The same client, which refuses to begin once `may_send` says no: a worker that slept through its lease sends nothing.
    #[must_use]
    pub fn guarded(&self, may_send: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { may_send: Arc::new(may_send), ..self.clone() }
    }

    /// May a call still begin?
    #[must_use]
    pub fn may_send(&self) -> bool {
        (self.may_send)()
    }

    /// A request to build on.
    pub fn request(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// A request over HTTP/2 and nothing else: by ALPN on TLS, from the first byte on the loopback's plain connections.
    pub fn http2_request(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.http2.request(method, url)
    }

    /// A request to an address that a tenant gave.
    ///
    /// # Errors
    /// [`Disposition::Misconfigured`] if it may not be reached.
    pub fn request_to_receiver(&self, method: reqwest::Method, url: &str) -> Result<reqwest::RequestBuilder, AdapterError> {
        let url =
            self.reach.receiver(url).map_err(|why| AdapterError::misconfigured(format!("the receiver's address {why}")))?;
        Ok(self.receivers.request(method, url))
    }

    /// Sends once and reads the whole answer within `deadline`.
    ///
    /// # Errors
    /// [`Disposition::Transient`] if certainly nothing was sent, [`Disposition::Ambiguous`] otherwise,
    /// [`Disposition::Misconfigured`] if the address is none.
    pub async fn send(&self, request: reqwest::RequestBuilder, deadline: Duration) -> Result<HttpAnswer, AdapterError> {
        Ok(self.send_for_headers(request, deadline).await?.0)
    }

    /// As [`Outbound::send`], with the headers of the answer.
    ///
    /// # Errors
    /// As [`Outbound::send`].
    pub async fn send_for_headers(
        &self,
        request: reqwest::RequestBuilder,
        deadline: Duration,
    ) -> Result<(HttpAnswer, HeaderMap), AdapterError> {
        let (client, request) = request.build_split();
        let request = request.map_err(|_| AdapterError::misconfigured("the provider's address or a header is not valid"))?;
        if !self.may_send() {
            return Err(AdapterError::new(Disposition::Transient, "the call was begun too late and nothing was sent"));
        }
        tokio::time::timeout(deadline, exchange(&client, request))
            .await
            .unwrap_or_else(|_| Err(AdapterError::new(Disposition::Ambiguous, "no answer before the deadline")))
    }
}

/// One request and its whole answer.
async fn exchange(client: &reqwest::Client, request: reqwest::Request) -> Result<(HttpAnswer, HeaderMap), AdapterError> {
    let mut response = client.execute(request).await.map_err(|error| {
        if error.is_connect() {
            AdapterError::new(Disposition::Transient, "the provider could not be reached")
        } else {
            AdapterError::new(Disposition::Ambiguous, "the connection broke before the answer")
        }
    })?;
    let status = response.status().as_u16();
    let retry_after =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|_| AdapterError::new(Disposition::Ambiguous, "the connection broke within the answer"))?
    {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(AdapterError::new(Disposition::Ambiguous, "the answer is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((HttpAnswer { status, retry_after, body }, headers))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let accepted = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&accepted);
        let listens = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let disposition = async |reach: Reach| {
            let outbound = Outbound::reaching(reach);
            let sent = outbound.send(outbound.receivers.get(&url), CONNECT_TIMEOUT).await;
            sent.unwrap_err().disposition
        };

        assert_eq!(disposition(Reach::default()).await, Disposition::Transient);
        assert_eq!(accepted.load(Ordering::SeqCst), 0);
        // The same name where the operator lets it be reached: the peer hangs up after the request.
        assert_eq!(disposition(Reach::parse("127.0.0.1").unwrap()).await, Disposition::Ambiguous);
        assert_eq!(accepted.load(Ordering::SeqCst), 1);
        listens.abort();
    }
}
