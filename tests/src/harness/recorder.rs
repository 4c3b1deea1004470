//! A relay before a server that keeps every answer, for `tests/run secrets`.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf};

use super::{
    Result,
    http1::{body_of, head_of, inflated},
    relay::Relay,
};

/// What begins the record of one answer; the method, the path and the status follow.
pub(crate) const ANSWER: &str = "\n=== ";
/// Behind these a path goes on with what the server must not know by its words: the tokens of webhooks.
const TOKENS_BEHIND: [&str; 3] = ["/h/", "/k/", "/webhook/"];

/// A relay. Dropped, it carries nothing more and writes down what was answered.
#[derive(Debug)]
pub struct Recorder {
    relay: Relay,
    file: PathBuf,
}

impl Recorder {
    /// A relay on a free port to a server that has yet to be named.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(file: PathBuf) -> Result<Self> {
        Ok(Self { relay: Relay::start().await?, file })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.relay.addr()
    }

    /// Where it leads to, from now on and for ever.
    pub fn lead_to(&self, server: SocketAddr) {
        self.relay.lead_to(server);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let mut text = String::new();
        self.relay.each(|up, down| record(up, down, &mut text));
        // A record that is not there is missed by the one who searches.
        let _ = std::fs::write(&self.file, text);
    }
}

/// Writes down the answers of one connection, each with what it answers.
fn record(mut up: &[u8], mut down: &[u8], text: &mut String) {
    while let Some(answer) = head_of(down) {
        let Some(request) = head_of(up) else { return };
        let mut words = request.text.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let status = answer.text.split_whitespace().nth(1).unwrap_or_default();
        let (body, length) = if method == "HEAD" { (Vec::new(), 0) } else { body_of(down, &answer) };
        let body = if answer.gzip { inflated(&body).unwrap_or(body) } else { body };
        let _ = write!(text, "{ANSWER}{method} {} {status}\n{}{}", path(target), answer.text, String::from_utf8_lossy(&body));
        up = &up[(request.length + body_of(up, &request).1).min(up.len())..];
        down = &down[(answer.length + length).min(down.len())..];
    }
}

/// The path of a request without its query, and without tokens.
fn path(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let cut = TOKENS_BEHIND.iter().filter_map(|name| path.find(name).map(|at| at + name.len())).min();
    cut.map_or_else(|| path.to_owned(), |at| format!("{}…", &path[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_written_down_unpacked_each_with_its_request() {
        let up = b"POST /h/a-token/dlr?x=1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /metrics HTTP/1.1\r\n\r\n";
        let packed = tarishi_protocol::codec::gzip(b"tarishi_held 1");
        let down = [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nO\"\r\n1\r\nK\r\n0\r\n\r\n".as_slice(),
            format!("HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len()).as_bytes(),
            &packed,
        ]
        .concat();
        let mut text = String::new();

        record(up, &down, &mut text);

        let answers: Vec<&str> = text.split(ANSWER).skip(1).collect();
        assert_eq!(answers.len(), 2, "{text}");
        assert!(answers[0].starts_with("POST /h/… 200\n") && answers[0].ends_with("O\"K"), "{text}");
        assert!(answers[1].starts_with("GET /metrics 404\n") && answers[1].ends_with("tarishi_held 1"), "{text}");
    }
}
