//! Push: Google's token call, FCM's HTTP v1 and APNs, under one address.
//!
//! As with the real ones nothing is idempotent: the same request twice is two notifications, and only a phone that looks at
//! their id, tag or collapse id shows one. The ledger's `to` is the device's token, its `request_id` that mark.
//!
//! Assertions and provider tokens are verified. APNs is spoken over HTTP/2 alone; device tokens that begin with `de5e` are its
//! development host's, all others its production host's.

mod apns;
mod book;
mod fcm;
mod jwt;
mod oauth;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

pub(crate) use self::book::Book;
use crate::fault::Adapter;
use crate::fault_book::Facts;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, hex_sha256, lock};

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/token", post(oauth::token))
        .route("/v1/projects/{project}/messages:send", post(fcm::send))
        .route("/3/device/{token}", post(apns::send))
        .route("/development/3/device/{token}", post(apns::send))
}

/// What a person reads.
struct Shown {
    to: String,
    text: String,
    /// By which a phone tells a repeat.
    mark: String,
    /// Nothing is shown: what the phone shows with this mark goes.
    retracts: bool,
}

impl Shown {
    /// The phone has it.
    fn deliver(&self, world: &World, id: &str) {
        lock(&world.ledger).push(LedgerEntry {
            to: Some(self.to.clone()),
            text_sha256: Some(hex_sha256(self.text.as_bytes())),
            provider_id: Some(id.to_owned()),
            request_id: Some(self.mark.clone()),
            ..LedgerEntry::new(Adapter::Push, if self.retracts { Effect::Retraction } else { Effect::Message })
        });
    }

    fn facts(&self, provider: &'static str) -> Facts {
        let (to, text, mark) = (self.to.clone(), self.text.clone(), self.mark.clone());
        Facts(vec![("to", to), ("text", text), ("mark", mark), ("provider", provider.to_owned())])
    }
}

/// A page of some proxy.
fn page(status: StatusCode) -> Response {
    with_wait(status, "<html><body>The request could not be served</body></html>".into_response())
}

/// The answer with this status; one that asks for patience says for how long.
fn with_wait(status: StatusCode, answer: Response) -> Response {
    let mut answer = (status, answer).into_response();
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::INTERNAL_SERVER_ERROR | StatusCode::SERVICE_UNAVAILABLE) {
        answer.headers_mut().insert(HeaderName::from_static("retry-after"), axum::http::HeaderValue::from_static("1"));
    }
    answer
}
