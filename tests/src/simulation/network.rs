//! The road between phones and the server: it loses, cuts, repeats, and keeps copies that arrive much later.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::value::RawValue;
use tarishi_core::{ManualClock, Transport, TransportError, TransportRequest, TransportResponse};
use tarishi_protocol::{Code, Problem, SyncRequest, codec, limits};
use tarishi_server::{App, clock::Clock, credentials::Caller, intake};
use tokio::sync::Notify;

/// How long one `sync` may take. Every request takes longer by the phone's clock, so that a client never sleeps: its time is
/// up whenever it would.
pub(super) const SYNC_DEADLINE: Duration = Duration::from_secs(1);

/// What one request meets.
#[derive(Clone, Copy, Debug)]
enum Road {
    Good,
    /// Nothing leaves.
    Unreachable,
    /// It hangs somewhere and may arrive later.
    Lost,
    /// It arrives, its answer does not.
    AnswerLost,
    /// The answer breaks off.
    AnswerCut,
    /// It arrives, and a copy of it may arrive again.
    Repeated,
    /// The server has no time.
    Busy,
    /// The phone dies before it is sent.
    DiesBefore,
    /// The phone dies before the answer.
    DiesAfter,
}

/// A request that something on the way still holds.
#[derive(Clone)]
pub(super) struct Copy {
    token: String,
    gzip: bool,
    body: Vec<u8>,
    deliveries: u8,
}

/// The road.
pub(super) struct Wire {
    dice: Mutex<StdRng>,
    calm: Mutex<bool>,
    server: Mutex<Option<Arc<App>>>,
    copies: Mutex<Vec<Copy>>,
    pub(super) clock: Clock,
    pub(super) phone_dies: Notify,
    pub(super) requests: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    pub(super) fn new(seed: u64, clock: Clock) -> Self {
        Self {
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            calm: Mutex::new(false),
            server: Mutex::new(None),
            copies: Mutex::default(),
            clock,
            phone_dies: Notify::new(),
            requests: AtomicU64::new(0),
        }
    }

    /// Where requests go; nowhere while the server is down.
    pub(super) fn lead_to(&self, server: Option<Arc<App>>) {
        *lock(&self.server) = server;
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        *lock(&self.calm) = true;
    }

    fn road(&self) -> Road {
        if *lock(&self.calm) {
            return Road::Good;
        }
        match lock(&self.dice).random_range(0..100) {
            0..9 => Road::Unreachable,
            9..18 => Road::Lost,
            18..28 => Road::AnswerLost,
            28..31 => Road::AnswerCut,
            31..40 => Road::Repeated,
            40..43 => Road::Busy,
            43..45 => Road::DiesBefore,
            45..47 => Road::DiesAfter,
            _ => Road::Good,
        }
    }

    fn keep(&self, copy: Copy) {
        let deliveries = lock(&self.dice).random_range(0..3);
        if deliveries > 0 {
            lock(&self.copies).push(Copy { deliveries, ..copy });
        }
    }

    /// Brings one copy to the server, after all; false if none is under way.
    pub(super) async fn deliver_copy(&self) -> bool {
        let copy = {
            let mut copies = lock(&self.copies);
            if copies.is_empty() {
                return false;
            }
            let index = lock(&self.dice).random_range(0..copies.len());
            let copy = copies[index].clone();
            if copy.deliveries > 1 {
                copies[index].deliveries -= 1;
            } else {
                copies.swap_remove(index);
            }
            copy
        };
        let server = lock(&self.server).clone();
        if let Some(server) = server {
            self.deliver(&server, &copy).await;
        }
        true
    }

    async fn deliver(&self, server: &Arc<App>, copy: &Copy) -> TransportResponse {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = answer(server, copy).await;
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(problem) => (problem.status, serde_json::to_vec(&problem).unwrap_or_default()),
        };
        let encoded = codec::encode(body);
        let headers = if encoded.gzip { vec![("content-encoding".to_owned(), "gzip".to_owned())] } else { Vec::new() };
        TransportResponse { status, headers, body: encoded.bytes }
    }
}

async fn answer(server: &Arc<App>, copy: &Copy) -> Result<Vec<u8>, Problem> {
    let internal = |error: tarishi_server::store::Error| Problem::new(Code::Internal, error.to_string());
    let caller = server.caller(&copy.token).await.map_err(internal)?;
    let Some(Caller::Device(device)) = caller else { return Err(Problem::new(Code::Unauthorized, "")) };
    let body = codec::decode(copy.body.clone(), copy.gzip, limits::ENCODED_BYTES_MAX, limits::DECODED_BYTES_MAX);
    let body = body.map_err(|_| Problem::new(Code::BadEncoding, ""))?;
    let request: SyncRequest<Box<RawValue>> =
        serde_json::from_slice(&body).map_err(|error| Problem::new(Code::Malformed, error.to_string()))?;
    let response = Box::pin(intake::sync(server, &device.row, request)).await?;
    serde_json::to_vec(&response).map_err(|error| Problem::new(Code::Internal, error.to_string()))
}

/// One phone's end of the road.
pub(super) struct SimulatedTransport {
    pub(super) wire: Arc<Wire>,
    pub(super) clock: Arc<ManualClock>,
}

impl SimulatedTransport {
    fn pass(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        self.wire.clock.advance(Duration::from_millis(ms));
    }

    async fn dies<T>(&self) -> T {
        self.wire.phone_dies.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Transport for SimulatedTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let header = |name: &str| request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let token = header("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_owned();
        let gzip = header("content-encoding").is_some();
        let copy = Copy { token, gzip, body: request.body, deliveries: 1 };
        let road = self.wire.road();
        let quick = lock(&self.wire.dice).random_range(1_000..2_500);
        let slow = 3 * quick;
        let server = lock(&self.wire.server).clone();
        let Some(server) = server else {
            self.pass(slow);
            return Err(TransportError::Unreachable);
        };
        match road {
            Road::Good | Road::Repeated => {
                self.pass(quick);
                let response = self.wire.deliver(&server, &copy).await;
                if matches!(road, Road::Repeated) {
                    self.wire.keep(copy);
                }
                if response.status != 200 {
                    self.pass(slow);
                }
                Ok(response)
            }
            Road::Unreachable => {
                self.pass(slow);
                Err(TransportError::Unreachable)
            }
            Road::Lost => {
                self.wire.keep(copy);
                self.pass(slow);
                Err(TransportError::TimedOut)
            }
            Road::AnswerLost => {
                self.wire.deliver(&server, &copy).await;
                self.wire.keep(copy);
                self.pass(slow);
                Err(TransportError::TimedOut)
            }
            Road::AnswerCut => {
                let mut response = self.wire.deliver(&server, &copy).await;
                response.body.truncate(response.body.len() / 2);
                self.pass(slow);
                Ok(response)
            }
            Road::Busy => {
                self.pass(slow);
                Ok(TransportResponse {
                    status: 503,
                    headers: vec![("retry-after".to_owned(), "1".to_owned())],
                    body: Vec::new(),
                })
            }
            Road::DiesBefore => self.dies().await,
            Road::DiesAfter => {
                self.wire.deliver(&server, &copy).await;
                self.wire.keep(copy);
                self.dies().await
            }
        }
    }
}
