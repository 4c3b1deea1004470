//! What notifications are booked at, and the caps.

use serde_json::json;
use tarishi_protocol::Money;

use super::{
    super::{
        answers::failed,
        desk::{DAY, T},
    },
    S,
    stage::{Stage, sent},
};
use crate::store::Store as _;

fn kes(minor_units: i64) -> Money {
    Money::from_minor_units(minor_units, "KES").unwrap()
}

async fn booked(stage: &Stage) -> i64 {
    stage.desk.store.daily_cap(T, stage.desk.now()).await.unwrap().unwrap().1
}

#[tokio::test]
async fn a_step_is_booked_at_its_tariff_until_the_provider_says_what_it_cost() {
    let stage = Stage::open().await;
    stage.desk.store.put_daily_cap(T, Some(kes(10_000))).await.unwrap();
    let notify = stage.notify("fees", "amina").await;
    assert_eq!(booked(&stage).await, 600_000);
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.run(whatsapp, sent("accepted")).await;
    assert!(stage.deliveries(notify).await[1].estimated);
    stage.news(whatsapp, "delivered", 3, None, Some("KES 0.5500")).await;
    let row = &stage.deliveries(notify).await[1];
    assert_eq!((row.cost, row.estimated, booked(&stage).await), (550_000, false, 550_000));
    stage.news(whatsapp, "read", 4, None, Some("KES 0.9900")).await;
    assert_eq!(booked(&stage).await, 550_000, "what it cost is booked once");
    assert_eq!(stage.desk.row(notify).await.outcome.unwrap()["cost"], "KES 0.55");
}

#[tokio::test]
async fn what_was_certainly_not_sent_costs_nothing_and_a_lost_answer_costs_the_tariff() {
    let stage = Stage::open().await;
    stage.desk.store.put_daily_cap(T, Some(kes(10_000))).await.unwrap();
    let notify = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(notify, 1).await, failed()).await;
    assert_eq!(booked(&stage).await, 800_000, "the SMS alone");
    let sms = stage.step(notify, 2).await;
    let attempt = stage.desk.call(sms).await;
    stage.fail(sms, attempt, super::failure(crate::adapters::Disposition::Ambiguous)).await;
    stage.pass_and_move(DAY).await;
    let row = &stage.deliveries(notify).await[2];
    assert_eq!((row.cost, row.estimated), (800_000, true));
}

#[tokio::test]
async fn a_cost_in_another_currency_is_booked_there() {
    let stage = Stage::open().await;
    stage.desk.store.put_daily_cap(T, Some(kes(10_000))).await.unwrap();
    let notify = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(notify, 1).await;
    stage.desk.run(whatsapp, sent("accepted")).await;
    stage.news(whatsapp, "delivered", 3, None, Some("USD 0.0040")).await;
    assert_eq!(booked(&stage).await, 0);
    assert_eq!(stage.desk.row(notify).await.outcome.unwrap()["cost"], "USD 0.004");
}

#[tokio::test]
async fn a_notification_s_cap_leaves_out_what_would_pass_it() {
    let stage = Stage::open().await;
    let cap = json!({ "amount": "1.39", "currency": "KES" });
    stage.kind("capped", json!({ "max_cost": cap })).await;
    let notify = stage.notify("capped", "amina").await;
    stage.desk.run(stage.step(notify, 1).await, sent("accepted")).await;
    stage.pass_and_move(900 * S).await;
    assert_eq!(stage.steps(notify).await, ["push: no_address", "whatsapp", "sms: budget"]);
}

#[tokio::test]
async fn the_tenant_s_cap_of_a_day_holds_for_all_notifications_and_for_that_day() {
    let stage = Stage::open().await;
    stage.desk.store.put_daily_cap(T, Some(kes(119))).await.unwrap();
    let first = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(first).await, ["push: no_address", "whatsapp"]);
    let second = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(second).await, ["push: no_address", "whatsapp: daily_budget", "sms: daily_budget"]);
    stage.desk.pass(DAY);
    let tomorrow = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(tomorrow).await, ["push: no_address", "whatsapp"]);
}

#[tokio::test]
async fn figures_say_what_became_of_each_channel() {
    let stage = Stage::open().await;
    let first = stage.notify("fees", "amina").await;
    let whatsapp = stage.step(first, 1).await;
    stage.desk.run(whatsapp, sent("accepted")).await;
    stage.desk.pass(7 * S);
    stage.news(whatsapp, "delivered", 3, None, Some("KES 0.50")).await;
    let second = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(second, 1).await, sent("accepted")).await;
    stage.pass_and_move(900 * S).await;
    let figures = stage.desk.store.notification_figures(T, None, 0).await.unwrap();
    let of = |channel: &str| figures.iter().find(|row| row.channel == channel).unwrap();
    let whatsapp = of("whatsapp");
    assert_eq!((whatsapp.attempted, whatsapp.accepted, whatsapp.delivered, whatsapp.late), (2, 2, 1, 0));
    assert_eq!((whatsapp.p50_ms, whatsapp.p95_ms), (Some(7 * S), Some(7 * S)));
    assert_eq!(whatsapp.escalated, [("no_receipt".to_owned(), 1)].into());
    assert_eq!(whatsapp.cost, [("KES".to_owned(), 1_100_000)].into());
    assert_eq!(of("push").escalated, [("no_address".to_owned(), 2)].into());
    assert_eq!((of("push").attempted, of("sms").attempted), (0, 1));
    assert!(stage.desk.store.notification_figures(T, Some("other".to_owned()), 0).await.unwrap().is_empty());
}
