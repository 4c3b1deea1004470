//! The device of one scenario: a client on a file of its own, its tokens, its clock, and everything it was told.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use tarishi_core::{Client, Clock, Event, ManualClock, TokenError, TokenSource};
use tokio::sync::{broadcast, watch};

use super::{control::Control, file::ScenarioOptions, results};
use crate::harness::Result;

/// The key of sealed scenarios; nothing depends on its bytes.
const SEAL_KEY: [u8; 32] = [7; 32];

/// Tokens as a scenario sets them.
#[derive(Debug)]
pub(super) struct Tokens(pub(super) Mutex<TokensNow>);

#[derive(Debug)]
pub(super) struct TokensNow {
    pub(super) current: String,
    pub(super) next: VecDeque<String>,
    pub(super) sign_in: bool,
}

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self, rejected: Option<String>) -> std::result::Result<String, TokenError> {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.sign_in {
            return Err(TokenError::NeedsSignIn);
        }
        if rejected.as_ref() == Some(&now.current) {
            now.current = now.next.pop_front().ok_or(TokenError::NeedsSignIn)?;
        }
        Ok(now.current.clone())
    }

    async fn rotated(&self, token: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).current = token;
    }
}

/// The device.
pub(super) struct Device {
    /// `None` only between closing and opening.
    client: Option<Client>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) clock: Option<Arc<ManualClock>>,
    boots: AtomicU32,
    events: Arc<Mutex<Vec<Value>>>,
    heard: watch::Sender<()>,
    folder: tempfile::TempDir,
    /// How often it crashed: each time its files are copied to a folder of this number.
    crashes: u32,
    options: ScenarioOptions,
}

impl Device {
    pub(super) fn open(options: &ScenarioOptions, control: &Control) -> Result<Self> {
        let now = TokensNow { current: "t1".to_owned(), next: VecDeque::new(), sign_in: false };
        let mut device = Self {
            client: None,
            tokens: Arc::new(Tokens(Mutex::new(now))),
            clock: options.clock.map(|at| Arc::new(ManualClock::new(at.timestamp_millis()))),
            boots: AtomicU32::new(1),
            events: Arc::default(),
            heard: watch::Sender::new(()),
            folder: tempfile::tempdir()?,
            crashes: 0,
            options: options.clone(),
        };
        std::fs::create_dir(device.place())?;
        device.start_client(control)?;
        Ok(device)
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join(self.crashes.to_string())
    }

    fn start_client(&mut self, control: &Control) -> Result<()> {
        let said = &self.options;
        let mut options = control.options(self.place().join("queue.db"));
        options.account.clone_from(&said.account);
        options.token_source = Arc::clone(&self.tokens) as Arc<dyn TokenSource>;
        if let Some(clock) = &self.clock {
            options.clock = Arc::clone(clock) as Arc<dyn Clock>;
        }
        options.quota_operations = said.quota_operations.unwrap_or(options.quota_operations);
        options.sync_on_metered = said.sync_on_metered.unwrap_or(options.sync_on_metered);
        options.metered_bytes_per_day = said.metered_bytes_per_day;
        options.retention = said.retention_ms.map_or(options.retention, Duration::from_millis);
        options.seal_key = said.seal.then_some(SEAL_KEY);
        let client = Client::open(options)?;
        self.listen(client.events());
        self.client = Some(client);
        Ok(())
    }

    fn listen(&self, mut events: broadcast::Receiver<Event>) {
        let (kept, heard) = (Arc::clone(&self.events), self.heard.clone());
        tokio::spawn(async move {
            while let Ok(event) = events.recv().await {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(results::event(&event));
                heard.send_replace(());
            }
        });
    }

    pub(super) fn client(&self) -> Result<&Client> {
        Ok(self.client.as_ref().ok_or("the client is not open")?)
    }

    /// Everything it was told so far.
    pub(super) fn events(&self) -> Value {
        Value::Array(self.events.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Tells when something is heard.
    pub(super) fn hearing(&self) -> watch::Receiver<()> {
        self.heard.subscribe()
    }

    /// The app ends and is started again.
    pub(super) fn close_and_open(&mut self, control: &Control) -> Result<()> {
        self.client = None;
        self.start_client(control)
    }

    /// The app dies: its files, as they are in the middle of its work, are all that is left.
    pub(super) fn crash_and_open(&mut self, control: &Control) -> Result<()> {
        let before = self.place();
        self.crashes += 1;
        let after = self.place();
        std::fs::create_dir(&after)?;
        for entry in std::fs::read_dir(before)? {
            let entry = entry?;
            std::fs::copy(entry.path(), after.join(entry.file_name()))?;
        }
        self.client = None;
        self.start_client(control)
    }

    /// The phone starts again; the app has to be opened again after it.
    pub(super) fn reboot(&self) -> Result<()> {
        let boot = self.boots.fetch_add(1, Ordering::Relaxed) + 1;
        let clock = self.clock.as_ref().ok_or("the scenario has no clock")?;
        clock.reboot(Some(&format!("boot-{boot}")));
        Ok(())
    }
}
