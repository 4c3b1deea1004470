//! `watch`: a phone that lies on the table: the core's own scheduler syncs, and every event is printed.

use clap::Args as ClapArgs;
use serde_json::{Value, json};
use tarishi_core::Event;
use tokio::sync::broadcast::error::RecvError;

use super::sync;
use crate::{
    exit::{Exit, Failure},
    phone::Phone,
};

/// Stay open, sync whenever there is something to do, and print events until Ctrl-C or SIGTERM.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, phone: &mut Phone) -> Result<Exit, Failure> {
    phone.connect().await?;
    let mut stopped = Signals::new().map_err(Failure::Runtime)?;
    let mut events = phone.client.events();
    phone.client.set_foreground(true);
    phone.client.start();
    phone.out.say(&json!({ "event": "watching" }), "watching; Ctrl-C stops")?;
    phone.out.flush()?;
    loop {
        let (object, words) = tokio::select! {
            biased;
            () = stopped.wait() => break,
            event = events.recv() => match event {
                Ok(event) => describe(&event)?,
                Err(RecvError::Lagged(count)) => {
                    (json!({ "event": "missed", "count": count }), format!("{count} events missed; `list` has the present"))
                }
                Err(RecvError::Closed) => break,
            },
        };
        phone.out.say(&object, &words)?;
        phone.out.flush()?;
    }
    phone.client.stop().await;
    Ok(Exit::Done)
}

fn describe(event: &Event) -> Result<(Value, String), Failure> {
    Ok(match event {
        Event::OperationChanged { id, state } => {
            (json!({ "event": "operation_changed", "id": id, "state": state }), format!("{id}  {state}"))
        }
        Event::NeedsAuth => (json!({ "event": "needs_auth" }), "sign-in needed: run init with a new token".to_owned()),
        Event::UpgradeRequired => (json!({ "event": "upgrade_required" }), "the server wants a newer version".to_owned()),
        Event::CopiedDevice => {
            (json!({ "event": "copied_device" }), "this database is a copy: register it as a new device".to_owned())
        }
        Event::Report(report) => {
            let mut object = serde_json::to_value(report)?;
            object["event"] = "report".into();
            (object, format!("synced: {}", sync::in_words(report)))
        }
    })
}

/// Ctrl-C and SIGTERM, listened to from the moment it is made.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    async fn wait(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
