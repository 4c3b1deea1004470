//! A problem as an HTTP answer.

use std::any::Any;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tarishi_protocol::{Code, Problem};

use crate::store;

/// A problem on its way out.
#[derive(Debug)]
pub struct Refusal(pub Problem);

impl Refusal {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Problem::new(code, detail))
    }

    pub(super) fn field(code: Code, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(Problem::new(code, detail).with_field(field))
    }

    /// No such thing, or somebody else's: the same words for both.
    pub(super) fn not_found() -> Self {
        Self::new(Code::NotFound, "there is no such thing here")
    }

    pub(super) fn forbidden(detail: &str) -> Self {
        Self::new(Code::Forbidden, detail)
    }

    /// Whatever is wrong with the credential: the same words.
    pub(super) fn unauthorized() -> Self {
        Self::new(Code::Unauthorized, "a valid token or key is needed")
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            store::Error::Closed => Self::new(Code::Unavailable, "the server is stopping"),
            store::Error::Database(_)
            | store::Error::Locked
            | store::Error::Newer(..)
            | store::Error::Io(_)
            | store::Error::Damaged(_)
            | store::Error::Key(_) => Self::new(Code::Internal, "the server failed; nothing was lost"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = problem.retry_after_ms.map(|ms| HeaderValue::from(ms.div_ceil(1_000)));
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = retry_after {
            headers.insert(header::RETRY_AFTER, secs);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

pub(super) async fn no_such_route() -> Refusal {
    Refusal::not_found()
}

pub(super) async fn no_such_method() -> Refusal {
    Refusal::new(Code::MethodNotAllowed, "this method does not exist here")
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that tower-http calls")]
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = text.unwrap_or_default(), "a request's handler panicked");
    Refusal::new(Code::Internal, "the server failed; nothing was lost").into_response()
}
