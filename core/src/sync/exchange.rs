//! One exchange with the server: plan, send, understand, apply.
//!
//! What fails in the database is a storage error and ends the run; it is never taken for a failed send. What fails on the
//! way is a wait; what was sent stays `in_flight` and goes again with the same keys.

use core::time::Duration;

use serde::Deserialize;
use tarishi_protocol::{Operation, OperationId, PROTOCOL, SyncRequest, SyncResponse, codec, limits};
use tokio::sync::watch;

use super::{
    SyncReport,
    backoff::Trouble,
    poison::{Poison, Reaction},
    size::{Measure, Sizer},
    verdict::{self, SyncVerdict, Verdict},
};
use crate::{
    Error, Event, TokenError, TransportError, TransportRequest, TransportResponse,
    clock::date,
    conditions::{HARD_MS_MAX, Halt, UPGRADE_MS},
    failpoint,
    inner::Inner,
    outbox::{
        apply::{self, Asked},
        aside, meta,
        plan::{self, Ask, Batch},
    },
};

/// An exchange of nothing may take this long on the worst network.
const TIMEOUT_MS: u64 = 30_000;
/// The watchdog gives a transport this long to keep its own time-out.
const WATCHDOG: Duration = Duration::from_secs(5);
/// How far to jump when the server has seen a higher exchange number.
const STALE_JUMP: u64 = 1_000;
/// An answer that broke off after this long counts against the size of batches.
const SLOW_MS: i64 = 4_000;

/// What one run of exchanges learns for the next.
#[derive(Debug)]
pub(crate) struct Engine {
    sizer: Sizer,
    poison: Poison,
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
    /// Cuts a held exchange short.
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
}

/// Runs one exchange.
pub(crate) async fn exchange(
    inner: &Inner,
    engine: &mut Engine,
    mode: Mode,
    report: &mut SyncReport,
) -> Result<Step, Error> {
    if !engine.loaded {
        inner.load_facts().await?;
        engine.loaded = true;
    }
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
    let mut batch = inner.outbox.write(move |tx| plan::plan(tx, &ask)).await?;
    failpoint::hit("device.after_plan");
    let mut asked_again = false;
    let (verdict, measure) = loop {
        let Some(sent) = send(inner, engine, &mut batch, &mode, &token, report).await? else { return Ok(Step::Again) };
        let (verdict, measure) = match sent {
            Sent::Cut => return Ok(Step::Cut),
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
    inner.conditions().last_exchange = Some((inner.wall_ms(), name_of(&verdict)));
    match verdict {
        Verdict::Answer(response) => Box::pin(answered(inner, engine, batch, *response, measure, report)).await,
        failed => failed_step(inner, engine, &batch, failed, measure).await,
    }
}

fn ask(inner: &Inner, engine: &Engine, left_ms: Option<i64>) -> Ask {
    let conditions = inner.conditions();
    Ask {
        operations: engine.poison.operations_max(conditions.limits.operations.clamp(1, limits::OPERATIONS_MAX)),
        bytes: engine.sizer.room(conditions.body_bytes_max(), left_ms),
        paused: conditions.limits.paused.clone(),
    }
}

fn no_token(inner: &Inner, error: TokenError) -> Step {
    match error {
        TokenError::NeedsSignIn => Step::Halt(inner.halt(Halt::NeedsAuth)),
        TokenError::Unavailable => wait(inner, Trouble::Unreachable),
    }
}

fn wait(inner: &Inner, trouble: Trouble) -> Step {
    let now = inner.now();
    inner.conditions().fail(now, trouble);
    Step::Wait
}

/// Asks again tomorrow: the server may be rolled back, the app updated.
fn too_old(inner: &Inner) -> Step {
    let now = inner.now();
    inner.conditions().upgrade_until = Some(now.saturating_add(UPGRADE_MS));
    let _ = inner.events.send(Event::UpgradeRequired);
    Step::Halt(Error::UpgradeRequired)
}

enum Sent {
    Answer(SyncVerdict, Measure),
    Cut,
}

/// Sends the batch; `None` if it had to be made smaller first.
async fn send(
    inner: &Inner,
    engine: &mut Engine,
    batch: &mut Batch,
    mode: &Mode,
    token: &str,
    report: &mut SyncReport,
) -> Result<Option<Sent>, Error> {
    let held = mode.hold && !batch.carries() && !engine.poison.is_probing();
    let wait_secs = if held { limits::WAIT_SECS_MAX } else { 0 };
    let account = inner.conditions().account.clone().unwrap_or_default();
    let request = SyncRequest::<&Operation> {
        protocol: PROTOCOL,
        exchange: batch.exchange,
        account,
        sent_at: date(inner.wall_ms()),
        cursor: batch.cursor.clone(),
        operations: batch.operations.iter().collect(),
        cancellations: batch.cancellations.clone(),
        notification_receipts: batch.notices.clone(),
        wait_secs,
    };
    let body = serde_json::to_vec(&request).map_err(|error| Error::Storage(error.to_string()))?;
    drop(request);
    let raw = body.len();
    let encoded = codec::encode(body);
    let size = encoded.bytes.len();
    let limit = inner.conditions().limits.bytes.clamp(1, limits::ENCODED_BYTES_MAX);
    if (size > limit || raw > limits::DECODED_BYTES_MAX) && !batch.operations.is_empty() {
        too_large(inner, engine, batch, size).await?;
        return Ok(None);
    }
    let mut headers = vec![
        ("authorization".to_owned(), format!("Bearer {token}")),
        ("content-type".to_owned(), "application/json".to_owned()),
        ("accept".to_owned(), "application/json".to_owned()),
        ("accept-encoding".to_owned(), "gzip".to_owned()),
    ];
    if encoded.gzip {
        headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
    }
    // A slow link carries about a byte in a millisecond.
    let timeout = Duration::from_millis(TIMEOUT_MS + wait_secs * 1_000 + u64::try_from(size).unwrap_or(0));
    let request = TransportRequest {
        method: "POST".to_owned(),
        path: "/api/v2/sync".to_owned(),
        headers,
        body: encoded.bytes,
        timeout,
    };
    failpoint::hit("device.before_send");
    let began = inner.now();
    let Some(result) = guarded(inner, request, if held { mode.cut.clone() } else { None }).await else {
        return Ok(Some(Sent::Cut));
    };
    let elapsed_ms = inner.now().saturating_sub(began);
    let up = u64::try_from(size).unwrap_or(0);
    count(inner, report, &result, up).await?;
    failpoint::hit("device.after_response");
    Ok(Some(Sent::Answer(verdict::read(result), Measure { raw, encoded: size, elapsed_ms })))
}

/// Sends under the watchdog; `None` if it was cut short.
async fn guarded(
    inner: &Inner,
    request: TransportRequest,
    cut: Option<watch::Receiver<()>>,
) -> Option<Result<TransportResponse, TransportError>> {
    let bound = request.timeout + WATCHDOG;
    let cut = async {
        match cut {
            Some(mut cut) => cut.changed().await.unwrap_or(()),
            None => core::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        result = tokio::time::timeout(bound, inner.transport.send(request)) => Some(result.unwrap_or(Err(TransportError::TimedOut))),
        () = cut => None,
    }
}

/// Counts what travelled, for the report and against the budget.
async fn count(
    inner: &Inner,
    report: &mut SyncReport,
    result: &Result<TransportResponse, TransportError>,
    up: u64,
) -> Result<(), Error> {
    let down = result.as_ref().map_or(0, |response| u64::try_from(response.body.len()).unwrap_or(0));
    let sent = !matches!(result, Err(TransportError::Unreachable));
    report.bytes_up += if sent { up } else { 0 };
    report.bytes_down += down;
    report.exchanges += u64::from(result.is_ok());
    let wall_ms = inner.wall_ms();
    let metered = {
        let mut conditions = inner.conditions();
        conditions.spend(wall_ms, if sent { up + down } else { 0 });
        conditions.metered
    };
    if inner.options.metered_bytes_per_day.is_some() && sent {
        let work = move |tx: &mut crate::outbox::writer::Tx<'_>| {
            meta::put(tx.connection, meta::METERED_DAY, metered.0)?;
            Ok(meta::put(tx.connection, meta::METERED_BYTES, i64::try_from(metered.1).unwrap_or(i64::MAX))?)
        };
        inner.outbox.write(work).await?;
    }
    Ok(())
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
async fn too_large(inner: &Inner, engine: &mut Engine, batch: &Batch, encoded: usize) -> Result<(), Error> {
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
async fn not_before(inner: &Inner, after: Duration) -> Result<(), Error> {
    let wait = i64::try_from(after.as_millis()).unwrap_or(HARD_MS_MAX).clamp(0, HARD_MS_MAX);
    let until = inner.now().saturating_add(wait);
    inner.conditions().hard_until = Some(until);
    let work = move |tx: &mut crate::outbox::writer::Tx<'_>| {
        tx.context.uptime.save(tx.connection)?;
        Ok(meta::put(tx.connection, meta::HARD_UNTIL, until)?)
    };
    inner.outbox.write(work).await
}

#[derive(Deserialize)]
struct Me {
    account: String,
}

/// Asks once whose token this is; `Some` is what stands in the way.
async fn ask_account(inner: &Inner, token: &mut String, report: &mut SyncReport) -> Result<Option<Step>, Error> {
    for asked_again in [false, true] {
        let request = TransportRequest {
            method: "GET".to_owned(),
            path: "/api/v2/devices/me".to_owned(),
            headers: vec![
                ("authorization".to_owned(), format!("Bearer {token}")),
                ("accept".to_owned(), "application/json".to_owned()),
                ("accept-encoding".to_owned(), "gzip".to_owned()),
            ],
            body: Vec::new(),
            timeout: Duration::from_millis(TIMEOUT_MS),
        };
        let result = guarded(inner, request, None).await.unwrap_or(Err(TransportError::TimedOut));
        count(inner, report, &result, 0).await?;
        match verdict::read::<Me>(result) {
            Verdict::Answer(me) => {
                let account = me.account.clone();
                inner.outbox.write(move |tx| Ok(meta::put(tx.connection, meta::ACCOUNT, account)?)).await?;
                inner.conditions().account = Some(me.account);
                return Ok(None);
            }
            Verdict::Unauthorized if !asked_again => match inner.options.token_source.token(Some(token.clone())).await {
                Ok(other) => *token = other,
                Err(error) => return Ok(Some(no_token(inner, error))),
            },
            Verdict::Unauthorized | Verdict::Forbidden => return Ok(Some(Step::Halt(inner.halt(Halt::NeedsAuth)))),
            Verdict::NotBefore(after) => {
                not_before(inner, after).await?;
                return Ok(Some(Step::Wait));
            }
            Verdict::TooOld => return Ok(Some(too_old(inner))),
            Verdict::Unreachable | Verdict::Interrupted | Verdict::TimedOut => {
                return Ok(Some(wait(inner, Trouble::Unreachable)));
            }
            Verdict::TooLarge | Verdict::Rejected | Verdict::Failed | Verdict::Stale => {
                return Ok(Some(wait(inner, Trouble::Server)));
            }
        }
    }
    Ok(Some(wait(inner, Trouble::Server)))
}

impl Inner {
    /// Whose queue this is, asked at the server if nobody knows yet.
    pub(crate) async fn account(&self) -> Result<String, Error> {
        let mut engine = self.flight.lock().await;
        if !engine.loaded {
            self.load_facts().await?;
            engine.loaded = true;
        }
        if let Some(account) = self.conditions().account.clone() {
            return Ok(account);
        }
        let token = self.options.token_source.token(None).await;
        let mut token = token.map_err(|error| match error {
            TokenError::NeedsSignIn => Error::NeedsAuth,
            TokenError::Unavailable => Error::Offline,
        })?;
        let step = ask_account(self, &mut token, &mut SyncReport::default()).await?;
        match step {
            Some(Step::Halt(error)) => Err(error),
            Some(_) => Err(Error::Offline),
            None => self.conditions().account.clone().ok_or(Error::Offline),
        }
    }
}

fn name_of(verdict: &SyncVerdict) -> &'static str {
    match verdict {
        Verdict::Answer(_) => "answered",
        Verdict::Unreachable => "unreachable",
        Verdict::Interrupted => "interrupted",
        Verdict::TimedOut => "timed out",
        Verdict::Unauthorized => "unauthorized",
        Verdict::Forbidden => "forbidden",
        Verdict::TooLarge => "too large",
        Verdict::NotBefore(_) => "told to wait",
        Verdict::TooOld => "upgrade required",
        Verdict::Rejected => "rejected",
        Verdict::Failed => "server error",
        Verdict::Stale => "stale exchange",
    }
}
