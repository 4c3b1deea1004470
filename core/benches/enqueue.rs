//! How much the durable queue costs over the bare database: side by side, in one run, on one disk.
//!
//! *Bare* is rusqlite alone: the same file, pragmas, indexes and columns, one insert and one commit for each operation. At
//! the end a table gives the ratios; the absolute numbers are those of this disk.

#![expect(clippy::unwrap_used, reason = "a bench stops where something fails")]

use std::{
    hint::black_box,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion};
use rusqlite::{Connection, params};
use tarishi_core::{
    Client, Clock as _, NewOperation, Options, SystemClock, protocol::OperationId, transport::memory::MemoryTransport,
};
use tokio::runtime::Runtime;

/// Bytes of each payload.
const PAYLOAD_BYTES: usize = 400;
/// Operations in one measured portion.
const PORTION: u32 = 320;
/// Portions of each subject, taken in turns.
const ROUNDS: usize = 9;

fn payload(n: u32) -> String {
    let head = format!(r#"{{"to":"+254711000111","message":"{n:010} "#);
    let rest = PAYLOAD_BYTES - head.len() - 2;
    format!("{head}{}\"}}", "word ".repeat(rest.div_ceil(5)).get(..rest).unwrap_or_default())
}

fn key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("key-{:016}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn operation(n: u32) -> NewOperation {
    NewOperation::new("sms", "send", payload(n)).with_key(key())
}

struct Bare(Connection);

impl Bare {
    fn open(path: &Path) -> Self {
        drop(open(path));
        let connection = Connection::open(path).unwrap();
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        if cfg!(target_vendor = "apple") {
            connection.pragma_update(None, "fullfsync", true).unwrap();
            connection.pragma_update(None, "checkpoint_fullfsync", true).unwrap();
        }
        connection.set_prepared_statement_cache_capacity(64);
        Self(connection)
    }

    fn insert(&self, n: u32) {
        let id = OperationId::generate();
        let now = SystemClock.wall_ms();
        let execute = |sql: &str| self.0.prepare_cached(sql).unwrap().execute([]).map(drop).unwrap();
        execute("BEGIN IMMEDIATE");
        let sql =
            "INSERT INTO operations (id, key, fingerprint, adapter, action, version, state, size, halt, lane, head, parked,
            created_wall, created_up, boot, expires_up, form, payload)
            VALUES (?1, ?2, ?3, 'sms', 'send', 1, 0, ?4, 0, 1, 1, 0, ?5, ?5, 1, ?6, 0, ?7)";
        let mut statement = self.0.prepare_cached(sql).unwrap();
        let (key, payload) = (key(), payload(n));
        let size = payload.len() as i64;
        let row = params![id.as_bytes(), key, [7_u8; 32], size, now, now + 604_800_000, payload.into_bytes()];
        statement.execute(row).unwrap();
        execute("COMMIT");
    }
}

fn open(path: &Path) -> Client {
    let server = Arc::new(MemoryTransport::new());
    Client::open(Options::new(path, "http://server.invalid").with_transport(server)).unwrap()
}

fn one_caller(runtime: &Runtime, client: &Client, count: u32) {
    runtime.block_on(async {
        for n in 0..count {
            black_box(client.enqueue(operation(n)).await.unwrap());
        }
    });
}

fn callers(runtime: &Runtime, client: &Client, callers: u32, count: u32) {
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..callers {
            let client = client.clone();
            tasks.push(tokio::spawn(async move {
                for n in 0..count / callers {
                    client.enqueue(operation(n)).await.unwrap();
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn many(runtime: &Runtime, client: &Client, each: u32, count: u32) {
    runtime.block_on(async {
        for _ in 0..count / each {
            let stored = client.enqueue_many((0..each).map(operation).collect()).await.unwrap();
            assert!(stored.iter().all(Result::is_ok));
        }
    });
}

/// Operations a second, from the middle one of the rounds.
fn rate(mut rounds: Vec<Duration>, count: u32) -> f64 {
    rounds.sort_unstable();
    f64::from(count) / rounds[rounds.len() / 2].as_secs_f64()
}

fn timed(work: impl FnOnce()) -> Duration {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    let began = Instant::now();
    work();
    began.elapsed()
}

fn table(runtime: &Runtime, folder: &Path) {
    let bare = Bare::open(&folder.join("table-bare.db"));
    // A file of its own for each, so that all grow alike.
    let [one, shared, hundred, thousand] = ["one", "shared", "hundred", "thousand"].map(|name| open(&folder.join(name)));
    let small = open(&folder.join("table-small.db"));
    let large = open(&folder.join("table-large.db"));
    many(runtime, &small, 500, 1_000);
    many(runtime, &large, 500, 100_000);
    let names = [
        "bare insert and commit",
        "enqueue, 1 caller",
        "enqueue, 32 callers",
        "enqueue_many of 100",
        "enqueue_many of 1000",
        "enqueue on 1,000 queued",
        "enqueue on 100,000 queued",
    ];
    let mut times: [Vec<Duration>; 7] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(timed(|| (0..PORTION).for_each(|n| bare.insert(n))));
        times[1].push(timed(|| one_caller(runtime, &one, PORTION)));
        times[2].push(timed(|| callers(runtime, &shared, 32, PORTION * 5)) / 5);
        times[3].push(timed(|| many(runtime, &hundred, 100, 3_200)) / 10);
        times[4].push(timed(|| many(runtime, &thousand, 1_000, 6_000)) * PORTION / 6_000);
        times[5].push(timed(|| one_caller(runtime, &small, PORTION)));
        times[6].push(timed(|| one_caller(runtime, &large, PORTION)));
    }
    let rates = times.map(|rounds| rate(rounds, PORTION));
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "\n| {:<28} | {:>9} | {:>6} |\n| --- | ---: | ---: |", "subject", "ops/s", "ratio");
    for (name, rate) in names.iter().zip(rates) {
        let _ = writeln!(out, "| {name:<28} | {rate:>9.0} | {:>6.2} |", rate / rates[0]);
    }
    let grown = rates[5] / rates[6];
    let _ = writeln!(out, "\n1 caller / bare = {:.2} (wanted 0.9)", rates[1] / rates[0]);
    let _ = writeln!(out, "32 callers / bare = {:.2} (wanted 8)", rates[2] / rates[0]);
    let _ = writeln!(out, "time on 100,000 / time on 1,000 = {grown:.2} (wanted at most 1.3)");
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots()
        .configure_from_args();
    let bare = Bare::open(&folder.path().join("bare.db"));
    let client = open(&folder.path().join("client.db"));
    let mut group = criterion.benchmark_group("enqueue");
    group.bench_function("bare", |bencher| bencher.iter(|| bare.insert(1)));
    group.bench_function("1 caller", |bencher| {
        bencher.iter_batched(|| operation(1), |new| runtime.block_on(client.enqueue(new)).unwrap(), BatchSize::SmallInput);
    });
    group.throughput(criterion::Throughput::Elements(320));
    group.bench_function("32 callers x 10", |bencher| bencher.iter(|| callers(&runtime, &client, 32, 320)));
    for each in [100, 1_000] {
        group.throughput(criterion::Throughput::Elements(u64::from(each)));
        group.bench_function(format!("many {each}"), |bencher| bencher.iter(|| many(&runtime, &client, each, each)));
    }
    group.finish();
    drop((bare, client));
    table(&runtime, folder.path());
    criterion.final_summary();
}
