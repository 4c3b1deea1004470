//! How many operations a second Rust enqueues, one by one and in lists: the measure for the Kotlin and Swift programs that do
//! the same. Prints one line of JSON. `bindings/tools/figures.sh` runs all three in turns.

#![expect(clippy::print_stdout, reason = "the figures are its output")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::{error::Error, time::Instant};

use tarishi_core::{Client, NewOperation, Options};

/// Calls of `enqueue`, one after the other.
const SINGLE: u32 = 2_000;
/// Calls of `enqueue_many`, one after the other.
const LISTS: u32 = 100;
/// Operations in each list.
const LIST: u32 = 100;
/// What comes before the measured calls.
const WARM_UP: u32 = 200;

fn operation(n: u32) -> NewOperation {
    let message = "word ".repeat(70);
    let payload = format!(r#"{{"to":"+254711000111","message":"{n:010} {message}"}}"#);
    NewOperation::new("sms", "send", payload).with_key(format!("rate-{n}"))
}

fn per_second(count: u32, began: Instant) -> f64 {
    f64::from(count) / began.elapsed().as_secs_f64()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // On the disk: /tmp may be memory.
    let place = std::env::var_os("TARISHI_FOLDER").map_or_else(std::env::temp_dir, Into::into);
    std::fs::create_dir_all(&place)?;
    let folder = tempfile::TempDir::new_in(place)?;
    let client = Client::open(Options::new(folder.path().join("rate.db"), "http://127.0.0.1:9").with_account("acc_rate"))?;
    let mut next = 0..;
    for n in next.by_ref().take(WARM_UP as usize) {
        client.enqueue(operation(n)).await?;
    }
    let began = Instant::now();
    for n in next.by_ref().take(SINGLE as usize) {
        client.enqueue(operation(n)).await?;
    }
    let single = per_second(SINGLE, began);
    let began = Instant::now();
    for _ in 0..LISTS {
        let list = next.by_ref().take(LIST as usize).map(operation).collect();
        for result in client.enqueue_many(list).await? {
            result?;
        }
    }
    println!(r#"{{"single_per_sec": {single:.0}, "list_per_sec": {:.0}}}"#, per_second(LISTS * LIST, began));
    Ok(())
}
