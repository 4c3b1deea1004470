//! A provider on the loopback that answers by a script and remembers what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How one request is answered.
#[derive(Clone, Debug)]
pub(in crate::adapters) enum Script {
    /// The request is read and the connection closed.
    HangUp,
    /// An answer.
    Answer { status: u16, headers: &'static str, body: String },
}

impl Script {
    pub(in crate::adapters) fn text(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: "", body: body.to_owned() }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(in crate::adapters) struct Seen {
    pub(in crate::adapters) method: String,
    pub(in crate::adapters) path: String,
    pub(in crate::adapters) query: String,
    /// In lower case up to the colon.
    pub(in crate::adapters) headers: Vec<String>,
    pub(in crate::adapters) body: String,
}

impl Seen {
    pub(in crate::adapters) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The provider; it is gone when this is.
pub(in crate::adapters) struct Provider {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Provider {
    /// Answers by the script; its last line stays for ever.
    pub(in crate::adapters) async fn start(script: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut lines = script.into_iter().peekable();
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let Some(request) = read(&mut stream).await else { continue };
                record.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                let Some(line) = lines.next() else { return };
                if lines.peek().is_none() {
                    lines = vec![line.clone()].into_iter().peekable();
                }
                answer(stream.get_mut(), &line).await;
            }
        });
        Self { url, seen, task }
    }

    /// Answers with these statuses and bodies, one by one; the last stays for ever.
    pub(in crate::adapters) async fn saying(lines: &[(u16, &str)]) -> Self {
        Self::start(lines.iter().map(|(status, body)| Script::text(*status, body)).collect()).await
    }

    /// An address that nobody listens at.
    pub(in crate::adapters) fn closed_address() -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub(in crate::adapters) fn url(&self) -> &str {
        &self.url
    }

    pub(in crate::adapters) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.trim().parse().ok()?;
        }
        headers.push(format!("{name}:{value}"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { method, path, query, headers, body: String::from_utf8(body).ok()? })
}

async fn answer(stream: &mut TcpStream, line: &Script) {
    let Script::Answer { status, headers, body } = line else { return };
    let text =
        format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len());
    // A client that is gone needs no answer.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
