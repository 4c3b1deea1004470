//! What may happen: each event draws its own details.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rand::RngExt as _;
use serde_json::json;
use tarishi_core::{Error as DeviceError, NewOperation, OperationRecord};
use tarishi_protocol::{AfterOn, OnFailure, State};
use tarishi_server::{
    dispatch::operator,
    integrations::Change,
    store::{OperationRow, Resolution},
};

use super::{
    backend::TENANT,
    books::{Payer, Prompt},
    check,
    run::{START, World},
};
use crate::harness::Result;

const KEYS: [&str; 3] = ["student:1", "student:2", "student:3"];
pub(super) const ADAPTERS: [&str; 4] = ["mpesa", "flutterwave", "sms", "local_storage"];
/// A call that was opened longer ago than this sends nothing any more.
const SENDS_WITHIN_MS: i64 = 5_000;

impl World {
    pub(super) async fn something_happens(&mut self) -> Result<()> {
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
        let mut new = self.operation();
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

    fn operation(&mut self) -> NewOperation {
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
        new
    }

    pub(super) async fn sync(&mut self, index: usize) -> Result<()> {
        self.pass(Duration::from_secs(1));
        let before = self.wire.requests.load(std::sync::atomic::Ordering::Relaxed);
        let died = Box::pin(self.phones[index].sync()).await?;
        let requests = self.wire.requests.load(std::sync::atomic::Ordering::Relaxed) - before;
        self.tally.crashes += u64::from(died);
        let line = format!("{} syncs: {requests} requests{}", self.phones[index].name, if died { ", and dies" } else { "" });
        self.tell(line);
        Ok(())
    }

    pub(super) async fn dispatch(&mut self) -> Result<()> {
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

    pub(super) async fn call_back(&mut self) -> Result<()> {
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

    pub(super) async fn let_go(&mut self) -> Result<()> {
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

    pub(super) async fn set(&mut self, adapter: &str, enabled: bool, paused: BTreeSet<String>) -> Result<()> {
        let change = Change { enabled: Some(Some(enabled)), paused: Some(paused), ..Change::default() };
        self.backend.app.change_integration(TENANT, adapter, change).await?;
        Ok(())
    }

    /// The operator looks unresolved operations up in the provider's books.
    pub(super) async fn look_up(&mut self) -> Result<()> {
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
        let own = |prompt: &&Prompt| prompt.operation == row.id;
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
