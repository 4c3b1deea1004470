//! The notification chain's transactions: each rule of it, and the orders of events that would reach a person twice or never.

mod costs;
mod quiet;
mod retract;
mod stage;
mod unknown;

use std::time::Duration;

use serde_json::json;
use tarishi_protocol::State;

use self::stage::{Stage, sent};
use super::{
    answers::{failed, failure},
    desk::{DAY, T},
};
use crate::{
    adapters::Disposition,
    dispatch::policy::Failure,
    store::{ChainState, Evidence, Signal, Store as _},
};

const S: i64 = 1_000;

#[tokio::test]
async fn a_notification_goes_to_the_first_channel_and_ends_when_the_phone_says_that_it_came() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    assert_eq!(stage.desk.state(notify).await, State::Waiting);
    assert_eq!(stage.steps(notify).await, ["push"]);
    let push = stage.step(notify, 0).await;
    stage.desk.run(push, sent("accepted")).await;
    assert_eq!(stage.chain(notify).await, ChainState::Active, "that FCM took it says nothing of the phone");

    stage.signal(notify, Signal::Received).await;
    assert_eq!(stage.chain(notify).await, ChainState::Succeeded);
    let row = stage.desk.row(notify).await;
    assert_eq!((row.state, row.outcome), (State::Succeeded, Some(json!({ "state": "succeeded", "channel": "push" }))));
    stage.pass_and_move(DAY).await;
    assert_eq!(stage.steps(notify).await, ["push"], "nothing follows a success");
    stage.desk.healthy().await;
}

#[tokio::test]
async fn each_channel_has_its_wait_and_the_next_follows_it() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(notify, 0).await, sent("accepted")).await;
    stage.pass_and_move(299 * S).await;
    assert_eq!(stage.steps(notify).await, ["push"]);
    stage.pass_and_move(S).await;
    assert_eq!(stage.steps(notify).await, ["push", "whatsapp"]);
    stage.desk.run(stage.step(notify, 1).await, sent("accepted")).await;
    stage.pass_and_move(900 * S).await;
    assert_eq!(stage.steps(notify).await, ["push", "whatsapp", "sms"]);
    stage.desk.run(stage.step(notify, 2).await, sent("sent")).await;
    stage.pass_and_move(3_600 * S).await;
    assert_eq!(stage.chain(notify).await, ChainState::Unconfirmed);
    let row = stage.desk.row(notify).await;
    assert_eq!((row.state, row.outcome.unwrap()["channel"].clone()), (State::Succeeded, json!("sms")));
    stage.desk.healthy().await;
}

#[tokio::test]
async fn a_long_queue_of_ours_leaves_no_channel_out_and_a_wait_counts_from_the_first_call() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    stage.pass_and_move(1_000 * S).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp"]);
    stage.desk.run(stage.step(notify, 1).await, sent("accepted")).await;
    stage.pass_and_move(899 * S).await;
    assert_eq!(stage.steps(notify).await.len(), 2);
    stage.pass_and_move(S).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp", "sms"]);
}

#[tokio::test]
async fn a_provider_that_closes_while_its_step_waits_is_left_at_once() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    stage.person("baraka", json!({ "phone": "+254712000002" })).await;
    let other = stage.step(stage.notify("fees", "baraka").await, 1).await;
    let attempt = stage.desk.call(other).await;
    let Evidence::Failure(limited) = failure(Disposition::RateLimited) else { panic!("it is one") };
    let limited = Failure { retry_after: Some(Duration::from_secs(3_600)), ..limited };
    stage.fail(other, attempt, Evidence::Failure(limited)).await;
    stage.pass_and_move(450 * S).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp", "sms"]);
}

#[tokio::test]
async fn waits_outlive_the_process() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(notify, 0).await, sent("accepted")).await;
    let stage = stage.reopen();
    stage.pass_and_move(300 * S).await;
    assert_eq!(stage.steps(notify).await, ["push", "whatsapp"]);
}

#[tokio::test]
async fn a_refusal_is_followed_at_once_and_tells_the_app_when_nothing_is_left() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    for leg in 0..3 {
        stage.desk.run(stage.step(notify, leg).await, failed()).await;
    }
    assert_eq!(stage.steps(notify).await, ["push", "whatsapp", "sms"]);
    assert_eq!(stage.chain(notify).await, ChainState::Exhausted);
    let row = stage.desk.row(notify).await;
    assert_eq!((row.state, row.problem.unwrap().provider_code.as_deref()), (State::Failed, Some("exhausted")));
    stage.desk.healthy().await;
}

#[tokio::test]
async fn a_person_without_the_app_goes_to_the_next_channel_and_one_without_anything_is_told() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp"]);
    let nobody = stage.notify("fees", "nobody").await;
    assert_eq!(stage.steps(nobody).await, ["push: no_address", "whatsapp: no_address", "sms: no_address"]);
    assert_eq!(stage.desk.state(nobody).await, State::Failed);
}

#[tokio::test]
async fn a_receipt_that_comes_while_the_next_step_waits_in_its_lane_withdraws_the_step() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(notify, 0).await, sent("accepted")).await;
    stage.pass_and_move(300 * S).await;
    let whatsapp = stage.step(notify, 1).await;
    assert_eq!(stage.desk.state(whatsapp).await, State::Ready);
    stage.signal(notify, Signal::Opened).await;
    assert_eq!(stage.desk.state(whatsapp).await, State::Cancelled);
    assert_eq!(stage.desk.open_attempt(whatsapp).await, None, "it is not called any more");
    assert_eq!(stage.chain(notify).await, ChainState::Succeeded);
    let late = stage.deliveries(notify).await[0].late;
    assert!(late, "it came after the chain had gone on");
}

#[tokio::test]
async fn a_step_that_was_claimed_before_the_receipt_is_not_called_after_it() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.claim("whatsapp").await;
    stage.signal(notify, Signal::Done).await;
    assert_eq!(stage.desk.open_attempt(whatsapp).await, None);
    assert_eq!(stage.desk.state(whatsapp).await, State::Cancelled);
}

#[tokio::test]
async fn a_provider_keeps_a_push_no_longer_than_the_chain_waits_for_it() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    let payload: serde_json::Value = serde_json::from_str(&stage.desk.row(stage.step(notify, 0).await).await.payload).unwrap();
    assert_eq!(payload["ttl_s"], 300);
}

#[tokio::test]
async fn every_text_may_name_the_notification_by_the_id_that_all_channels_have() {
    let stage = Stage::open().await;
    let texts = json!({ "sms": { "en": { "text": "See school.ke/n/{{ ntf }}" } } });
    stage.texts("fees", texts).await;
    let notify = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(notify).await, ["push: no_text", "whatsapp: no_text", "sms"]);
    let payload: serde_json::Value = serde_json::from_str(&stage.desk.row(stage.step(notify, 2).await).await.payload).unwrap();
    let id = stage.people(notify).await[0].id.simple().to_string();
    assert_eq!(payload["message"], format!("See school.ke/n/{id}"));
}

#[tokio::test]
async fn what_arrives_after_the_chain_went_on_is_kept_on_record_and_ends_it() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.run(whatsapp, sent("accepted")).await;
    stage.pass_and_move(900 * S).await;
    stage.desk.run(stage.step(notify, 2).await, sent("sent")).await;
    stage.report(whatsapp, "delivered", 3).await;
    assert_eq!(stage.chain(notify).await, ChainState::Succeeded);
    stage.report(whatsapp, "sent", 1).await;
    let whatsapp = &stage.deliveries(notify).await[1];
    assert!(whatsapp.late && whatsapp.reach == Some(crate::chain::Reach::Delivered), "and never goes backwards");
    assert_eq!(stage.desk.row(notify).await.outcome.unwrap()["channel"], "whatsapp");
}

#[tokio::test]
async fn a_failure_that_is_reported_later_is_followed_at_once_and_what_was_learnt_spares_the_next_one() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.run(whatsapp, sent("accepted")).await;
    stage.report_failed(whatsapp, "131026: no WhatsApp on this number").await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp", "sms"]);

    let next = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(next).await, ["push: no_address", "whatsapp: unreachable", "sms"]);
    stage.desk.pass(30 * DAY);
    let later = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(later).await, ["push: no_address", "whatsapp"], "believed for thirty days");
}

#[tokio::test]
async fn a_phone_of_which_nothing_was_heard_for_thirty_days_is_left_out_where_there_is_another_way() {
    let stage = Stage::open().await;
    stage.app("amina", "d2").await;
    stage.desk.pass(30 * DAY - 1);
    let notify = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(notify).await, ["push"]);
    stage.desk.pass(1);
    let notify = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(notify).await, ["push: stale", "whatsapp"]);
    stage.person("amina", json!({})).await;
    let notify = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(notify).await, ["push"], "better than nothing");
    stage.person("amina", json!({ "phone": "+254712000001" })).await;
    stage.app("amina", "d2").await;
    let notify = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(notify).await, ["push"], "it was heard of again");
}

#[tokio::test]
async fn what_was_learnt_of_a_number_goes_with_the_number() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.run(whatsapp, sent("accepted")).await;
    stage.report_failed(whatsapp, "131026: no WhatsApp on this number").await;
    stage.person("amina", json!({ "phone": "+254712000009" })).await;
    let next = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(next).await, ["push: no_address", "whatsapp"]);
}

#[tokio::test]
async fn a_person_who_writes_back_has_read_it() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(notify, 1).await, sent("accepted")).await;
    stage.reply("sms", "+254712000001").await;
    assert_eq!(stage.chain(notify).await, ChainState::Active, "nothing was sent by this channel");
    stage.reply("whatsapp", "+254712000002").await;
    assert_eq!(stage.chain(notify).await, ChainState::Active, "somebody else's number");
    stage.reply("whatsapp", "+254712000001").await;
    assert_eq!(stage.chain(notify).await, ChainState::Succeeded);
    assert!(stage.deliveries(notify).await[1].read_at.is_some());
}

#[tokio::test]
async fn a_phone_speaks_for_its_own_account_alone() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    let notify = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(notify, 0).await, sent("accepted")).await;
    stage.receipt_of("d3", notify).await;
    assert_eq!(stage.chain(notify).await, ChainState::Active, "another family's phone");
    stage.receipt_of("d2", notify).await;
    assert_eq!(stage.chain(notify).await, ChainState::Succeeded);
}

#[tokio::test]
async fn a_list_is_spread_page_by_page_and_ends_with_how_many_stand_how() {
    let stage = Stage::open().await;
    let people: Vec<String> = (0..250).map(|number| format!("parent-{number}")).collect();
    for person in people.iter().take(2) {
        stage.person(person, json!({ "phone": "+254712000077" })).await;
    }
    let notify = stage.notify_list("fees", &people).await;
    assert_eq!(stage.total(notify).await, 100);
    for spread in [200, 250, 250] {
        stage.desk.store.spread_notification(T, notify, stage.desk.now()).await.unwrap();
        assert_eq!(stage.total(notify).await, spread);
    }
    assert_eq!(stage.desk.state(notify).await, State::Waiting);
    for person in people.iter().take(2) {
        let step = stage.step_of(notify, person, 1).await;
        stage.desk.run(step, sent("delivered")).await;
    }
    let row = stage.desk.row(notify).await;
    assert_eq!(row.state, State::Succeeded);
    assert_eq!(row.outcome.unwrap()["counts"], json!({ "exhausted": 248, "succeeded": 2, "total": 250 }));
    stage.desk.healthy().await;
}

#[tokio::test]
async fn the_same_within_the_window_is_sent_once() {
    let stage = Stage::open().await;
    let first = stage.notify_with("fees", json!({ "user": "amina" }), Some("FEE-17")).await;
    let second = stage.notify_with("fees", json!({ "user": "amina" }), Some("FEE-17")).await;
    let other = stage.notify_with("fees", json!({ "user": "amina" }), Some("FEE-18")).await;
    assert_eq!(stage.chain(second).await, ChainState::Duplicate);
    assert_eq!(stage.desk.row(second).await.outcome.unwrap()["state"], "duplicate");
    assert_eq!((stage.chain(first).await, stage.chain(other).await), (ChainState::Active, ChainState::Active));
    stage.desk.pass(600 * S);
    let later = stage.notify_with("fees", json!({ "user": "amina" }), Some("FEE-17")).await;
    assert_eq!(stage.chain(later).await, ChainState::Active);
}

#[tokio::test]
async fn a_channel_that_is_switched_off_costs_no_wait() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.store.give_up_step(T, whatsapp, stage.desk.now()).await.unwrap();
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp", "sms"]);
    assert_eq!(stage.desk.state(whatsapp).await, State::Cancelled);
}

#[tokio::test]
async fn no_channel_begins_after_the_deadline() {
    let stage = Stage::open().await;
    stage.kind("short", json!({ "deadline_s": 600 })).await;
    let notify = stage.notify("short", "amina").await;
    stage.desk.run(stage.step(notify, 1).await, sent("accepted")).await;
    stage.pass_and_move(900 * S).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp"]);
    assert_eq!(stage.chain(notify).await, ChainState::Unconfirmed);
}

#[tokio::test]
async fn a_type_without_fallback_stays_with_its_first_channel() {
    let stage = Stage::open().await;
    stage.kind("approve", json!({ "fallback_allowed": false })).await;
    let notify = stage.notify("approve", "amina").await;
    assert_eq!(stage.steps(notify).await, ["push: no_address"]);
    assert_eq!(stage.chain(notify).await, ChainState::Exhausted);
}

#[tokio::test]
async fn a_late_receipt_makes_a_failure_a_success() {
    let stage = Stage::open().await;
    let notify = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.run(whatsapp, sent("accepted")).await;
    stage.report_failed(whatsapp, "131000: something went wrong").await;
    stage.desk.run(stage.step(notify, 2).await, failed()).await;
    assert_eq!(stage.desk.state(notify).await, State::Failed);
    stage.report(whatsapp, "delivered", 3).await;
    assert_eq!((stage.desk.state(notify).await, stage.chain(notify).await), (State::Succeeded, ChainState::Succeeded));
}

#[tokio::test]
async fn a_notify_that_may_have_begun_before_a_backup_was_put_back_is_not_begun_by_itself() {
    let stage = Stage::open().await;
    let notify = stage.notify_held("fees", "amina").await;
    stage.desk.store.spread_notification(T, notify, stage.desk.now()).await.unwrap();
    assert_eq!(stage.desk.state(notify).await, State::Calling, "whoever looks next finds that its answer was lost");
    assert!(stage.people(notify).await.is_empty());
}

#[tokio::test]
async fn a_notify_that_is_too_old_or_whose_type_is_gone_ends_and_says_so() {
    let stage = Stage::open().await;
    let unknown = stage.notify("nothing", "amina").await;
    assert_eq!((stage.desk.state(unknown).await, stage.desk.problem(unknown).await.as_str()), (State::Failed, "not_found"));
}

#[tokio::test]
async fn a_step_is_opened_in_the_transaction_that_takes_its_notification() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    for channel in ["push", "whatsapp", "sms"] {
        stage.desk.offer(channel, "send");
    }

    let notify = stage.notify("fees", "amina").await;

    let push = stage.step(notify, 0).await;
    let call = stage.desk.opened.lock().unwrap().remove(0);
    assert_eq!((call.operation.id, stage.desk.row(push).await.state), (push, State::Calling));
    let chain = call.about.chain.unwrap();
    assert_eq!((chain.chain, chain.retracts), (stage.people(notify).await[0].id, false));
    assert_eq!(call.about.phones.iter().map(|row| row.device.as_str()).collect::<Vec<_>>(), ["d1"]);
    stage.signal(notify, Signal::Received).await;
    assert_eq!(stage.chain(notify).await, ChainState::Succeeded);
    stage.desk.healthy().await;
}

#[tokio::test]
async fn of_a_list_the_one_that_is_alone_in_its_lane_is_opened_and_the_others_are_claimed() {
    let stage = Stage::open().await;
    stage.app("amina", "d1").await;
    stage.person("juma", json!({ "phone": "+254712000002" })).await;
    stage.person("neema", json!({ "phone": "+254712000003" })).await;
    for channel in ["push", "whatsapp", "sms"] {
        stage.desk.offer(channel, "send");
    }

    let notify = stage.notify_list("fees", &["amina".to_owned(), "juma".to_owned(), "neema".to_owned()]).await;

    assert_eq!(stage.desk.opened(), [stage.step_of(notify, "amina", 0).await]);
    assert_eq!(stage.desk.claim("whatsapp").await.len(), 2);
    stage.desk.healthy().await;
}
