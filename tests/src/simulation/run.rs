//! One run: draws what happens, then calms the world, drains it and compares the books.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tarishi_core::NewOperation;
use tarishi_server::{clock::Clock, store::Grants};
use tempfile::TempDir;

use super::{
    Failure, Tally,
    backend::{Backend, TENANT},
    books::Provider,
    check,
    events::ADAPTERS,
    network::Wire,
    phone::Phone,
};
use crate::harness::{Error, Result};

pub(super) const START: i64 = 1_800_000_000_000;
/// Rounds of calm after which everything must have ended.
const CALM_ROUNDS: usize = 120;

pub(super) struct World {
    pub(super) dice: StdRng,
    pub(super) backend: Backend,
    pub(super) phones: Vec<Phone>,
    pub(super) wire: Arc<Wire>,
    pub(super) clock: Clock,
    /// Payments that two devices of one account may both ask for.
    pub(super) shared: Vec<NewOperation>,
    pub(super) made: u32,
    pub(super) story: Vec<String>,
    pub(super) tally: Tally,
    _folder: TempDir,
}

/// Runs one seed in a runtime of its own.
pub(super) fn run(seed: u64) -> std::result::Result<Tally, Box<Failure>> {
    let failure = |error: Error| Box::new(Failure { seed, broken: error.to_string(), story: Vec::new() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failure(error.into()))?;
    runtime.block_on(async {
        let mut world = World::new(seed).await.map_err(failure)?;
        let lived = world.live().await;
        let World { backend, phones, story, tally, .. } = world;
        drop(phones);
        backend.end().await;
        lived.map_err(|error| Box::new(Failure { seed, broken: error.to_string(), story }))?;
        Ok(tally)
    })
}

/// In memory where the system has such a place: a run's thousand commits need no disk.
fn folder() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? })
}

impl World {
    async fn new(seed: u64) -> Result<Self> {
        let folder = folder()?;
        let mut dice = StdRng::seed_from_u64(seed);
        let clock = Clock::manual(START);
        let wire = Arc::new(Wire::new(dice.random(), clock.clone()));
        let provider = Arc::new(Provider::new(dice.random(), clock.clone()));
        let backend = Backend::open(folder.path().to_path_buf(), clock.clone(), provider).await?;
        wire.lead_to(Some(Arc::clone(&backend.app)));
        let mut phones = Vec::new();
        for (name, account) in [("amina's", "amina"), ("amina's old", "amina"), ("baraka's", "baraka")] {
            let grants = Grants { scopes: vec!["*:*".to_owned()], ..Grants::default() };
            let (_, token) = backend.app.enrol(TENANT, account, grants).await?;
            let file = folder.path().join(format!("{}.db", name.replace([' ', '\''], "-")));
            phones.push(Phone::new(name, account, token, file, &wire)?);
        }
        Ok(Self {
            dice,
            backend,
            phones,
            wire,
            clock,
            shared: Vec::new(),
            made: 0,
            story: Vec::new(),
            tally: Tally { runs: 1, ..Tally::default() },
            _folder: folder,
        })
    }

    pub(super) fn tell(&mut self, line: impl Into<String>) {
        let seconds = (self.clock.now_ms() - START) / 1_000;
        self.story.push(format!("{seconds:>7} s  {}", line.into()));
    }

    async fn live(&mut self) -> Result<()> {
        for _ in 0..self.dice.random_range(40..160) {
            Box::pin(self.something_happens()).await?;
            let findings = self.backend.findings().await?;
            if !findings.is_empty() {
                return Err(findings.join("; ").into());
            }
        }
        self.tell("calm");
        self.calm().await?;
        Box::pin(self.drain()).await?;
        while self.wire.deliver_copy().await {
            self.tell("a late copy arrives");
        }
        Box::pin(self.drain()).await?;
        let broken = check::broken(&self.backend, &self.phones).await?;
        self.tally.operations = u64::from(self.made);
        self.tally.effects = self.backend.provider.books().effects.len() as u64;
        self.tally.requests = self.wire.requests.load(std::sync::atomic::Ordering::Relaxed);
        if broken.is_empty() { Ok(()) } else { Err(broken.join("\n").into()) }
    }

    pub(super) fn pass(&mut self, by: Duration) {
        self.clock.advance(by);
        for phone in &self.phones {
            phone.clock.advance(by);
        }
    }

    pub(super) fn phone(&mut self) -> usize {
        self.dice.random_range(0..self.phones.len())
    }

    /// From now on nothing goes wrong.
    async fn calm(&mut self) -> Result<()> {
        self.wire.calm();
        self.backend.provider.books().calm = true;
        for adapter in ADAPTERS {
            self.set(adapter, true, BTreeSet::new()).await?;
        }
        Ok(())
    }

    /// Goes on until everything has ended everywhere.
    async fn drain(&mut self) -> Result<()> {
        let mut open = Vec::new();
        for _ in 0..CALM_ROUNDS {
            for index in 0..self.phones.len() {
                self.sync(index).await?;
            }
            while !self.backend.provider.books().hangs.is_empty() {
                self.let_go().await?;
            }
            self.backend.provider.books().payers_act();
            self.call_back().await?;
            for _ in 0..4 {
                self.dispatch().await?;
            }
            self.look_up().await?;
            for index in 0..self.phones.len() {
                self.sync(index).await?;
            }
            open = self.open().await?;
            if open.is_empty() {
                return Ok(());
            }
            self.pass(Duration::from_secs(20));
        }
        Err(format!("never ends: {}", open.join(", ")).into())
    }

    async fn open(&self) -> Result<Vec<String>> {
        let mut open = Vec::new();
        for phone in &self.phones {
            for record in phone.all().await? {
                if !record.state.is_ended() {
                    let why = phone.client().why(record.id).await?;
                    open.push(format!("{} {} {} ({:?})", phone.name, record.id, record.state, why.reason));
                }
            }
        }
        for row in check::rows(&self.backend).await? {
            if !row.state.is_ended() {
                open.push(format!("the server's {} {}", row.id, row.state.as_str()));
            }
        }
        Ok(open)
    }
}
