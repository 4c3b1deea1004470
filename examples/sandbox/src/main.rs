//! `tarishi-sandbox serve`: the simulated providers as a process of their own.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tarishi_sandbox::{Sandbox, SandboxOptions};

/// Simulated providers with a ledger of effects.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve M-Pesa at /mpesa, SMS at /sms and the control API at /_sandbox.
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How long an M-Pesa payer takes.
    #[arg(long, default_value_t = 150)]
    mpesa_delay_ms: u64,
    /// How long an SMS takes to its handset.
    #[arg(long, default_value_t = 100)]
    sms_delay_ms: u64,
    /// Refuse the same amount from the same phone within two minutes.
    #[arg(long = "rule-17")]
    rule_17: bool,
    /// Keep the ledger in this file.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// Where delivery reports of SMS go.
    #[arg(long)]
    sms_delivery_url: Option<String>,
    /// Where statuses of WhatsApp messages go.
    #[arg(long)]
    whatsapp_webhook_url: Option<String>,
    /// Where webhooks of Flutterwave go.
    #[arg(long)]
    flutterwave_webhook_url: Option<String>,
    /// Seed of the providers' ids.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let Command::Serve(serve) = Arguments::parse().command;
    let sandbox = Sandbox::start(SandboxOptions {
        listen: serve.listen,
        mpesa_delay: Duration::from_millis(serve.mpesa_delay_ms),
        sms_delay: Duration::from_millis(serve.sms_delay_ms),
        rule_17: serve.rule_17,
        ledger: serve.ledger,
        sms_delivery_url: serve.sms_delivery_url,
        whatsapp_webhook_url: serve.whatsapp_webhook_url,
        flutterwave_webhook_url: serve.flutterwave_webhook_url,
        seed: serve.seed,
    })
    .await?;
    let mut out = io::stdout();
    writeln!(out, "listening on {}", sandbox.url())?;
    out.flush()?;
    asked_to_stop().await?;
    sandbox.stop().await;
    Ok(())
}

#[cfg(unix)]
async fn asked_to_stop() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
