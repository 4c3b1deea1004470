//! What a request asks for: a session, something about a session, or what a device asks of its server.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Bytes, body::Incoming, header};
use tarishi_core::testkit::{Reply, ScriptedServer};

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(super) struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without an answer")
    }
}

impl std::error::Error for Gone {}

/// Every session so far, by its number.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    url: String,
    servers: Arc<Mutex<Vec<ScriptedServer>>>,
}

impl Sessions {
    pub(super) fn new(url: String) -> Self {
        Self { url, servers: Arc::default() }
    }

    /// Begins one; gives its address.
    fn begin(&self) -> String {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.push(ScriptedServer::new());
        format!("{}/s/{}", self.url, servers.len() - 1)
    }

    fn find(&self, number: &str) -> Option<ScriptedServer> {
        let number: usize = number.parse().ok()?;
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).get(number).cloned()
    }
}

/// Answers one request.
pub(super) async fn serve(sessions: Sessions, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Gone> {
    let (head, body) = request.into_parts();
    // All of it is read, so that closing the connection is not taken for a request that was never sent.
    let body = body.collect().await.map_err(|_| Gone)?.to_bytes();
    let (method, path) = (head.method.as_str(), head.uri.path());
    if (method, path) == ("POST", "/_sessions") {
        return Ok(json(200, &serde_json::json!({ "url": sessions.begin() })));
    }
    let session = path.strip_prefix("/s/").and_then(|rest| rest.split_once('/'));
    let Some((server, rest)) = session.and_then(|(number, rest)| Some((sessions.find(number)?, rest))) else {
        return Ok(text(404, "no such session; POST /_sessions begins one".to_owned()));
    };
    match (method, rest) {
        ("POST", "_script") => Ok(told(server.script(&String::from_utf8_lossy(&body)))),
        ("GET", "_requests") => Ok(answer(200, &[JSON], server.requests().into_bytes())),
        ("PUT", "_unreachable") => Ok(told(serde_json::from_slice(&body).map(|to| server.set_unreachable(to)))),
        ("PUT", "_tokens") => Ok(told(serde_json::from_slice(&body).map(|to| server.set_tokens(to)))),
        _ => {
            let value = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers: Vec<_> = head.headers.iter().map(|(name, text)| (name.as_str().to_owned(), value(text))).collect();
            match server.answer(method, &format!("/{rest}"), &headers, &body) {
                Reply::Respond { status, headers, body } => {
                    let headers: Vec<_> = headers.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                    Ok(answer(status, &headers, body))
                }
                Reply::Drop | Reply::Panic => Err(Gone),
                Reply::Hang => core::future::pending().await,
            }
        }
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn told<E: fmt::Display>(result: Result<(), E>) -> Response<Full<Bytes>> {
    match result {
        Ok(()) => answer(204, &[], Vec::new()),
        Err(error) => text(400, error.to_string()),
    }
}

fn json(status: u16, value: &serde_json::Value) -> Response<Full<Bytes>> {
    answer(status, &[JSON], value.to_string().into_bytes())
}

fn text(status: u16, body: String) -> Response<Full<Bytes>> {
    answer(status, &[("content-type", "text/plain; charset=utf-8")], body.into_bytes())
}

/// A status or header that HTTP does not have is a mistake in a script.
fn answer(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Response<Full<Bytes>> {
    let head = headers.iter().fold(Response::builder().status(status), |head, (name, value)| head.header(*name, *value));
    head.body(Full::from(body)).unwrap_or_else(|error| {
        let mut response = Response::new(Full::from(format!("the script asks for what HTTP has not: {error}")));
        *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
        response
    })
}
