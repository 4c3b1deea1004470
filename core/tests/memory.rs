//! The queue's length must not show in memory: a process of its own, so that its peak means something.

#![expect(clippy::unwrap_used, reason = "a test helper stops the test")]

use std::{sync::Arc, time::Duration};

use tarishi_core::{
    Client, NewOperation, Options, Transport, TransportError, TransportRequest, TransportResponse,
    protocol::{Operation, SyncRequest, codec},
    transport::memory::friendly,
};

/// Accepts everything and remembers nothing.
struct Forgetful;

#[async_trait::async_trait]
impl Transport for Forgetful {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let gzip = request.headers.iter().any(|(name, _)| name == "content-encoding");
        let body = codec::decode(request.body, gzip, 1 << 20, 1 << 23).unwrap();
        let request: SyncRequest<Operation> = serde_json::from_slice(&body).unwrap();
        let body = serde_json::to_vec(&friendly(&request)).unwrap();
        Ok(TransportResponse { status: 200, headers: Vec::new(), body })
    }
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib / 1_024)
}

#[tokio::test]
async fn fifty_thousand_queued_operations_do_not_show_in_memory() {
    const COUNT: u32 = 50_000;
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("queue.db"), "http://server.invalid")
        .with_static_token("t")
        .with_account("acc")
        .with_transport(Arc::new(Forgetful));
    let client = Client::open(options).unwrap();
    for start in (0..COUNT).step_by(500) {
        let make = |n: u32| {
            let text = format!(r#"{{"to":"+254711000111","message":"{n} {}"}}"#, "word ".repeat(60));
            // A third has no key, a third shares one, the rest has a few hundred.
            let new = NewOperation::new("sms", "send", text);
            match n % 3 {
                0 => new,
                1 => new.with_ordering_key("one"),
                _ => new.with_ordering_key(format!("k{}", n % 300)),
            }
        };
        let stored = client.enqueue_many((start..start + 500).map(make).collect()).await.unwrap();
        assert!(stored.iter().all(Result::is_ok));
    }
    let report = client.sync(Duration::from_secs(600), None).await.unwrap();
    assert_eq!((report.accepted, report.complete), (u64::from(COUNT), true));
    if let Some(peak) = peak_mib() {
        assert!(peak <= 64, "{peak} MiB");
    }
}
