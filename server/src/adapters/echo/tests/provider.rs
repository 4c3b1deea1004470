//! Echo, simulated over HTTP: what it keeps, a ledger of what was said, and the faults that its page names.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::adapters::Outbound;

use super::SECRET;

/// What happens to the next call. Both are answered by a gateway, which knows nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// It never reaches Echo.
    LostBefore,
    /// It is said; its answer and its webhook are lost.
    LostAfter,
}

/// The mountains: what was said, in order, and under which key.
#[derive(Default)]
struct Mountains {
    ledger: Mutex<Vec<(String, String)>>,
    fault: Mutex<Option<Fault>>,
}

/// The provider; it is gone when this is.
pub(super) struct Provider {
    pub(super) url: String,
    mountains: Arc<Mountains>,
    task: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Provider {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mountains = Arc::new(Mountains::default());
        let app = Router::new()
            .route("/echo/says", post(say))
            .route("/echo/says/{key}", get(ask))
            .route("/echo/me", get(async || StatusCode::OK))
            .with_state(Arc::clone(&mountains));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, mountains, task }
    }

    /// The next call goes wrong.
    pub(super) fn fail(&self, fault: Fault) {
        *lock(&self.mountains.fault) = Some(fault);
    }

    /// Everything that was said.
    pub(super) fn ledger(&self) -> Vec<String> {
        lock(&self.mountains.ledger).iter().map(|(_, text)| text.clone()).collect()
    }
}

async fn say(
    State(mountains): State<Arc<Mountains>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if headers["authorization"] != "Bearer a-key-at-echo" {
        return (StatusCode::UNAUTHORIZED, Json(Value::Null));
    }
    let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let fault = lock(&mountains.fault).take();
    if fault == Some(Fault::LostBefore) {
        return (StatusCode::BAD_GATEWAY, Json(Value::Null));
    }
    let id = {
        let mut ledger = lock(&mountains.ledger);
        ledger.push((field("key"), field("text")));
        format!("e-{}", ledger.len())
    };
    if fault == Some(Fault::LostAfter) {
        return (StatusCode::BAD_GATEWAY, Json(Value::Null));
    }
    tokio::spawn(tell(field("tell"), json!({ "event": format!("v-{id}"), "id": id, "state": "echoed" }).to_string()));
    (StatusCode::ACCEPTED, Json(json!({ "id": id, "state": "heard" })))
}

async fn ask(State(mountains): State<Arc<Mountains>>, Path(key): Path<String>) -> (StatusCode, Json<Value>) {
    let found = lock(&mountains.ledger).iter().position(|(known, _)| *known == key);
    match found {
        Some(index) => (StatusCode::OK, Json(json!({ "id": format!("e-{}", index + 1), "state": "echoed" }))),
        None => (StatusCode::NOT_FOUND, Json(json!({ "error": "unknown_key" }))),
    }
}

async fn tell(url: String, body: String) {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let request = Outbound::new().request(Method::POST, &url).header("x-echo-signature", signature);
    request.body(body).send().await.unwrap();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
