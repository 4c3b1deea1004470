//! Who else may knock at the address of Pesapal's notifications.

use serde_json::{Value, json};
use tarishi_core::DeviceState;
use tarishi_protocol::State;
use tarishi_sandbox::Effect;
use tarishi_server::config::PESAPAL_WEBHOOK_TOKEN;

use super::{
    super::world::{World, ended, enqueue, eventually},
    charge, ledger, page, pay,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_notification_is_refused_or_only_makes_us_ask() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge(1)).await;
    page(&phone, record.id).await;
    let data = world.row(record.id).await.reference.unwrap().data;
    let post = |token: &str, body: Value| world.http.post(format!("{}/h/{token}/ipn", world.url())).json(&body).send();
    let body = |tracking: &Value, reference: &Value| json!({ "OrderTrackingId": tracking, "OrderMerchantReference": reference, "OrderNotificationType": "IPNCHANGE" });
    let ours = body(&data["tracking"], &data["reference"]);
    assert_eq!(post(&"0".repeat(34), ours.clone()).await.unwrap().status().as_u16(), 404);
    assert_eq!(post(tarishi_server::config::SMS_WEBHOOK_TOKEN, ours.clone()).await.unwrap().status().as_u16(), 400);
    assert_eq!(post(PESAPAL_WEBHOOK_TOKEN, json!({ "status": "COMPLETED" })).await.unwrap().status().as_u16(), 400);
    assert_eq!(world.count("webhooks"), 0);

    // With the path's secret a stranger makes us ask, and no more: not even with the paid order of somebody else.
    let other = enqueue(&phone, charge(2)).await;
    pay(&world, &page(&phone, other.id).await, "").await;
    assert_eq!(ended(&phone, other.id).await.state, DeviceState::Succeeded);
    let paid = world.row(other.id).await.reference.unwrap().data;
    for body in [ours, body(&paid["tracking"], &data["reference"])] {
        let answer = post(PESAPAL_WEBHOOK_TOKEN, body).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], 200);
        let polls = world.row(record.id).await.polls;
        eventually("it was asked about", async || world.row(record.id).await.polls > polls + 1).await;
        assert_eq!(world.row(record.id).await.state, State::Waiting);
    }
    assert_eq!(ledger(&world, Effect::MoneyIn).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenant_cannot_speak_of_our_payments() {
    let world = World::start().await;
    world
        .other_tenant("pesapal", &[("consumer_key", "another"), ("consumer_secret", "secret"), ("environment", "sandbox")])
        .await;
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge(1)).await;
    page(&phone, record.id).await;
    let data = world.row(record.id).await.reference.unwrap().data;
    let body = json!({
        "OrderTrackingId": "0c9e4a12-5d3b-4f8e-8f21-db1d77aa0e11", "OrderMerchantReference": data["reference"],
        "OrderNotificationType": "IPNCHANGE",
    });
    let url = format!("{}/h/{}/ipn", world.url(), World::OTHER_TOKEN);
    assert_eq!(world.http.post(url).json(&body).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(world.count("webhooks"), 1);
    let row = world.row(record.id).await;
    assert_eq!((row.state, row.reference.unwrap().data.get("claim")), (State::Waiting, None));
}
