//! What a fault does around a call: before its effect, and to its answer.

use std::io;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::Channel;
use tokio::time::sleep;

use crate::connection::Line;
use crate::fault::{CallbackFault, Fault, FaultKind};

/// How long a webhook is late when the fault does not say.
const LATE_MS: u64 = 1_000;
/// How far apart the two of a double are when the fault does not say.
const DOUBLE_MS: u64 = 20;
/// Between the first half of an answer and the end of its connection.
const HALF_PAUSE: Duration = Duration::from_millis(50);

/// The answer of a call that must not have its effect, as the error, if the fault says so. `render` writes a provider's
/// error page.
pub(crate) async fn before(
    line: &Line,
    fault: Option<&Fault>,
    render: impl FnOnce(StatusCode, Option<&str>) -> Response,
) -> Result<(), Response> {
    let Some(fault) = fault else { return Ok(()) };
    match fault.kind {
        Some(FaultKind::TimeoutBefore) => {
            sleep(fault.answer_delay()).await;
            line.cut();
            Err(StatusCode::GATEWAY_TIMEOUT.into_response())
        }
        Some(FaultKind::Status) => {
            sleep(fault.answer_delay()).await;
            let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
            Err(render(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), fault.result_code.as_deref()))
        }
        Some(FaultKind::TimeoutAfter | FaultKind::Result) | None => Ok(()),
    }
}

/// The answer of a call whose effect is done: given, given late, or lost with its connection.
pub(crate) async fn after(line: &Line, fault: Option<&Fault>, answer: Response) -> Response {
    let Some(fault) = fault else { return answer };
    sleep(fault.answer_delay()).await;
    if fault.kind != Some(FaultKind::TimeoutAfter) {
        return answer;
    }
    match fault.halved.then(|| halved(answer)) {
        Some(half) => half.await.unwrap_or_else(|| cut(line)),
        None => cut(line),
    }
}

fn cut(line: &Line) -> Response {
    line.cut();
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

/// The answer's head and the first half of its body, which says how long it would be; `None` for one without a body.
async fn halved(answer: Response) -> Option<Response> {
    let (mut head, body) = answer.into_parts();
    let whole = to_bytes(body, usize::MAX).await.ok().filter(|body| body.len() > 1)?;
    head.headers.insert(header::CONTENT_LENGTH, whole.len().into());
    let (mut sender, body) = Channel::<_, io::Error>::new(1);
    sender.send_data(whole.slice(..whole.len() / 2)).await.ok()?;
    tokio::spawn(async move {
        // Once it has left, so that the other side has begun to read.
        sleep(HALF_PAUSE).await;
        sender.abort(io::ErrorKind::ConnectionReset.into());
    });
    Some(Response::from_parts(head, Body::new(body)))
}

/// The outcome that the fault asks for.
pub(crate) fn result_of(fault: Option<&Fault>) -> Option<&str> {
    let fault = fault?;
    match fault.kind {
        Some(FaultKind::Result | FaultKind::TimeoutAfter) => fault.result_code.as_deref(),
        Some(FaultKind::TimeoutBefore | FaultKind::Status) | None => None,
    }
}

/// The pauses before each sending of the webhook: one as a rule, none when lost.
pub(crate) fn webhook_pauses(fault: Option<&Fault>) -> Vec<Duration> {
    let pause = |default| Duration::from_millis(fault.and_then(|fault| fault.delay_ms).unwrap_or(default));
    match fault.and_then(|fault| fault.callback) {
        None | Some(CallbackFault::Disordered) => vec![Duration::ZERO],
        Some(CallbackFault::Lost) => vec![],
        Some(CallbackFault::Late) => vec![pause(LATE_MS)],
        Some(CallbackFault::Double) => vec![Duration::ZERO, pause(DOUBLE_MS)],
    }
}
