//! A server in this process, with a sandbox and a folder of its own.

use std::{net::SocketAddr, path::PathBuf};

use tarishi_core::{Client, Options};
use tarishi_sandbox::{Sandbox, SandboxOptions};
use tarishi_server::{Config, Server, app::DEFAULT_TENANT, store::Grants};
use tempfile::TempDir;

use super::{
    Result,
    server::{flutterwave_webhook_url, sms_report_url, whatsapp_webhook_url},
};

/// A sandbox and a server in this process.
#[derive(Debug)]
pub struct Hosted {
    /// The simulated providers.
    pub sandbox: Sandbox,
    /// The server.
    pub server: Server,
    folder: TempDir,
}

impl Hosted {
    /// Both, started.
    ///
    /// # Errors
    /// One of them does not start.
    pub async fn start(options: SandboxOptions) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let sandbox = Sandbox::start(options).await?;
        let server = Server::start(Config::for_tests(folder.path(), &sandbox.url())).await?;
        sandbox.set_sms_delivery_url(Some(sms_report_url(&server.url())));
        sandbox.set_whatsapp_webhook_url(Some(whatsapp_webhook_url(&server.url())));
        sandbox.set_flutterwave_webhook_url(Some(flutterwave_webhook_url(&server.url())));
        Ok(Self { sandbox, server, folder })
    }

    /// Where the server listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The folder of the simulated storage provider, for the default tenant.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files").join("default")
    }

    /// Stops the server in order and starts it again on the same files and port.
    ///
    /// # Errors
    /// It does not start again.
    pub async fn restart(self) -> Result<Self> {
        self.restart_after(async || ()).await
    }

    /// As [`Hosted::restart`], with something done while no server runs.
    ///
    /// # Errors
    /// It does not start again.
    pub async fn restart_after(self, meanwhile: impl AsyncFnOnce()) -> Result<Self> {
        let Self { sandbox, server, folder } = self;
        let listen = server.addr();
        server.stop().await;
        meanwhile().await;
        let config = Config { listen, ..Config::for_tests(folder.path(), &sandbox.url()) };
        let server = Server::start(config).await?;
        Ok(Self { sandbox, server, folder })
    }

    /// Enrols a device that may do everything and returns its token.
    ///
    /// # Errors
    /// The store fails.
    pub async fn enrol(&self, account: &str) -> Result<String> {
        let grants = Grants { scopes: vec!["*:*".to_owned()], ..Grants::default() };
        let (_, token) = self.server.app().enrol(DEFAULT_TENANT, account, grants).await?;
        Ok(token)
    }

    /// A new device in this process, reaching the server at `address`: its own, or a link's.
    ///
    /// # Errors
    /// The store or the device's file fails.
    pub async fn device(&self, account: &str, address: SocketAddr) -> Result<Client> {
        let token = self.enrol(account).await?;
        let file = self.folder.path().join(format!("{account}.db"));
        Ok(Client::open(Options::new(file, format!("http://{address}")).with_static_token(token))?)
    }
}
