//! The one HTTP client of the sandbox: providers calling the organisation back.
//!
//! Every webhook opens a new connection, as from a provider that does not know us. Addresses are never logged: their
//! paths are secrets.

use std::io;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use tokio::time::sleep;

const TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Callbacks {
    client: Client,
}

impl Callbacks {
    #[expect(clippy::disallowed_methods, reason = "the one HTTP client of the sandbox")]
    pub(crate) fn new() -> io::Result<Self> {
        // Fails only when a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().timeout(TIMEOUT).pool_max_idle_per_host(0).build();
        Ok(Self { client: client.map_err(io::Error::other)? })
    }

    /// Posts a JSON body once, whatever comes of it.
    pub(crate) async fn post_json(&self, url: &str, shortcode: Option<&str>, body: String) {
        let mut request = self.client.post(url).header("Content-Type", "application/json;charset=UTF-8").body(body);
        if let Some(shortcode) = shortcode {
            request = request.header("Businessshortcode", shortcode);
        }
        send(request).await;
    }

    /// Posts a JSON body and reads the JSON answer, if there is one.
    pub(crate) async fn ask_json(&self, url: &str, body: String) -> Option<serde_json::Value> {
        let request = self.client.post(url).header("Content-Type", "application/json").body(body);
        let answer = request.send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    /// Posts a signed JSON body; while nobody answers 200, up to `retries` times more.
    pub(crate) async fn post_signed(&self, url: &str, (name, value): (&str, &str), body: String, retries: u32) {
        let request = self.client.post(url).header("Content-Type", "application/json").header(name, value).body(body);
        send_until(request, retries, |status| status == StatusCode::OK).await;
    }

    /// Calls an address; while nobody answers 200, up to `retries` times more.
    pub(crate) async fn get(&self, url: &str, retries: u32) {
        send_until(self.client.get(url), retries, |status| status == StatusCode::OK).await;
    }

    /// Posts a form; while nobody answers, up to `retries` times more.
    pub(crate) async fn post_form(&self, url: &str, form: &[(&str, &str)], retries: u32) {
        send_until(self.client.post(url).form(form), retries, |_| true).await;
    }
}

/// Sends until an answer is `taken`, up to `retries` times more, with longer and longer pauses.
async fn send_until(request: RequestBuilder, retries: u32, taken: impl Fn(StatusCode) -> bool) {
    let mut pause = RETRY_PAUSE;
    for left in (0..=retries).rev() {
        let again = request.try_clone().expect("a body in memory can be sent again");
        if send(again).await.is_some_and(&taken) || left == 0 {
            return;
        }
        sleep(pause).await;
        pause *= 2;
    }
}

/// The status of the answer, if there was one.
async fn send(request: RequestBuilder) -> Option<StatusCode> {
    match request.send().await {
        Ok(answer) => {
            tracing::debug!(status = answer.status().as_u16(), "webhook sent");
            Some(answer.status())
        }
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "webhook not answered");
            None
        }
    }
}
