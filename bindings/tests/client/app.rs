//! An app's own code, in the mood that a test wants, and a client on top of it.

use std::{
    future::Future,
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tarishi::{
    Client, ClientError, ClientOptions, EventListener, HttpHeader, HttpRequest, HttpResponse, HttpTransport, TokenSource,
};
use tarishi_core::{Event, NewOperation};
use tarishi_protocol::codec;
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What the app's foreign code does in a test.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mood {
    /// Every operation is accepted and succeeds.
    Well,
    /// The server cannot be reached.
    Away,
    /// The request is taken and never answered.
    Silent,
    /// Every token is refused.
    Locked,
    /// The app's code has a defect.
    Broken,
}

pub(crate) struct App {
    pub(crate) mood: Mood,
    /// Tokens that arrived at the server.
    pub(crate) tokens: Mutex<Vec<String>>,
    /// Told when a request begins.
    pub(crate) began: mpsc::Sender<()>,
}

#[async_trait]
impl TokenSource for App {
    async fn token(&self, rejected: Option<String>) -> Result<String, ClientError> {
        match rejected {
            Some(_) => Err(ClientError::SignIn),
            None => Ok("td_test".to_owned()),
        }
    }

    async fn rotated(&self, _: String) -> Result<(), ClientError> {
        Ok(())
    }
}

#[async_trait]
impl HttpTransport for App {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ClientError> {
        assert!(request.url.starts_with("https://pay.example.org/api/v2/"), "{}", request.url);
        let _ = self.began.send(());
        match self.mood {
            Mood::Away => return Err(ClientError::Wait { reason: "no route".to_owned() }),
            Mood::Silent => std::future::pending().await,
            Mood::Broken => panic!("the app's own defect"),
            Mood::Locked => return Ok(answer(401, &json!({ "code": "unauthorized" }))),
            Mood::Well => {}
        }
        let bearer = header(&request, "authorization").unwrap_or_default();
        self.tokens.lock().unwrap().push(bearer);
        if request.url.ends_with("/devices/me") {
            let me = json!({ "tenant": "default", "device": "dev_1", "account": "acc_1", "scopes": ["*:*"] });
            return Ok(answer(200, &me));
        }
        Ok(answer(200, &exchange(&request)))
    }
}

/// Accepts everything and reports its success at once.
pub(crate) fn exchange(request: &HttpRequest) -> Value {
    let gzip = header(request, "content-encoding").as_deref() == Some("gzip");
    let body = codec::decode(request.body.clone(), gzip, 1 << 20, 8 << 20).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let operations = body["operations"].as_array().cloned().unwrap_or_default();
    let receipts: Vec<Value> =
        operations.iter().map(|operation| json!({ "id": operation["id"], "status": "accepted" })).collect();
    let changes: Vec<Value> = operations
        .iter()
        .enumerate()
        .map(|(i, operation)| {
            json!({ "seq": i + 1, "id": operation["id"], "origin": "device", "state": "succeeded", "outcome": { "messages": [] },
                    "at": "2026-11-24T08:00:00Z" })
        })
        .collect();
    json!({ "server_time": "2026-11-24T08:00:00Z", "receipts": receipts, "cancellations": [], "changes": changes,
            "cursor": "k1.1", "reset": false, "more": false })
}

pub(crate) fn header(request: &HttpRequest, name: &str) -> Option<String> {
    request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.clone())
}

pub(crate) fn answer(status: u16, body: &Value) -> HttpResponse {
    let headers = vec![HttpHeader { name: "Content-Type".to_owned(), value: "application/json".to_owned() }];
    HttpResponse { status, headers, body: body.to_string().into_bytes() }
}

pub(crate) struct Listener(pub(crate) mpsc::Sender<Event>);

impl EventListener for Listener {
    fn on_events(&self, events: Vec<Event>) -> Result<(), ClientError> {
        for event in events {
            self.0.send(event).map_err(|_| ClientError::Bug { reason: "nobody listens".to_owned() })?;
        }
        Ok(())
    }

    fn on_missed(&self, _: u64) -> Result<(), ClientError> {
        Ok(())
    }
}

/// A client on a database of its own, and what its app saw.
pub(crate) struct Phone {
    pub(crate) client: Arc<Client>,
    pub(crate) app: Arc<App>,
    pub(crate) began: mpsc::Receiver<()>,
    pub(crate) _folder: TempDir,
}

impl Phone {
    pub(crate) fn new(mood: Mood) -> Self {
        let folder = TempDir::new().unwrap();
        let (sender, began) = mpsc::channel();
        let app = Arc::new(App { mood, tokens: Mutex::default(), began: sender });
        let client = open(folder.path(), &app).unwrap();
        Self { client, app, began, _folder: folder }
    }
}

pub(crate) fn open(folder: &Path, app: &Arc<App>) -> Result<Arc<Client>, ClientError> {
    Client::open(options(folder), Arc::clone(app) as _, Some(Arc::clone(app) as _), None, None, None, None)
}

pub(crate) fn options(folder: &Path) -> ClientOptions {
    ClientOptions {
        database: folder.join("phone.db").to_str().unwrap().to_owned(),
        server_url: "https://pay.example.org/".to_owned(),
        account: None,
        quota_operations: None,
        quota_bytes: None,
        metered_bytes_per_day: None,
        sync_on_metered: true,
        retention: None,
        tls: None,
    }
}

pub(crate) fn sms(key: &str) -> NewOperation {
    NewOperation::new("sms", "send", r#"{"to":"+254711000111","message":"School is closed"}"#).with_key(key)
}

/// As an app's thread would: without a runtime around.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
