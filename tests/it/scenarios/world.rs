//! One server, one sandbox, as many phones as a scenario needs.

use std::{sync::Arc, time::Duration};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord, Options};
use tarishi_protocol::OperationId;
use tarishi_sandbox::{Effect, LedgerEntry, SandboxOptions};
use tarishi_server::{
    app::DEFAULT_TENANT,
    integrations::Change,
    store::{Grants, OperationRow, TenantRow},
};
use tarishi_tests::harness::{Hosted, Intent, Intents, Mark};
use tempfile::TempDir;

/// Everything here ends sooner.
pub(super) const SOON: Duration = Duration::from_secs(30);

pub(super) struct World {
    pub(super) hosted: Hosted,
    pub(super) intents: Intents,
    pub(super) folder: TempDir,
    pub(super) http: reqwest::Client,
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with(SandboxOptions::default()).await
    }

    pub(super) async fn with(options: SandboxOptions) -> Self {
        let hosted = Hosted::start(options).await.unwrap();
        Self { hosted, intents: Intents::new("scenario"), folder: tempfile::tempdir().unwrap(), http: client() }
    }

    pub(super) fn url(&self) -> String {
        self.hosted.url()
    }

    /// The path token of [`World::other_tenant`].
    pub(super) const OTHER_TOKEN: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    /// Another tenant with credentials of its own for this adapter.
    pub(super) async fn other_tenant(&self, adapter: &str, credentials: &[(&str, &str)]) {
        let app = self.hosted.server.app();
        let tenant = TenantRow { tenant: "other".to_owned(), ..app.store.tenants().await.unwrap().remove(0) };
        app.store.create_tenant(tenant).await.unwrap();
        let all = credentials.iter().chain(&[("webhook_token", Self::OTHER_TOKEN)]);
        let settings = all.map(|(name, text)| ((*name).to_owned(), Some((*text).to_owned()))).collect();
        let change = Change { settings, ..Change::default() };
        app.change_integration("other", adapter, change).await.unwrap();
    }

    pub(super) async fn token(&self, account: &str, scopes: &[&str]) -> String {
        let grants = Grants { scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), ..Grants::default() };
        let token = self.hosted.server.app().enrol(DEFAULT_TENANT, account, grants).await.unwrap().1;
        self.hosted.know(&token).unwrap();
        token
    }

    pub(super) async fn key(&self, account: &str, scopes: &[&str]) -> String {
        let grants = Grants { scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), ..Grants::default() };
        let key = self.hosted.server.app().make_api_key(DEFAULT_TENANT, account, grants).await.unwrap();
        self.hosted.know(&key).unwrap();
        key
    }

    pub(super) fn options(&self, name: &str, token: String) -> Options {
        Options::new(self.folder.path().join(format!("{name}.db")), self.url()).with_static_token(token)
    }

    /// A phone of this account that may do everything.
    pub(super) async fn phone(&self, name: &str, account: &str) -> Client {
        let token = self.token(account, &["*:*"]).await;
        Client::open(self.options(name, token)).unwrap()
    }

    /// One exchange, as bytes; the status and the answer.
    pub(super) async fn exchange(&self, token: &str, account: &str, exchange: u64, body: Value) -> (StatusCode, Value) {
        let mut request = json!({
            "protocol": 1, "exchange": exchange, "account": account, "sent_at": "2026-11-24T08:00:00Z", "cursor": null,
        });
        request.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        let answer =
            self.http.post(format!("{}/api/v2/sync", self.url())).bearer_auth(token).json(&request).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// An operation as a device would send it.
    pub(super) fn envelope(&self, intent: &Intent) -> Value {
        json!({
            "id": OperationId::generate(), "idempotency_key": intent.key, "adapter": intent.line["adapter"],
            "action": intent.line["action"], "payload": intent.line["payload"], "created_at": "2026-11-24T08:00:00Z",
            "age_ms": 0, "age_exact": true,
        })
    }

    pub(super) fn ledger_of(&self, intent: &Intent) -> Vec<LedgerEntry> {
        let same = |entry: &LedgerEntry| match &intent.mark {
            Mark::Money { phone, amount } => {
                entry.effect == Effect::MoneyIn && entry.to.as_ref() == Some(phone) && entry.amount.as_ref() == Some(amount)
            }
            Mark::Text { to, sha256 } => {
                let digits = entry.to.as_deref().map(|known| known.trim_start_matches('+'));
                entry.effect == Effect::Message && digits == Some(to) && entry.text_sha256.as_ref() == Some(sha256)
            }
            Mark::File { .. } | Mark::Named { .. } => false,
        };
        self.hosted.sandbox.ledger().into_iter().filter(same).collect()
    }

    pub(super) async fn row(&self, id: OperationId) -> OperationRow {
        self.hosted.server.app().store.operation(DEFAULT_TENANT, id).await.unwrap().unwrap()
    }

    /// Settings of the default tenant.
    pub(super) async fn set(&self, adapter: &str, settings: &[(&str, &str)]) {
        let settings = settings.iter().map(|(name, text)| ((*name).to_owned(), Some((*text).to_owned()))).collect();
        let change = Change { settings, ..Change::default() };
        self.hosted.server.app().change_integration(DEFAULT_TENANT, adapter, change).await.unwrap();
    }

    /// The server's figures, as Prometheus reads them.
    pub(super) async fn metrics(&self) -> String {
        self.http.get(format!("{}/metrics", self.url())).send().await.unwrap().text().await.unwrap()
    }

    /// How many rows a table of the server has.
    pub(super) fn count(&self, table: &str) -> i64 {
        let conn = rusqlite::Connection::open(&self.hosted.server.app().config.database).unwrap();
        conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}

/// Plain HTTP, without a client's manners.
#[expect(clippy::disallowed_methods, reason = "a stranger at the door")]
pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub(super) async fn enqueue(phone: &Client, new: NewOperation) -> OperationRecord {
    phone.enqueue(new).await.unwrap()
}

/// Syncs until the operation has ended on the phone.
pub(super) async fn ended(phone: &Client, id: OperationId) -> OperationRecord {
    until(phone, id, DeviceState::is_ended).await
}

/// Syncs until the operation stands so on the phone.
pub(super) async fn until(phone: &Client, id: OperationId, stands: impl Fn(DeviceState) -> bool) -> OperationRecord {
    let look = async {
        loop {
            phone.sync(Duration::from_secs(5), None).await.unwrap();
            let record = phone.get(id).await.unwrap().unwrap();
            if stands(record.state) {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(SOON, look).await {
        Ok(record) => record,
        Err(_) => panic!("after {SOON:?}: {:?}", phone.get(id).await.unwrap().unwrap()),
    }
}

/// Waits until something is so.
pub(super) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let look = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, look).await.is_ok(), "after {SOON:?}, not: {what}");
}

/// A transport that does as it is told before the real one.
pub(super) struct Through<F> {
    pub(super) inner: tarishi_core::HttpTransport,
    pub(super) first: F,
}

#[async_trait::async_trait]
impl<F> tarishi_core::Transport for Through<F>
where
    F: Fn(&tarishi_core::TransportRequest) -> Option<tarishi_core::TransportResponse> + Send + Sync,
{
    async fn send(
        &self,
        request: tarishi_core::TransportRequest,
    ) -> Result<tarishi_core::TransportResponse, tarishi_core::TransportError> {
        match (self.first)(&request) {
            Some(response) => Ok(response),
            None => self.inner.send(request).await,
        }
    }
}

/// A phone whose requests meet `first` before the network.
pub(super) fn through<F>(world: &World, name: &str, token: String, first: F) -> Client
where
    F: Fn(&tarishi_core::TransportRequest) -> Option<tarishi_core::TransportResponse> + Send + Sync + 'static,
{
    let inner = tarishi_core::HttpTransport::new(&world.url(), &tarishi_core::Tls::default()).unwrap();
    let options = world.options(name, token).with_transport(Arc::new(Through { inner, first }));
    Client::open(options).unwrap()
}
