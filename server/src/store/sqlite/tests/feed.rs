//! The feed: one row a device and operation, renumbered, resumable. Finding 23.

use tarishi_protocol::{Origin, State, limits};

use super::{
    answers::{MESSAGES, succeeded, waiting},
    desk::{Desk, START, T},
};
use crate::store::{Actor, Evidence, Offered, Source, Store as _, Submission};

/// Finding 23.
#[tokio::test]
async fn an_operation_stands_in_the_feed_once_under_its_newest_number() {
    let desk = Desk::open().await;
    let (one, two) = (desk.sms("one"), desk.sms("two"));
    desk.send_all("d1", &[&one, &two]).await;
    desk.run(one.id, waiting(Some("a"))).await;
    // The claim above took both.
    let attempt = desk.open_attempt(two.id).await.unwrap();
    desk.answer(two.id, attempt, waiting(Some("b"))).await;
    desk.settle(one.id, Source::Webhook { attempt: None }, Evidence::Answer(succeeded()), MESSAGES).await;

    let answer = desk.exchange("d1", Vec::new(), &[], None).await;

    let seen: Vec<_> = answer.changes.iter().map(|change| (change.seq, change.id, change.state)).collect();
    assert_eq!(seen, [(2, two.id, State::Waiting), (3, one.id, State::Succeeded)]);
    assert!(answer.cursor.unwrap().ends_with(".3"));
}

/// Finding 10: the cursor is the acknowledgement; the same cursor gives the same news.
#[tokio::test]
async fn a_lost_answer_is_read_again_with_the_same_cursor() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    desk.run(sms.id, succeeded()).await;

    let first = desk.exchange("d1", Vec::new(), &[], None).await;
    let again = desk.exchange("d1", Vec::new(), &[], None).await;
    let then = desk.exchange("d1", Vec::new(), &[], again.cursor.clone()).await;

    assert_eq!(first.changes, again.changes);
    assert!(then.changes.is_empty() && !then.reset);
    assert_eq!(then.cursor, again.cursor);
}

/// Finding 50: an answer is bounded, and says that there is more.
#[tokio::test]
async fn a_long_feed_comes_in_pages() {
    let desk = Desk::open().await;
    let all: Vec<_> = (0..=limits::CHANGES_MAX).map(|n| desk.sms(&format!("message {n}"))).collect();
    for chunk in all.chunks(200) {
        desk.send_all("d1", &chunk.iter().collect::<Vec<_>>()).await;
    }
    for operation in &all {
        desk.cancel("d1", operation.id).await;
    }

    let first = desk.exchange("d1", Vec::new(), &[], None).await;
    let second = desk.exchange("d1", Vec::new(), &[], first.cursor.clone()).await;

    assert_eq!((first.changes.len(), first.more), (limits::CHANGES_MAX, true));
    assert_eq!((second.changes.len(), second.more), (1, false));
}

/// Finding 28: a backend's operation is told to every device of the account, as the server's.
#[tokio::test]
async fn a_backends_operation_is_told_to_every_device_of_the_account() {
    let desk = Desk::open().await;
    let sms = desk.sms("from the office");
    let submission = Submission {
        tenant: T.to_owned(),
        actor: Actor::Key { key: "office".to_owned() },
        account: "office".to_owned(),
        deliver_to: Some("amina".to_owned()),
        preview: desk.take(&sms),
        now: START,
    };
    desk.store.submit(submission, Offered::default()).await.unwrap();

    for device in ["d1", "d2"] {
        let changes = desk.exchange(device, Vec::new(), &[], None).await.changes;
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].id, changes[0].origin, changes[0].adapter.as_deref()), (sms.id, Origin::Server, Some("sms")));
    }
    assert!(desk.exchange("d3", Vec::new(), &[], None).await.changes.is_empty());
}

/// Finding 27: a poll reads only; where all feeds end is one question.
#[tokio::test]
async fn a_poll_and_the_heads_tell_the_same() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    desk.run(sms.id, succeeded()).await;

    let answer = desk.store.poll_feed(T, "d1", None, desk.now()).await.unwrap();
    let devices = ["d1", "d2", "nobody"].map(|device| (T.to_owned(), device.to_owned())).to_vec();
    let heads = desk.store.feed_heads(devices).await.unwrap();

    assert_eq!(answer.changes.len(), 1);
    assert_eq!(heads, [answer.changes[0].seq, 0, 0]);
}
