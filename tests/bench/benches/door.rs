//! From `enqueue` of a `notify` on a phone to the door of the provider of pushes, over what nobody can do without: the phone's
//! commit, the server's commit, and one round trip between the two.
//!
//! Phone, server and provider in one process, on one disk, over the loopback, in one run, in turns: the ratio is what counts. The
//! phone is in the foreground and holds an exchange, as an app does that is looked at; the server has the access token.

#![expect(clippy::unwrap_used, reason = "a bench stops where something fails")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time, and is no part of the server")]

use std::{
    fs::File,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tarishi_core::{Client, NewOperation, Options};
use tarishi_sandbox::{Sandbox, SandboxOptions};
use tarishi_server::{Config, Server, app::DEFAULT_TENANT, store::Grants};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// Rounds that are measured, after those that warm up.
const ROUNDS: usize = 300;
const WARM_UP: usize = 30;
/// Between two rounds: the phone holds its exchange again.
const PAUSE: Duration = Duration::from_millis(30);
/// Bytes of one write to the disk, and of one message to and fro: a page, and a small exchange.
const PAGE_BYTES: usize = 4_096;
const MESSAGE_BYTES: usize = 1_024;
/// What is promised.
const RATIO_MAX: f64 = 3.0;

/// In front of the provider: says when a push comes.
async fn door(provider: SocketAddr, came: UnboundedSender<Instant>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((visitor, _)) = listener.accept().await {
            tokio::spawn(carry(visitor, provider, came.clone()));
        }
    });
    address
}

async fn carry(visitor: TcpStream, provider: SocketAddr, came: UnboundedSender<Instant>) {
    let inside = TcpStream::connect(provider).await.unwrap();
    visitor.set_nodelay(true).unwrap();
    inside.set_nodelay(true).unwrap();
    let ((mut from, mut to), (mut back, mut in_)) = (visitor.into_split(), inside.into_split());
    tokio::spawn(async move { tokio::io::copy(&mut back, &mut to).await });
    let mut bytes = vec![0; 64 * 1_024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let now = Instant::now();
        if bytes[..count].windows(13).any(|part| part == b"messages:send") {
            came.send(now).unwrap();
        }
        if in_.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Somebody who says everything back.
async fn echo() -> TcpStream {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut bytes = [0; MESSAGE_BYTES];
        while stream.read_exact(&mut bytes).await.is_ok() {
            stream.write_all(&bytes).await.unwrap();
        }
    });
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn put(http: &reqwest::Client, url: &str, token: &str, body: &Value) {
    let answer = http.put(url).bearer_auth(token).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{url}: {}", answer.text().await.unwrap());
}

/// A school whose news go by push alone, and one parent with the app.
async fn school(server: &Server) {
    let app = server.app();
    let grants =
        |scopes: &[&str]| Grants { scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), ..Grants::default() };
    let key = app.make_api_key(DEFAULT_TENANT, "school", grants(&["notifications"])).await.unwrap();
    let (_, parent) = app.enrol(DEFAULT_TENANT, "amina", grants(&["notifications:notify"])).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("{}/api/v2/{path}", server.url());
    let route = json!({ "channels": [{ "channel": "push", "wait_s": 3_600 }] });
    put(&http, &url("notifications/types/news"), &key, &route).await;
    let texts = json!({ "push": { "en": { "title": "School", "body": "Closed on {{ day }}" } } });
    put(&http, &url("notifications/templates/news"), &key, &texts).await;
    put(&http, &url("devices/me/push-token"), &parent, &json!({ "kind": "fcm", "token": "fcm-of-amina" })).await;
}

#[derive(Default)]
struct Times {
    doors: Vec<Duration>,
    fsyncs: Vec<Duration>,
    round_trips: Vec<Duration>,
}

async fn round(client: &Client, number: usize, came: &mut UnboundedReceiver<Instant>) -> Duration {
    let payload = json!({ "type": "news", "to": { "user": "amina" }, "data": { "day": number.to_string() } });
    let new = NewOperation::new("notifications", "notify", payload.to_string());
    let began = Instant::now();
    client.enqueue(new).await.unwrap();
    came.recv().await.unwrap() - began
}

async fn measure() -> Times {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
    let (told, mut came) = unbounded_channel();
    let provider = sandbox.url().trim_start_matches("http://").parse().unwrap();
    let door = door(provider, told).await;
    let server = Server::start(Config::for_tests(folder.path(), &format!("http://{door}"))).await.unwrap();
    school(&server).await;
    let grants = Grants { scopes: vec!["*:*".to_owned()], ..Grants::default() };
    let (_, token) = server.app().enrol(DEFAULT_TENANT, "desk", grants).await.unwrap();
    let options = Options::new(folder.path().join("phone.db"), server.url()).with_static_token(token);
    let client = Client::open(options).unwrap();
    client.start();

    let mut file = File::create(folder.path().join("fsync")).unwrap();
    let mut echo = echo().await;
    let (page, mut message) = (vec![7; PAGE_BYTES], vec![7; MESSAGE_BYTES]);
    let mut times = Times::default();
    for number in 0..WARM_UP + ROUNDS {
        let to_the_door = round(&client, number, &mut came).await;
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        tokio::task::block_in_place(|| {
            file.write_all(&page).unwrap();
            file.sync_all().unwrap();
        });
        let fsync = began.elapsed();
        let began = Instant::now();
        echo.write_all(&message).await.unwrap();
        echo.read_exact(&mut message).await.unwrap();
        let round_trip = began.elapsed();
        if number >= WARM_UP {
            times.doors.push(to_the_door);
            times.fsyncs.push(fsync);
            times.round_trips.push(round_trip);
        }
    }
    client.stop().await;
    server.stop().await;
    times
}

/// The one below which this part of them lies, in milliseconds.
fn quantile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    let index = ((times.len() - 1) as f64 * part).round() as usize;
    times[index].as_secs_f64() * 1_000.0
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut times = runtime.block_on(measure());
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<42} {:>8} {:>8}", "", "p50 ms", "p95 ms").unwrap();
    let mut row = |name: &str, times: &mut [Duration]| {
        let (p50, p95) = (quantile(times, 0.5), quantile(times, 0.95));
        writeln!(out, "{name:<42} {p50:>8.3} {p95:>8.3}").unwrap();
        p50
    };
    let door = row("enqueue of a notify to the provider's door", &mut times.doors);
    let fsync = row("one fsync of a page", &mut times.fsyncs);
    let round_trip = row("one round trip on the loopback", &mut times.round_trips);
    let ratio = door / (2.0 * fsync + round_trip);
    writeln!(out, "{:<42} {ratio:>8.2} (at most {RATIO_MAX})", "over two fsyncs and a round trip").unwrap();
}
