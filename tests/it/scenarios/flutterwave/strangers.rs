//! Who else may knock at Flutterwave's webhook.

use serde_json::json;
use tarishi_core::DeviceState;
use tarishi_protocol::State;
use tarishi_sandbox::{Call, Effect};
use tarishi_server::config::FLUTTERWAVE_WEBHOOK_TOKEN;

use super::{
    super::world::{World, enqueue, eventually, until},
    charge, fault, ledger,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tampered_webhook_is_refused_and_a_lying_one_is_verified() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).result("pending"));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge()).await;
    until(&phone, record.id, |state| state == DeviceState::Waiting).await;
    let reference = world.row(record.id).await.reference.unwrap();
    let (tx_ref, id) = (reference.data["tx_ref"].clone(), reference.data["transaction_id"].clone());
    let body = json!({ "event": "charge.completed", "data": { "id": id, "tx_ref": tx_ref, "amount": 1250, "currency": "KES", "status": "successful" } });
    let post = |token: &str, hash: Option<&str>| {
        let request = world.http.post(format!("{}/h/{token}", world.url())).json(&body);
        hash.into_iter().fold(request, |request, hash| request.header("verif-hash", hash)).send()
    };
    let other = "0".repeat(38);
    for (token, hash, status) in [
        (FLUTTERWAVE_WEBHOOK_TOKEN, None, 401),
        (FLUTTERWAVE_WEBHOOK_TOKEN, Some("sandbox-flutterwave-hasH"), 401),
        (other.as_str(), Some("sandbox-flutterwave-hash"), 404),
        (tarishi_server::config::SMS_WEBHOOK_TOKEN, Some("sandbox-flutterwave-hash"), 400),
    ] {
        assert_eq!(post(token, hash).await.unwrap().status().as_u16(), status, "{token} {hash:?}");
    }
    assert_eq!(world.count("webhooks"), 0);

    assert_eq!(post(FLUTTERWAVE_WEBHOOK_TOKEN, Some("sandbox-flutterwave-hash")).await.unwrap().status().as_u16(), 200);
    let polls = world.row(record.id).await.polls;
    eventually("it was asked about", async || world.row(record.id).await.polls > polls + 1).await;
    assert_eq!(world.row(record.id).await.state, State::Waiting);
    assert!(ledger(&world, Effect::MoneyIn).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenant_cannot_speak_of_our_payments() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).result("pending"));
    world.other_tenant("flutterwave", &[("secret_hash", "another-hash"), ("secret_key", "FLWSECK_TEST-other-X")]).await;
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge()).await;
    until(&phone, record.id, |state| state == DeviceState::Waiting).await;
    let data = world.row(record.id).await.reference.unwrap().data;
    let claim = json!({ "id": data["transaction_id"], "tx_ref": data["tx_ref"], "status": "failed" });
    let body = json!({ "event": "charge.completed", "data": claim });
    let post = |hash: &str| {
        let url = format!("{}/h/{}", world.url(), World::OTHER_TOKEN);
        world.http.post(url).header("verif-hash", hash).json(&body).send()
    };
    assert_eq!(post("sandbox-flutterwave-hash").await.unwrap().status().as_u16(), 401);
    assert_eq!(post("another-hash").await.unwrap().status().as_u16(), 200);
    assert_eq!(world.count("webhooks"), 1);

    let large = json!({ "event": "charge.completed", "pad": " ".repeat(70_000) });
    let request = world.http.post(format!("{}/h/{FLUTTERWAVE_WEBHOOK_TOKEN}", world.url())).json(&large);
    assert_eq!(request.header("verif-hash", "sandbox-flutterwave-hash").send().await.unwrap().status().as_u16(), 400);
    let row = world.row(record.id).await;
    assert_eq!((row.state, row.reference.unwrap().data.get("claim")), (State::Waiting, None));
}
