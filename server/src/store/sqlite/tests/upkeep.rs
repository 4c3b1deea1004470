//! The doctor finds what it is there to find. Finding 8.

use rusqlite::Connection;

use super::desk::Desk;
use crate::store::Store as _;

#[tokio::test]
async fn the_doctor_finds_an_operation_without_schedule() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    desk.healthy().await;

    let conn = Connection::open(desk.folder.path().join("t.db")).unwrap();
    conn.execute("UPDATE operations SET next_at = NULL", []).unwrap();
    let findings = desk.store.doctor(desk.now()).await.unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");

    conn.execute("UPDATE operations SET next_at = 1, state = 'calling'", []).unwrap();
    let findings = desk.store.doctor(desk.now()).await.unwrap();
    assert_eq!(findings.len(), 2, "no attempt, and long overdue: {findings:?}");
}

#[tokio::test]
async fn figures_count_what_waits_and_what_ended() {
    let desk = Desk::open().await;
    let (one, two) = (desk.sms("one"), desk.sms("two"));
    desk.send_all("d1", &[&one, &two]).await;
    desk.run(one.id, super::answers::succeeded()).await;

    let figures = desk.store.figures(desk.now()).await.unwrap();

    assert_eq!(figures.depth, [("sms".to_owned(), tarishi_protocol::State::Ready, 1)]);
    assert_eq!(figures.ended, [("sms".to_owned(), tarishi_protocol::State::Succeeded, 1)]);
    assert_eq!(figures.dead_letters, 0);
}
