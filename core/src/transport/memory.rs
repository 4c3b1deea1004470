//! A transport that never leaves memory: a scripted server for the tests of this crate and of apps.
//!
//! Without a script it is a friendly server: it accepts every operation, grants every cancellation and has no news.

use core::fmt;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use tarishi_protocol::{
    Cancellation, CancellationResult, Operation, Receipt, ReceiptStatus, SyncRequest, SyncResponse, codec, limits,
};

use super::{Transport, TransportError, TransportRequest, TransportResponse};

type Respond = Box<dyn FnOnce(&SyncRequest<Operation>) -> SyncResponse + Send>;
type Handler = Box<dyn FnMut(&SyncRequest<Operation>) -> Step + Send>;

/// What happens to one request to `/api/v2/sync`.
pub enum Step {
    /// The friendly answer, changed by nothing.
    Accept,
    /// An answer made from the request.
    Answer(Respond),
    /// A bare status with headers and a body.
    Status(u16, Vec<(String, String)>, Vec<u8>),
    /// No answer; the server never saw it, or it did and the answer was lost.
    Fail(TransportError),
    /// Never an answer at all, until the caller gives up.
    Hang,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("Accept"),
            Self::Answer(_) => f.write_str("Answer"),
            Self::Status(status, ..) => write!(f, "Status({status})"),
            Self::Fail(error) => write!(f, "Fail({error})"),
            Self::Hang => f.write_str("Hang"),
        }
    }
}

impl Step {
    /// An answer made from the request.
    pub fn answer(respond: impl FnOnce(&SyncRequest<Operation>) -> SyncResponse + Send + 'static) -> Self {
        Self::Answer(Box::new(respond))
    }

    /// A bare status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), Vec::new())
    }
}

/// A server in memory. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryTransport(Arc<Mutex<Server>>);

#[derive(Default)]
struct Server {
    script: VecDeque<Step>,
    handler: Option<Handler>,
    usual: Option<TransportError>,
    requests: Vec<SyncRequest<Operation>>,
    tokens: Vec<String>,
    account: Option<String>,
    asked_me: usize,
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryTransport")
    }
}

impl MemoryTransport {
    /// A friendly server without a script.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds steps to the script; requests meet them in order, then the friendly server.
    pub fn script(&self, steps: impl IntoIterator<Item = Step>) {
        self.server().script.extend(steps);
    }

    /// From now on, behind the script, each request is answered as the handler decides.
    pub fn handle(&self, handler: impl FnMut(&SyncRequest<Operation>) -> Step + Send + 'static) {
        self.server().handler = Some(Box::new(handler));
    }

    /// From now on, behind the script, every request fails so; `None` ends it.
    pub fn fail_always(&self, error: Option<TransportError>) {
        self.server().usual = error;
    }

    /// The account that `GET /api/v2/devices/me` names; `acc_test` if not said.
    pub fn set_account(&self, account: impl Into<String>) {
        self.server().account = Some(account.into());
    }

    /// Every request to `/api/v2/sync` so far.
    #[must_use]
    pub fn requests(&self) -> Vec<SyncRequest<Operation>> {
        self.server().requests.clone()
    }

    /// The tokens they came with.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        self.server().tokens.clone()
    }

    /// How often the account was asked for.
    #[must_use]
    pub fn account_requests(&self) -> usize {
        self.server().asked_me
    }

    fn step(&self, request: &TransportRequest) -> Result<TransportResponse, Option<TransportError>> {
        let mut server = self.server();
        if request.path.ends_with("/devices/me") {
            if let Some(error) = server.usual {
                return Err(Some(error));
            }
            server.asked_me += 1;
            let account = server.account.clone().unwrap_or_else(|| "acc_test".to_owned());
            let body = serde_json::json!({ "tenant": "default", "device": "dev_test", "account": account, "scopes": ["*:*"] });
            return Ok(TransportResponse { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() });
        }
        let gzip = request.headers.iter().any(|(name, value)| name == "content-encoding" && value == "gzip");
        let body = codec::decode(request.body.clone(), gzip, limits::ENCODED_BYTES_MAX, limits::DECODED_BYTES_MAX);
        let Ok(body) = body else { return Ok(bare(413)) };
        let Ok(request_body) = serde_json::from_slice::<SyncRequest<Operation>>(&body) else { return Ok(bare(400)) };
        let token = request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.clone());
        server.tokens.push(token.unwrap_or_default());
        server.requests.push(request_body.clone());
        let step = match (server.script.pop_front(), server.usual) {
            (Some(step), _) => step,
            (None, Some(error)) => Step::Fail(error),
            (None, None) => server.handler.as_mut().map_or(Step::Accept, |handler| handler(&request_body)),
        };
        match step {
            Step::Accept => Ok(whole(&friendly(&request_body))),
            Step::Answer(respond) => Ok(whole(&respond(&request_body))),
            Step::Status(status, headers, body) => Ok(TransportResponse { status, headers, body }),
            Step::Fail(error) => Err(Some(error)),
            Step::Hang => Err(None),
        }
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        match self.step(&request) {
            Ok(response) => Ok(response),
            Err(Some(error)) => Err(error),
            Err(None) => core::future::pending().await,
        }
    }
}

/// The friendly answer to a request.
#[must_use]
pub fn friendly(request: &SyncRequest<Operation>) -> SyncResponse {
    let accepted = |operation: &Operation| Receipt {
        id: operation.id,
        status: ReceiptStatus::Accepted,
        state: None,
        outcome: None,
        problem: None,
        retry_after_ms: None,
    };
    let granted = |id: &tarishi_protocol::OperationId| Cancellation { id: *id, result: CancellationResult::Cancelled };
    SyncResponse {
        server_time: request.sent_at,
        receipts: request.operations.iter().map(accepted).collect(),
        cancellations: request.cancellations.iter().map(granted).collect(),
        cursor: request.cursor.clone(),
        ..SyncResponse::default()
    }
}

fn whole(response: &SyncResponse) -> TransportResponse {
    let body = codec::encode(serde_json::to_vec(response).expect("an answer is JSON"));
    let headers = if body.gzip { vec![("content-encoding".to_owned(), "gzip".to_owned())] } else { Vec::new() };
    TransportResponse { status: 200, headers, body: body.bytes }
}

fn bare(status: u16) -> TransportResponse {
    TransportResponse { status, headers: Vec::new(), body: Vec::new() }
}
