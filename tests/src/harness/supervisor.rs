//! Keeps a server up that is told to die again and again: whenever it is dead, it is started, on the same files and port.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Error, Result, ServerProcess};

/// Where a server can be told to die.
const FAILPOINTS: [&str; 5] =
    ["server.before_open", "server.after_open", "server.before_settle", "server.after_settle", "server.after_webhook_store"];
/// It dies there at the latest the so-manieth time it comes by.
const TIMES_MAX: u32 = 12;
/// Starts without a single success after which something else is wrong.
const FAILURES_MAX: u32 = 10;

/// How often a server has died.
#[derive(Debug, Default)]
pub struct Deaths {
    /// By SIGKILL.
    pub killed: AtomicU64,
    /// At a failpoint.
    pub failpoints: AtomicU64,
}

impl Deaths {
    /// Both ways.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.killed.load(Ordering::SeqCst) + self.failpoints.load(Ordering::SeqCst)
    }
}

enum Order {
    /// SIGKILL now.
    Kill,
    /// No failpoint from now on.
    Calm,
    /// Failpoints again, from the next start on.
    Wild,
}

/// A server that is started again whenever it dies.
#[derive(Debug)]
pub struct Supervisor {
    orders: mpsc::Sender<(Order, oneshot::Sender<()>)>,
    deaths: Arc<Deaths>,
    task: JoinHandle<Result<()>>,
}

impl Supervisor {
    /// Takes a server over that is not running. What kills it is drawn from the seed.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(mut server: ServerProcess, seed: u64) -> Result<Self> {
        server.start(None).await?;
        let (orders, inbox) = mpsc::channel(1);
        let deaths = Arc::new(Deaths::default());
        let task = tokio::spawn(supervise(server, StdRng::seed_from_u64(seed), Arc::clone(&deaths), inbox));
        Ok(Self { orders, deaths, task })
    }

    /// How often it has died.
    #[must_use]
    pub fn deaths(&self) -> &Deaths {
        &self.deaths
    }

    /// SIGKILL; returns once it is up again.
    ///
    /// # Errors
    /// It does not start any more.
    pub async fn kill(&self) -> Result<()> {
        self.order(Order::Kill).await
    }

    /// No failpoints from now on; returns once it is up.
    ///
    /// # Errors
    /// It does not start any more.
    pub async fn calm(&self) -> Result<()> {
        self.order(Order::Calm).await
    }

    /// Failpoints again; returns once it is up.
    ///
    /// # Errors
    /// It does not start any more.
    pub async fn wild(&self) -> Result<()> {
        self.order(Order::Wild).await
    }

    /// Ends it.
    ///
    /// # Errors
    /// It did not start any more.
    pub async fn stop(self) -> Result<()> {
        drop(self.orders);
        self.task.await?
    }

    async fn order(&self, order: Order) -> Result<()> {
        let gone = || Error::from("the server does not start any more");
        let (done, is_done) = oneshot::channel();
        self.orders.send((order, done)).await.map_err(|_| gone())?;
        is_done.await.map_err(|_| gone())
    }
}

async fn supervise(
    mut server: ServerProcess,
    mut rng: StdRng,
    deaths: Arc<Deaths>,
    mut inbox: mpsc::Receiver<(Order, oneshot::Sender<()>)>,
) -> Result<()> {
    let mut wild = true;
    loop {
        let done = tokio::select! {
            biased;
            ended = server.wait() => {
                ended?;
                deaths.failpoints.fetch_add(1, Ordering::SeqCst);
                None
            }
            order = inbox.recv() => {
                let Some((order, done)) = order else { return server.kill().await };
                match order {
                    Order::Kill => {
                        deaths.killed.fetch_add(1, Ordering::SeqCst);
                    }
                    Order::Calm => wild = false,
                    Order::Wild => wild = true,
                }
                server.kill().await?;
                Some(done)
            }
        };
        start(&mut server, &mut rng, wild, &deaths).await?;
        if let Some(done) = done {
            // The one who asked may have stopped waiting.
            let _ = done.send(());
        }
    }
}

/// Starts it; one that dies at its failpoint before it listens is started again.
async fn start(server: &mut ServerProcess, rng: &mut StdRng, wild: bool, deaths: &Deaths) -> Result<()> {
    let mut failures = 0;
    loop {
        let failpoint = (wild && rng.random_bool(0.7)).then(|| failpoint(rng));
        match server.start(failpoint.as_deref()).await {
            Ok(()) => return Ok(()),
            Err(error) if failures >= FAILURES_MAX || failpoint.is_none() => return Err(error),
            Err(_) => {
                failures += 1;
                deaths.failpoints.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

fn failpoint(rng: &mut StdRng) -> String {
    let name = FAILPOINTS[usize::try_from(rng.next_u32()).unwrap_or_default() % FAILPOINTS.len()];
    format!("{name}:{}", rng.random_range(1..=TIMES_MAX))
}
