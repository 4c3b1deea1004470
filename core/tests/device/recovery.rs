use std::{
    io::{Read, Seek, SeekFrom, Write},
    time::Duration,
};

use tarishi_core::{Client, DeviceState};

use crate::{Phone, bare, charge, sms};

/// The first released schema. Queued operations of every released version must open in every later one.
pub(crate) const V1: &[u8] = include_bytes!("v1.outbox");

#[tokio::test]
async fn a_database_of_version_1_opens_with_its_queue() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("queue.db");
    std::fs::write(&database, V1).unwrap();
    let client = Client::open(bare(&database)).unwrap();
    let stats = client.stats().await.unwrap();
    assert_eq!((stats["pending"], stats["accepted"], stats["succeeded"]), (2, 1, 1));
    let all = client.list(tarishi_core::Filter::default()).await.unwrap();
    assert_eq!(all[2].key, "fee-v1");
    assert!(all[2].payload.as_ref().unwrap().contains("1000.00"));
    assert_eq!(client.recovery(), None);
}

/// Writes the file above; run by hand when a schema is released.
#[tokio::test]
async fn a_file_of_this_schema_can_be_kept_for_later_versions() {
    let phone = Phone::new();
    phone.add(sms("done")).await;
    phone.add(sms("accepted")).await;
    phone.server.script([crate::answer_with(|_, response| {
        response.receipts[0].state = Some(tarishi_core::protocol::State::Succeeded);
    })]);
    phone.sync().await;
    phone.add(charge("fee-v1").with_ordering_key("student:1")).await;
    phone.add(sms("second").with_ordering_key("student:1")).await;
    phone.client.suspend(Duration::from_secs(1)).await.unwrap();
    let bytes = std::fs::read(phone.database()).unwrap();
    assert!(bytes.starts_with(b"SQLite format 3"));
    if let Some(path) = std::env::var_os("TARISHI_KEEP_SCHEMA") {
        std::fs::write(path, bytes).unwrap();
    }
}

/// Overwrites every place where this text stands.
fn damage(path: &std::path::Path, text: &[u8], with: &[u8]) -> usize {
    let mut file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let places: Vec<_> = (0..bytes.len() - text.len()).filter(|at| &bytes[*at..*at + text.len()] == text).collect();
    for at in &places {
        file.seek(SeekFrom::Start(*at as u64)).unwrap();
        file.write_all(with).unwrap();
    }
    places.len()
}

async fn closed_with(operations: usize) -> Phone {
    let phone = Phone::new();
    phone.client.enqueue_many((0..operations).map(|n| sms(&format!("text {n}"))).collect()).await.unwrap();
    phone.add(charge("fee-1").with_ordering_key("k")).await;
    phone.client.suspend(Duration::from_secs(1)).await.unwrap();
    phone
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_read_row_by_row() {
    let phone = closed_with(2_000).await;
    let (path, length) = (phone.database(), std::fs::metadata(phone.database()).unwrap().len());
    let Phone { client, server, clock, folder } = phone;
    drop(client);
    let mut file = std::fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(length / 2 / 4_096 * 4_096)).unwrap();
    file.write_all(&[0xA5; 8_192]).unwrap();
    drop(file);
    let client = Client::open(crate::options(folder.path(), &server, &clock)).unwrap();
    let recovery = client.recovery().unwrap();
    assert!(recovery.set_aside.exists());
    assert!(recovery.salvaged > 1_500, "{recovery:?}");
    let phone = Phone { client, server, clock, folder };
    let stats = phone.client.stats().await.unwrap();
    assert_eq!(stats["pending"], 0, "what is salvaged counts as maybe sent");
    assert_eq!(stats["in_flight"] + stats["dead"], recovery.salvaged);
    assert_eq!(stats["dead"], recovery.unreadable);
    assert!(phone.sync().await.complete);
    assert!(phone.add(charge("fee-1")).await.state != DeviceState::Pending || recovery.salvaged < 2_001);
}

#[tokio::test]
async fn a_payload_whose_bits_flipped_is_never_sent() {
    let phone = closed_with(3).await;
    let path = phone.database();
    let Phone { client, server, clock, folder } = phone;
    drop(client);
    assert_eq!(damage(&path, b"\"1000.00\"", b"\"9000.00\""), 1);
    // Something the check finds, so that the file is salvaged at all.
    damage(&path, b"operations_settled", b"operations_settl\x00\x00");
    let client = Client::open(crate::options(folder.path(), &server, &clock)).unwrap();
    let phone = Phone { client, server, clock, folder };
    let recovery = phone.client.recovery().unwrap();
    assert_eq!((recovery.salvaged, recovery.unreadable), (4, 1));
    phone.sync().await;
    assert_eq!(phone.sent(0).len(), 3);
    let all = phone.all().await;
    assert_eq!(all[3].state, DeviceState::Dead);
    assert!(all[3].problem.as_ref().unwrap().is(tarishi_core::protocol::Code::Unreadable));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside_too() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("queue.db");
    for round in 1..=2 {
        std::fs::write(&database, vec![7; 10_000]).unwrap();
        let client = Client::open(bare(&database)).unwrap();
        let recovery = client.recovery().unwrap();
        assert_eq!((recovery.salvaged, recovery.set_aside.exists()), (0, true));
        assert!(recovery.set_aside.to_string_lossy().ends_with(&format!("corrupt-{round}")));
        client.enqueue(sms("a")).await.unwrap();
    }
}
