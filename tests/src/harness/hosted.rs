//! A server in this process, with a sandbox and a folder of its own.

use std::{net::SocketAddr, path::PathBuf};

use tarishi_core::{Client, Options};
use tarishi_sandbox::{Sandbox, SandboxOptions};
use tarishi_server::{Config, Server, app::DEFAULT_TENANT, store::Grants};
use tempfile::TempDir;

use super::{
    Gathering, Recorder, Result,
    server::{flutterwave_webhook_url, sms_report_url, whatsapp_webhook_url},
};

/// A sandbox and a server in this process.
#[derive(Debug)]
pub struct Hosted {
    /// The simulated providers.
    pub sandbox: Sandbox,
    /// The server.
    pub server: Server,
    gathered: Option<(Recorder, Gathering)>,
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
        let config = Config::for_tests(folder.path(), &sandbox.url());
        let gathered = match Gathering::begin(&config.database, &[])? {
            Some(gathering) => Some((Recorder::start(gathering.answers()).await?, gathering)),
            None => None,
        };
        let server = Server::start(seen_by_all(config, gathered.as_ref())).await?;
        if let Some((recorder, gathering)) = &gathered {
            recorder.lead_to(server.addr());
            gathering.know_key()?;
        }
        let hosted = Self { sandbox, server, gathered, folder };
        hosted.sandbox.set_sms_delivery_url(Some(sms_report_url(&hosted.url())));
        hosted.sandbox.set_whatsapp_webhook_url(Some(whatsapp_webhook_url(&hosted.url())));
        hosted.sandbox.set_flutterwave_webhook_url(Some(flutterwave_webhook_url(&hosted.url())));
        Ok(hosted)
    }

    /// Where the server is reached.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.gathered.as_ref().map_or_else(|| self.server.addr(), |(recorder, _)| recorder.addr())
    }

    /// `http://` and where the server is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// This was given to one caller and must be found nowhere.
    ///
    /// # Errors
    /// It cannot be written down for the one who searches.
    pub fn know(&self, secret: &str) -> Result<()> {
        self.gathered.as_ref().map_or(Ok(()), |(_, gathering)| gathering.know(secret))
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
        let Self { sandbox, server, gathered, folder } = self;
        let listen = server.addr();
        server.stop().await;
        meanwhile().await;
        let config = Config { listen, ..Config::for_tests(folder.path(), &sandbox.url()) };
        let server = Server::start(seen_by_all(config, gathered.as_ref())).await?;
        Ok(Self { sandbox, server, gathered, folder })
    }

    /// Enrols a device that may do everything and returns its token.
    ///
    /// # Errors
    /// The store fails.
    pub async fn enrol(&self, account: &str) -> Result<String> {
        let grants = Grants { scopes: vec!["*:*".to_owned()], ..Grants::default() };
        let (_, token) = self.server.app().enrol(DEFAULT_TENANT, account, grants).await?;
        self.know(&token)?;
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

/// With the recorder's address as the one that everybody is told.
fn seen_by_all(config: Config, gathered: Option<&(Recorder, Gathering)>) -> Config {
    Config { public_url: gathered.map(|(recorder, _)| format!("http://{}", recorder.addr())).or(config.public_url), ..config }
}
