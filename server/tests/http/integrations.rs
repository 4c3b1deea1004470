//! A tenant's settings: changed without a restart, sealed where they are secret, checked before they are stored.

use reqwest::Method;
use serde_json::json;

use crate::host::{Host, file, operation, send};

#[tokio::test]
async fn a_switched_off_adapter_refuses_and_a_switched_on_one_takes() {
    let host = Host::start().await;
    let admin = host.key("default", &["admin"]).await;
    let device = host.device("acc", &["*:*"]).await;
    let path = "/api/v2/integrations/local_storage";
    let send = async |key: &str| {
        host.sync(&device, "acc", &[operation(key, "local_storage", "upload", &file(key))]).await.json()["receipts"][0].clone()
    };

    assert_eq!(host.put(path, &admin, &json!({ "enabled": false })).await.json()["enabled"], false);
    assert_eq!(send("a").await["problem"]["code"], "unknown_adapter");
    assert_eq!(host.put(path, &admin, &json!({ "enabled": true })).await.json()["enabled"], true);
    assert_eq!(send("b").await["status"], "accepted");
}

#[tokio::test]
async fn a_paused_action_waits_on_the_device_and_is_named_in_the_limits() {
    let host = Host::start().await;
    let admin = host.key("default", &["admin"]).await;
    let device = host.device("acc", &["*:*"]).await;
    host.put("/api/v2/integrations/local_storage", &admin, &json!({ "paused": ["upload"] })).await;

    let answer = host.sync(&device, "acc", &[operation("a", "local_storage", "upload", &file("a"))]).await.json();

    assert_eq!(answer["limits"]["paused"], json!(["local_storage:upload"]));
    assert_eq!(
        (answer["receipts"][0]["status"].as_str(), answer["receipts"][0]["problem"]["code"].as_str()),
        (Some("later"), Some("paused"))
    );
}

#[tokio::test]
async fn credentials_are_sealed_and_never_shown() {
    let host = Host::start().await;
    let admin = host.key("school", &["admin"]).await;
    let body = json!({ "settings": { "username": "school" }, "credentials": { "api_key": "very-secret-key" } });

    let put = host.put("/api/v2/integrations/sms", &admin, &body).await;
    let shown = host.get("/api/v2/integrations/sms", &admin).await;

    for answer in [&put, &shown] {
        assert_eq!(answer.status, 200);
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("very-secret-key"));
        let answer = answer.json();
        assert_eq!(answer["settings"]["username"], "school");
        assert!(answer["credentials"].as_array().unwrap().contains(&json!("api_key")));
    }
    let row = host.server.app().store.integration("school", "sms").await.unwrap().unwrap();
    assert!(!row.settings.contains("very-secret"));
    assert!(!String::from_utf8_lossy(&row.credentials.unwrap()).contains("very-secret"));
    let effective = host.server.app().effective("school", "sms").await.unwrap().unwrap();
    assert_eq!(effective.settings.get("api_key"), Some("very-secret-key"));
}

#[tokio::test]
async fn settings_that_do_not_work_change_nothing() {
    let host = Host::start().await;
    let admin = host.key("default", &["admin"]).await;
    let rows = [
        (json!({ "settings": { "colour": "red" } }), "unknown_field", "settings.colour"),
        (json!({ "settings": { "passkey": "x" } }), "invalid_value", "settings.passkey"),
        (json!({ "settings": { "shortcode": "abc" } }), "invalid_value", "settings"),
        (json!({ "paused": ["fly"] }), "unknown_action", "paused"),
        (json!({ "on": true }), "unknown_field", "on"),
        (json!({ "settings": { "shortcode": 600123 } }), "wrong_type", "settings.shortcode"),
    ];
    for (body, code, field) in rows {
        let answer = host.put("/api/v2/integrations/mpesa", &admin, &body).await;
        assert_eq!(answer.problem(), (422, code.to_owned()), "{body}");
        assert_eq!(answer.json()["field"], field, "{body}");
    }
    assert!(host.server.app().store.integration("default", "mpesa").await.unwrap().is_none());
    assert_eq!(host.put("/api/v2/integrations/nobody", &admin, &json!({})).await.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_tenant_cannot_point_the_server_at_its_own_files_and_neighbours() {
    let host = Host::start().await;
    let admin = host.key("school", &["admin"]).await;
    for (adapter, setting) in [("local_storage", "root"), ("sms", "base_url"), ("mpesa", "certificate_path")] {
        let body = json!({ "settings": { setting: "/etc" } });
        let answer = host.put(&format!("/api/v2/integrations/{adapter}"), &admin, &body).await;
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()), "{setting}");
    }
}

#[tokio::test]
async fn the_list_names_every_adapter_and_shows_settings_to_admins_only() {
    let host = Host::start().await;
    let admin = host.key("default", &["admin"]).await;
    let device = host.device("acc", &["*:*"]).await;

    let all = host.get("/api/v2/integrations/", &admin).await.json()["integrations"].clone();
    let few = host.get("/api/v2/integrations", &device).await.json()["integrations"].clone();

    let names: Vec<_> = all.as_array().unwrap().iter().map(|row| row["adapter"].as_str().unwrap()).collect();
    assert_eq!(names, tarishi_server::adapters::registry().into_keys().collect::<Vec<_>>());
    assert!(names.len() >= 3);
    assert!(all[1]["settings"].is_object());
    assert!(few[1].get("settings").is_none());
    assert_eq!(few[1]["enabled"], true);
}

#[tokio::test]
async fn the_example_of_contributing_is_in_no_server() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*", "admin"]).await;

    assert!(!tarishi_server::adapters::registry().contains_key("echo"));
    assert_eq!(host.get("/api/v2/integrations/echo", &key).await.problem(), (404, "not_found".to_owned()));
    let request = host.request(Method::POST, "/api/v2/integrations/echo/say", &key).header("idempotency-key", "k");
    let said = send(request.json(&json!({ "text": "hello" }))).await;
    assert_eq!(said.problem(), (422, "unknown_adapter".to_owned()));
}
