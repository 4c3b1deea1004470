//! The rider: it runs once, in the transaction that next brings something to send, and takes nothing with it.

use core::sync::atomic::{AtomicU32, Ordering};

use super::super::Outbox;
use super::*;
use crate::Options;

/// A queue, and how often something came to be sent.
fn outbox() -> (tempfile::TempDir, Outbox) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("q.db"), "http://server.invalid");
    let outbox = Outbox::open(&options, broadcast::channel(8).0, watch::channel(()).0).unwrap();
    (folder, outbox)
}

async fn write(outbox: &Outbox, nudge: bool, name: &'static str) -> Result<(), Error> {
    let work = move |tx: &mut Tx<'_>| {
        tx.nudge = nudge;
        tx.connection.execute("INSERT INTO settings (name, value) VALUES (?1, '')", [name])?;
        Ok(())
    };
    outbox.write(work).await
}

fn count(connection: &Connection) -> Result<i64, Error> {
    Ok(connection.query_row("SELECT count(*) FROM settings", [], |row| row.get(0))?)
}

#[tokio::test]
async fn a_rider_runs_once_in_the_transaction_that_next_brings_something_to_send() {
    let (_folder, outbox) = outbox();
    let runs = Arc::new(AtomicU32::new(0));
    let ran = Arc::clone(&runs);
    let answer = outbox.ride(move |tx| {
        ran.fetch_add(1, Ordering::SeqCst);
        count(tx.connection)
    });
    write(&outbox, false, "nothing to send").await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    write(&outbox, true, "to send").await.unwrap();
    write(&outbox, true, "more").await.unwrap();
    assert_eq!((answer.await.unwrap().unwrap(), runs.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_rider_that_fails_takes_nothing_with_it_and_one_of_a_transaction_that_fails_does_not_run() {
    let (_folder, outbox) = outbox();
    let answer = outbox.ride(|tx| {
        tx.connection.execute("INSERT INTO settings (name, value) VALUES ('mine', '')", [])?;
        Err::<(), _>(Error::NotFound)
    });
    write(&outbox, true, "kept").await.unwrap();
    assert!(matches!(answer.await.unwrap(), Err(Error::NotFound)));
    assert_eq!(outbox.read(|connection, _| count(connection)).await.unwrap(), 1);
    let mut answer = outbox.ride(|_| Ok(()));
    write(&outbox, true, "kept").await.unwrap_err();
    assert!(answer.try_recv().is_err(), "the name is taken: nothing came");
}

#[tokio::test]
async fn a_rider_whose_answer_nobody_waits_for_stays_behind() {
    let (_folder, outbox) = outbox();
    let runs = Arc::new(AtomicU32::new(0));
    let ran = Arc::clone(&runs);
    drop(outbox.ride(move |_| Ok(ran.fetch_add(1, Ordering::SeqCst))));
    write(&outbox, true, "to send").await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}
