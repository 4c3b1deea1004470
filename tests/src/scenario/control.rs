//! The two roads to a scripted server, and how a scenario speaks to it on each.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tarishi_core::{HttpTransport, Options, Tls, Transport as _, TransportRequest, testkit::ScriptedServer};

use crate::{harness::Result, scripted::Scripted};

/// How devices reach their server.
#[derive(Clone, Debug)]
pub enum Road {
    /// The server is the transport.
    Memory,
    /// The library's own HTTP, to this server.
    Http(Arc<Scripted>),
}

/// The scripted server of one scenario.
#[derive(Debug)]
pub(super) enum Control {
    Memory(ScriptedServer),
    Http { http: Box<HttpTransport>, url: String },
}

/// Asks the server over HTTP for something that no device asks for.
async fn ask(http: &HttpTransport, method: &str, path: &str, body: String) -> Result<String> {
    let (method, path, body) = (method.to_owned(), path.to_owned(), body.into_bytes());
    let request = TransportRequest { method, path, headers: Vec::new(), body, timeout: Duration::from_secs(10) };
    let what = format!("{request:?}");
    let answer = http.send(request).await?;
    let text = String::from_utf8(answer.body)?;
    if (200..300).contains(&answer.status) { Ok(text) } else { Err(format!("{what}: {}: {text}", answer.status).into()) }
}

impl Control {
    pub(super) async fn begin(road: &Road) -> Result<Self> {
        match road {
            Road::Memory => Ok(Self::Memory(ScriptedServer::new())),
            Road::Http(server) => {
                let begun =
                    ask(&HttpTransport::new(server.url(), &Tls::default())?, "POST", "/_sessions", String::new()).await?;
                let begun: Value = serde_json::from_str(&begun)?;
                let url = begun["url"].as_str().ok_or("a session has no url")?.to_owned();
                Ok(Self::Http { http: Box::new(HttpTransport::new(&url, &Tls::default())?), url })
            }
        }
    }

    /// Points a device at it.
    pub(super) fn options(&self, database: std::path::PathBuf) -> Options {
        match self {
            Self::Memory(server) => Options::new(database, "http://server.invalid").with_transport(Arc::new(server.clone())),
            Self::Http { url, .. } => Options::new(database, url),
        }
    }

    pub(super) async fn script(&self, steps: Vec<Value>) -> Result<()> {
        let steps = Value::Array(steps).to_string();
        match self {
            Self::Memory(server) => server.script(&steps)?,
            Self::Http { http, .. } => drop(ask(http, "POST", "/_script", steps).await?),
        }
        Ok(())
    }

    pub(super) async fn set_unreachable(&self, unreachable: bool) -> Result<()> {
        match self {
            Self::Memory(server) => server.set_unreachable(unreachable),
            Self::Http { http, .. } => drop(ask(http, "PUT", "/_unreachable", unreachable.to_string()).await?),
        }
        Ok(())
    }

    pub(super) async fn set_tokens(&self, tokens: Option<Vec<String>>) -> Result<()> {
        match self {
            Self::Memory(server) => server.set_tokens(tokens),
            Self::Http { http, .. } => drop(ask(http, "PUT", "/_tokens", serde_json::to_string(&tokens)?).await?),
        }
        Ok(())
    }

    pub(super) async fn requests(&self) -> Result<Value> {
        let text = match self {
            Self::Memory(server) => server.requests(),
            Self::Http { http, .. } => ask(http, "GET", "/_requests", String::new()).await?,
        };
        Ok(serde_json::from_str(&text)?)
    }
}
