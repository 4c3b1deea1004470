//! Where devices take their notifications, and which calls may have been made twice.

use serde_json::json;
use tarishi_protocol::{Audience, OperationId};
use uuid::Uuid;

use super::{
    answers::{MESSAGES, RESENDABLE, failure},
    desk::{Desk, T, terms},
};
use crate::{
    adapters::{Answer, Disposition},
    dispatch::policy::{Retry, Rules},
    store::{Evidence, Open, Opened, PushTokenRow, Source, Store as _},
};

fn row(desk: &Desk, device: &str, token: u8) -> PushTokenRow {
    PushTokenRow {
        tenant: T.to_owned(),
        device: device.to_owned(),
        kind: "fcm".to_owned(),
        sealed: vec![token],
        token_hash: [token; 32],
        registered_at: desk.now(),
    }
}

async fn found(desk: &Desk, tenant: &str, to: Audience) -> Vec<(String, u8)> {
    let rows = desk.store.push_tokens(tenant, &to).await.unwrap();
    rows.into_iter().map(|row| (row.device, row.sealed[0])).collect()
}

fn user(account: &str) -> Audience {
    Audience::User(account.to_owned())
}

fn phones(phones: &[(&str, u8)]) -> Vec<(String, u8)> {
    phones.iter().map(|(device, token)| ((*device).to_owned(), *token)).collect()
}

#[tokio::test]
async fn an_audience_is_its_accounts_devices_that_take_notifications() {
    let desk = Desk::open().await;
    for (device, token) in [("d1", 1), ("d2", 2), ("d3", 3)] {
        desk.store.put_push_token(row(&desk, device, token)).await.unwrap();
    }
    assert_eq!(found(&desk, T, user("amina")).await, phones(&[("d1", 1), ("d2", 2)]));
    assert_eq!(found(&desk, T, Audience::Device("d3".to_owned())).await, phones(&[("d3", 3)]));
    let list = Audience::List(["baraka", "amina", "amina", "nobody"].map(str::to_owned).to_vec());
    assert_eq!(found(&desk, T, list).await, phones(&[("d1", 1), ("d2", 2), ("d3", 3)]), "each device once");
    assert!(found(&desk, "other", user("amina")).await.is_empty());
    assert!(found(&desk, T, user("nobody")).await.is_empty());

    desk.store.revoke_device(T, "d1", desk.now()).await.unwrap();
    assert_eq!(found(&desk, T, user("amina")).await, phones(&[("d2", 2)]));
    assert!(desk.store.remove_push_token(T, "d2").await.unwrap());
    assert!(!desk.store.remove_push_token(T, "d2").await.unwrap());
    assert!(found(&desk, T, user("amina")).await.is_empty());
}

#[tokio::test]
async fn a_token_belongs_to_the_device_that_registered_it_last() {
    let desk = Desk::open().await;
    desk.store.put_push_token(row(&desk, "d1", 1)).await.unwrap();
    desk.store.put_push_token(row(&desk, "d3", 1)).await.unwrap();
    assert!(found(&desk, T, user("amina")).await.is_empty());
    assert_eq!(found(&desk, T, user("baraka")).await, phones(&[("d3", 1)]));
    desk.store.put_push_token(row(&desk, "d3", 4)).await.unwrap();
    assert_eq!(found(&desk, T, user("baraka")).await, phones(&[("d3", 4)]), "a new token takes the old one's place");
}

#[tokio::test]
async fn a_dead_token_is_forgotten_unless_it_was_registered_since() {
    let desk = Desk::open().await;
    let sent_to = row(&desk, "d1", 1);
    desk.store.put_push_token(sent_to.clone()).await.unwrap();
    desk.pass(1);
    desk.store.put_push_token(row(&desk, "d1", 1)).await.unwrap();
    assert!(!desk.store.forget_push_token(sent_to.clone()).await.unwrap(), "registered again");
    desk.store.put_push_token(row(&desk, "d1", 2)).await.unwrap();
    assert!(!desk.store.forget_push_token(sent_to).await.unwrap(), "replaced");
    assert_eq!(found(&desk, T, user("amina")).await, phones(&[("d1", 2)]));
    assert!(desk.store.forget_push_token(row(&desk, "d1", 2)).await.unwrap());
    assert!(found(&desk, T, user("amina")).await.is_empty());
}

fn rules() -> Rules {
    Rules { retry: Retry { attempts_max: 12, ..MESSAGES.retry }, ..MESSAGES }
}

/// Opens the next call and says whether it repeats one of unknown outcome.
async fn repeats(desk: &Desk, id: OperationId) -> (Uuid, bool) {
    desk.pass(60_000);
    desk.claim("sms").await;
    let (attempt, now) = (Uuid::now_v7(), desk.now());
    let open = Open { tenant: T.to_owned(), id, terms: terms(attempt, now) };
    let Opened::Yes(call) = desk.store.open_attempt(open).await.unwrap() else { panic!("ready") };
    (attempt, call.operation.earlier_unknown)
}

#[tokio::test]
async fn only_a_call_that_repeats_one_of_unknown_outcome_is_a_possible_double() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    let fails = async |attempt, disposition| {
        desk.settle(sms.id, Source::Call { attempt }, failure(disposition), rules()).await;
        desk.pass(600_000);
        desk.settle(sms.id, Source::Poll, Evidence::ReceiptOverdue, rules()).await;
    };

    let (attempt, doubt) = repeats(&desk, sms.id).await;
    assert!(!doubt, "the first");
    fails(attempt, Disposition::Transient).await;
    let (attempt, doubt) = repeats(&desk, sms.id).await;
    assert!(!doubt, "the one before did nothing");
    fails(attempt, Disposition::Ambiguous).await;
    let (attempt, doubt) = repeats(&desk, sms.id).await;
    assert!(doubt, "the one before may have been delivered");
    desk.answer(sms.id, attempt, Answer::Next { memo: json!(1) }).await;
    let (attempt, doubt) = repeats(&desk, sms.id).await;
    assert!(!doubt, "another step");
    fails(attempt, Disposition::Ambiguous).await;
    let (attempt, _) = repeats(&desk, sms.id).await;
    fails(attempt, Disposition::Transient).await;
    assert!(repeats(&desk, sms.id).await.1, "the doubt stays until the step is done");
}

#[tokio::test]
async fn a_call_whose_process_died_is_repeated_as_a_possible_double() {
    let desk = Desk::open().await;
    let sms = desk.sms("one");
    desk.send("d1", &sms).await;
    assert!(!repeats(&desk, sms.id).await.1);
    desk.pass(60_000);
    desk.settle(sms.id, Source::Poll, Evidence::Lost, RESENDABLE).await;
    assert!(repeats(&desk, sms.id).await.1);
}
