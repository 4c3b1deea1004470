//! Quiet hours: the desk's clock starts at 11:00 in Nairobi.

use serde_json::json;
use tarishi_protocol::State;

use super::{
    S,
    stage::{Stage, sent},
};
use crate::store::ChainState;

const HOUR: i64 = 3_600 * S;

#[tokio::test]
async fn quiet_hours_put_off_the_whole_chain_and_do_not_count() {
    let stage = Stage::open().await;
    stage.kind("calm", json!({ "quiet_hours": { "from": "21:00", "until": "06:00" } })).await;
    stage.desk.pass(11 * HOUR);
    let notify = stage.notify("calm", "amina").await;
    assert_eq!(stage.steps(notify).await, ["push: no_address"]);
    stage.pass_and_move(8 * HOUR - S).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address"], "06:00 is not over yet");
    stage.pass_and_move(S).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp"]);
    stage.desk.run(stage.step(notify, 1).await, sent("accepted")).await;
    stage.pass_and_move(900 * S).await;
    assert_eq!(stage.steps(notify).await.len(), 3, "the deadline of two hours stood still in the night");
}

#[tokio::test]
async fn a_step_that_waited_into_quiet_hours_is_sent_when_they_end() {
    let stage = Stage::open().await;
    stage.kind("calm", json!({ "quiet_hours": { "from": "11:02", "until": "12:00" } })).await;
    let notify = stage.notify("calm", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    stage.pass_and_move(150 * S).await;
    assert_eq!(stage.desk.open_attempt(whatsapp).await, None);
    assert_eq!(stage.desk.state(whatsapp).await, State::Ready);
    stage.pass_and_move(57 * 60 * S + 30 * S).await;
    assert!(stage.desk.open_attempt(whatsapp).await.is_some());
    assert_eq!(stage.steps(notify).await.len(), 2);
}

#[tokio::test]
async fn quiet_hours_drop_what_is_worth_nothing_later() {
    let stage = Stage::open().await;
    stage.kind("now", json!({ "quiet_hours": { "from": "11:00", "until": "12:00", "rule": "drop" } })).await;
    let notify = stage.notify("now", "amina").await;
    assert_eq!(stage.chain(notify).await, ChainState::Dropped);
    assert_eq!(stage.desk.row(notify).await.problem.unwrap().provider_code.as_deref(), Some("dropped"));
}

#[tokio::test]
async fn the_person_s_own_time_zone_counts() {
    let stage = Stage::open().await;
    stage.kind("calm", json!({ "quiet_hours": { "from": "10:30", "until": "12:00" } })).await;
    stage.person("amina", json!({ "phone": "+254712000001", "time_zone": "Africa/Lagos" })).await;
    let notify = stage.notify("calm", "amina").await;
    assert_eq!(stage.steps(notify).await.len(), 2, "it is 09:00 in Lagos");
}
