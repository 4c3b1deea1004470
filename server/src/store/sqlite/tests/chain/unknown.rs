//! Nobody knows whether a provider took a message: what follows, and when it is sent again.

use serde_json::json;
use tarishi_protocol::State;

use super::{
    super::answers::{RESENDABLE, failed, failure},
    S,
    stage::Stage,
};
use crate::{adapters::Disposition, store::Source};

#[tokio::test]
async fn an_unknown_answer_is_followed_after_half_of_the_wait_and_the_message_is_not_sent_again() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    let attempt = stage.desk.call(whatsapp).await;
    stage.fail(whatsapp, attempt, failure(Disposition::Ambiguous)).await;
    stage.pass_and_move(450 * S - 1).await;
    assert_eq!(stage.steps(notify).await.len(), 2);
    // Its adapter's own rule readies it for a second try just when the chain goes on.
    stage.overdue(whatsapp).await;
    stage.pass_and_move(1).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp", "sms"]);
    assert_eq!(stage.desk.open_attempt(whatsapp).await, None);
    assert_eq!(stage.desk.state(whatsapp).await, State::Failed);
    assert_eq!(stage.desk.problem(whatsapp).await, "outcome_unknown");
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_is_not_sent_again_however_early_its_report_is_overdue() {
    let stage = Stage::open().await;
    for kind in ["escalate", "wait"] {
        stage.kind(kind, json!({ "on_uncertain": kind })).await;
        let notify = stage.notify(kind, "amina").await;
        let whatsapp = stage.step(notify, 1).await;
        let attempt = stage.desk.call(whatsapp).await;
        stage.fail(whatsapp, attempt, failure(Disposition::Ambiguous)).await;
        stage.desk.pass(10 * S);
        stage.overdue(whatsapp).await;
        assert_eq!(stage.desk.state(whatsapp).await, State::Ready);
        assert_eq!(stage.desk.open_attempt(whatsapp).await, None, "{kind}");
        assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp"], "its wait is not over: {kind}");
        stage.pass_and_move(900 * S).await;
        assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp", "sms"], "{kind}");
        assert_eq!(stage.desk.problem(whatsapp).await, "outcome_unknown");
    }
}

#[tokio::test]
async fn the_last_channel_s_message_is_sent_a_second_time_within_its_wait_since_nothing_else_is_left() {
    let stage = Stage::open().await;
    for (kind, again) in [("escalate", true), ("wait", false)] {
        stage.kind(kind, json!({ "on_uncertain": kind })).await;
        let notify = stage.notify(kind, "amina").await;
        stage.desk.run(stage.step(notify, 1).await, failed()).await;
        let sms = stage.step(notify, 2).await;
        let attempt = stage.desk.call(sms).await;
        stage.fail(sms, attempt, failure(Disposition::Ambiguous)).await;
        stage.pass_and_move(3_599 * S).await;
        stage.overdue(sms).await;
        assert_eq!(stage.desk.open_attempt(sms).await.is_some(), again, "{kind}");
    }
}

#[tokio::test]
async fn a_type_that_wants_it_has_its_message_sent_a_second_time_and_no_third() {
    let stage = Stage::open().await;
    stage.kind("again", json!({ "on_uncertain": "resend_once" })).await;
    let notify = stage.notify("again", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    for _ in 0..2 {
        let attempt = stage.desk.call(whatsapp).await;
        stage.fail(whatsapp, attempt, failure(Disposition::Ambiguous)).await;
        stage.desk.pass(10 * S);
        stage.overdue(whatsapp).await;
    }
    assert_eq!(stage.desk.open_attempt(whatsapp).await, None, "twice is enough");
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp"]);
    stage.pass_and_move(900 * S).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp", "sms"]);
}

#[tokio::test]
async fn a_push_whose_answer_was_lost_has_its_second_call_before_anything_follows() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    let push = stage.step(notify, 0).await;
    let attempt = stage.desk.call(push).await;
    stage.desk.settle(push, Source::Call { attempt }, failure(Disposition::Ambiguous), RESENDABLE).await;
    assert_eq!(stage.desk.state(push).await, State::Ready);
    stage.pass_and_move(1_000 * S).await;
    assert_eq!(stage.steps(notify).await, ["push"]);
    let attempt = stage.desk.call(push).await;
    stage.desk.settle(push, Source::Call { attempt }, failure(Disposition::Ambiguous), RESENDABLE).await;
    stage.pass_and_move(150 * S).await;
    assert_eq!(stage.steps(notify).await, ["push", "whatsapp"], "one more is enough");
}
