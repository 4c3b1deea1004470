//! Notifications: a double is known, and what happened to one is told to the server once.

use std::time::Duration;

use rusqlite::Connection;
use tarishi_core::{
    Error, Logout,
    protocol::{NotificationEvent, limits},
    transport::memory::Step,
};

use crate::{Client, Phone};

const RECEIVED: NotificationEvent = NotificationEvent::Received;
const OPENED: NotificationEvent = NotificationEvent::Opened;

impl Phone {
    async fn received(&self, id: &str) -> bool {
        self.client.notification_received(id).await.unwrap()
    }

    async fn opened(&self, id: &str) {
        self.client.notification_opened(id).await.unwrap();
    }

    async fn knows(&self, id: &str) -> bool {
        self.client.notification_known(id).await.unwrap()
    }

    /// What the nth request told of notifications.
    fn told(&self, nth: usize) -> Vec<(String, NotificationEvent)> {
        let receipts = self.server.requests()[nth].notification_receipts.clone();
        receipts.into_iter().map(|receipt| (receipt.notification_id, receipt.event)).collect()
    }
}

#[tokio::test]
async fn notification_receipts_travel_once() {
    let phone = Phone::new();
    assert!(phone.received("n-1").await);
    phone.clock.advance(Duration::from_secs(5));
    phone.opened("n-1").await;
    phone.sync().await;
    assert_eq!(phone.told(0), [("n-1".to_owned(), RECEIVED), ("n-1".to_owned(), OPENED)]);
    let age_ms = phone.server.requests()[0].notification_receipts[0].age_ms;
    assert!((5_000..9_000).contains(&age_ms), "{age_ms}");
    phone.sync().await;
    assert_eq!(phone.told(1), []);
}

#[tokio::test]
async fn what_an_answer_did_not_confirm_travels_again() {
    let phone = Phone::new();
    assert!(phone.received("n-1").await);
    phone.server.script([Step::status(503)]);
    phone.sync().await;
    assert_eq!((phone.told(0), phone.told(1)), (vec![("n-1".to_owned(), RECEIVED)], vec![("n-1".to_owned(), RECEIVED)]));
    phone.sync().await;
    assert_eq!(phone.told(2), []);
}

#[tokio::test]
async fn a_double_is_known_and_tells_nothing_before_and_after_a_sync_and_a_restart() {
    let phone = Phone::new();
    assert!(!phone.knows("n-1").await);
    assert!(phone.received("n-1").await && !phone.received("n-1").await && phone.knows("n-1").await);
    phone.sync().await;
    assert!(!phone.received("n-1").await);
    let phone = phone.restart();
    assert!(phone.knows("n-1").await && !phone.received("n-1").await && phone.received("n-2").await);
    phone.sync().await;
    assert_eq!((phone.told(0).len(), phone.told(1)), (1, vec![("n-2".to_owned(), RECEIVED)]));
}

#[tokio::test]
async fn to_open_one_twice_is_told_once_and_says_that_it_was_received() {
    let phone = Phone::new();
    phone.opened("n-1").await;
    assert!(phone.knows("n-1").await && !phone.received("n-1").await);
    phone.opened("n-1").await;
    phone.sync().await;
    phone.opened("n-1").await;
    phone.sync().await;
    assert_eq!((phone.told(0), phone.told(1)), (vec![("n-1".to_owned(), OPENED)], Vec::new()));
}

#[tokio::test]
async fn of_two_that_ask_at_once_one_shows_it() {
    let phone = Phone::new();
    let (first, second) = tokio::join!(phone.received("n-1"), phone.received("n-1"));
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_question_writes_nothing() {
    let phone = Phone::new();
    assert!(!phone.knows("n-1").await && !phone.knows("n-1").await && phone.received("n-1").await);
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_by_its_name() {
    let phone = Phone::new();
    let longest = "n".repeat(limits::NAME_BYTES_MAX);
    assert!(phone.received(&longest).await && phone.knows(&longest).await);
    for bad in [String::new(), format!("{longest}n"), "n\n1".to_owned()] {
        let client = &phone.client;
        let answers = [
            client.notification_received(bad.as_str()).await.map(drop),
            client.notification_opened(bad.as_str()).await,
            client.notification_known(bad.as_str()).await.map(drop),
        ];
        for answer in answers {
            let Err(Error::InvalidInput(problem)) = answer else { panic!("{bad:?}: {answer:?}") };
            assert_eq!((problem.field.as_deref(), problem.code.as_str()), (Some("id"), "invalid_value"));
        }
    }
    phone.sync().await;
    assert_eq!(phone.told(0), [(longest, RECEIVED)]);
}

#[tokio::test]
async fn more_receipts_than_a_request_takes_travel_in_two() {
    let phone = Phone::new();
    for id in 0..=limits::NOTIFICATION_RECEIPTS_MAX {
        assert!(phone.received(&id.to_string()).await);
    }
    assert!(phone.sync().await.complete);
    assert_eq!((phone.told(0).len(), phone.told(1)), (500, vec![("500".to_owned(), RECEIVED)]));
}

#[tokio::test]
async fn signing_out_for_good_forgets_every_id() {
    let phone = Phone::new();
    assert!(phone.received("n-1").await);
    phone.client.logout(Logout::Discard).await.unwrap();
    let phone = phone.restart();
    assert!(!phone.knows("n-1").await);
    phone.sync().await;
    assert_eq!(phone.told(0), []);
}

#[tokio::test]
async fn what_waited_in_a_database_of_version_1_travels_and_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("queue.db");
    std::fs::write(&database, crate::recovery::V1).unwrap();
    let old = Connection::open(&database).unwrap();
    let sql = "INSERT INTO notices (notification_id, event, at_up) VALUES ('a', 'received', 1), ('b', 'received', 2), ('b', 'opened', 3)";
    old.execute_batch(sql).unwrap();
    drop(old);

    let Phone { server, clock, .. } = Phone::new();
    let client = Client::open(crate::options(folder.path(), &server, &clock)).unwrap();
    let phone = Phone { client, server, clock, folder };
    assert!(phone.knows("a").await && !phone.received("b").await);
    phone.opened("b").await;
    phone.opened("a").await;
    assert_eq!(phone.client.stats().await.unwrap()["pending"], 2, "the queue is there");
    phone.sync().await;
    let told = [("a", RECEIVED), ("b", RECEIVED), ("b", OPENED), ("a", OPENED)];
    assert_eq!(phone.told(0), told.map(|(id, event)| (id.to_owned(), event)));
}
