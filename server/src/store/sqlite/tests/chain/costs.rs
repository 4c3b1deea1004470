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
use crate::{
    chain::{Channel, DailyCaps},
    store::{NOTIFICATIONS_BUDGET, Store as _},
};

fn kes(minor_units: i64) -> Money {
    Money::from_minor_units(minor_units, "KES").unwrap()
}

async fn caps(stage: &Stage, caps: DailyCaps) {
    stage.desk.store.put_notification_caps(T, caps.clone()).await.unwrap();
    assert_eq!(stage.desk.store.notification_caps(T).await.unwrap(), caps);
}

/// What the tenant was told of its caps: of which, and at what part of it.
async fn told(stage: &Stage) -> Vec<(String, i64)> {
    let events = stage.desk.store.events_of_kind(T, NOTIFICATIONS_BUDGET, 0).await.unwrap();
    let word = |data: &serde_json::Value| data["channel"].as_str().unwrap_or("all").to_owned();
    events.iter().map(|event| (word(&event.data), event.data["percent"].as_i64().unwrap())).collect()
}

async fn booked(stage: &Stage) -> i64 {
    stage.desk.store.booked_today(T, None, "KES", stage.desk.now()).await.unwrap()
}

#[tokio::test]
async fn a_step_is_booked_at_its_tariff_until_the_provider_says_what_it_cost() {
    let stage = Stage::open().await;
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
    caps(&stage, DailyCaps { daily_cap: Some(kes(119)), ..DailyCaps::default() }).await;
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

#[tokio::test]
async fn a_channel_s_cap_of_a_day_leaves_the_others_open() {
    let stage = Stage::open().await;
    caps(&stage, DailyCaps { daily_cap_by_channel: [(Channel::Whatsapp, kes(60))].into(), ..DailyCaps::default() }).await;
    let first = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(first).await, ["push: no_address", "whatsapp"], "to the cent");
    let second = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(second).await, ["push: no_address", "whatsapp: channel_budget", "sms"]);
    stage.desk.pass(DAY);
    let tomorrow = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(tomorrow).await, ["push: no_address", "whatsapp"]);
}

#[tokio::test]
async fn a_person_s_cap_of_a_day_holds_for_that_person() {
    let stage = Stage::open().await;
    stage.person("baraka", json!({ "phone": "+254712000002" })).await;
    caps(&stage, DailyCaps { daily_cap_per_person: Some(kes(119)), ..DailyCaps::default() }).await;
    for (account, expected) in [("amina", "whatsapp"), ("amina", "whatsapp: person_budget"), ("baraka", "whatsapp")] {
        let notify = stage.notify("fees", account).await;
        assert_eq!(stage.steps(notify).await[1], expected, "{account}");
    }
    assert!(told(&stage).await.is_empty(), "one person's cap is no news for the school");
}

#[tokio::test]
async fn what_nobody_owes_for_makes_room_again() {
    let stage = Stage::open().await;
    caps(&stage, DailyCaps { daily_cap_per_person: Some(kes(60)), ..DailyCaps::default() }).await;
    let first = stage.notify("fees", "amina").await;
    stage.desk.run(stage.step(first, 1).await, failed()).await;
    let second = stage.notify("fees", "amina").await;
    assert_eq!(stage.steps(second).await, ["push: no_address", "whatsapp"]);
}

#[tokio::test]
async fn the_tenant_is_told_once_a_day_when_a_cap_comes_near_and_when_it_is_reached() {
    let stage = Stage::open().await;
    let of_whatsapp = [(Channel::Whatsapp, kes(180))].into();
    caps(&stage, DailyCaps { daily_cap: Some(kes(200)), daily_cap_by_channel: of_whatsapp, ..DailyCaps::default() }).await;
    let all = |percent| ("all".to_owned(), percent);
    let whatsapp = |percent| ("whatsapp".to_owned(), percent);
    let mut expected = Vec::new();
    // 0.60, 1.20, 1.80: four fifths of 2.00 are 1.60, of WhatsApp's 1.80 are 1.44. The fourth would pass both, the first is named.
    for news in [vec![], vec![], vec![all(80), whatsapp(80)], vec![all(100)], vec![]] {
        stage.notify("fees", "amina").await;
        expected.extend(news);
        let told = told(&stage).await;
        assert!(told.len() == expected.len() && expected.iter().all(|fact| told.contains(fact)), "{told:?} {expected:?}");
    }
    stage.desk.pass(DAY);
    for _ in 0..3 {
        stage.notify("fees", "amina").await;
    }
    assert_eq!(told(&stage).await.len(), expected.len() + 2, "another day, another word");
}

#[tokio::test]
async fn figures_say_what_an_sms_to_everybody_would_have_cost() {
    let stage = Stage::open().await;
    for _ in 0..2 {
        let notify = stage.notify("fees", "amina").await;
        stage.desk.run(stage.step(notify, 1).await, sent("delivered")).await;
    }
    stage.notify("fees", "nobody").await;
    let savings = stage.desk.store.notification_savings(T, None, 0).await.unwrap();
    let [fees] = savings.try_into().unwrap();
    assert_eq!((fees.kind.as_str(), fees.told, fees.all_sms, fees.cost), ("fees", 2, 1_600_000, 1_200_000));
    assert!(stage.desk.store.notification_savings(T, Some("other".to_owned()), 0).await.unwrap().is_empty());
}
