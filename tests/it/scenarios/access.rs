//! Who may what. Findings 9, 28, 39, 47, 48.

use serde_json::json;
use tarishi_core::{Client, DeviceState, Error};
use tarishi_protocol::OperationId;
use tarishi_sandbox::{Adapter, Call, Fault};
use tarishi_server::app::DEFAULT_TENANT;

use super::world::{World, ended, enqueue, eventually};

/// Finding 9.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_may_do_what_its_scopes_say_and_nothing_else() {
    let mut world = World::start().await;
    let (payment, text) = (world.intents.charge(), world.intents.text());
    let token = world.token("amina", &["sms:send"]).await;
    let phone = Client::open(world.options("phone", token)).unwrap();
    let (payment_record, text_record) = (enqueue(&phone, payment.operation()).await, enqueue(&phone, text.operation()).await);

    let refused = ended(&phone, payment_record.id).await;

    assert_eq!((refused.state, refused.problem.unwrap().code.as_str()), (DeviceState::Refused, "forbidden"));
    assert_eq!(ended(&phone, text_record.id).await.state, DeviceState::Succeeded);
    assert!(world.ledger_of(&payment).is_empty());
}

/// Finding 9: nobody gets everything by forgetting to say what.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_cannot_be_enrolled_without_scopes() {
    let world = World::start().await;
    let key = world.key("office", &["devices"]).await;
    let enrol = |body: serde_json::Value| {
        world.http.post(format!("{}/api/v2/devices", world.url())).bearer_auth(&key).json(&body).send()
    };

    let without = enrol(json!({ "account": "amina" })).await.unwrap();
    let with = enrol(json!({ "account": "amina", "scopes": ["sms:send"] })).await.unwrap();

    assert_eq!((without.status().as_u16(), with.status().as_u16()), (422, 201));
    let made: serde_json::Value = with.json().await.unwrap();
    let device = made["token"].as_str().unwrap().to_owned();
    let answer =
        world.http.post(format!("{}/api/v2/devices", world.url())).bearer_auth(device).json(&json!({})).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403, "a device enrols nobody");
}

/// Finding 10: a token is one account's; a request in another's name runs nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_another_accounts_name_runs_nothing() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    let token = world.token("amina", &["*:*"]).await;

    let (status, problem) = world.exchange(&token, "baraka", 1, json!({ "operations": [world.envelope(&intent)] })).await;

    assert_eq!((status.as_u16(), &problem["code"]), (403, &json!("account_mismatch")));
    assert_eq!(world.count("operations"), 0);
}

/// Finding 48: a revoked token is refused at once, and the phone keeps everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_is_refused_at_once_and_nothing_is_lost() {
    let mut world = World::start().await;
    let (first, second) = (world.intents.text(), world.intents.text());
    let token = world.token("amina", &["*:*"]).await;
    let device = token.split('_').nth(2).unwrap().to_owned();
    let phone = Client::open(world.options("phone", token)).unwrap();
    let record = enqueue(&phone, first.operation()).await;
    ended(&phone, record.id).await;

    assert!(world.hosted.server.app().store.revoke_device(DEFAULT_TENANT, &device, 1).await.unwrap());
    let kept = enqueue(&phone, second.operation()).await;

    assert!(matches!(phone.sync(super::world::SOON, None).await, Err(Error::NeedsAuth)));
    assert!(!phone.get(kept.id).await.unwrap().unwrap().state.is_ended());
    assert!(world.ledger_of(&second).is_empty());
}

/// Findings 39 and 47: another tenant's name on a good secret is nobody's token, and other people's ids do not exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_and_accounts_do_not_see_each_other() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    let token = world.token("amina", &["*:*"]).await;
    let operation = world.envelope(&intent);
    world.exchange(&token, "amina", 1, json!({ "operations": [operation] })).await;
    let id = operation["id"].as_str().unwrap().to_owned();

    let (status, _) = world.exchange(&token.replacen("td_default_", "td_other_", 1), "amina", 2, json!({})).await;
    assert_eq!(status.as_u16(), 401);

    let key = world.key("baraka", &["sms:send"]).await;
    let mut answers = Vec::new();
    for id in [id, OperationId::generate().to_string()] {
        let answer = world.http.get(format!("{}/api/v2/operations/{id}", world.url())).bearer_auth(&key).send().await.unwrap();
        answers.push((answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap()["code"].clone()));
    }
    assert_eq!(answers[0], (404, json!("not_found")));
    assert_eq!(answers[0], answers[1]);
}

/// Finding 28: running is 202, for a repeat too; ended is 200; another payload under the key is 422.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_gets_202_while_it_runs_and_200_once_it_ended() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).delay_ms(1_500).times(1));
    let key = world.key("office", &["sms:*"]).await;
    let url = format!("{}/api/v2/integrations/sms/send", world.url());
    let execute = |payload: serde_json::Value, wait: u64, idempotency: Option<&str>| {
        let mut request = world.http.post(format!("{url}?wait_secs={wait}")).bearer_auth(&key).json(&payload);
        if let Some(name) = idempotency {
            request = request.header("Idempotency-Key", name);
        }
        request.send()
    };
    let payload = intent.line["payload"].clone();

    let first = execute(payload.clone(), 0, Some("hello-1")).await.unwrap();
    let repeat = execute(payload.clone(), 0, Some("hello-1")).await.unwrap();
    assert_eq!((first.status().as_u16(), repeat.status().as_u16()), (202, 202));
    assert_eq!(first.headers()["location"], repeat.headers()["location"]);
    let done = execute(payload.clone(), 20, Some("hello-1")).await.unwrap();
    assert_eq!(done.status().as_u16(), 200);
    assert_eq!(done.json::<serde_json::Value>().await.unwrap()["state"], "succeeded");

    let other = execute(world.intents.text().line["payload"].clone(), 0, Some("hello-1")).await.unwrap();
    let keyless = execute(payload, 0, None).await.unwrap();
    assert_eq!((other.status().as_u16(), keyless.status().as_u16()), (422, 422));
    assert_eq!(world.ledger_of(&intent).len(), 1);
}

/// Finding 28: what the school's backend does for a parent is told to the parent's phone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backends_operation_appears_on_the_accounts_phone() {
    let mut world = World::start().await;
    let intent = world.intents.text();
    let phone = world.phone("phone", "amina").await;
    let key = world.key("office", &["sms:*"]).await;
    let url = format!("{}/api/v2/integrations/sms/send", world.url());
    let request = world.http.post(url).bearer_auth(&key).json(&intent.line["payload"]);
    let request = request.header("Idempotency-Key", "hello-1").header("Tarishi-Deliver-To", "amina");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);

    eventually("the phone hears of it", async || {
        phone.sync(super::world::SOON, None).await.unwrap();
        let all = phone.list(tarishi_core::Filter::default()).await.unwrap();
        all.len() == 1 && all[0].state == DeviceState::Succeeded && all[0].origin == tarishi_protocol::Origin::Server
    })
    .await;
}
