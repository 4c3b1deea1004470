//! One connection: two directions, a record of the request in hand, and how it ends.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::shape::{Fate, Lane, happens, retransmission};
use super::{LinkProfile, Road, lock};

/// Chunks on their way at a time, each direction of a connection; more and the sender waits, as for a window.
const WINDOW_CHUNKS: usize = 64;
/// Requests longer than this are not repeated.
const RECORD_MAX_BYTES: usize = 1024 * 1024;
/// How long the answer to a repeated request is awaited.
const REPEAT_ANSWER_WAIT: Duration = Duration::from_secs(10);
/// How long after its last byte that answer counts as complete.
const REPEAT_ANSWER_PAUSE: Duration = Duration::from_millis(500);

/// The link ends the connection here.
struct Cut;

/// What the two directions of a connection share.
struct Passage<'a> {
    road: &'a Road,
    profile: Arc<LinkProfile>,
    repeat: &'a mpsc::UnboundedSender<Repeat>,
    carried: AtomicU64,
    cut_after: Option<u64>,
    exchange: Mutex<Exchange>,
}

/// The request in hand.
struct Exchange {
    request: Vec<u8>,
    answered: bool,
    rng: StdRng,
}

/// Carries one connection to its end.
pub(super) async fn carry(phone: TcpStream, road: &Road, number: u64, repeat: &mpsc::UnboundedSender<Repeat>) {
    let profile = road.profile();
    let fate = Fate::of(number, &profile);
    sleep(profile.scaled(profile.round_trip)).await;
    let Ok(server) = TcpStream::connect(road.target()).await else { return };
    let (_, _) = (phone.set_nodelay(true), server.set_nodelay(true));
    let exchange = Mutex::new(Exchange { request: Vec::new(), answered: false, rng: fate.requests });
    let passage = Passage { road, profile, repeat, carried: AtomicU64::new(0), cut_after: fate.cut_after, exchange };
    let (from_phone, to_phone) = phone.into_split();
    let (from_server, to_server) = server.into_split();
    let up = direction(&road.up, &passage, fate.up, from_phone, to_server, |chunk| passage.going_up(chunk));
    let down = direction(&road.down, &passage, fate.down, from_server, to_phone, |_| passage.coming_down());
    if tokio::try_join!(up, down).is_err() {
        road.cuts.fetch_add(1, Ordering::SeqCst);
    }
}

/// Moves chunks from one side to the other, each at its time, until the side ends or the link cuts.
async fn direction(
    lane: &Lane,
    passage: &Passage<'_>,
    mut rng: StdRng,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut seen: impl FnMut(&[u8]) -> Result<(), Cut>,
) -> Result<(), Cut> {
    let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(WINDOW_CHUNKS);
    let reading = async move {
        let mut arrived = Instant::now();
        loop {
            let profile = passage.road.profile();
            let mut chunk = vec![0; profile.chunk_bytes.max(1)];
            let Ok(length @ 1..) = from.read(&mut chunk).await else { return Ok(()) };
            chunk.truncate(length);
            let sent = lane.send(Instant::now(), length, &profile);
            seen(&chunk)?;
            passage.count(length)?;
            arrived = arrived.max(sent + retransmission(&mut rng, &profile));
            if queue.send((arrived, chunk)).await.is_err() {
                return Ok(());
            }
        }
    };
    let writing = async move {
        while let Some((at, chunk)) = due.recv().await {
            sleep_until(at).await;
            if to.write_all(&chunk).await.is_err() {
                return Ok(());
            }
        }
        // Fails only when the other side is gone already.
        let _ = to.shutdown().await;
        Ok(())
    };
    tokio::try_join!(reading, writing).map(|((), ())| ())
}

impl Passage<'_> {
    /// Cuts where the fate of the connection says.
    fn count(&self, length: usize) -> Result<(), Cut> {
        let carried = self.carried.fetch_add(length as u64, Ordering::SeqCst) + length as u64;
        if self.cut_after.is_some_and(|cut| carried >= cut) { Err(Cut) } else { Ok(()) }
    }

    /// Records the request; after an answer a new one begins.
    fn going_up(&self, chunk: &[u8]) -> Result<(), Cut> {
        let mut exchange = lock(&self.exchange);
        if exchange.answered {
            exchange.request.clear();
            exchange.answered = false;
        }
        if exchange.request.len() <= RECORD_MAX_BYTES {
            exchange.request.extend_from_slice(chunk);
        }
        Ok(())
    }

    /// The first byte of an answer proves that the request arrived: now it may be repeated, its answer dropped.
    fn coming_down(&self) -> Result<(), Cut> {
        let mut exchange = lock(&self.exchange);
        if exchange.answered {
            return Ok(());
        }
        exchange.answered = true;
        let repeated = happens(&mut exchange.rng, self.profile.repeat);
        let lateness: f64 = exchange.rng.random();
        let dropped = happens(&mut exchange.rng, self.profile.cut_response);
        if repeated && (1..=RECORD_MAX_BYTES).contains(&exchange.request.len()) {
            let request = std::mem::take(&mut exchange.request);
            let after = self.profile.scaled(self.profile.repeat_within).mul_f64(lateness);
            // Fails only when the link is gone, and its repeats with it.
            let _ = self.repeat.send(Repeat { request, after });
        }
        if dropped { Err(Cut) } else { Ok(()) }
    }
}

/// A recorded request on its way once more.
pub(super) struct Repeat {
    request: Vec<u8>,
    after: Duration,
}

impl Repeat {
    /// Sends it on a connection of its own and throws the answer away.
    pub(super) async fn send(self, road: Arc<Road>) {
        sleep(self.after).await;
        if let Ok(true) = timeout(REPEAT_ANSWER_WAIT, self.exchange(&road)).await.unwrap_or(Ok(false)) {
            road.repeats.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// True if the server answered.
    async fn exchange(&self, road: &Road) -> io::Result<bool> {
        let mut server = TcpStream::connect(road.target()).await?;
        server.write_all(&self.request).await?;
        let mut answer = vec![0; 4_096];
        let mut answered = server.read(&mut answer).await? > 0;
        while let Ok(Ok(1..)) = timeout(REPEAT_ANSWER_PAUSE, server.read(&mut answer)).await {
            answered = true;
        }
        Ok(answered)
    }
}
