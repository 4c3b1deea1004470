//! What an HTTP answer means, purely from its status, headers and body.

use core::time::Duration;

use tarishi_protocol::{Code, Problem, SyncResponse, codec, limits};

use crate::{TransportError, TransportResponse};

/// The meaning of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Verdict<T> {
    /// A whole, well-formed answer.
    Answer(Box<T>),
    /// Nothing came back, or somebody else's page did: offline.
    Unreachable,
    /// It broke off; the server may have acted.
    Interrupted,
    /// It took too long; the server may have acted.
    TimedOut,
    /// The token is not taken.
    Unauthorized,
    /// The token is taken and this account, or anything, is not allowed to it.
    Forbidden,
    /// The body has too many bytes.
    TooLarge,
    /// Come back later, and no sooner.
    NotBefore(Duration),
    /// This client is too old.
    TooOld,
    /// The request is called wrong.
    Rejected,
    /// The server failed.
    Failed,
    /// The exchange number is not above the highest seen.
    Stale,
}

impl<T> Verdict<T> {
    /// In words, for the report to support.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answered",
            Self::Unreachable => "unreachable",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed out",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::TooLarge => "too large",
            Self::NotBefore(_) => "told to wait",
            Self::TooOld => "upgrade required",
            Self::Rejected => "rejected",
            Self::Failed => "server error",
            Self::Stale => "stale exchange",
        }
    }
}

/// Reads an answer.
pub(crate) fn read<T: serde::de::DeserializeOwned>(result: Result<TransportResponse, TransportError>) -> Verdict<T> {
    let response = match result {
        Ok(response) => response,
        Err(TransportError::Unreachable | TransportError::CaptivePortal) => return Verdict::Unreachable,
        Err(TransportError::TimedOut) => return Verdict::TimedOut,
        Err(TransportError::Interrupted) => return Verdict::Interrupted,
        Err(TransportError::TooLarge) => return Verdict::Failed,
    };
    let body = match decode(&response) {
        Ok(body) => body,
        Err(codec::CodecError::Damaged) => return Verdict::Interrupted,
        Err(codec::CodecError::TooLarge(_)) => return Verdict::Failed,
    };
    let page = is_page(&response, &body);
    let problem: Option<Problem> = serde_json::from_slice(&body).ok();
    match response.status {
        300..=399 | 511 => Verdict::Unreachable,
        200..=299 | 400..=404 | 407 if page => Verdict::Unreachable,
        200..=299 => match serde_json::from_slice(&body) {
            Ok(answer) => Verdict::Answer(Box::new(answer)),
            Err(error) if error.is_eof() => Verdict::Interrupted,
            Err(_) => Verdict::Failed,
        },
        400 | 422 => Verdict::Rejected,
        401 => Verdict::Unauthorized,
        403 => Verdict::Forbidden,
        408 => Verdict::TimedOut,
        409 if problem.as_ref().is_some_and(|problem| problem.is(Code::StaleExchange)) => Verdict::Stale,
        413 => Verdict::TooLarge,
        426 => Verdict::TooOld,
        429 | 503 => match retry_after(&response, problem.as_ref()) {
            Some(wait) => Verdict::NotBefore(wait),
            None => Verdict::Failed,
        },
        _ => Verdict::Failed,
    }
}

/// The body, decompressed and bounded. Some platforms decompress by themselves and leave the header, so the bytes decide:
/// no JSON text begins like gzip.
fn decode(response: &TransportResponse) -> Result<Vec<u8>, codec::CodecError> {
    let gzip = response.body.starts_with(&[0x1f, 0x8b]);
    if !gzip && response.body.len() > limits::DECODED_BYTES_MAX {
        return Err(codec::CodecError::TooLarge(limits::DECODED_BYTES_MAX));
    }
    if gzip { codec::gunzip(&response.body, limits::DECODED_BYTES_MAX) } else { Ok(response.body.clone()) }
}

fn is_page(response: &TransportResponse, body: &[u8]) -> bool {
    let html = response.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    html || body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

fn retry_after(response: &TransportResponse, problem: Option<&Problem>) -> Option<Duration> {
    let header = response.header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    header.or_else(|| problem.and_then(|problem| problem.retry_after_ms).map(Duration::from_millis))
}

/// The verdict on `/sync`.
pub(crate) type SyncVerdict = Verdict<SyncResponse>;

#[cfg(test)]
mod tests {
    use super::*;

    fn read_status(status: u16, headers: &[(&str, &str)], body: &[u8]) -> SyncVerdict {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(Ok(TransportResponse { status, headers, body: body.to_vec() }))
    }

    const GOOD: &[u8] = br#"{"server_time":"2026-11-24T08:00:00Z","cursor":null}"#;

    #[test]
    fn a_whole_answer_is_read_plain_or_compressed() {
        assert!(matches!(read_status(200, &[], GOOD), Verdict::Answer(_)));
        assert!(matches!(read_status(200, &[], &codec::gzip(GOOD)), Verdict::Answer(_)));
        assert!(matches!(read_status(200, &[("content-encoding", "gzip")], GOOD), Verdict::Answer(_)));
    }

    #[test]
    fn a_cut_answer_is_an_interruption_and_never_a_shorter_answer() {
        for cut in 0..GOOD.len() {
            assert!(matches!(read_status(200, &[], &GOOD[..cut]), Verdict::Interrupted), "{cut}");
        }
        let zipped = codec::gzip(GOOD);
        assert!(matches!(read_status(200, &[], &zipped[..zipped.len() - 1]), Verdict::Interrupted));
    }

    #[test]
    fn a_sign_in_page_or_a_redirect_is_offline() {
        assert!(matches!(read_status(200, &[("Content-Type", "text/html")], b"hello"), Verdict::Unreachable));
        assert!(matches!(read_status(200, &[], b"  <html>"), Verdict::Unreachable));
        assert!(matches!(read_status(302, &[("location", "http://portal")], b""), Verdict::Unreachable));
        assert!(matches!(read_status(404, &[], b"<html>"), Verdict::Unreachable));
        assert!(matches!(read_status(511, &[], b""), Verdict::Unreachable));
    }

    #[test]
    fn a_page_that_says_too_large_is_no_sign_in_page() {
        assert!(matches!(read_status(413, &[("content-type", "text/html")], b"<html>"), Verdict::TooLarge));
        assert!(matches!(read_status(502, &[("content-type", "text/html")], b"<html>"), Verdict::Failed));
    }

    #[test]
    fn retry_after_is_read_from_the_header_or_the_problem() {
        let wait = |verdict| match verdict {
            Verdict::NotBefore(wait) => Some(wait.as_millis()),
            _ => None,
        };
        assert_eq!(wait(read_status(429, &[("Retry-After", "7")], b"")), Some(7_000));
        let problem = serde_json::to_vec(&Problem::new(Code::Unavailable, "").with_retry_after_ms(1_500)).unwrap();
        assert_eq!(wait(read_status(503, &[], &problem)), Some(1_500));
        assert!(matches!(read_status(503, &[], b""), Verdict::Failed));
    }

    #[test]
    fn only_the_named_conflict_is_a_stale_exchange() {
        let stale = serde_json::to_vec(&Problem::new(Code::StaleExchange, "")).unwrap();
        assert!(matches!(read_status(409, &[], &stale), Verdict::Stale));
        assert!(matches!(read_status(409, &[], b""), Verdict::Failed));
    }
}
