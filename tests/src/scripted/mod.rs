//! The scripted server of the test kit over HTTP, for devices in any language.
//!
//! One process serves many tests: each makes a session, and the session's address is the device's `server_url`. Unlike a
//! framework it can close a connection without an answer and hold one open for ever, since that is what networks do.

mod route;

use std::net::SocketAddr;

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use crate::harness::Result;
use route::Sessions;

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Scripted {
    url: String,
    task: JoinHandle<()>,
}

impl Scripted {
    /// Serves at this address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub async fn listen(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let sessions = Sessions::new(url.clone());
        let task = tokio::spawn(async move {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let sessions = sessions.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| route::serve(sessions.clone(), request));
                    // An error of the service closes the connection; that is the point.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { url, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}
