//! A server in a folder of its own, and what asks it.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tarishi_protocol::OperationId;
use tarishi_server::{Config, Server, clock::Clock, store::Grants};
use tempfile::TempDir;

/// Nobody listens there: these tests need no provider.
const NO_SANDBOX: &str = "http://127.0.0.1:9";

pub(crate) struct Host {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
    client: reqwest::Client,
    exchange: AtomicU64,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem's status and code, if it is one in form, too.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", String::from_utf8_lossy(&self.bytes));
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["status"], self.status);
        assert!(problem["retryable"].is_boolean());
        (self.status, code)
    }
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::start_with(Clock::system(), |_| {}).await
    }

    #[expect(clippy::disallowed_methods, reason = "sees the bytes as they travel, without unpacking them")]
    pub(crate) async fn start_with(clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::for_tests(folder.path(), NO_SANDBOX);
        change(&mut config);
        let server = Server::start_at(config, clock).await.unwrap();
        let client =
            reqwest::Client::builder().no_gzip().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { server, folder, client, exchange: AtomicU64::new(0) }
    }

    /// An API key of a tenant, which is made if needed.
    pub(crate) async fn key(&self, tenant: &str, scopes: &[&str]) -> String {
        let app = self.server.app();
        let row = tarishi_server::store::TenantRow { tenant: tenant.into(), name: tenant.into(), created_at: 0 };
        app.store.create_tenant(row).await.unwrap();
        app.make_api_key(tenant, "backend", grants(scopes)).await.unwrap()
    }

    /// A device of the default tenant; its token.
    pub(crate) async fn device(&self, account: &str, scopes: &[&str]) -> String {
        self.server.app().enrol("default", account, grants(scopes)).await.unwrap().1
    }

    pub(crate) fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.server.url()));
        if token.is_empty() { request } else { request.bearer_auth(token) }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        send(self.request(Method::GET, path, token)).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path, token).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, token: &str, body: &Value) -> Answer {
        send(self.request(Method::PUT, path, token).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        send(self.request(Method::DELETE, path, token)).await
    }

    /// The body of the next exchange of a device.
    pub(crate) fn exchange(&self, account: &str, operations: &[Value]) -> Value {
        let exchange = self.exchange.fetch_add(1, Ordering::Relaxed) + 1;
        json!({
            "protocol": 1, "exchange": exchange, "account": account, "sent_at": "2026-11-24T08:00:00Z", "cursor": null,
            "operations": operations,
        })
    }

    pub(crate) async fn sync(&self, token: &str, account: &str, operations: &[Value]) -> Answer {
        self.post("/api/v2/sync", token, &self.exchange(account, operations)).await
    }

    /// Stores a small file as a backend and waits for it; the operation's id.
    pub(crate) async fn upload(&self, key: &str, name: &str) -> String {
        let request = self.request(Method::POST, "/api/v2/integrations/local_storage/upload", key);
        let answer = send(request.header("idempotency-key", name).json(&file(name))).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
        let answer = answer.json();
        assert_eq!(answer["state"], "succeeded", "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
}

pub(crate) fn file(name: &str) -> Value {
    json!({ "destination": format!("{name}.txt"), "content_type": "text/plain", "content_base64": "aGVsbG8=" })
}

pub(crate) fn operation(key: &str, adapter: &str, action: &str, payload: &Value) -> Value {
    json!({
        "id": OperationId::generate(), "idempotency_key": key, "adapter": adapter, "action": action, "version": 1,
        "payload": payload, "created_at": "2026-11-24T08:00:00Z", "age_ms": 0, "age_exact": true,
    })
}

fn grants(scopes: &[&str]) -> Grants {
    Grants { scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), ..Grants::default() }
}
