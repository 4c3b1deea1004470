//! A tenant's backend: takes events over real HTTP, and answers as it is told.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tarishi_server::adapters::event::{Secret, is_signed};
use tokio::{net::TcpListener, task::JoinSet};

/// Longer than the server waits for a receiver.
const HANGS: Duration = Duration::from_secs(60);

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) timestamp: String,
    signature: String,
    body: Bytes,
}

impl Told {
    pub(super) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn is_signed(&self, secret: &str) -> bool {
        is_signed(&Secret::parse(secret).unwrap(), &self.signature, &self.id, &self.timestamp, &self.body)
    }
}

/// How a receiver answers; the last one stays.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Status(u16),
    Never,
}

struct Desk {
    told: Vec<Told>,
    answers: Vec<Answer>,
}

/// Dropped, nobody listens there any more.
pub(super) struct Receiver {
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    _listens: JoinSet<()>,
}

impl Receiver {
    pub(super) async fn start(answers: &[Answer]) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), answers).await
    }

    pub(super) async fn start_at(address: SocketAddr, answers: &[Answer]) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(Mutex::new(Desk { told: Vec::new(), answers: answers.to_vec() }));
        let mut listens = JoinSet::new();
        let at = Arc::clone(&desk);
        listens.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let desk = Arc::clone(&at);
                let service = service_fn(move |request| take(Arc::clone(&desk), request));
                connections.spawn(async move {
                    // Ends with the peer, or with the receiver.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, desk, _listens: listens }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    pub(super) fn told(&self) -> Vec<Told> {
        self.desk.lock().unwrap().told.clone()
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        self.told().iter().map(|told| told.event()["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn take(desk: Arc<Mutex<Desk>>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (id, timestamp, signature) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let answer = {
        let mut desk = desk.lock().unwrap();
        desk.told.push(Told { id, timestamp, signature, body });
        if desk.answers.len() > 1 { desk.answers.remove(0) } else { desk.answers[0] }
    };
    let status = match answer {
        Answer::Status(status) => status,
        Answer::Never => {
            tokio::time::sleep(HANGS).await;
            200
        }
    };
    Ok(Response::builder().status(status).body(Empty::new()).unwrap())
}
