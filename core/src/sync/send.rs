//! Puts a batch on the wire, under a watchdog, and counts what travelled.

use core::time::Duration;

use tarishi_protocol::{Operation, PROTOCOL, SyncRequest, codec, limits};
use tokio::sync::{oneshot, watch};

use super::{
    SyncReport,
    exchange::{Engine, too_large},
    size::Measure,
    verdict::{self, SyncVerdict},
};
use crate::{
    Error, Transport, TransportError, TransportRequest, TransportResponse,
    clock::date,
    failpoint,
    inner::Inner,
    outbox::{command::Tx, meta, plan::Batch},
};

/// An exchange of nothing may take this long on the worst network.
pub(super) const TIMEOUT_MS: u64 = 30_000;
/// The watchdog gives a transport this long to keep its own time-out.
const WATCHDOG: Duration = Duration::from_secs(5);

/// What came of sending.
pub(super) enum Sent {
    Answer(SyncVerdict, Measure),
    /// Cut short, with the batch to send now if that is planned already.
    Cut(Option<Planned>),
}

/// What cuts a held exchange short.
pub(super) struct Cut {
    /// Something came up.
    pub(super) work: watch::Receiver<()>,
    /// And was planned at once, in a transaction that is under way.
    pub(super) planned: oneshot::Receiver<Batch>,
    /// That transaction is over.
    pub(super) stored: Stored,
}

/// A batch that may go as soon as it is stored.
pub(super) struct Planned {
    pub(super) batch: Batch,
    pub(super) stored: Stored,
}

/// Whether a plan was stored: what was not must not be sent.
pub(super) type Stored = oneshot::Receiver<Result<(), Error>>;

/// Sends the batch as soon as it is stored, held by the server until it is cut short if it may be; `None` if it had to be made
/// smaller first.
pub(super) async fn send(
    inner: &Inner,
    engine: &mut Engine,
    batch: &mut Batch,
    stored: Option<Stored>,
    held: Option<Cut>,
    token: &str,
    report: &mut SyncReport,
) -> Result<Option<Sent>, Error> {
    let wait_secs = if held.is_some() { limits::WAIT_SECS_MAX } else { 0 };
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
    if let Some(stored) = stored
        && !matches!(stored.await, Ok(Ok(())))
    {
        return Ok(Some(Sent::Cut(None)));
    }
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
    let request =
        TransportRequest { method: "POST".to_owned(), path: "/api/v2/sync".to_owned(), headers, body: encoded.bytes, timeout };
    failpoint::hit("device.before_send");
    let began = inner.now();
    let result = match guarded(&*inner.transport, request, held).await {
        Ok(result) => result,
        Err(planned) => return Ok(Some(Sent::Cut(planned))),
    };
    let elapsed_ms = inner.now().saturating_sub(began);
    let up = u64::try_from(size).unwrap_or(0);
    count(inner, report, &result, up).await?;
    failpoint::hit("device.after_response");
    Ok(Some(Sent::Answer(verdict::read(result), Measure { raw, encoded: size, elapsed_ms })))
}

/// Sends under the watchdog; `Err` if it was cut short.
pub(super) async fn guarded(
    transport: &dyn Transport,
    request: TransportRequest,
    cut: Option<Cut>,
) -> Result<Result<TransportResponse, TransportError>, Option<Planned>> {
    let bound = request.timeout + WATCHDOG;
    let sending = if cut.is_some() { transport.hold(request) } else { transport.send(request) };
    let cut = async {
        let Some(Cut { mut work, planned, stored }) = cut else { return core::future::pending().await };
        tokio::select! {
            biased;
            Ok(batch) = planned => Some(Planned { batch, stored }),
            _ = work.changed() => None,
        }
    };
    tokio::select! {
        biased;
        result = tokio::time::timeout(bound, sending) => Ok(result.unwrap_or(Err(TransportError::TimedOut))),
        planned = cut => Err(planned),
    }
}

/// Counts what travelled, for the report and against the budget.
pub(super) async fn count(
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
        let work = move |tx: &mut Tx<'_>| {
            meta::put(tx.connection, meta::METERED_DAY, metered.0)?;
            Ok(meta::put(tx.connection, meta::METERED_BYTES, i64::try_from(metered.1).unwrap_or(i64::MAX))?)
        };
        inner.outbox.write(work).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        Options,
        transport::memory::{MemoryTransport, Step},
    };

    fn request() -> TransportRequest {
        let body = br#"{"protocol":1,"exchange":1,"account":"a","sent_at":"2026-11-24T08:00:00Z","cursor":null}"#.to_vec();
        let (method, path) = ("POST".to_owned(), "/api/v2/sync".to_owned());
        TransportRequest { method, path, headers: Vec::new(), body, timeout: Duration::from_secs(30) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watchdog_ends_an_exchange_whose_transport_never_returns() {
        let server = MemoryTransport::new();
        server.script([Step::Hang]);
        let result = guarded(&server, request(), None).await;
        assert_eq!(result.map(Result::unwrap_err).ok(), Some(TransportError::TimedOut));
    }

    /// What cuts an exchange short that a server never answers: something came, and the plan for it, if there is one.
    async fn cut(plan: Option<Batch>) -> Option<Planned> {
        let server = MemoryTransport::new();
        server.script([Step::Hang]);
        let (work, came) = watch::channel(());
        let (planner, planned) = oneshot::channel();
        match plan {
            Some(batch) => planner.send(batch).unwrap(),
            None => drop(planner),
        }
        work.send_replace(());
        let (_storing, stored) = oneshot::channel();
        guarded(&server, request(), Some(Cut { work: came, planned, stored })).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn something_new_cuts_a_held_exchange_even_if_it_came_before_the_send() {
        assert!(cut(None).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_planned_as_it_came_cuts_a_held_exchange_with_its_batch() {
        let planned = cut(Some(Batch { exchange: 7, ..Batch::default() })).await;
        assert_eq!(planned.unwrap().batch.exchange, 7);
    }

    /// Sends a batch whose transaction ends so; says what came of it, and how many requests the server saw.
    async fn sent_after(storing: Option<Result<(), Error>>) -> (Sent, usize) {
        let (folder, server) = (tempfile::tempdir().unwrap(), MemoryTransport::new());
        let options = Options::new(folder.path().join("q.db"), "http://server.invalid");
        let inner = Inner::open(options.with_transport(Arc::new(server.clone()))).unwrap();
        let (mut engine, mut batch, mut report) = (Engine::new(), Batch::default(), SyncReport::default());
        let (tell, stored) = oneshot::channel();
        match storing {
            Some(result) => tell.send(result).unwrap(),
            None => drop(tell),
        }
        let sent = send(&inner, &mut engine, &mut batch, Some(stored), None, "token", &mut report).await;
        (sent.unwrap().unwrap(), server.requests().len())
    }

    #[tokio::test]
    async fn what_was_planned_goes_when_it_is_stored_and_not_if_it_is_not() {
        assert!(matches!(sent_after(Some(Ok(()))).await, (Sent::Answer(..), 1)));
        assert!(matches!(sent_after(Some(Err(Error::Storage("full".to_owned())))).await, (Sent::Cut(None), 0)));
        assert!(matches!(sent_after(None).await, (Sent::Cut(None), 0)));
    }
}
