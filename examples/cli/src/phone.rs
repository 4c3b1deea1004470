//! One open phone: the client, what connects it, and where its answers go.

use std::{path::PathBuf, sync::Arc};

use tarishi_core::{Client, Options};

use crate::{exit::Failure, output::Output, server::StoredServer};

/// What every verb works with.
pub(crate) struct Phone {
    pub(crate) client: Client,
    pub(crate) out: Output,
    server: Arc<StoredServer>,
}

impl Phone {
    /// Opens the database, and makes it if it is not there.
    pub(crate) fn open(db: PathBuf, json: bool) -> Result<Self, Failure> {
        let server = Arc::new(StoredServer::default());
        let mut options = Options::new(db, String::new());
        options.transport = Some(Arc::clone(&server) as _);
        options.token_source = Arc::clone(&server) as _;
        Ok(Self { client: Client::open(options)?, out: Output::new(json), server })
    }

    /// For the verbs that talk to the server: fails if `init` never named one.
    pub(crate) async fn connect(&self) -> Result<(), Failure> {
        self.server.connect(&self.client).await
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.server.disconnect();
    }
}
