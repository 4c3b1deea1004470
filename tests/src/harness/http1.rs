//! Reads recorded streams of HTTP/1.1, framing and compression taken off. What was cut is as it is.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

/// The head of one message.
pub(super) struct Head {
    /// Its bytes, with the empty line.
    pub(super) length: usize,
    /// Its lines, as they came.
    pub(super) text: String,
    content_length: usize,
    chunked: bool,
    /// The body is packed.
    pub(super) gzip: bool,
}

/// The head that a stream begins with, if it is whole.
pub(super) fn head_of(stream: &[u8]) -> Option<Head> {
    let length = stream.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&stream[..length]).into_owned();
    let lower = text.to_ascii_lowercase();
    let field = |name: &str| lower.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let content_length = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let chunked = field("transfer-encoding").is_some_and(|text| text.contains("chunked"));
    let gzip = field("content-encoding") == Some("gzip");
    Some(Head { length, text, content_length, chunked, gzip })
}

/// The body without its framing, and its length with it.
pub(super) fn body_of(stream: &[u8], head: &Head) -> (Vec<u8>, usize) {
    let body = &stream[head.length..];
    if !head.chunked {
        let length = head.content_length.min(body.len());
        return (body[..length].to_vec(), length);
    }
    let (mut whole, mut at) = (Vec::new(), 0);
    while let Some(line) = body[at..].windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&body[at..at + line]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size) = size else { break };
        let start = at + line + 2;
        let end = (start + size).min(body.len());
        whole.extend_from_slice(&body[start..end]);
        at = (end + 2).min(body.len());
        if size == 0 {
            break;
        }
    }
    (whole, at)
}

/// A body unpacked.
pub(super) fn inflated(body: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    MultiGzDecoder::new(body).read_to_end(&mut all).ok()?;
    Some(all)
}
