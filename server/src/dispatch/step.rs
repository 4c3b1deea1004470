//! One step of one claimed operation: execute it, ask about it, recover it, or let it lapse.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Datelike as _, Utc};
use tarishi_protocol::{State, catalog::Category, check_payload};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{audience, delivery, failpoint, names::KeptNames, on_disk::OnDisk, policy::Rules, rules::rules, tokens, webhook};
use crate::{
    App,
    adapters::{
        ActionSpec, Adapter, AdapterError, Answer, Booked, Call, Chained, Claim, Disposition, Outbound, Recovery, Reference,
        Related, Settings, TokenNeed, notifications,
    },
    oauth,
    store::{
        self, About, Actor, ChainPart, Evidence, Ms, Open, OpenCall, Opened, OperationRow, Settle, Settled, Source, Terms,
    },
};

/// Nothing is sent later than this after *open*.
const SEND_WITHIN_MS: Ms = 5_000;
/// A lease outlives its call's deadline by this.
const LEASE_GRACE_MS: Ms = 15_000;
/// When an adapter that is switched off is looked at again.
const SWITCHED_OFF_MS: Ms = 10_000;
/// Tries to write down what a call learnt.
const SETTLE_TRIES: u32 = 6;

/// Takes one claimed operation one step further: executes it, asks about it, recovers it or lets it lapse.
///
/// # Errors
/// The store's. The claim then ends by itself, and whoever looks next finds what is on record.
pub async fn step(app: &Arc<App>, row: OperationRow) -> store::Result<()> {
    let now = app.clock.now_ms();
    match row.state {
        State::Held | State::Unresolved => return app.store.lapse(&row.tenant, row.id, now).await,
        State::Expired | State::Cancelled | State::Failed | State::Succeeded => return Ok(()),
        State::Ready | State::Calling | State::Waiting => {}
    }
    if row.adapter == notifications::NAME && row.state != State::Calling {
        // It calls nobody: its chains do. Only after a backup was put back may it have been begun without our knowing.
        return app.store.spread_notification(&row.tenant, row.id, now).await;
    }
    let effective = app.effective(&row.tenant, &row.adapter).await?;
    let adapter = app.adapter(&row.adapter).map(Arc::clone);
    let (Some(adapter), Some(effective)) = (adapter, effective) else {
        return app.store.release(&row.tenant, row.id, now + SWITCHED_OFF_MS).await;
    };
    let work = Work { app: Arc::clone(app), adapter, settings: effective.settings };
    match row.state {
        State::Ready if !effective.enabled || effective.paused.contains(&row.action) => {
            if row.actor == Actor::Notification {
                return app.store.give_up_step(&row.tenant, row.id, now).await;
            }
            app.store.release(&row.tenant, row.id, now + SWITCHED_OFF_MS).await
        }
        // Somebody must consent first: the operation waits, and no call is on record.
        State::Ready if !oauth::may_call(app, &row.tenant, &*work.adapter, &work.settings).await? => {
            app.store.release(&row.tenant, row.id, now + SWITCHED_OFF_MS).await
        }
        State::Ready => work.execute(row).await,
        State::Calling => work.settle(&row, Source::Poll, Evidence::Lost).await,
        _ => work.recover(row).await,
    }
}

/// Asks what there is to a claim about a charge that has ended; `None` if its adapter cannot be asked now.
pub(super) async fn confirm(
    app: &Arc<App>,
    charge: &OperationRow,
    claim: Reference,
    age: Duration,
) -> store::Result<Option<(Evidence, Rules)>> {
    let (Some(adapter), Some(effective)) =
        (app.adapter(&charge.adapter).map(Arc::clone), app.effective(&charge.tenant, &charge.adapter).await?)
    else {
        return Ok(None);
    };
    let work = Work { app: Arc::clone(app), adapter, settings: effective.settings };
    let Some(spec) = work.adapter.descriptor().action(&charge.action) else { return Ok(None) };
    let (attempt, outbound) = (charge.attempt_id.unwrap_or_else(Uuid::now_v7), app.outbound.clone());
    let what = Asked { spec, row: charge.clone(), attempt, about: About::default(), outbound };
    Ok(Some((work.claimed(what, claim, age).await, work.rules(&charge.action))))
}

/// One adapter with one tenant's settings.
pub(super) struct Work {
    pub(super) app: Arc<App>,
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) settings: Settings,
}

impl Work {
    fn rules(&self, action: &str) -> Rules {
        rules(&self.app, &*self.adapter, action, &self.settings)
    }

    async fn execute(self, row: OperationRow) -> store::Result<()> {
        let Some(spec) = self.adapter.descriptor().action(&row.action) else {
            return self.app.store.release(&row.tenant, row.id, self.app.clock.now_ms() + SWITCHED_OFF_MS).await;
        };
        let terms = self.terms(spec, self.app.clock.now_ms());
        let open = Open { tenant: row.tenant, id: row.id, terms: terms.clone() };
        failpoint::reach("server.before_open");
        match self.app.store.open_attempt(open).await? {
            Opened::Yes(call) => self.make(spec, *call, &terms, OnDisk::default()).await,
            Opened::No => Ok(()),
        }
    }

    /// On which terms a call is made that is opened at this time.
    pub(super) fn terms(&self, spec: &ActionSpec, now: Ms) -> Terms {
        let answer_by = now + ms(spec.call_deadline);
        let attempt = Uuid::now_v7();
        Terms {
            attempt,
            reference: self.adapter.attempt_reference(spec.name, attempt),
            send_before: now + SEND_WITHIN_MS,
            answer_by,
            lease_until: answer_by + LEASE_GRACE_MS,
            now,
        }
    }

    /// Makes a call as soon as it is on record, and writes down what came of it; nothing if it never comes there.
    pub(super) async fn make(
        self,
        spec: &'static ActionSpec,
        call: OpenCall,
        terms: &Terms,
        on_disk: OnDisk,
    ) -> store::Result<()> {
        let OpenCall { operation: row, about } = call;
        let (attempt, send_before) = (terms.attempt, terms.send_before);
        let clock = self.app.clock.clone();
        let outbound = self.app.outbound.guarded(move || clock.now_ms() < send_before);
        let Some(evidence) = self.call(Asked { spec, row: row.clone(), attempt, about, outbound }, on_disk).await else {
            return Ok(());
        };
        failpoint::reach("server.before_settle");
        self.settle(&row, Source::Call { attempt }, evidence).await
    }

    async fn recover(self, row: OperationRow) -> store::Result<()> {
        let asks = row.reference.is_some() || matches!(self.rules(&row.action).recovery, Recovery::Query { .. });
        let spec = self.adapter.descriptor().action(&row.action).filter(|_| asks);
        let Some(spec) = spec else {
            // A receipt may have come while another operation could have been meant.
            webhook::matching(&self.app, &row.tenant, row.id).await?;
            return self.settle(&row, Source::Poll, Evidence::ReceiptOverdue).await;
        };
        let attempt = row.attempt_id.unwrap_or_else(Uuid::now_v7);
        let about = self.app.store.about(&row.tenant, row.id).await?;
        let what = Asked { spec, row: row.clone(), attempt, about, outbound: self.app.outbound.clone() };
        let evidence = self.question(what).await;
        self.settle(&row, Source::Poll, evidence).await
    }

    /// Executes an operation as soon as that is on record; `None` if it never is.
    async fn call(&self, what: Asked, mut on_disk: OnDisk) -> Option<Evidence> {
        let deadline = what.spec.call_deadline;
        let (app, adapter, settings) = (Arc::clone(&self.app), Arc::clone(&self.adapter), self.settings.clone());
        let mut opened = on_disk.clone();
        let work = async move {
            let execute = async |call: Call<'_>| {
                if !opened.wait().await {
                    return Err(AdapterError::new(Disposition::Transient, "it was not stored, and nothing was sent"));
                }
                failpoint::reach("server.after_open");
                let (operation, attempt, action) = (call.operation_id, call.attempt_id, call.action);
                tracing::info!(%operation, %attempt, adapter = adapter.descriptor().name, action, "calling");
                adapter.execute(&call).await
            };
            what.with(&app, &*adapter, &settings, execute).await
        };
        // It is prepared while the commit is under way, and has its whole time from then on.
        let task = tokio::spawn(work);
        if on_disk.wait().await {
            return Some(bounded(deadline, task).await);
        }
        task.abort();
        None
    }

    async fn question(&self, what: Asked) -> Evidence {
        let deadline = what.spec.call_deadline;
        let (app, adapter, settings) = (Arc::clone(&self.app), Arc::clone(&self.adapter), self.settings.clone());
        let known = what.row.reference.clone();
        let work = async move {
            what.with(&app, &*adapter, &settings, async |call| adapter.recover(&call, known.as_ref()).await).await
        };
        bounded(deadline, tokio::spawn(work)).await
    }

    async fn claimed(&self, what: Asked, claim: Reference, age: Duration) -> Evidence {
        let deadline = what.spec.call_deadline;
        let (app, adapter, settings) = (Arc::clone(&self.app), Arc::clone(&self.adapter), self.settings.clone());
        let (known, outcome) = (what.row.reference.clone(), what.row.outcome.clone());
        let work = async move {
            let receipt = outcome.as_ref().and_then(|outcome| outcome.get("receipt")?.as_str());
            let claim = Claim { reference: &claim, known: known.as_ref(), receipt, age };
            what.with(&app, &*adapter, &settings, async |call| adapter.confirm(&call, &claim).await).await
        };
        bounded(deadline, tokio::spawn(work)).await
    }

    /// Writes down what was learnt. It must not get lost: a store that is busy is tried again.
    async fn settle(&self, row: &OperationRow, source: Source, evidence: Evidence) -> store::Result<()> {
        let mut tries = 0;
        let settled = loop {
            let settle = Settle {
                tenant: row.tenant.clone(),
                id: row.id,
                source: source.clone(),
                evidence: evidence.clone(),
                rules: self.rules(&row.action),
                now: self.app.clock.now_ms(),
            };
            match self.app.store.settle(settle).await {
                Ok(settled) => break settled,
                Err(error) if tries >= SETTLE_TRIES => return Err(error),
                Err(error) => {
                    tries += 1;
                    tracing::warn!(%error, operation = %row.id, tries, "settling failed, trying again");
                    tokio::time::sleep(Duration::from_millis(50 << tries)).await;
                }
            }
        };
        failpoint::reach("server.after_settle");
        report(row, &settled);
        // News may have waited for what is known now, or for the end.
        if settled.news || settled.moved.is_some_and(|(before, after)| before != after) {
            webhook::matching(&self.app, &row.tenant, row.id).await?;
        }
        Ok(())
    }
}

fn report(row: &OperationRow, settled: &Settled) {
    let Some((before, after)) = settled.moved else { return };
    if before != after {
        tracing::info!(operation = %row.id, before = before.as_str(), after = after.as_str(), "settled");
    }
    if settled.late_success {
        tracing::warn!(operation = %row.id, "succeeded late, after it had been told otherwise");
    }
    if after == State::Unresolved && before != after {
        tracing::warn!(operation = %row.id, "unresolved: a human must look");
    }
}

/// What an adapter is asked about.
struct Asked {
    spec: &'static ActionSpec,
    row: OperationRow,
    attempt: Uuid,
    about: About,
    outbound: Outbound,
}

impl Asked {
    /// Gathers what the call needs and makes it.
    async fn with<F>(mut self, app: &App, adapter: &dyn Adapter, settings: &Settings, ask: F) -> Result<Answer, AdapterError>
    where
        F: AsyncFnOnce(Call<'_>) -> Result<Answer, AdapterError>,
    {
        let phones = std::mem::take(&mut self.about.phones);
        let row = &self.row;
        let payload = match &row.actor {
            Actor::Event => delivery::payload(app, row).await?,
            Actor::Device { .. } | Actor::Key { .. } | Actor::Operator | Actor::Notification => {
                check_payload(&row.adapter, &row.action, row.version, &row.payload)
                    .map_err(|problem| AdapterError::new(Disposition::Rejected, problem.detail))?
            }
        };
        let audience = audience::Devices::new(app, phones);
        let need = TokenNeed { settings, step: Some((row.memo.as_ref(), audience.targets())) };
        let token_name = if self.spec.needs_token { adapter.token_name(&need) } else { None };
        let (token, no_token) = match &token_name {
            None => (None, None),
            Some(name) => match tokens::access_token(app, &row.tenant, adapter, settings, name).await {
                Ok(token) => (Some(token), None),
                Err(error) => (None, Some(error)),
            },
        };
        let related = self.about.related.as_ref().map(|row| Related {
            operation_id: row.id,
            action: row.action.clone(),
            state: row.state,
            reference: row.reference.clone(),
            outcome: row.outcome.clone(),
        });
        let now = app.clock.now();
        let opened = row.first_opened_at.and_then(DateTime::from_timestamp_millis).unwrap_or(now);
        let callback = app.vault.callback_token(&row.tenant, self.attempt);
        let booked = booked(app, row, now).await?;
        let chained = self.about.chain.map(|part| chained(app, row, part));
        let names = KeptNames { store: Arc::clone(&app.store), tenant: row.tenant.clone(), adapter: row.adapter.clone() };
        let call = Call {
            tenant: &row.tenant,
            operation_id: row.id,
            action: &row.action,
            payload: &payload,
            attempt_id: self.attempt,
            effect_key: &app.vault.effect_key(&row.tenant, row.id, row.effect_number),
            memo: row.memo.as_ref(),
            related: related.as_ref(),
            booked: booked.as_ref(),
            settings,
            access_token: token.as_ref().map(|token| token.text.as_str()),
            callback_url: &format!("{}/k/{}/{callback}", app.config.base_url(), self.attempt.simple()),
            first_opened_at: opened,
            polls: row.polls,
            now,
            names: &names,
            targets: audience.targets(),
            notification: chained.as_ref(),
            repeats_unknown: row.earlier_unknown,
            outbound: &self.outbound,
        };
        let answer = match no_token {
            Some(error) => adapter.without_token(&call, error),
            None => ask(call).await,
        };
        audience.forget_dead(app).await;
        let answer = match (answer, &token, &token_name) {
            (Err(error), Some(token), Some(name)) if error.disposition == Disposition::Unauthorized => {
                tokens::refused(app, &row.tenant, adapter.descriptor().name, name, &token.text).await;
                // Tries that failed for another reason do not use up the one that a token's end is met with.
                let ended = !token.fresh && row.attempts > 1;
                Err(if ended { AdapterError { disposition: Disposition::Transient, ..error } } else { error })
            }
            (answer, ..) => answer,
        };
        let is_message = matches!(adapter.descriptor().category, Category::Messaging | Category::Push);
        if is_message && row.earlier_unknown && matches!(answer, Ok(Answer::Succeeded { .. } | Answer::Next { .. })) {
            app.metrics.count_possible_duplicate(adapter.descriptor().name);
        }
        answer
    }
}

/// What an operation of ours is to which chain.
fn chained(app: &App, row: &OperationRow, ChainPart { chain: id, retracts }: ChainPart) -> Chained {
    Chained { id, receipt_token: app.vault.receipt_token(&row.tenant, id), retracts }
}

/// What was spent since the month began, for an action that asks for the balance.
async fn booked(app: &App, row: &OperationRow, now: DateTime<Utc>) -> Result<Option<Booked>, AdapterError> {
    if row.action != "balance" {
        return Ok(None);
    }
    let midnight = now.date_naive().with_day(1).and_then(|first| first.and_hms_opt(0, 0, 0));
    let since = midnight.map_or(now, |midnight| midnight.and_utc());
    let costs = app.store.message_costs(&row.tenant, &row.adapter, since.timestamp_millis()).await;
    let failed = |error| AdapterError::new(Disposition::Transient, format!("our books could not be read: {error}"));
    Ok(Some(Booked::of(since, costs.map_err(failed)?)))
}

/// What came of a call that has a task of its own: a panic or a hang of an adapter is an answer that nobody knows.
async fn bounded(deadline: Duration, mut task: JoinHandle<Result<Answer, AdapterError>>) -> Evidence {
    let result = tokio::time::timeout(deadline, &mut task).await;
    match result {
        Ok(Ok(Ok(answer))) => Evidence::Answer(answer),
        Ok(Ok(Err(error))) => Evidence::Failure(error.into()),
        Ok(Err(_)) => {
            let panicked = AdapterError::new(Disposition::Ambiguous, "the adapter panicked");
            Evidence::Failure(panicked.with_problem(tarishi_protocol::Code::Internal).into())
        }
        Err(_) => {
            task.abort();
            Evidence::Failure(AdapterError::new(Disposition::Ambiguous, "no answer before the deadline").into())
        }
    }
}

fn ms(duration: Duration) -> Ms {
    Ms::try_from(duration.as_millis()).unwrap_or(Ms::MAX / 4)
}
