//! The server and the token that `init` stored in the phone's own database.
//!
//! The core wants both when it opens a database, and here they are inside it; so both are looked up when the first request
//! needs them.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tarishi_core::{
    Client, HttpTransport, Tls, TokenError, TokenSource, Transport, TransportError, TransportRequest, TransportResponse,
};

use crate::exit::Failure;

/// The setting that holds the server's address.
pub(crate) const SERVER: &str = "cli.server";
/// The setting that holds the device token.
pub(crate) const TOKEN: &str = "cli.token";

/// Transport and token source of one open phone.
#[derive(Default)]
pub(crate) struct StoredServer {
    client: Mutex<Option<Client>>,
    http: Mutex<Option<Arc<HttpTransport>>>,
}

impl StoredServer {
    /// Reads the server's address; from now on requests can leave.
    pub(crate) async fn connect(&self, client: &Client) -> Result<(), Failure> {
        let url = client.load_value(SERVER).await?.ok_or(Failure::NotInitialised)?;
        let http = HttpTransport::new(&url, &Tls::default())?;
        *self.http.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(http));
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(())
    }

    /// Lets go of the client, which holds this in turn.
    pub(crate) fn disconnect(&self) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn http(&self) -> Option<Arc<HttpTransport>> {
        self.http.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn client(&self) -> Option<Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Transport for StoredServer {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        match self.http() {
            Some(http) => http.send(request).await,
            None => Err(TransportError::Unreachable),
        }
    }

    async fn hold(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        match self.http() {
            Some(http) => http.hold(request).await,
            None => Err(TransportError::Unreachable),
        }
    }

    fn network_changed(&self) {
        if let Some(http) = self.http() {
            http.network_changed();
        }
    }
}

#[async_trait]
impl TokenSource for StoredServer {
    async fn token(&self, rejected: Option<String>) -> Result<String, TokenError> {
        let client = self.client().ok_or(TokenError::Unavailable)?;
        let token = client.load_value(TOKEN).await.map_err(|_| TokenError::Unavailable)?;
        token.filter(|token| rejected.as_ref() != Some(token)).ok_or(TokenError::NeedsSignIn)
    }

    async fn rotated(&self, token: String) {
        if let Some(client) = self.client()
            && let Err(error) = client.store_value(TOKEN, &token).await
        {
            // The old token stays good for a while, and the server offers the new one again.
            eprintln!("tarishi: the rotated token could not be stored: {error}");
        }
    }
}
