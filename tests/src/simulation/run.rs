//! One run: draws what happens, then calms the world, drains it and compares the books.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use tarishi_core::{Error as DeviceError, NewOperation, OperationRecord};
use tarishi_protocol::{AfterOn, OnFailure, State};
use tarishi_server::{
    clock::Clock,
    dispatch::operator,
    integrations::Change,
    store::{Grants, OperationRow, Resolution},
};
use tempfile::TempDir;

use super::{
    Failure, Tally,
    backend::{Backend, TENANT},
    books::{Payer, Provider},
    check,
    network::Wire,
    phone::Phone,
};
use crate::harness::{Error, Result};

const START: i64 = 1_800_000_000_000;
const KEYS: [&str; 3] = ["student:1", "student:2", "student:3"];
const ADAPTERS: [&str; 4] = ["mpesa", "flutterwave", "sms", "local_storage"];
/// Rounds of calm after which everything must have ended.
const CALM_ROUNDS: usize = 120;
/// A call that was opened longer ago than this sends nothing any more.
const SENDS_WITHIN_MS: i64 = 5_000;

struct World {
    dice: StdRng,
    backend: Backend,
    phones: Vec<Phone>,
    wire: Arc<Wire>,
    clock: Clock,
    /// Payments that two devices of one account may both ask for.
    shared: Vec<NewOperation>,
    made: u32,
    story: Vec<String>,
    tally: Tally,
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

    fn tell(&mut self, line: impl Into<String>) {
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

    fn pass(&mut self, by: Duration) {
        self.clock.advance(by);
        for phone in &self.phones {
            phone.clock.advance(by);
        }
    }

    fn phone(&mut self) -> usize {
        self.dice.random_range(0..self.phones.len())
    }

    async fn something_happens(&mut self) -> Result<()> {
        match self.dice.random_range(0..100) {
            0..22 => self.enqueue().await,
            22..42 => {
                let index = self.phone();
                self.sync(index).await
            }
            42..57 => self.dispatch().await,
            57..65 => {
                self.backend.provider.books().payers_act();
                Ok(())
            }
            65..73 => self.call_back().await,
            73..77 => self.change_one().await,
            77..80 => {
                if self.wire.deliver_copy().await {
                    self.tell("a late copy arrives");
                }
                Ok(())
            }
            80..90 => {
                let (from, to) =
                    [(0, 10_000), (0, 10_000), (30_000, 180_000), (600_000, 9_000_000)][self.dice.random_range(0..4)];
                let ms = self.dice.random_range(from..to);
                self.pass(Duration::from_millis(ms));
                self.tell(format!("{} s pass", ms / 1_000));
                Ok(())
            }
            90..93 => self.let_go().await,
            93..95 => self.crash().await,
            95..97 => self.switch().await,
            97..99 => self.look_up().await,
            _ => {
                self.jump();
                Ok(())
            }
        }
    }

    async fn enqueue(&mut self) -> Result<()> {
        let index = self.phone();
        let mut new = self.operation().await?;
        let known = self.phones[index].all().await?;
        if self.dice.random_bool(0.4) {
            new.ordering_key = Some(KEYS[self.dice.random_range(0..KEYS.len())].to_owned());
            new.on_failure = if self.dice.random_bool(0.2) { OnFailure::Halt } else { OnFailure::Continue };
        } else if self.dice.random_bool(0.2) && !known.is_empty() {
            let parent = known[self.dice.random_range(0..known.len())].id;
            let ends = [AfterOn::Succeeded, AfterOn::Failed, AfterOn::Cancelled, AfterOn::Ended];
            new = new.with_after(parent, ends[self.dice.random_range(0..ends.len())]);
        }
        if self.dice.random_bool(0.15) {
            new.ttl = Some(Duration::from_secs(self.dice.random_range(20..400)));
        }
        if self.phones[index].account == "amina" && self.dice.random_bool(0.15) && !self.shared.is_empty() {
            new = self.shared[self.dice.random_range(0..self.shared.len())].clone();
        }
        let name = format!("{}.{} {:?} in {:?}", new.adapter, new.action, new.key, new.ordering_key);
        match self.phones[index].client().enqueue(new).await {
            Ok(record) => {
                let after = record.after.map(|after| format!(" after {} {}", after.operation_id, after.on.as_str()));
                let line = format!("{} enqueues {} {name}{}", self.phones[index].name, record.id, after.unwrap_or_default());
                self.tell(line);
                Ok(())
            }
            // Its parent ended another way already.
            Err(DeviceError::InvalidInput(_) | DeviceError::KeyReused) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn operation(&mut self) -> Result<NewOperation> {
        self.made += 1;
        let n = self.made;
        let adapter = ADAPTERS[self.dice.random_range(0..ADAPTERS.len())];
        let phone = format!("+2547{:08}", 10_000_000 + n);
        let reference = if self.dice.random_bool(0.2) { format!("SHARED{}", n % 3) } else { format!("FEE{n}") };
        let amount = json!({ "amount": format!("{}.00", 100 + n), "currency": "KES" });
        let (action, payload) = match adapter {
            "sms" => ("send", json!({ "to": phone, "message": format!("message {n}") })),
            "local_storage" => ("upload", json!({ "destination": format!("file-{n}.txt"), "content_base64": "aGFiYXJp" })),
            _ => ("charge", json!({ "amount": amount, "phone": phone, "reference": reference })),
        };
        let new = NewOperation::new(adapter, action, payload.to_string()).with_key(format!("key-{n}"));
        if self.dice.random_bool(0.2) {
            self.shared.push(new.clone());
        }
        Ok(new)
    }

    async fn sync(&mut self, index: usize) -> Result<()> {
        self.pass(Duration::from_secs(1));
        let before = self.wire.requests.load(std::sync::atomic::Ordering::Relaxed);
        let died = Box::pin(self.phones[index].sync()).await?;
        let requests = self.wire.requests.load(std::sync::atomic::Ordering::Relaxed) - before;
        self.tally.crashes += u64::from(died);
        let line = format!("{} syncs: {requests} requests{}", self.phones[index].name, if died { ", and dies" } else { "" });
        self.tell(line);
        Ok(())
    }

    async fn dispatch(&mut self) -> Result<()> {
        // What is due at the server's door comes in while the server does nothing.
        self.call_back().await?;
        let limit = self.dice.random_range(1..9);
        let dice = &mut self.dice;
        let steps = Box::pin(self.backend.round(limit, || dice.random_bool(0.03))).await?;
        if steps > 0 {
            self.tell(format!("the server takes {steps} steps"));
        }
        Ok(())
    }

    async fn call_back(&mut self) -> Result<()> {
        let due = {
            let mut books = self.backend.provider.books();
            books.catch_up();
            books.due_callbacks()
        };
        for callback in due {
            self.tell(format!("a provider calls back: {}", callback.body));
            self.backend.call_back(callback).await?;
        }
        Ok(())
    }

    /// A person cancels, replaces or tries again.
    async fn change_one(&mut self) -> Result<()> {
        let index = self.phone();
        let known = self.phones[index].all().await?;
        if known.is_empty() {
            return Ok(());
        }
        let record = known[self.dice.random_range(0..known.len())].clone();
        let client = self.phones[index].client();
        let (id, state) = (record.id, record.state);
        let (word, result) = match self.dice.random_range(0..3) {
            0 => ("cancels", client.cancel(id).await.map(|outcome| format!("{outcome:?}"))),
            1 if record.payload.is_some() => {
                let payload = other_payload(&record, self.made);
                ("replaces", client.replace(id, payload).await.map(|new| new.id.to_string()))
            }
            _ => ("tries again", client.retry(id).await.map(|new| new.id.to_string())),
        };
        match result {
            Ok(text) => self.tell(format!("{} {word} {id} ({state}): {text}", self.phones[index].name)),
            Err(DeviceError::NotAllowed { .. } | DeviceError::InvalidInput(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn let_go(&mut self) -> Result<()> {
        let count = self.backend.provider.books().hangs.len();
        if count > 0 {
            let index = self.dice.random_range(0..count);
            let operation = self.backend.let_go(index).await?;
            self.tell(format!("the call of {operation} goes on"));
        }
        Ok(())
    }

    async fn crash(&mut self) -> Result<()> {
        self.tally.crashes += 1;
        if self.dice.random_bool(0.5) {
            let index = self.phone();
            self.tell(format!("{} dies", self.phones[index].name));
            return self.phones[index].open_again();
        }
        self.tell("the server dies");
        self.wire.lead_to(None);
        if self.dice.random_bool(0.3) {
            let index = self.phone();
            self.sync(index).await?;
        }
        Box::pin(self.backend.crash()).await?;
        self.wire.lead_to(Some(Arc::clone(&self.backend.app)));
        Ok(())
    }

    /// The operator switches an adapter off or on, or pauses it.
    async fn switch(&mut self) -> Result<()> {
        let adapter = ADAPTERS[self.dice.random_range(0..ADAPTERS.len())];
        let enabled = self.dice.random_bool(0.5);
        let paused = if self.dice.random_bool(0.3) { BTreeSet::from([action(adapter).to_owned()]) } else { BTreeSet::new() };
        self.tell(format!("{adapter}: enabled {enabled}, paused {paused:?}"));
        self.set(adapter, enabled, paused).await
    }

    async fn set(&mut self, adapter: &str, enabled: bool, paused: BTreeSet<String>) -> Result<()> {
        let change = Change { enabled: Some(Some(enabled)), paused: Some(paused), ..Change::default() };
        self.backend.app.change_integration(TENANT, adapter, change).await?;
        Ok(())
    }

    /// The operator looks unresolved operations up in the provider's books.
    async fn look_up(&mut self) -> Result<()> {
        for row in check::rows(&self.backend).await? {
            if row.state != State::Unresolved {
                continue;
            }
            let Some(resolution) = self.truth(&row) else { continue };
            self.tell(format!("an operator resolves {}: {resolution:?}", row.id));
            self.tally.resolved += 1;
            let who = "wanjiku".to_owned();
            operator::resolve(&self.backend.app, TENANT, row.id, resolution, who).await?;
        }
        Ok(())
    }

    /// What the provider's books say; nothing while something may still happen.
    fn truth(&mut self, row: &OperationRow) -> Option<Resolution> {
        let run_again = self.dice.random_bool(0.5);
        let books = self.backend.provider.books();
        let own = |prompt: &&super::books::Prompt| prompt.operation == row.id;
        let open = books.prompts.iter().filter(own).any(|prompt| matches!(prompt.payer, Payer::Asked | Payer::Slow));
        let late = books.late.iter().any(|late| late.order.operation == row.id);
        let sends = books.hangs.iter().any(|hang| hang.operation == row.id && hang.before)
            && row.first_opened_at.is_none_or(|opened| books.now() - opened < SENDS_WITHIN_MS);
        if open || late || sends {
            return None;
        }
        Some(match books.effects.iter().find(|effect| effect.operation == row.id) {
            Some(effect) => Resolution::Succeeded { outcome: json!({ "receipt": effect.receipt }) },
            None if run_again => Resolution::RunAgain,
            None => Resolution::Failed { reason: "not in the provider's books".to_owned() },
        })
    }

    /// A phone's wall clock jumps, or it boots again.
    fn jump(&mut self) {
        let index = self.phone();
        let clock = Arc::clone(&self.phones[index].clock);
        if self.dice.random_bool(0.5) {
            let by = self.dice.random_range(-400..400_i64) * 86_400_000;
            clock.set_wall_ms(START + by);
            self.tell(format!("{} wall clock jumps", self.phones[index].name));
        } else {
            self.tally.crashes += 1;
            let boot = format!("boot-{}", self.dice.random_range(0..1_000_000));
            clock.reboot(Some(&boot));
            // A boot ends every process.
            if let Err(error) = self.phones[index].open_again() {
                self.tell(format!("cannot open again: {error}"));
            }
            self.tell(format!("{} boots", self.phones[index].name));
        }
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

fn action(adapter: &str) -> &'static str {
    match adapter {
        "sms" => "send",
        "local_storage" => "upload",
        _ => "charge",
    }
}

/// The payload that a person corrects it to.
fn other_payload(record: &OperationRecord, n: u32) -> String {
    let mut payload: serde_json::Value =
        record.payload.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    match record.adapter.as_str() {
        "sms" => payload["message"] = format!("corrected {n}").into(),
        "local_storage" => payload["destination"] = format!("corrected-{n}.txt").into(),
        _ => payload["amount"]["amount"] = format!("{}.00", 5_000 + n).into(),
    }
    payload.to_string()
}
