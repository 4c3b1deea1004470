//! The program's command line: `tarishi-server VERB …`. A file for each verb.
//!
//! `--database`, `--tenant`, `--json` stand anywhere. With `--json` a list is one object a line. Verbs beside `serve` write
//! short transactions beside it and need no server. Exit codes: 0 done, 1 failed or refused, 2 usage.

use std::{
    fmt,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use serde_json::Value;
use tarishi_protocol::Problem;

use crate::{
    app::{App, DEFAULT_TENANT},
    config::{Config, ConfigError, Flags, Sources},
    integrations::ChangeError,
    observe::{LogFormat, init_logging},
    server::{self, StartError},
    store,
};

mod adapter;
mod credentials;
mod device;
mod doctor;
mod execute;
mod health;
mod logs;
mod migrate;
mod openapi;
mod operations;
mod reconcile;
mod redrive;
mod resolve;
mod restore;
mod serve;
mod tenant;
mod webhooks;

/// Tarishi's companion server: takes operations from devices and performs each of them once.
#[derive(Debug, Parser)]
#[command(name = "tarishi-server", version)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct Global {
    /// The SQLite file (TARISHI_DATABASE; tarishi.db).
    #[arg(long, global = true)]
    database: Option<PathBuf>,
    /// Whose data.
    #[arg(long, global = true, default_value = DEFAULT_TENANT)]
    tenant: String,
    /// Print JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,
    /// The settings file (TARISHI_CONFIG; tarishi.toml if it is here).
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Use the simulated providers at this address, with fixed credentials and short waits.
    #[arg(long, global = true, value_name = "URL")]
    sandbox: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve devices, backends and webhooks, and perform operations.
    Serve(serve::Serve),
    /// Bring the database to this version's schema.
    Migrate,
    /// After a backup was put back: tell devices to send again what has not ended.
    Restore,
    /// Ask the providers how they are.
    Health(health::Health),
    /// Switch adapters on and off and set them.
    #[command(subcommand)]
    Adapter(adapter::Adapter),
    /// Perform one operation and wait for its end.
    Execute(execute::Execute),
    /// See operations, cancel one.
    #[command(subcommand)]
    Operations(operations::Operations),
    /// Say what became of an unresolved operation.
    Resolve(resolve::Resolve),
    /// Compare a day's payments at a provider with our books; differences as CSV.
    Reconcile(reconcile::Reconcile),
    /// Execute a dead letter as a new effect.
    Redrive(redrive::Redrive),
    /// Tenants and their API keys.
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// The master key under which credentials are sealed.
    #[command(subcommand)]
    Credentials(credentials::Credentials),
    /// Devices and their tokens.
    #[command(subcommand)]
    Device(device::Device),
    /// Every try at every provider, newest first.
    Logs(logs::Logs),
    /// What providers told, as it is stored.
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
    /// Print the description of the HTTP API, as /openapi.json.
    Openapi,
    /// Look for what should not be.
    Doctor,
}

/// Why a command did not do it.
#[derive(Debug)]
enum Failure {
    /// Exit code 1.
    Failed(String),
    /// Exit code 2.
    Usage(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) | Self::Usage(text) => f.write_str(text),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem.to_string())
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Failed(format!("cannot write: {error}"))
    }
}

type Outcome = Result<(), Failure>;

/// What a command works with.
struct Context<'a> {
    config: Config,
    tenant: String,
    json: bool,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl Context<'_> {
    /// The app beside a server that may be running.
    async fn app(&self) -> Result<App, Failure> {
        Ok(server::beside(self.config.clone(), None).await?)
    }

    /// The app, if the tenant exists.
    async fn app_of_tenant(&self) -> Result<App, Failure> {
        let app = self.app().await?;
        self.check_tenant(&app, &self.tenant).await?;
        Ok(app)
    }

    async fn check_tenant(&self, app: &App, tenant: &str) -> Outcome {
        match app.store.tenant(tenant).await? {
            Some(_) => Ok(()),
            None => Err(Failure::Failed(format!("there is no tenant {tenant}"))),
        }
    }

    /// One line: the object, or its text for people.
    fn line(&mut self, object: &Value, text: impl FnOnce() -> String) -> Outcome {
        if self.json {
            writeln!(self.out, "{object}")?
        } else {
            writeln!(self.out, "{}", text())?
        }
        Ok(())
    }
}

/// Runs a command; results go to `out`, everything else to `err`.
pub async fn run(cli: Cli, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    run_with(cli, None, out, err).await
}

/// As [`run`], with this environment instead of the process's.
pub async fn run_with(cli: Cli, sources: Option<Sources>, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let Cli { global, command } = cli;
    match Box::pin(dispatch(global, command, sources, out, err)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell when stderr is gone.
            let _ = writeln!(err, "tarishi-server: {failure}");
            ExitCode::from(match failure {
                Failure::Failed(_) => 1,
                Failure::Usage(_) => 2,
            })
        }
    }
}

async fn dispatch(
    global: Global,
    command: Command,
    sources: Option<Sources>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Outcome {
    let Global { database, tenant, json, config, sandbox } = global;
    let mut flags = Flags { database, sandbox, listen: None };
    if let Command::Serve(serve) = &command {
        flags.listen.clone_from(&serve.listen);
    }
    let sources = match sources {
        Some(sources) => Sources { flags, file: config.or(sources.file), ..sources },
        None => Sources::of_process(config, flags),
    };
    let filter = sources.environment.get("TARISHI_LOG").cloned();
    let quiet = if matches!(command, Command::Serve(_)) { "info" } else { "warn" };
    init_logging(
        filter.as_deref().unwrap_or(quiet),
        LogFormat::of(sources.environment.get("TARISHI_LOG_FORMAT").map(String::as_str)),
    );
    let config = Config::load(sources)?;
    let mut context = Context { config, tenant, json, out, err };
    match command {
        Command::Serve(_) => Box::pin(serve::run(context)).await,
        Command::Migrate => migrate::run(&mut context).await,
        Command::Restore => restore::run(&mut context).await,
        Command::Health(health) => Box::pin(health.run(&mut context)).await,
        Command::Adapter(adapter) => Box::pin(adapter.run(&mut context)).await,
        Command::Execute(execute) => Box::pin(execute.run(&mut context)).await,
        Command::Operations(operations) => operations.run(&mut context).await,
        Command::Resolve(resolve) => Box::pin(resolve.run(&mut context)).await,
        Command::Reconcile(reconcile) => Box::pin(reconcile.run(&mut context)).await,
        Command::Redrive(redrive) => Box::pin(redrive.run(&mut context)).await,
        Command::Tenant(tenant) => tenant.run(&mut context).await,
        Command::Credentials(credentials) => Box::pin(credentials.run(&mut context)).await,
        Command::Device(device) => device.run(&mut context).await,
        Command::Logs(logs) => logs.run(&mut context).await,
        Command::Webhooks(webhooks) => Box::pin(webhooks.run(&mut context)).await,
        Command::Openapi => openapi::run(&mut context),
        Command::Doctor => Box::pin(doctor::run(&mut context)).await,
    }
}

fn operation_id(text: &str) -> Result<tarishi_protocol::OperationId, String> {
    text.parse().map_err(|_| "no operation id".to_owned())
}

/// A field of an object as a text for people.
fn cell(object: &Value, name: &str) -> String {
    match object.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Some fields of an object in a line.
fn cells(object: &Value, names: &[&str]) -> String {
    names.iter().map(|name| cell(object, name)).collect::<Vec<_>>().join("  ")
}
