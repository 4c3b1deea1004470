//! A small server that does what a script says, for the tests of apps.
//!
//! It knows what it accepted, keeps one feed and checks tokens if told to. Each request to `/api/v2/sync` that it lets in
//! meets the next step of its script; behind the script it is friendly for ever. In memory it is a [`Transport`]; a server
//! over HTTP asks [`ScriptedServer::answer`]. Steps are written in JSON, so that every language writes the same ones.

mod record;
mod respond;
mod step;

use core::fmt;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tarishi_protocol::{Code, Operation, Problem, SyncRequest, codec, limits};

use crate::{Transport, TransportError, TransportRequest, TransportResponse};
use respond::Memory;
use step::{Dropped, Step};

/// A scripted server. Clones are the same server.
#[derive(Clone, Default)]
pub struct ScriptedServer(Arc<Mutex<Server>>);

#[derive(Default)]
struct Server {
    script: VecDeque<Step>,
    /// The only tokens taken; all of them if `None`.
    tokens: Option<BTreeSet<String>>,
    unreachable: bool,
    seen: Vec<serde_json::Value>,
    memory: Memory,
}

/// What a server over HTTP does with one request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// Answer so.
    Respond {
        /// The HTTP status.
        status: u16,
        /// Names in lower case, and values.
        headers: Vec<(String, String)>,
        /// The body as it travels.
        body: Vec<u8>,
    },
    /// Close the connection without an answer.
    Drop,
    /// Never answer, and keep the connection open until the client gives up.
    Hang,
    /// Panic on the device, as a defect in the library would. A server over HTTP can only close the connection.
    Panic,
}

impl fmt::Debug for ScriptedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScriptedServer")
    }
}

impl ScriptedServer {
    /// A friendly server without a script: it accepts every operation, grants every cancellation and has no news.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds steps, a JSON array of objects, behind those that are still to come.
    ///
    /// # Errors
    /// A problem that names the step and the field at fault; then none is added.
    pub fn script(&self, steps_json: &str) -> Result<(), Problem> {
        let steps = step::parse(steps_json)?;
        self.server().script.extend(steps);
        Ok(())
    }

    /// Every request to `/api/v2/sync` that it saw, as a JSON array, oldest first.
    #[must_use]
    pub fn requests(&self) -> String {
        serde_json::Value::Array(self.server().seen.clone()).to_string()
    }

    /// From now on it cannot be reached, or can again. What it does not see meets no step.
    pub fn set_unreachable(&self, unreachable: bool) {
        self.server().unreachable = unreachable;
    }

    /// Takes these tokens only and answers 401 to others; `None` takes all. A refused request meets no step.
    pub fn set_tokens(&self, tokens: Option<Vec<String>>) {
        self.server().tokens = tokens.map(|tokens| tokens.into_iter().collect());
    }

    /// Cannot it be reached?
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.server().unreachable
    }

    /// What is done with one request. Header names may have any case; the path is the one on the server.
    #[must_use]
    pub fn answer(&self, method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Reply {
        let mut server = self.server();
        if server.unreachable {
            return Reply::Drop;
        }
        let header = |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let token = header("authorization").map_or("", |value| value.strip_prefix("Bearer ").unwrap_or(value));
        let taken = server.tokens.as_ref().is_none_or(|tokens| tokens.contains(token));
        match (method, path) {
            ("GET", "/api/v2/devices/me") if taken => me(),
            ("GET", "/api/v2/devices/me") => problem(Code::Unauthorized, "no such token"),
            ("POST", "/api/v2/sync") => {
                let gzip = header("content-encoding").is_some_and(|value| value == "gzip");
                server.sync(token, taken, body.to_vec(), gzip)
            }
            _ => problem(Code::NotFound, "not here"),
        }
    }
}

impl Server {
    fn sync(&mut self, token: &str, taken: bool, body: Vec<u8>, gzip: bool) -> Reply {
        let body = match codec::decode(body, gzip, limits::ENCODED_BYTES_MAX, limits::DECODED_BYTES_MAX) {
            Ok(body) => body,
            Err(codec::CodecError::TooLarge(_)) => return problem(Code::BodyTooLarge, "too many bytes"),
            Err(codec::CodecError::Damaged) => return problem(Code::BadEncoding, "no whole gzip"),
        };
        let request: SyncRequest<Operation> = match serde_json::from_slice(&body) {
            Ok(request) => request,
            Err(error) => return problem(Code::Malformed, &error.to_string()),
        };
        if !taken {
            self.seen.push(record::of(token, &request, &body, &self.memory));
            return problem(Code::Unauthorized, "no such token");
        }
        let step = self.script.pop_front().unwrap_or_default();
        if step.panic {
            return Reply::Panic;
        }
        if step.drop == Some(Dropped::Before) {
            return Reply::Drop;
        }
        self.memory.meet(&request);
        self.seen.push(record::of(token, &request, &body, &self.memory));
        if step.hang {
            return Reply::Hang;
        }
        if let Some(status) = step.status {
            return bare(status, &step);
        }
        let lost = step.drop == Some(Dropped::After);
        match self.memory.respond(&request, step) {
            Ok(_) if lost => Reply::Drop,
            Ok(response) => {
                let encoded = codec::encode(serde_json::to_vec(&response).unwrap_or_default());
                let mut headers = vec![json()];
                if encoded.gzip {
                    headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
                }
                Reply::Respond { status: 200, headers, body: encoded.bytes }
            }
            Err(complaint) => {
                // The device can only take it for a failing server; whoever wrote the script reads it in the record.
                if let Some(seen) = self.seen.last_mut().and_then(serde_json::Value::as_object_mut) {
                    seen.insert("complaint".to_owned(), complaint.clone().into());
                }
                problem(Code::Internal, &complaint)
            }
        }
    }
}

fn json() -> (String, String) {
    ("content-type".to_owned(), "application/json".to_owned())
}

fn me() -> Reply {
    let body = serde_json::json!({ "tenant": "default", "device": "dev_test", "account": "acc_test", "scopes": ["*:*"] });
    Reply::Respond { status: 200, headers: vec![json()], body: body.to_string().into_bytes() }
}

fn problem(code: Code, detail: &str) -> Reply {
    let body = serde_json::to_vec(&Problem::new(code, detail)).unwrap_or_default();
    let kind = ("content-type".to_owned(), "application/problem+json".to_owned());
    Reply::Respond { status: code.status(), headers: vec![kind], body }
}

/// A bare status: a text goes as it is, anything else as JSON.
fn bare(status: u16, step: &Step) -> Reply {
    let mut headers: Vec<_> = step.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let body = match &step.body {
        None => Vec::new(),
        Some(serde_json::Value::String(text)) => text.clone().into_bytes(),
        Some(value) => {
            if !step.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
                headers.push(json());
            }
            value.to_string().into_bytes()
        }
    };
    Reply::Respond { status, headers, body }
}

#[async_trait]
impl Transport for ScriptedServer {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        if self.is_unreachable() {
            return Err(TransportError::Unreachable);
        }
        match self.answer(&request.method, &request.path, &request.headers, &request.body) {
            Reply::Respond { status, headers, body } => Ok(TransportResponse { status, headers, body }),
            Reply::Drop => Err(TransportError::Interrupted),
            Reply::Hang => core::future::pending().await,
            Reply::Panic => panic!("a defect, as the script says"),
        }
    }
}

#[cfg(test)]
mod tests;
