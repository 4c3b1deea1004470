//! What the server tells of others' work: never a number, a text or a secret. Wider: `tests/run secrets`.

use reqwest::StatusCode;
use serde_json::Value;
use tarishi_core::DeviceState;
use tarishi_sandbox::{Adapter, Call, Fault};
use tarishi_tests::harness::CANARY_TEXT;

use super::world::{World, ended, enqueue};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_logs_figures_and_health_show_no_number_and_no_text() {
    let mut world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    world.hosted.sandbox.add_fault(Fault::on(Adapter::Sms, Call::Send).status(500).times(1));
    let intents = [world.intents.charge(), world.intents.text(), world.intents.upload(), world.intents.course()];
    let mut ids = Vec::new();
    for intent in &intents {
        let record = enqueue(&phone, intent.operation()).await;
        assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
        ids.push(record.id);
    }
    let key = world.key("ops", &["admin", "logs:read", "devices"]).await;
    let get = async |path: &str| {
        let answer = world.http.get(format!("{}{path}", world.url())).bearer_auth(&key).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    };
    let enrol = serde_json::json!({ "account": "baraka", "scopes": ["sms:send"] });
    let made = world.http.post(format!("{}/api/v2/devices", world.url())).bearer_auth(&key).json(&enrol).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    world.hosted.know(made["token"].as_str().unwrap()).unwrap();
    let logs = get("/api/v2/integrations/logs").await;
    let line = serde_json::from_str::<Value>(&logs).unwrap()["logs"][0]["id"].as_str().unwrap().to_owned();

    let mut told = vec![logs];
    for path in [
        format!("/api/v2/integrations/logs/{line}"),
        "/api/v2/integrations".to_owned(),
        "/api/v2/integrations/health/sms".to_owned(),
        "/api/v2/devices".to_owned(),
        "/health".to_owned(),
        "/metrics".to_owned(),
        "/openapi.json".to_owned(),
    ] {
        told.push(get(&path).await);
    }
    for path in ["/api/v2/operations".to_owned(), format!("/api/v2/operations/{}", ids[1]), "/api/v2/events".to_owned()] {
        get(&path).await;
    }

    for intent in &intents {
        for text in told.iter() {
            let number = intent.line["payload"]["phone"].as_str().or_else(|| intent.line["payload"]["to"].as_str());
            let shown = number.is_some_and(|number| text.contains(&number[1..])) || text.contains(CANARY_TEXT);
            assert!(!shown, "{}: {text}", intent.key);
        }
    }
    assert!(told.iter().all(|text| !text.contains(&key) && !text.contains(made["token"].as_str().unwrap())));
}
