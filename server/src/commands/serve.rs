//! `serve`: until SIGTERM or SIGINT.

use std::io;

use super::{Context, Failure, Outcome};
use crate::server::Server;

#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Where to listen (TARISHI_LISTEN; 127.0.0.1:8080); port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<String>,
}

pub(super) async fn run(context: Context<'_>) -> Outcome {
    let Context { config, out, .. } = context;
    let stop = Stop::new().map_err(|error| Failure::Failed(format!("signals cannot be awaited: {error}")))?;
    let server = Server::start(config).await?;
    writeln!(out, "listening on {}", server.url())?;
    out.flush()?;
    tracing::info!(address = %server.addr(), database = %server.app().config.database.display(), "serving");
    stop.asked().await;
    tracing::info!("stopping: no new connections and calls");
    server.stop().await;
    tracing::info!("stopped");
    Ok(())
}

#[cfg(unix)]
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    /// From now on a signal stops in order.
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn asked(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn asked(self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
