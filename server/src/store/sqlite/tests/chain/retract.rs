//! A push is taken back when another channel was first, and only if a phone may show it unread.

use serde_json::Value;
use tarishi_protocol::{OperationId, State};

use super::{
    super::{
        answers::{RESENDABLE, failed, failure},
        desk::T,
    },
    S,
    stage::{Stage, sent},
};
use crate::{
    adapters::Disposition,
    store::{ChainPart, ChainState, Signal, Source, Store as _},
};

/// A push that nobody confirms, and the WhatsApp message after it.
async fn after_the_push(stage: &Stage) -> OperationId {
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(notify, 0).await, sent("accepted")).await;
    stage.pass_and_move(300 * S).await;
    notify
}

/// What waits to be called by push.
async fn waiting(stage: &Stage) -> Vec<OperationId> {
    stage.desk.claim("push").await
}

#[tokio::test]
async fn a_push_that_nobody_confirmed_is_taken_back_when_another_channel_is_known_to_have_come() {
    let stage = Stage::open().await;
    let notify = after_the_push(&stage).await;
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.run(whatsapp, sent("accepted")).await;
    assert!(waiting(&stage).await.is_empty(), "nobody knows yet that it came");
    stage.report(whatsapp, "delivered", 3).await;
    assert_eq!(stage.chain(notify).await, ChainState::Succeeded);
    let [retraction] = waiting(&stage).await.try_into().unwrap();
    let chain = stage.people(notify).await[0].id;
    let about = stage.desk.store.about(T, retraction).await.unwrap();
    assert_eq!(about.chain, Some(ChainPart { chain, retracts: true }));
    let payload: Value = serde_json::from_str(&stage.desk.row(retraction).await.payload).unwrap();
    assert_eq!(
        (&payload["to"]["user"], &payload["ttl_s"], &payload["priority"]),
        (&"amina".into(), &86_400.into(), &"normal".into())
    );
    let attempt = stage.desk.open_attempt(retraction).await.unwrap();
    stage.desk.answer(retraction, attempt, sent("accepted")).await;
    stage.report(whatsapp, "read", 4).await;
    assert!(waiting(&stage).await.is_empty(), "once");
    assert_eq!(stage.steps(notify).await, ["push", "whatsapp"], "it is no step");
    stage.desk.healthy().await;
}

#[tokio::test]
async fn what_is_done_already_is_taken_back_too() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(notify, 0).await, sent("accepted")).await;
    stage.signal(notify, Signal::Done).await;
    assert_eq!(waiting(&stage).await.len(), 1);
}

#[tokio::test]
async fn a_push_that_was_opened_or_that_no_phone_can_show_is_not_taken_back() {
    let stage = Stage::open().await;
    let notify = after_the_push(&stage).await;
    stage.desk.run(stage.step(notify, 1).await, sent("accepted")).await;
    stage.signal(notify, Signal::Opened).await;
    assert!(waiting(&stage).await.is_empty(), "it was opened");

    let refused = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(refused, 0).await, failed()).await;
    stage.desk.run(stage.step(refused, 1).await, sent("delivered")).await;
    assert_eq!(stage.chain(refused).await, ChainState::Succeeded);
    assert!(waiting(&stage).await.is_empty(), "FCM never took it");

    let unsent = stage.notify("fees", "amina").await;
    let push = stage.step(unsent, 0).await;
    stage.signal(unsent, Signal::Done).await;
    assert_eq!(stage.desk.state(push).await, State::Cancelled);
    assert!(waiting(&stage).await.is_empty(), "it was never sent");
}

#[tokio::test]
async fn a_push_of_unknown_outcome_is_taken_back_and_one_that_is_being_called_after_its_call() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    let push = stage.step(notify, 0).await;
    let attempt = stage.desk.call(push).await;
    stage.desk.settle(push, Source::Call { attempt }, failure(Disposition::Ambiguous), RESENDABLE).await;
    stage.signal(notify, Signal::Done).await;
    assert_eq!(stage.desk.state(push).await, State::Failed);
    assert_eq!(waiting(&stage).await.len(), 1);

    let calling = stage.notify("fees", "amina").await;
    stage.desk.call(stage.step(calling, 0).await).await;
    stage.signal(calling, Signal::Done).await;
    assert!(waiting(&stage).await.is_empty(), "it would overtake the push");
    stage.desk.pass(45 * S);
    assert!(!waiting(&stage).await.is_empty());
}

#[tokio::test]
async fn what_is_opened_meanwhile_is_not_taken_back() {
    let stage = Stage::open().await;
    let notify = after_the_push(&stage).await;
    stage.desk.run(stage.step(notify, 1).await, sent("delivered")).await;
    let [retraction] = waiting(&stage).await.try_into().unwrap();
    stage.signal(notify, Signal::Opened).await;
    assert_eq!(stage.desk.open_attempt(retraction).await, None);
    assert_eq!(stage.desk.state(retraction).await, State::Cancelled);
    stage.desk.healthy().await;
}
