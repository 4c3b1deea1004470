//! The doctor finds what it is there to find. Finding 8.

use rusqlite::Connection;

use super::{
    answers::paid,
    desk::{DAY, Desk, T},
};
use crate::{
    adapters::{Answer, News},
    store::{AttemptFilter, EventState, Ms, Retention, Store as _, WebhookEventRow, WebhookRow},
};

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

/// Each kind is kept as long as its setting says and not a moment longer; lines about money are kept for ever.
#[tokio::test]
async fn the_log_and_the_webhooks_are_kept_as_long_as_is_set() {
    let desk = Desk::open().await;
    let (charge, sms) = (desk.charge("fee-1", "FEE-1"), desk.sms("one"));
    desk.send_all("d1", &[&charge, &sms]).await;
    desk.run(charge.id, paid("TKL1")).await;
    desk.run(sms.id, super::answers::succeeded()).await;
    let webhook = WebhookRow {
        tenant: T.to_owned(),
        adapter: "sms".to_owned(),
        attempt: None,
        path: "/dlr".to_owned(),
        query: String::new(),
        body: b"id=1".to_vec(),
        received_at: desk.now(),
    };
    desk.store.store_webhook(webhook, Vec::new()).await.unwrap();
    let keep = Retention { operations: 90 * DAY, polls: 3 * DAY, webhooks: 2 * DAY };
    let kept = async || {
        desk.store.sweep(desk.now(), keep).await.unwrap();
        let filter = AttemptFilter { tenant: T.to_owned(), limit: 50, ..AttemptFilter::default() };
        let mut lines: Vec<_> = desk.store.attempts(filter).await.unwrap().into_iter().map(|line| line.adapter).collect();
        lines.sort();
        (lines, desk.store.unsettled_webhooks(T, None, 0, 10).await.unwrap().len())
    };
    let (money, both) = (vec!["mpesa".to_owned()], vec!["mpesa".to_owned(), "sms".to_owned()]);

    desk.pass(2 * DAY);
    assert_eq!(kept().await, (both.clone(), 1));
    desk.pass(1);
    assert_eq!(kept().await, (both.clone(), 0));
    desk.pass(DAY - 1);
    assert_eq!(kept().await, (both, 0));
    desk.pass(1);
    assert_eq!(kept().await, (money.clone(), 0));
    desk.pass(1_000 * DAY);
    assert_eq!(kept().await, (money, 0));
}

/// Finding 17: what is settled goes when its time is over; what is not may be money that a store's error held up.
#[tokio::test]
async fn news_that_nobody_settled_are_kept_for_a_week_at_least_and_what_was_taken_for_a_claim_until_it_is_settled() {
    let desk = Desk::open().await;
    let stored = async |reference: &str| {
        let webhook = WebhookRow {
            tenant: T.to_owned(),
            adapter: "mpesa".to_owned(),
            attempt: None,
            path: "/c".to_owned(),
            query: String::new(),
            body: b"{}".to_vec(),
            received_at: desk.now(),
        };
        let event = WebhookEventRow {
            id: 0,
            tenant: T.to_owned(),
            adapter: "mpesa".to_owned(),
            attempt: None,
            reference: Some(reference.to_owned()),
            event_id: None,
            correlation: None,
            news: News::Answer(Answer::NotFound),
            noted: false,
            received_at: desk.now(),
        };
        desk.store.store_webhook(webhook, vec![event]).await.unwrap().remove(0).id
    };
    let [done, dropped, _open, noted] = [stored("a").await, stored("b").await, stored("c").await, stored("d").await];
    desk.store.mark_event(done, EventState::Done).await.unwrap();
    desk.store.mark_event(dropped, EventState::Dropped).await.unwrap();
    desk.store.note_event(noted).await.unwrap();
    let kept = async |webhooks: Ms| {
        desk.store.sweep(desk.now(), Retention { operations: 90 * DAY, polls: DAY, webhooks }).await.unwrap();
        let conn = Connection::open(desk.folder.path().join("t.db")).unwrap();
        let sql = "SELECT group_concat(reference, '') FROM (SELECT reference FROM webhook_events ORDER BY event_row)";
        conn.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    };

    desk.pass(DAY);
    assert_eq!(kept(DAY).await, "abcd");
    desk.pass(1);
    assert_eq!(kept(DAY).await, "cd");
    desk.pass(6 * DAY - 1);
    assert_eq!(kept(DAY).await, "cd");
    desk.pass(1);
    assert_eq!(kept(9 * DAY).await, "cd", "longer, if that is set");
    assert_eq!(kept(DAY).await, "d");
    desk.store.mark_event(noted, EventState::Done).await.unwrap();
    let conn = Connection::open(desk.folder.path().join("t.db")).unwrap();
    desk.store.sweep(desk.now(), Retention { operations: 90 * DAY, polls: DAY, webhooks: DAY }).await.unwrap();
    assert_eq!(conn.query_row("SELECT count(*) FROM webhook_events", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}
