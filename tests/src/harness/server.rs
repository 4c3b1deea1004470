//! `tarishi-server serve` as a real process with a real SQLite file, on one port for its whole life and all its deaths.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use rand::RngExt as _;
use serde_json::Value;
use tarishi_server::config::{DATABASE_DEFAULT, FLUTTERWAVE_WEBHOOK_TOKEN, SMS_WEBHOOK_TOKEN, WHATSAPP_WEBHOOK_TOKEN};
use tokio::time::timeout;

use super::{
    Gathering, Result,
    gather::LOG_FILTER,
    process::{Exit, Launch, Process, tail},
};

/// How long a server may take to listen.
const START_WAIT: Duration = Duration::from_secs(40);
/// Ports below those that the system gives to outgoing connections: nobody else takes one while the server is down.
const PORTS: std::ops::Range<u16> = 18_000..30_000;

const SERVER_LOG: &str = "server.log";
const COMMANDS_LOG: &str = "commands.log";

/// Where the simulated Flutterwave sends webhooks for the server at `url`.
#[must_use]
pub fn flutterwave_webhook_url(url: &str) -> String {
    format!("{url}/h/{FLUTTERWAVE_WEBHOOK_TOKEN}")
}

/// Where the simulated SMS provider sends delivery reports for the server at `url`.
#[must_use]
pub fn sms_report_url(url: &str) -> String {
    format!("{url}/h/{SMS_WEBHOOK_TOKEN}/dlr")
}

/// Where simulated WhatsApp sends statuses for the server at `url`.
#[must_use]
pub fn whatsapp_webhook_url(url: &str) -> String {
    format!("{url}/h/{WHATSAPP_WEBHOOK_TOKEN}")
}

/// A server that can be killed and started again.
#[derive(Debug)]
pub struct ServerProcess {
    program: PathBuf,
    folder: PathBuf,
    sandbox_url: String,
    listen: SocketAddr,
    process: Option<Process>,
    gathering: Option<Gathering>,
}

impl ServerProcess {
    /// A server in this folder, not yet started.
    ///
    /// # Errors
    /// There is no free port.
    pub fn new(program: &Path, folder: &Path, sandbox_url: &str) -> Result<Self> {
        let listen = free_port()?;
        let logs = [folder.join(SERVER_LOG), folder.join(COMMANDS_LOG)];
        let gathering = Gathering::begin(&folder.join(DATABASE_DEFAULT), &logs)?;
        Ok(Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            sandbox_url: sandbox_url.to_owned(),
            listen,
            process: None,
            gathering,
        })
    }

    /// Its address, also while it is down.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.listen
    }

    /// `http://` and its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The folder of the simulated storage provider, for the default tenant.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.folder.join("files").join("default")
    }

    /// Starts it and returns once it listens. With a failpoint (`name:N`) it dies the Nth time it gets there.
    ///
    /// # Errors
    /// It ended before it listened; the text holds the end of its log.
    pub async fn start(&mut self, failpoint: Option<&str>) -> Result<()> {
        let mut env = self.log_filter();
        env.extend(failpoint.map(|name| ("TARISHI_FAILPOINT", name.to_owned())));
        let args = self.args(&["serve", "--listen", &self.listen.to_string()]);
        let mut process =
            Process::start(&Launch { program: self.program.clone(), args, env, folder: self.folder.clone(), log: self.log() })?;
        match timeout(START_WAIT, process.next_line()).await {
            Ok(Ok(Some(line))) if line.starts_with("listening on") => {
                self.process = Some(process);
                Ok(())
            }
            Ok(_) => Err(format!("the server ended before it listened:\n{}", tail(&self.log())).into()),
            Err(_) => Err(format!("the server did not listen in time:\n{}", tail(&self.log())).into()),
        }
    }

    /// SIGKILL. Nothing happens if it is down.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill().await?;
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn wait(&mut self) -> Result<Option<Exit>> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let exit = process.wait().await?;
        self.process = None;
        Ok(Some(exit))
    }

    /// Enrols a device that may do everything and returns its token.
    ///
    /// # Errors
    /// The command fails.
    pub async fn enrol(&self, account: &str) -> Result<String> {
        let made = self.command(&["device", "enrol", "--account", account, "--scopes", "*:*"]).await?;
        let token = made.first().and_then(|made| made["token"].as_str());
        let token = token.ok_or("`device enrol` printed no token")?;
        self.gathering.as_ref().map_or(Ok(()), |gathering| gathering.know(token))?;
        Ok(token.to_owned())
    }

    /// One of the server's other commands beside it; the objects it prints.
    ///
    /// # Errors
    /// It fails.
    pub async fn command(&self, args: &[&str]) -> Result<Vec<Value>> {
        self.commands().run(args).await
    }

    /// The server's other commands, to be used while the server itself is in other hands.
    #[must_use]
    pub fn commands(&self) -> Commands {
        let launch = Launch {
            program: self.program.clone(),
            args: self.args(&["--json"]),
            env: self.log_filter(),
            folder: self.folder.clone(),
            log: self.folder.join(COMMANDS_LOG),
        };
        Commands { launch }
    }

    fn args(&self, more: &[&str]) -> Vec<String> {
        let database = self.folder.join(DATABASE_DEFAULT).to_string_lossy().into_owned();
        let mut args = vec!["--database".to_owned(), database, "--sandbox".to_owned(), self.sandbox_url.clone()];
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args
    }

    fn log_filter(&self) -> Vec<(&'static str, String)> {
        let filter = if self.gathering.is_some() { LOG_FILTER } else { "warn" };
        vec![("TARISHI_LOG", filter.to_owned())]
    }

    fn log(&self) -> PathBuf {
        self.folder.join(SERVER_LOG)
    }
}

/// The commands beside a server.
#[derive(Clone, Debug)]
pub struct Commands {
    launch: Launch,
}

impl Commands {
    /// Runs one; the objects it prints.
    ///
    /// # Errors
    /// It fails; the text holds what it said.
    pub async fn run(&self, args: &[&str]) -> Result<Vec<Value>> {
        let mut launch = self.launch.clone();
        launch.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        let (exit, out) = Process::start(&launch)?.finish(None).await?;
        if exit != Exit::Code(0) {
            return Err(format!("tarishi-server {}: {exit:?}\n{}", args.first().unwrap_or(&""), tail(&launch.log)).into());
        }
        Ok(out.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
    }
}

fn free_port() -> Result<SocketAddr> {
    for _ in 0..200 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::rng().random_range(PORTS)));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err("no free port".into())
}
