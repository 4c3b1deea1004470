//! Carries connections to a server, and keeps what went through each of them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

use super::Result;

type Stream = Arc<Mutex<Vec<u8>>>;
/// By connection: to the server, and from it.
type Connections = Arc<Mutex<Vec<[Stream; 2]>>>;

/// A relay. Dropped, it carries nothing more.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    target: Arc<OnceLock<SocketAddr>>,
    connections: Connections,
    _run: JoinSet<()>,
}

impl Relay {
    /// A relay on a free port to a server that has yet to be named.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (target, connections) = (Arc::new(OnceLock::new()), Connections::default());
        let mut relay = JoinSet::new();
        relay.spawn(run(listener, Arc::clone(&target), Arc::clone(&connections)));
        Ok(Self { address, target, connections, _run: relay })
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads to, from now on and for ever.
    pub(super) fn lead_to(&self, server: SocketAddr) {
        self.target.get_or_init(|| server);
    }

    /// What went through each connection until now: to the server, and from it.
    pub(super) fn each(&self, mut look: impl FnMut(&[u8], &[u8])) {
        for [up, down] in locked(&self.connections).iter() {
            look(&locked(up), &locked(down));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(listener: TcpListener, target: Arc<OnceLock<SocketAddr>>, connections: Connections) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (Ok((client, _)), Some(target)) = (accepted, target.get().copied()) else { continue };
                let streams = [Stream::default(), Stream::default()];
                locked(&connections).push(streams.clone());
                open.spawn(async move {
                    let Ok(server) = TcpStream::connect(target).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                    let [up, down] = streams;
                    tokio::join!(carry(from_client, to_server, up), carry(from_server, to_client, down));
                });
            }
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
}

/// Carries one direction to its end.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, all: Stream) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        locked(&all).extend_from_slice(&chunk[..length]);
        if to.write_all(&chunk[..length]).await.is_err() {
            break;
        }
    }
}
