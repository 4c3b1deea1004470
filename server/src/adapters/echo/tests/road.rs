//! The whole road of a text: a server over HTTP, its dispatcher, the simulated Echo. What was done is counted in its ledger.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Config, Server, adapters::Outbound, app::DEFAULT_TENANT, store::Grants};

use super::provider::{Fault, Provider};

struct Road {
    echo: Provider,
    server: Server,
    _folder: TempDir,
}

impl Road {
    async fn start(waits: [(&str, &str); 2]) -> Self {
        let (echo, folder) = (Provider::start().await, tempfile::tempdir().unwrap());
        let credentials = [("ECHO_API_KEY", "a-key-at-echo"), ("ECHO_WEBHOOK_SECRET", super::SECRET)];
        let pairs = credentials.into_iter().chain(waits);
        let environment: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let config = Config { environment, ..Config::for_tests(folder.path(), &echo.url) };
        Self { echo, server: Server::start(config).await.unwrap(), _folder: folder }
    }

    /// Says a text as a tenant's backend does and waits for its end.
    async fn say(&self, text: &str) -> Value {
        let grants = Grants { scopes: vec!["echo:say".to_owned()], ..Grants::default() };
        let key = self.server.app().make_api_key(DEFAULT_TENANT, "backend", grants).await.unwrap();
        let request = Outbound::new().request(Method::POST, &format!("{}/api/v2/integrations/echo/say", self.server.url()));
        let request = request.bearer_auth(key).header("idempotency-key", "k1").json(&json!({ "text": text }));
        request.send().await.unwrap().json().await.unwrap()
    }
}

/// Nobody asks within the test: what ends, ends by its webhook.
const BY_WEBHOOK: [(&str, &str); 2] = [("ECHO_POLL_MS", "3600000"), ("ECHO_SETTLE_AFTER_MS", "3600000")];
/// What Echo denies is believed at once.
const AT_ONCE: [(&str, &str); 2] = [("ECHO_POLL_MS", "100"), ("ECHO_SETTLE_AFTER_MS", "0")];

#[tokio::test]
async fn a_text_is_said_once_and_ends_by_its_webhook() {
    let road = Road::start(BY_WEBHOOK).await;

    let ended = road.say("hello").await;

    assert_eq!((&ended["state"], &ended["outcome"]["id"]), (&json!("succeeded"), &json!("e-1")), "{ended}");
    assert_eq!(road.echo.ledger(), ["hello"]);
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_found_and_not_said_again() {
    let road = Road::start(BY_WEBHOOK).await;
    road.echo.fail(Fault::LostAfter);

    let ended = road.say("hello").await;

    assert_eq!((&ended["state"], &ended["outcome"]["id"]), (&json!("succeeded"), &json!("e-1")), "{ended}");
    assert_eq!(road.echo.ledger(), ["hello"]);
}

#[tokio::test]
async fn a_call_that_echo_denies_is_made_again() {
    let road = Road::start(AT_ONCE).await;
    road.echo.fail(Fault::LostBefore);

    let ended = road.say("hello").await;

    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(road.echo.ledger(), ["hello"]);
}
