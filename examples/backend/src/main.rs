//! An app's own backend, as small as it can be: it enrols a phone, subscribes to events and prints them.
//!
//! `TARISHI_SERVER`, and `TARISHI_KEY`: what `tarishi-server tenant key` prints. `BACKEND_LISTEN`, and `BACKEND_URL` as
//! Tarishi sees it. `TARISHI_WEBHOOK_SECRET`: of the subscription that was made before; without one a new one is made.
#![expect(clippy::print_stdout, reason = "a program in a terminal")]

mod delivery;

use std::{env, error::Error, sync::Arc, time::SystemTime};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use delivery::{Deliveries, Headers};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let tarishi = Tarishi { url: variable("TARISHI_SERVER", "http://127.0.0.1:8080"), key: env::var("TARISHI_KEY")? };
    let listener = TcpListener::bind(variable("BACKEND_LISTEN", "127.0.0.1:9200")).await?;
    let url = variable("BACKEND_URL", &format!("http://{}", listener.local_addr()?)) + "/events";

    // When a user signs in: a token for their phone and what it may do. The app gives it to the library.
    let enrol = json!({ "account": "amina", "scopes": ["mpesa:charge", "local_storage:upload"] });
    let device = tarishi.post("devices", &enrol).await?;
    println!("phone {}", device["token"].as_str().ok_or("no token")?);

    // Once: who is told, and of what. The secret is told this once; keep it where your other secrets are.
    let secret = if let Ok(kept) = env::var("TARISHI_WEBHOOK_SECRET") {
        kept
    } else {
        let types = ["operation.succeeded", "operation.failed", "operation.unresolved", "payment.received"];
        let made = tarishi.post("subscriptions", &json!({ "url": url, "types": types })).await?;
        made["secret"].as_str().ok_or("no secret")?.to_owned()
    };

    let deliveries = Deliveries::signed_with(&secret).ok_or("the secret is none")?;
    println!("events at {url}");
    Ok(axum::serve(listener, Router::new().route("/events", post(receive)).with_state(Arc::new(deliveries))).await?)
}

/// One delivery. What is answered with 2xx does not come again; whatever else is answered, it does.
async fn receive(State(deliveries): State<Arc<Deliveries>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let headers =
        Headers { id: text("webhook-id"), timestamp: text("webhook-timestamp"), signature: text("webhook-signature") };
    #[expect(clippy::disallowed_methods, reason = "the one clock of this program")]
    if !deliveries.is_good(&headers, &body, SystemTime::now()) {
        return StatusCode::UNAUTHORIZED;
    }
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    if deliveries.is_new(headers.id) {
        // Here a backend books the payment. `data` names people and phones: use it, and keep it out of logs.
        println!("event {} {}", event["type"], headers.id);
    }
    StatusCode::NO_CONTENT
}

struct Tarishi {
    url: String,
    key: String,
}

impl Tarishi {
    #[expect(clippy::disallowed_methods, reason = "the one HTTP client of this program")]
    async fn post(&self, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new().post(format!("{}/api/v2/{path}", self.url)).bearer_auth(&self.key);
        Ok(request.json(body).send().await?.error_for_status()?.json().await?)
    }
}
