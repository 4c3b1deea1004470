//! The one HTTP client of the sandbox: providers calling the organisation back.
//!
//! Every webhook opens a new connection, as from a provider that does not know us. Addresses are never logged: their
//! paths are secrets.

use std::io;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
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
        let mut pause = RETRY_PAUSE;
        for left in (0..=retries).rev() {
            let request =
                self.client.post(url).header("Content-Type", "application/json").header(name, value).body(body.clone());
            let taken = request.send().await.is_ok_and(|answer| answer.status() == reqwest::StatusCode::OK);
            tracing::debug!(taken, "webhook sent");
            if taken || left == 0 {
                return;
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Calls an address; while nobody answers 200, up to `retries` times more.
    pub(crate) async fn get(&self, url: &str, retries: u32) {
        let mut pause = RETRY_PAUSE;
        for left in (0..=retries).rev() {
            let taken = self.client.get(url).send().await.is_ok_and(|answer| answer.status() == reqwest::StatusCode::OK);
            tracing::debug!(taken, "webhook sent");
            if taken || left == 0 {
                return;
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Posts a form; while nobody answers, up to `retries` times more.
    pub(crate) async fn post_form(&self, url: &str, form: &[(&str, &str)], retries: u32) {
        let mut pause = RETRY_PAUSE;
        for left in (0..=retries).rev() {
            if send(self.client.post(url).form(form)).await || left == 0 {
                return;
            }
            sleep(pause).await;
            pause *= 2;
        }
    }
}

/// True if somebody answered, whatever the answer.
async fn send(request: RequestBuilder) -> bool {
    match request.send().await {
        Ok(answer) => {
            tracing::debug!(status = answer.status().as_u16(), "webhook sent");
            true
        }
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "webhook not answered");
            false
        }
    }
}
