//! What a long queue costs a phone: memory while it is filled and sent, and time for the next `enqueue`.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tarishi_core::{Client, NewOperation, Options};
use tarishi_sandbox::{Sandbox, SandboxOptions};
use tokio::time::Instant;

use crate::harness::{Build, Exit, Phone, Process, Result, ServerProcess, binaries, import_file};

/// The most memory a phone may use, whatever its queue.
pub const MEMORY_KIB_MAX: u64 = 64 * 1024;
/// How much longer an `enqueue` may take behind a hundred thousand than behind a thousand.
pub const RATIO_MAX: f64 = 1.3;
/// How often a process's memory is looked at; the kernel keeps the peak, so only the last moments can be missed.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Operations enqueued in one transaction while a queue is prepared.
const CHUNK: usize = 1_000;

/// What filling and sending a queue took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Peak resident memory of `tarishi import`.
    pub import_kib: u64,
    /// Peak resident memory of `tarishi sync`.
    pub sync_kib: u64,
    /// How long `import` took.
    pub import: Duration,
    /// How long `sync` took, all runs together.
    pub sync: Duration,
}

/// Imports so many lines on a phone and syncs them to a server.
///
/// # Errors
/// A process fails, or not everything is sent within `patience`.
pub async fn import_and_sync(lines: usize, patience: Duration) -> Result<Cost> {
    let programs = tokio::task::spawn_blocking(|| binaries(Build::Failpoints)).await??;
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::start(SandboxOptions::default()).await?;
    let mut server = ServerProcess::new(&programs.server, folder.path(), &sandbox.url())?;
    server.start(None).await?;
    let phone = Phone::new(&programs.phone, folder.path().join("phone.db"));
    phone.init(&server.url(), &server.enrol("importer").await?).await?;
    let file = folder.path().join("operations.jsonl");
    import_file(&file, (0..lines).map(line).collect::<Vec<_>>().iter())?;

    let begun = Instant::now();
    let (exit, import_kib) = peak(phone.start(&["import", &file.to_string_lossy()], None)?).await?;
    let import = begun.elapsed();
    if exit != Exit::Code(0) {
        return Err(phone.failure(&["import"], exit));
    }
    let begun = Instant::now();
    let mut sync_kib = 0;
    loop {
        let (exit, kib) = peak(phone.start(&["sync", "--deadline", "60s"], None)?).await?;
        sync_kib = sync_kib.max(kib);
        match exit {
            Exit::Code(0) => break,
            Exit::Code(3) if begun.elapsed() < patience => {}
            Exit::Code(_) | Exit::Signal => return Err(phone.failure(&["sync"], exit)),
        }
    }
    Ok(Cost { import_kib, sync_kib, import, sync: begun.elapsed() })
}

/// Lets a process end; how it ended, and its peak memory.
async fn peak(mut process: Process) -> Result<(Exit, u64)> {
    let mut kib = 0;
    loop {
        kib = process.peak_memory_kib().unwrap_or(0).max(kib);
        if let Ok(exit) = tokio::time::timeout(LOOK_EVERY, process.wait()).await {
            return Ok((exit?, kib));
        }
    }
}

/// A harmless operation of ordinary size.
fn line(number: usize) -> Value {
    let path = format!("school/{}/class/{}/attendance", number % 97, number % 7);
    json!({ "adapter": "local_storage", "action": "list", "payload": { "path": path, "limit": 10 }, "key": format!("look-{number}") })
}

/// Median times of `count` enqueues behind `short` and behind `long` queued operations, measured in turns.
#[derive(Clone, Copy, Debug)]
pub struct Enqueues {
    /// Behind the short queue.
    pub short: Duration,
    /// Behind the long queue.
    pub long: Duration,
}

impl Enqueues {
    /// How much longer it takes behind the long queue.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.long.as_secs_f64() / self.short.as_secs_f64()
    }
}

/// Measures `enqueue` behind a short and a long queue, in turns, five times.
///
/// # Errors
/// The phone's file fails.
pub async fn enqueues(count: usize, short: usize, long: usize) -> Result<Enqueues> {
    const TURNS: usize = 5;
    let folder = tempfile::tempdir()?;
    let long_client = filled(&folder.path().join("long.db"), long).await?;
    let (mut shorts, mut longs) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let short_client = filled(&folder.path().join(format!("short-{turn}.db")), short).await?;
        shorts.push(timed(&short_client, count).await?);
        longs.push(timed(&long_client, count).await?);
    }
    Ok(Enqueues { short: median(shorts), long: median(longs) })
}

async fn filled(path: &Path, length: usize) -> Result<Client> {
    let client = Client::open(Options::new(path, "http://127.0.0.1:1"))?;
    for start in (0..length).step_by(CHUNK) {
        let chunk = (start..length.min(start + CHUNK)).map(|_| operation()).collect();
        for enqueued in client.enqueue_many(chunk).await? {
            enqueued?;
        }
    }
    Ok(client)
}

async fn timed(client: &Client, count: usize) -> Result<Duration> {
    let begun = Instant::now();
    for _ in 0..count {
        client.enqueue(operation()).await?;
    }
    Ok(begun.elapsed())
}

fn operation() -> NewOperation {
    let payload = json!({ "to": "+254711000001", "message": "m".repeat(300) });
    NewOperation::new("sms", "send", payload.to_string())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
