//! A phone with a long queue stays small. At full length: `cargo run -p tarishi-tests --bin import`.

use std::time::Duration;

use tarishi_tests::import::{MEMORY_KIB_MAX, import_and_sync};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_a_phone_does_not_grow_with_its_queue() {
    let cost = import_and_sync(5_000, Duration::from_secs(120)).await.unwrap();

    println!("{cost:?}");
    assert!(cost.import_kib.max(cost.sync_kib) <= MEMORY_KIB_MAX, "{cost:?}");
}
