//! A relay before a server that keeps every answer, for `tests/run secrets`.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

use super::{
    Result,
    http1::{body_of, head_of, inflated},
};

/// What begins the record of one answer; the method, the path and the status follow.
pub(crate) const ANSWER: &str = "\n=== ";
/// Behind these a path goes on with what the server must not know by its words: the tokens of webhooks.
const TOKENS_BEHIND: [&str; 3] = ["/h/", "/k/", "/webhook/"];

type Stream = Arc<Mutex<Vec<u8>>>;

/// A relay. Dropped, it carries nothing more and writes down what was answered.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    target: Arc<OnceLock<SocketAddr>>,
    connections: Arc<Mutex<Vec<[Stream; 2]>>>,
    file: PathBuf,
    _relay: JoinSet<()>,
}

impl Recorder {
    /// A relay on a free port to a server that has yet to be named.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(file: PathBuf) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (target, connections) = (Arc::new(OnceLock::new()), Arc::new(Mutex::new(Vec::new())));
        let mut relay = JoinSet::new();
        relay.spawn(run(listener, Arc::clone(&target), Arc::clone(&connections)));
        Ok(Self { address, target, connections, file, _relay: relay })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads to, from now on and for ever.
    pub fn lead_to(&self, server: SocketAddr) {
        self.target.get_or_init(|| server);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let mut text = String::new();
        for [up, down] in locked(&self.connections).iter() {
            record(&locked(up), &locked(down), &mut text);
        }
        // A record that is not there is missed by the one who searches.
        let _ = std::fs::write(&self.file, text);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(listener: TcpListener, target: Arc<OnceLock<SocketAddr>>, connections: Arc<Mutex<Vec<[Stream; 2]>>>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (Ok((client, _)), Some(target)) = (accepted, target.get().copied()) else { continue };
                let streams = [Stream::default(), Stream::default()];
                locked(&connections).push(streams.clone());
                open.spawn(async move {
                    let Ok(server) = TcpStream::connect(target).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                    let [up, down] = streams;
                    tokio::join!(carry(from_client, to_server, up), carry(from_server, to_client, down));
                });
            }
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
}

/// Carries one direction to its end.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, all: Stream) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        locked(&all).extend_from_slice(&chunk[..length]);
        if to.write_all(&chunk[..length]).await.is_err() {
            break;
        }
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
