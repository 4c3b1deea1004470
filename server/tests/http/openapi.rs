//! The API's description says what the router has and what handlers really answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use clap::Parser as _;
use reqwest::Method;
use serde_json::{Value, json};
use tarishi_server::{
    commands::{Cli, run_with},
    config::Sources,
    http::{openapi_document, paths},
};

use crate::host::{Host, file, operation, send};

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// `{*rest}` has no counterpart: the document writes `{rest}`.
fn documented(path: &str) -> String {
    path.replace("{*", "{")
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(METHODS.contains(&method.as_str()), "{path}: {method}");
            all.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn every_route_is_in_the_document_and_the_other_way_round() {
    let document = openapi_document();
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let routes: BTreeSet<_> = paths().into_iter().map(documented).collect();
    let missing: Vec<_> = routes.difference(&described).collect();
    let made_up: Vec<_> = described.difference(&routes).collect();
    assert!(missing.is_empty() && made_up.is_empty(), "not described: {missing:?}; no such route: {made_up:?}");
}

#[tokio::test]
async fn every_method_of_every_route_is_in_the_document_and_no_other() {
    let host = Host::start().await;
    let document = openapi_document();
    for path in paths() {
        let item = &document["paths"][documented(path)];
        // Webhooks take whatever method a provider chooses; those that providers are known to use are described.
        let is_webhook = item["post"]["tags"] == json!(["webhooks"]);
        let address: String =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/");
        for method in METHODS {
            let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = send(host.request(verb, &address, "")).await;
            let exists = answer.status != 405;
            assert!(
                exists == item.get(method).is_some() || is_webhook,
                "{method} {path}: {} exists, but is it described?",
                answer.status
            );
            assert!(exists || answer.problem().1 == "method_not_allowed");
        }
        if is_webhook {
            assert!(item.get("get").is_some());
        }
    }
}

#[test]
fn the_document_is_whole() {
    let document = openapi_document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leaves the document"));
        assert!(document.pointer(pointer).is_some(), "{reference} names nothing");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        let used = format!("#/components/schemas/{name}");
        assert!(references.contains(&used), "nothing uses {name}");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                references.insert(reference.to_owned());
            }
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_operation_is_named_guarded_and_may_answer_with_a_problem() {
    let document = openapi_document();
    let schemes: BTreeSet<_> = document["components"]["securitySchemes"].as_object().unwrap().keys().cloned().collect();
    let tags: BTreeSet<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone().to_string()).collect();
    let open = ["/health", "/api/v2/integrations/health", "/openapi.json", "/metrics"];
    let mut names = BTreeMap::new();
    for (path, method, operation) in operations(&document) {
        let here = format!("{method} {path}");
        let name = operation["operationId"].as_str().unwrap().to_owned();
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        assert_eq!(names.insert(name, here.clone()), None, "{here}: its name is another's");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{here}");
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag.to_string())), "{here}");
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/Problem", "{here}");
        assert!(operation["responses"].as_object().unwrap().values().all(|answer| answer["description"].is_string()), "{here}");
        let guards = operation["security"].as_array().cloned().unwrap_or_default();
        let by: Vec<_> = guards.iter().flat_map(|guard| guard.as_object().unwrap().keys()).collect();
        assert!(by.iter().all(|scheme| schemes.contains(*scheme)), "{here}: {by:?}");
        let is_open = open.contains(&path.as_str()) || path.contains("/oauth/") || operation["tags"] == json!(["webhooks"]);
        assert!(is_open || !by.is_empty(), "{here} has no guard");
        let told: Vec<_> = operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "path").collect();
        let told: BTreeSet<_> = told.iter().map(|one| one["name"].as_str().unwrap()).collect();
        let asked = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect::<BTreeSet<_>>();
        assert_eq!(told, asked, "{here}");
        assert!(operation["parameters"].as_array().unwrap().iter().all(|one| one["description"] != ""), "{here}");
    }
}

#[tokio::test]
async fn the_document_is_served_to_anybody_and_printed_by_the_command_line() {
    let host = Host::start().await;
    let answer = host.get("/openapi.json", "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.json(), openapi_document());

    let cli = Cli::try_parse_from(["tarishi-server", "openapi", "--json"]).unwrap();
    let sources = Sources { file: Some(host.folder.path().join("none.toml")), ..Sources::default() };
    std::fs::write(sources.file.as_ref().unwrap(), "").unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(run_with(cli, Some(sources), &mut out, &mut err).await, ExitCode::SUCCESS);
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), openapi_document());
}

/// The schema of one answer: strict, so that a field that nobody described is found.
fn strict(document: &Value, name: &str) -> jsonschema::Validator {
    let mut schema = document["components"]["schemas"][name].clone();
    schema["components"] = document["components"].clone();
    close(&mut schema);
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let described =
                fields.get("properties").is_some_and(Value::is_object) && fields.get("type") == Some(&json!("object"));
            fields.values_mut().for_each(close);
            if described {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn what_handlers_answer_is_what_the_document_says() {
    let host = Host::start().await;
    let document = openapi_document();
    let admin = host.key("default", &["*:*", "admin", "devices", "logs:read"]).await;
    let weak = host.key("default", &["*:*"]).await;
    let device = host.device("acc", &["*:*"]).await;
    let id = host.upload(&admin, "report").await;
    let enrolled = json!({ "account": "a", "scopes": ["*:*"], "caps": { "messages_per_day": 3 } });
    let exchange = [operation("k", "local_storage", "upload", &file("k")), operation("l", "sms", "send", &json!({}))];
    let logs = host.get("/api/v2/integrations/logs", &admin).await.json();
    let entry = format!("/api/v2/integrations/logs/{}", logs["logs"][0]["id"].as_str().unwrap());
    let refused = host.sync(&device, "acc", &exchange).await;
    let verdict = format!("/api/v2/operations/{}", exchange[1]["id"].as_str().unwrap());
    let request = host.request(Method::POST, "/api/v2/integrations/local_storage/list", &admin).json(&json!({ "path": "" }));
    let wait = host.request(Method::POST, "/api/v2/integrations/mpesa/charge?wait_secs=0", &admin);
    let payload = tarishi_protocol::schema::example("mpesa", "charge").unwrap();
    let book = rusqlite::Connection::open(&host.server.app().config.database).unwrap();
    let event = "INSERT INTO events (tenant_id, fact, kind, data, at) VALUES ('default', 'f', 'payment.received', '{}', 1)";
    book.execute(event, []).unwrap();
    let subscribe = json!({ "url": "https://school.example.org/hooks", "types": ["payment.received"] });
    let subscribed = host.post("/api/v2/subscriptions", &admin, &subscribe).await;
    let rotate = format!("/api/v2/subscriptions/{}/rotate-secret", subscribed.json()["id"].as_str().unwrap());
    let consent = "/api/v2/integrations/google_drive/oauth";
    let rows = [
        ("Me", host.get("/api/v2/devices/me", &device).await),
        ("Enrolled", host.post("/api/v2/devices", &admin, &enrolled).await),
        ("DevicePage", host.get("/api/v2/devices", &admin).await),
        ("OperationPage", host.get("/api/v2/operations", &admin).await),
        ("OperationOrVerdict", host.get(&format!("/api/v2/operations/{id}"), &admin).await),
        ("OperationOrVerdict", host.get(&verdict, &device).await),
        ("Cancellation", host.post(&format!("/api/v2/operations/{id}/cancel"), &admin, &json!({})).await),
        ("IntegrationList", host.get("/api/v2/integrations", &weak).await),
        ("IntegrationList", host.get("/api/v2/integrations/", &admin).await),
        ("Integration", host.get("/api/v2/integrations/mpesa", &admin).await),
        ("Integration", host.put("/api/v2/integrations/sms", &admin, &json!({ "paused": [] })).await),
        ("LogPage", host.get("/api/v2/integrations/logs", &admin).await),
        ("LogDetail", host.get(&entry, &admin).await),
        ("EventPage", host.get("/api/v2/events", &admin).await),
        ("Subscribed", subscribed),
        ("SubscriptionList", host.get("/api/v2/subscriptions", &admin).await),
        ("Rotated", host.post(&rotate, &admin, &json!({})).await),
        ("Integration", host.get("/api/v2/integrations/google_drive", &admin).await),
        ("Begun", host.get(&format!("{consent}/authorize"), &admin).await),
        ("Disconnected", host.delete(consent, &admin).await),
        ("ServerHealth", host.get("/health", "").await),
        ("AdapterHealth", host.get("/api/v2/integrations/health/local_storage", &admin).await),
        ("SyncResponse", refused),
        ("Ended", send(request).await),
        ("Running", send(wait.header("idempotency-key", "slow").json(&payload)).await),
        ("Problem", host.get("/api/v2/operations/nothing", &admin).await),
        ("Problem", host.post("/api/v2/devices", &admin, &json!({ "account": 1 })).await),
    ];
    for (name, answer) in rows {
        let body = answer.json();
        let errors: Vec<_> = strict(&document, name).iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?} in {body}");
    }
}

#[test]
fn the_body_of_an_exchange_is_what_the_document_says() {
    let document = openapi_document();
    let body = json!({
        "protocol": 1, "exchange": 1, "account": "acc", "sent_at": "2026-11-24T08:00:00Z", "cursor": null,
        "operations": [operation("k", "local_storage", "upload", &file("k"))],
    });
    let validator = strict(&document, "SyncRequest");
    let errors: Vec<_> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}
