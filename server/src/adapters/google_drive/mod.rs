//! Google Drive (API v3): files of the account that somebody connected.
//!
//! Drive takes an id that was made beforehand, and refuses it the second time: that makes an upload one effect, however often it
//! is tried. Every action is a chain of single calls; what a call left is durable before the next.

mod config;
mod delete;
mod errors;
mod folders;
mod read;
mod session;
#[cfg(test)]
pub(super) mod tests;
mod upload;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, header};
use serde::Serialize;
use tarishi_protocol::{Payload, catalog::Category};

use self::config::Config;
use super::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Disposition, Health, HealthCall, OAuth, Outbound, Recovery,
    Reference, Settings, http::HttpAnswer,
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// A step is two calls at most, and the token before them.
const DEADLINE: Duration = Duration::from_secs(90);
/// Doing it again is harmless: the id is bound, and a file that is there is found.
const WINDOW: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Free space in percent below which health is degraded.
const SPACE_LOW: u64 = 5;

static DESCRIPTOR: Descriptor = Descriptor {
    name: "google_drive",
    category: Category::Storage,
    actions: &[
        ActionSpec { name: "upload", call_deadline: DEADLINE, needs_token: true, has_effect: true },
        ActionSpec { name: "download", call_deadline: DEADLINE, needs_token: true, has_effect: false },
        ActionSpec { name: "delete", call_deadline: DEADLINE, needs_token: true, has_effect: true },
        ActionSpec { name: "list", call_deadline: DEADLINE, needs_token: true, has_effect: false },
    ],
    settings: config::SETTINGS,
    env_prefix: "GOOGLE_DRIVE_",
    // Drive takes about three writes a second of one account.
    slots: 3,
    webhooks: false,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct GoogleDrive {}

#[async_trait]
impl Adapter for GoogleDrive {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, _action: &str, _settings: &Settings) -> Recovery {
        Recovery::ResendSameKey { window: WINDOW }
    }

    fn look_for(&self, action: &str) -> &'static str {
        match action {
            "delete" => "look in Drive whether something is still at the path",
            _ => "look in Drive for the file at its path, or for its app property op",
        }
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        config::check(settings)
    }

    fn oauth(&self, settings: &Settings) -> Option<Result<OAuth, AdapterError>> {
        Some(config::oauth(settings))
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let desk = Desk::open(call.settings, call.outbound, call.access_token)?;
        match call.payload {
            Payload::Upload(upload) => upload::execute(call, &desk, upload).await,
            Payload::Download(file) => read::download(call, &desk, file).await,
            Payload::Delete(file) => delete::execute(call, &desk, file).await,
            Payload::List(list) => read::list(call, &desk, list).await,
            _ => Err(AdapterError::new(Disposition::Unsupported, "Drive has upload, download, delete and list")),
        }
    }

    async fn recover(&self, _call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        Err(AdapterError::new(Disposition::Ambiguous, "there is nothing to ask; doing it again finds what was done"))
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        match about(call).await {
            Ok(false) => Health::good("Drive answers and knows the account"),
            Ok(true) => Health::degraded("the account has hardly any space left"),
            Err(error) => Health::bad(error.message),
        }
    }
}

/// Is there hardly any space left?
async fn about(call: &HealthCall<'_>) -> Result<bool, AdapterError> {
    let desk = Desk::open(call.settings, call.outbound, call.access_token)?;
    let answer = desk.send(desk.request(Method::GET, "/drive/v3/about").query(&[("fields", "storageQuota")])).await?;
    if answer.status != 200 {
        return Err(errors::read(&answer));
    }
    let quota = answer.json().and_then(|body| body.get("storageQuota").cloned()).ok_or_else(errors::unreadable)?;
    let number = |name: &str| quota.get(name)?.as_str()?.parse::<u64>().ok();
    // Without a limit there is no end.
    Ok(number("limit").zip(number("usage")).is_some_and(|(limit, usage)| limit.saturating_sub(usage) < limit / 100 * SPACE_LOW))
}

/// Where Drive is and what opens it.
struct Desk<'a> {
    config: Config<'a>,
    outbound: &'a Outbound,
    token: Option<&'a str>,
}

impl<'a> Desk<'a> {
    fn open(settings: &'a Settings, outbound: &'a Outbound, token: Option<&'a str>) -> Result<Self, AdapterError> {
        Ok(Self { config: Config::read(settings)?, outbound, token })
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.opened(self.outbound.request(method, &format!("{}{path}", self.config.base_url)))
    }

    fn json(&self, method: Method, path: &str, body: &impl Serialize) -> reqwest::RequestBuilder {
        self.request(method, path).json(body).header(header::CONTENT_TYPE, "application/json; charset=UTF-8")
    }

    /// To a session's address, which must be trusted.
    fn put(&self, address: &str) -> reqwest::RequestBuilder {
        self.opened(self.outbound.request(Method::PUT, address))
    }

    fn opened(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        self.token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth)
    }

    async fn metadata(&self, id: &str) -> Result<HttpAnswer, AdapterError> {
        let query = [("supportsAllDrives", "true"), ("fields", wire::FILE_FIELDS)];
        self.send(self.request(Method::GET, &format!("/drive/v3/files/{id}")).query(&query)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<HttpAnswer, AdapterError> {
        self.outbound.send(request, TIMEOUT).await
    }

    async fn send_for_headers(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(HttpAnswer, header::HeaderMap), AdapterError> {
        self.outbound.send_for_headers(request, TIMEOUT).await
    }
}
