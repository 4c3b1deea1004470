//! What all handles of one client share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tarishi_protocol::{Code, Limits, Problem};
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
};

use crate::{
    Error, Event, Options, Tls, Transport,
    conditions::{Conditions, Halt},
    outbox::{Outbox, meta},
    sync::exchange::Engine,
};

/// Events that a slow receiver may lag behind.
const EVENTS_KEPT: usize = 1_024;

pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) outbox: Outbox,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) events: broadcast::Sender<Event>,
    /// Sent whenever there may be something new to do; cuts a held exchange short.
    pub(crate) work: watch::Sender<()>,
    /// Set to end what runs at once: suspended, signed out or closed.
    pub(crate) pause: watch::Sender<bool>,
    /// One exchange at a time, and what was learnt from the last ones.
    pub(crate) flight: tokio::sync::Mutex<Engine>,
    pub(crate) scheduler: Mutex<Option<JoinHandle<()>>>,
    conditions: Mutex<Conditions>,
}

impl Inner {
    pub(crate) fn open(options: Options) -> Result<Self, Error> {
        let transport = transport(&options)?;
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let (work, _) = watch::channel(());
        let (pause, _) = watch::channel(false);
        let outbox = Outbox::open(&options, events.clone(), work.clone())?;
        Ok(Self {
            conditions: Mutex::new(Conditions::new(options.seed)),
            flight: tokio::sync::Mutex::new(Engine::new()),
            scheduler: Mutex::new(None),
            options,
            outbox,
            transport,
            events,
            work,
            pause,
        })
    }

    /// Reads what earlier runs learnt.
    pub(crate) async fn load_facts(&self) -> Result<(), Error> {
        let facts = self.outbox.read(|connection, _| {
            let limits: Option<String> = meta::get(connection, meta::LIMITS)?;
            let ceiling: Option<String> = meta::get(connection, meta::CEILING)?;
            let ceiling = ceiling.as_deref().and_then(|text| text.split_once(':'));
            Ok(Facts {
                account: meta::get(connection, meta::ACCOUNT)?,
                limits: limits.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
                ceiling: ceiling.and_then(|(bytes, limit)| Some((bytes.parse().ok()?, limit.parse().ok()?))),
                hard_until: meta::get(connection, meta::HARD_UNTIL)?,
                metered_day: meta::get(connection, meta::METERED_DAY)?.unwrap_or(0),
                metered_bytes: meta::get(connection, meta::METERED_BYTES)?.unwrap_or(0),
            })
        });
        let facts = facts.await?;
        let now = self.now();
        let mut conditions = self.conditions();
        conditions.account = facts.account;
        conditions.limits = facts.limits;
        conditions.ceiling = facts.ceiling;
        // A wait longer than its cap is over.
        conditions.hard_until = facts.hard_until.filter(|until| *until <= now + crate::conditions::HARD_MS_MAX);
        conditions.metered = (facts.metered_day, u64::try_from(facts.metered_bytes).unwrap_or(0));
        Ok(())
    }

    pub(crate) fn conditions(&self) -> MutexGuard<'_, Conditions> {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The uptime clock.
    pub(crate) fn now(&self) -> i64 {
        self.outbox.context().uptime.now()
    }

    pub(crate) fn wall_ms(&self) -> i64 {
        self.outbox.context().uptime.wall_ms()
    }

    /// Pauses syncing until somebody does something about it.
    pub(crate) fn halt(&self, halt: Halt) -> Error {
        let before = self.conditions().halt.replace(halt);
        let (event, error) = match halt {
            Halt::NeedsAuth => (Some(Event::NeedsAuth), Error::NeedsAuth),
            Halt::CopiedDevice => (Some(Event::CopiedDevice), Error::CopiedDevice),
            Halt::SignedOut => (None, Error::Closed),
        };
        if before != Some(halt)
            && let Some(event) = event
        {
            tracing::warn!(%error, "syncing pauses until somebody does something about it");
            let _ = self.events.send(event);
        }
        error
    }

    /// There may be something new to do.
    pub(crate) fn nudge(&self) {
        self.work.send_replace(());
    }

    /// Ends when everything is to stop.
    pub(crate) async fn paused(&self) {
        let mut pause = self.pause.subscribe();
        let _ = pause.wait_for(|paused| *paused).await;
    }
}

/// The app's transport, or the library's own.
fn transport(options: &Options) -> Result<Arc<dyn Transport>, Error> {
    match &options.transport {
        // A pin that nobody checks is worse than none.
        Some(_) if options.tls != Tls::default() => {
            Err(invalid("tls", "is for the library's own HTTP: the app's transport sees to its own"))
        }
        Some(transport) => Ok(Arc::clone(transport)),
        None => own_transport(options),
    }
}

#[cfg(feature = "http")]
fn own_transport(options: &Options) -> Result<Arc<dyn Transport>, Error> {
    Ok(Arc::new(crate::HttpTransport::new(&options.server_url, &options.tls)?))
}

#[cfg(not(feature = "http"))]
fn own_transport(_options: &Options) -> Result<Arc<dyn Transport>, Error> {
    Err(invalid("transport", "must be given: this build has no HTTP of its own"))
}

fn invalid(field: &str, text: &str) -> Error {
    Error::InvalidInput(Problem::new(Code::InvalidValue, text).with_field(field))
}

struct Facts {
    account: Option<String>,
    limits: Limits,
    ceiling: Option<(usize, usize)>,
    hard_until: Option<i64>,
    metered_day: i64,
    metered_bytes: i64,
}
