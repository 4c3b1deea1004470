//! The road between a phone and its server, as bad as wanted: a TCP proxy that is slow, loses, cuts and repeats.
//!
//! It works below HTTP and knows nothing of what it carries. What befalls the n-th connection is drawn from the seed and
//! n alone, so the same connections in the same order meet the same fate; only the moments vary with the machine.

mod carry;
mod profile;
mod shape;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::carry::{Repeat, carry};
pub use self::profile::LinkProfile;
use self::shape::Lane;

/// A running link. Dropped, it closes everything it carries and forgets repeats to come.
pub struct Link {
    address: SocketAddr,
    road: Arc<Road>,
    down: watch::Sender<bool>,
    // Held for its drop, which ends the link.
    _carrier: JoinSet<()>,
}

/// What the connections of one link share.
struct Road {
    target: Mutex<SocketAddr>,
    profile: Mutex<Arc<LinkProfile>>,
    up: Lane,
    down: Lane,
    connections: AtomicU64,
    turned_away: AtomicU64,
    cuts: AtomicU64,
    repeats: AtomicU64,
}

impl Link {
    /// Opens a link to `target` on a free port of the loopback, in the current Tokio runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime, or when the machine has no free port.
    pub fn start(target: SocketAddr, profile: LinkProfile) -> Self {
        let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has a free port");
        socket.set_nonblocking(true).expect("a socket can be set to non-blocking");
        let listener = TcpListener::from_std(socket).expect("a link starts inside a runtime");
        let address = listener.local_addr().expect("a bound socket has an address");
        let road = Arc::new(Road {
            target: Mutex::new(target),
            profile: Mutex::new(Arc::new(profile)),
            up: Lane::default(),
            down: Lane::default(),
            connections: AtomicU64::default(),
            turned_away: AtomicU64::default(),
            cuts: AtomicU64::default(),
            repeats: AtomicU64::default(),
        });
        let (down, is_down) = watch::channel(false);
        let mut carrier = JoinSet::new();
        carrier.spawn(run(listener, Arc::clone(&road), is_down));
        Self { address, road, down, _carrier: carrier }
    }

    /// Where the phone connects to.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Changes the road. Speed and loss change at once, the draws per connection with the next connection.
    pub fn set_profile(&self, profile: LinkProfile) {
        *lock(&self.road.profile) = Arc::new(profile);
    }

    /// Sends new connections elsewhere, as to a server that came back on another port.
    pub fn set_target(&self, target: SocketAddr) {
        *lock(&self.road.target) = target;
    }

    /// Takes the link down: what is open is closed, what is new is closed at once.
    pub fn down(&self) {
        self.down.send_replace(true);
    }

    /// Brings the link up again.
    pub fn up(&self) {
        self.down.send_replace(false);
    }

    /// Bytes the phone has sent.
    pub fn bytes_up(&self) -> u64 {
        self.road.up.bytes()
    }

    /// Bytes that came for the phone.
    pub fn bytes_down(&self) -> u64 {
        self.road.down.bytes()
    }

    /// Connections taken while the link was up.
    pub fn connections(&self) -> u64 {
        self.road.connections.load(Ordering::SeqCst)
    }

    /// Connections that came while the link was down, and were closed at once.
    pub fn turned_away(&self) -> u64 {
        self.road.turned_away.load(Ordering::SeqCst)
    }

    /// Connections the link has cut, and answers it has dropped.
    pub fn cuts(&self) -> u64 {
        self.road.cuts.load(Ordering::SeqCst)
    }

    /// Requests repeated and heard by the server.
    pub fn repeats(&self) -> u64 {
        self.road.repeats.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Link")
            .field("address", &self.address)
            .field("bytes_up", &self.bytes_up())
            .field("bytes_down", &self.bytes_down())
            .field("connections", &self.connections())
            .field("cuts", &self.cuts())
            .field("repeats", &self.repeats())
            .finish_non_exhaustive()
    }
}

impl Road {
    fn profile(&self) -> Arc<LinkProfile> {
        Arc::clone(&lock(&self.profile))
    }

    fn target(&self) -> SocketAddr {
        *lock(&self.target)
    }
}

/// Takes connections and repeats until dropped; all that it started ends with it.
async fn run(listener: TcpListener, road: Arc<Road>, is_down: watch::Receiver<bool>) {
    let (repeat, mut repeats) = mpsc::unbounded_channel::<Repeat>();
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((phone, _)) = accepted else { continue };
                if *is_down.borrow() {
                    road.turned_away.fetch_add(1, Ordering::SeqCst);
                } else {
                    let number = road.connections.fetch_add(1, Ordering::SeqCst);
                    tasks.spawn(carry_while_up(phone, Arc::clone(&road), number, repeat.clone(), is_down.clone()));
                }
            }
            Some(repeat) = repeats.recv() => {
                tasks.spawn(repeat.send(Arc::clone(&road)));
            }
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
        }
    }
}

async fn carry_while_up(
    phone: TcpStream,
    road: Arc<Road>,
    number: u64,
    repeat: mpsc::UnboundedSender<Repeat>,
    mut is_down: watch::Receiver<bool>,
) {
    tokio::select! {
        () = carry(phone, &road, number, &repeat) => {}
        _ = is_down.wait_for(|down| *down) => {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
