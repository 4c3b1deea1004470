//! One exchange with the server: plan, send, understand, apply.
//!
//! What fails in the database is a storage error and ends the run; it is never taken for a failed send. What fails on the
//! way is a wait; what was sent stays `in_flight` and goes again with the same keys.

use core::{pin::Pin, time::Duration};

use tarishi_protocol::{OperationId, SyncResponse, limits};
use tokio::sync::{oneshot, watch};

use super::{
    SyncReport,
    account::ask_account,
    backoff::Trouble,
    poison::{Poison, Reaction},
    send::{Cut, Sent, send},
    size::{Measure, Sizer},
    verdict::{SyncVerdict, Verdict},
};
use crate::{
    Error, Event, TokenError,
    conditions::{HARD_MS_MAX, Halt, UPGRADE_MS},
    failpoint,
    inner::Inner,
    outbox::{
        apply::{self, Asked},
        aside,
        command::Tx,
        meta,
        plan::{self, Ask, Batch},
    },
};

/// How far to jump when the server has seen a higher exchange number.
const STALE_JUMP: u64 = 1_000;
/// An answer that broke off after this long counts against the size of batches.
const SLOW_MS: i64 = 4_000;

/// What one run of exchanges learns for the next.
#[derive(Debug)]
pub(crate) struct Engine {
    sizer: Sizer,
    pub(super) poison: Poison,
    loaded: bool,
    stale: bool,
}

/// How to run one exchange.
#[derive(Debug)]
pub(crate) struct Mode {
    /// Let the server hold an empty request until there is a change.
    pub(crate) hold: bool,
    /// Milliseconds until the deadline.
    pub(crate) left_ms: Option<i64>,
    /// Cuts a held exchange short; without it none is held.
    pub(crate) cut: Option<watch::Receiver<()>>,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// It went well.
    Done { more: bool, news: bool },
    /// Try again at once, differently.
    Again,
    /// It failed; the conditions say how long to wait.
    Wait,
    /// It was held and something came up.
    Cut,
    /// Nothing can be done here.
    Halt(Error),
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self { sizer: Sizer::new(), poison: Poison::default(), loaded: false, stale: false }
    }

    /// Reads what earlier runs learnt, before anything is decided: pauses and budgets hold over a restart.
    pub(crate) async fn load(&mut self, inner: &Inner) -> Result<(), Error> {
        if !self.loaded {
            inner.load_facts().await?;
            self.loaded = true;
        }
        Ok(())
    }
}

/// Runs one exchange. On the heap and never inlined: each of its callers would hold a copy of the whole of it.
#[inline(never)]
pub(crate) fn exchange<'a>(
    inner: &'a Inner,
    engine: &'a mut Engine,
    mode: Mode,
    report: &'a mut SyncReport,
) -> Pin<Box<dyn Future<Output = Result<Step, Error>> + Send + 'a>> {
    Box::pin(run(inner, engine, mode, report))
}

async fn run(inner: &Inner, engine: &mut Engine, mode: Mode, report: &mut SyncReport) -> Result<Step, Error> {
    let mut token = match inner.options.token_source.token(None).await {
        Ok(token) => token,
        Err(error) => return Ok(no_token(inner, error)),
    };
    if inner.conditions().account.is_none()
        && let Some(step) = ask_account(inner, &mut token, report).await?
    {
        return Ok(step);
    }
    let ask = ask(inner, engine, mode.left_ms);
    let plan = move |tx: &mut Tx<'_>| plan::plan(tx, &ask);
    let mut batch = inner.outbox.write(plan.clone()).await?;
    let (mut asked_again, mut storing) = (false, None);
    let (verdict, measure) = loop {
        failpoint::hit("device.after_plan");
        let held = mode.cut.clone().filter(|_| mode.hold && !batch.carries() && !engine.poison.is_probing());
        // What cuts a held exchange short is planned in the transaction that brings it, and put into words while that is stored.
        let held = held.map(|work| cut_by_plan(inner, work, plan.clone()));
        let stored = storing.take();
        let Some(sent) = send(inner, engine, &mut batch, stored, held, &token, report).await? else { return Ok(Step::Again) };
        let (verdict, measure) = match sent {
            Sent::Cut(Some(planned)) if planned.batch.carries() && may_send(inner) => {
                batch = planned.batch;
                storing = Some(planned.stored);
                continue;
            }
            Sent::Cut(_) => return Ok(Step::Cut),
            Sent::Answer(verdict, measure) => (verdict, measure),
        };
        if matches!(verdict, Verdict::Unauthorized) && !asked_again {
            asked_again = true;
            token = match inner.options.token_source.token(Some(token)).await {
                Ok(token) => token,
                Err(error) => return Ok(no_token(inner, error)),
            };
            batch.exchange = inner.outbox.write(|tx| tx.memory.next_exchange(tx.connection)).await?;
            continue;
        }
        break (verdict, measure);
    };
    inner.conditions().last_exchange = Some((inner.wall_ms(), verdict.name()));
    let (sent, bytes) = (batch.operations.len(), measure.encoded);
    tracing::debug!(answer = verdict.name(), sent, bytes, ms = measure.elapsed_ms, "an exchange with the server");
    match verdict {
        Verdict::Answer(response) => Box::pin(answered(inner, engine, batch, *response, measure, report)).await,
        failed => failed_step(inner, engine, &batch, failed, measure).await,
    }
}

fn cut_by_plan(
    inner: &Inner,
    work: watch::Receiver<()>,
    plan: impl FnOnce(&mut Tx<'_>) -> Result<Batch, Error> + Send + 'static,
) -> Cut {
    let (planner, planned) = oneshot::channel();
    let stored = inner.outbox.ride(move |tx| {
        drop(planner.send(plan(tx)?));
        Ok(())
    });
    Cut { work, planned, stored }
}

fn may_send(inner: &Inner) -> bool {
    inner.conditions().forbidden(&inner.options, inner.now(), inner.wall_ms()).is_none()
}

fn ask(inner: &Inner, engine: &Engine, left_ms: Option<i64>) -> Ask {
    let conditions = inner.conditions();
    Ask {
        operations: engine.poison.operations_max(conditions.limits.operations.clamp(1, limits::OPERATIONS_MAX)),
        bytes: engine.sizer.room(conditions.body_bytes_max(), left_ms),
        paused: conditions.limits.paused.clone(),
    }
}

pub(super) fn no_token(inner: &Inner, error: TokenError) -> Step {
    match error {
        TokenError::NeedsSignIn => Step::Halt(inner.halt(Halt::NeedsAuth)),
        TokenError::Unavailable => wait(inner, Trouble::Unreachable),
    }
}

pub(super) fn wait(inner: &Inner, trouble: Trouble) -> Step {
    let now = inner.now();
    inner.conditions().fail(now, trouble);
    Step::Wait
}

/// Asks again tomorrow: the server may be rolled back, the app updated.
pub(super) fn too_old(inner: &Inner) -> Step {
    let now = inner.now();
    inner.conditions().upgrade_until = Some(now.saturating_add(UPGRADE_MS));
    let _ = inner.events.send(Event::UpgradeRequired);
    Step::Halt(Error::UpgradeRequired)
}

/// The server answered: take over everything it said, in one transaction.
async fn answered(
    inner: &Inner,
    engine: &mut Engine,
    batch: Batch,
    response: SyncResponse,
    measure: Measure,
    report: &mut SyncReport,
) -> Result<Step, Error> {
    let asked = Asked {
        operations: batch.operations.iter().map(|operation| operation.id).collect(),
        cancellations: batch.cancellations.clone(),
        notices_to: batch.notices_to,
    };
    // Wishes that are never answered must not be repeated without a pause.
    let ignored = !asked.cancellations.is_empty() && response.cancellations.is_empty();
    let sent = asked.operations.len();
    drop(batch);
    let token = response.token.clone();
    let (more, mut news) = (response.more, !response.changes.is_empty() || sent > 0);
    let (hard, limits) = (response.retry_after_secs, response.limits.clone());
    let counts = inner.outbox.write(move |tx| apply::apply(tx, &asked, &response)).await?;
    failpoint::hit("device.after_apply");
    report.accepted += counts.accepted;
    report.refused += counts.refused;
    if let Some(token) = token {
        inner.options.token_source.rotated(token).await;
    }
    let now = inner.now();
    {
        let mut conditions = inner.conditions();
        conditions.forgive();
        conditions.limits = limits;
        conditions.last_poll = Some(now);
        conditions.upgrade_until = None;
    }
    engine.stale = false;
    engine.sizer.went_well(measure);
    if let Some(suspect) = engine.poison.answered(sent) {
        inner.outbox.write(move |tx| aside::strike(tx, suspect.id, suspect.for_good)).await?;
    }
    if let Some(secs) = hard.filter(|secs| *secs > 0) {
        not_before(inner, Duration::from_secs(secs)).await?;
    }
    if ignored && sent == 0 && !more {
        return Ok(wait(inner, Trouble::Server));
    }
    news |= more;
    Ok(Step::Done { more, news })
}

/// The server did not answer, or not with an answer.
async fn failed_step(
    inner: &Inner,
    engine: &mut Engine,
    batch: &Batch,
    verdict: SyncVerdict,
    measure: Measure,
) -> Result<Step, Error> {
    let ids = || batch.operations.iter().map(|operation| operation.id).collect::<Vec<OperationId>>();
    match verdict {
        Verdict::Answer(_) | Verdict::Unreachable => Ok(wait(inner, Trouble::Unreachable)),
        Verdict::TimedOut => {
            engine.sizer.timed_out();
            Ok(wait(inner, Trouble::Unreachable))
        }
        Verdict::Interrupted => {
            if measure.elapsed_ms > SLOW_MS {
                engine.sizer.timed_out();
            }
            Ok(wait(inner, Trouble::Unreachable))
        }
        Verdict::Unauthorized | Verdict::Forbidden => Ok(Step::Halt(inner.halt(Halt::NeedsAuth))),
        Verdict::TooLarge if batch.operations.is_empty() => Ok(wait(inner, Trouble::Server)),
        Verdict::TooLarge => {
            too_large(inner, engine, batch, measure.encoded).await?;
            Ok(Step::Again)
        }
        Verdict::NotBefore(after) => {
            not_before(inner, after).await?;
            Ok(Step::Wait)
        }
        Verdict::TooOld => Ok(too_old(inner)),
        Verdict::Rejected => Ok(react(inner, engine.poison.failed(&ids(), true), true)),
        Verdict::Failed => Ok(react(inner, engine.poison.failed(&ids(), false), false)),
        Verdict::Stale if engine.stale => Ok(Step::Halt(inner.halt(Halt::CopiedDevice))),
        Verdict::Stale => {
            engine.stale = true;
            inner.outbox.write(|tx| tx.memory.skip_exchanges(tx.connection, STALE_JUMP)).await?;
            Ok(Step::Again)
        }
    }
}

fn react(inner: &Inner, reaction: Reaction, at_once: bool) -> Step {
    match reaction {
        Reaction::Wait => wait(inner, Trouble::Server),
        Reaction::Halve | Reaction::Probe if at_once => Step::Again,
        Reaction::Halve | Reaction::Probe => {
            // Another request than the one that failed: begin with short waits again.
            inner.conditions().forgive();
            wait(inner, Trouble::Server)
        }
    }
}

/// Halves what has too many bytes, and remembers; one operation alone cannot be helped.
pub(super) async fn too_large(inner: &Inner, engine: &mut Engine, batch: &Batch, encoded: usize) -> Result<(), Error> {
    if let [only] = &batch.operations[..] {
        let id = only.id;
        return inner.outbox.write(move |tx| aside::too_large(tx, id)).await;
    }
    engine.poison.too_large(batch.operations.len());
    let ceiling = engine.sizer.too_large(encoded);
    let limit = {
        let mut conditions = inner.conditions();
        let limit = conditions.limits.bytes.clamp(1, limits::ENCODED_BYTES_MAX);
        conditions.ceiling = Some((ceiling, limit));
        limit
    };
    let text = format!("{ceiling}:{limit}");
    inner.outbox.write(move |tx| Ok(meta::put(tx.connection, meta::CEILING, text)?)).await
}

/// The server asked for a pause; it holds over restarts.
pub(super) async fn not_before(inner: &Inner, after: Duration) -> Result<(), Error> {
    let wait = i64::try_from(after.as_millis()).unwrap_or(HARD_MS_MAX).clamp(0, HARD_MS_MAX);
    let until = inner.now().saturating_add(wait);
    inner.conditions().hard_until = Some(until);
    let work = move |tx: &mut Tx<'_>| {
        tx.context.uptime.save(tx.connection)?;
        Ok(meta::put(tx.connection, meta::HARD_UNTIL, until)?)
    };
    inner.outbox.write(work).await
}
