//! The JSON Schemas that apps and forms are built from say what the server checks.

use serde_json::{Value, json};
use tarishi_protocol::{catalog, check_payload, schema};

use crate::{host::Host, schema_rows::rows};

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::meta::validate(schema).unwrap();
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

#[test]
fn every_action_has_schemas_and_an_example_that_both_schema_and_check_take() {
    let mut actions = 0;
    for (adapter, _) in catalog::ADAPTERS {
        for action in catalog::actions(adapter) {
            let payload = schema::payload(adapter, action).unwrap();
            let example = schema::example(adapter, action).unwrap();
            let validator = validator(&payload);
            let errors: Vec<_> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{adapter} {action}: {errors:?}");
            check_payload(adapter, action, 1, &example.to_string()).unwrap();
            let mut wrong = example;
            wrong["colour"] = json!("red");
            assert!(!validator.is_valid(&wrong), "{adapter} {action} takes an unknown field");
            jsonschema::draft202012::meta::validate(&schema::outcome(adapter, action).unwrap()).unwrap();
            actions += 1;
        }
    }
    assert!(actions >= 25, "{actions}");
    assert!(schema::payload("mpesa", "steal").is_none());
    assert!(schema::payload("library", "lend").is_none());
}

#[test]
fn schema_and_check_agree_on_what_is_good_and_what_is_not() {
    let mut wrong = Vec::new();
    for (adapter, action, payload, good) in rows() {
        let by_schema = validator(&schema::payload(adapter, action).unwrap()).is_valid(&payload);
        let by_check = check_payload(adapter, action, 1, &payload.to_string()).is_ok();
        if (by_schema, by_check) != (good, good) {
            let text: String = payload.to_string().chars().take(200).collect();
            wrong.push(format!("{adapter} {action} {text}: schema {by_schema}, check {by_check}, expected {good}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_adapter_tells_the_schemas_of_its_actions_and_settings() {
    let host = Host::start().await;
    let key = host.key("school", &["mpesa:query"]).await;
    for (name, adapter) in &host.server.app().adapters {
        let answer = host.get(&format!("/api/v2/integrations/{name}"), &key).await;
        assert_eq!(answer.status, 200);
        let schemas = answer.json()["schemas"].clone();
        let descriptor = adapter.descriptor();
        for action in descriptor.actions {
            let told = &schemas["actions"][action.name];
            assert_eq!(told["payload"], schema::payload(name, action.name).unwrap(), "{name} {}", action.name);
            assert_eq!(told["outcome"], schema::outcome(name, action.name).unwrap());
            validator(&told["payload"]);
            validator(&told["outcome"]);
        }
        for spec in descriptor.settings {
            let (here, there) = if spec.secret { ("credentials", "settings") } else { ("settings", "credentials") };
            let told = &schemas[here]["properties"][spec.name];
            assert!(told["description"].as_str().unwrap().contains(descriptor.env_prefix));
            assert_eq!(told["writeOnly"] == true, spec.secret);
            assert!(schemas[there]["properties"].get(spec.name).is_none());
            let required = schemas[here]["required"].as_array().unwrap().contains(&json!(spec.name));
            assert_eq!(required, spec.required);
        }
        validator(&schemas["settings"]);
        validator(&schemas["credentials"]);
        validator(&schemas["interim"]);
    }
    assert_eq!(host.get("/api/v2/integrations/mpesa", "").await.status, 401);
    assert_eq!(host.get("/api/v2/integrations/nobody", &key).await.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn what_an_adapter_really_answers_is_what_its_outcome_schema_says() {
    let host = Host::start().await;
    let key = host.key("default", &["*:*"]).await;
    host.upload(&key, "report").await;
    for (action, payload) in [
        ("download", json!({ "path": "report.txt" })),
        ("list", json!({ "path": "" })),
        ("delete", json!({ "path": "report.txt" })),
    ] {
        let path = format!("/api/v2/integrations/local_storage/{action}");
        let request = host.request(reqwest::Method::POST, &path, &key).header("idempotency-key", action).json(&payload);
        let answer = crate::host::send(request).await.json();
        assert_eq!(answer["state"], "succeeded", "{answer}");
        let validator = validator(&schema::outcome("local_storage", action).unwrap());
        assert!(validator.is_valid(&answer["outcome"]), "{action}: {}", answer["outcome"]);
    }
}

/// What serde would take for the object of this name, in the order of its fields. A new one belongs here and to `check_payload`.
fn as_list(name: &str) -> Value {
    match name {
        "amount" => json!(["1000.00", "KES"]),
        "template" => json!(["school_closed", "en", []]),
        "media" => json!(["https://school.example.org/a.pdf", "a"]),
        "user" | "course" => json!(["idnumber", "S-881"]),
        "grades" => json!([["S-881", "87.5"]]),
        other => panic!("{other} is an object within a payload"),
    }
}

#[test]
fn no_object_within_a_payload_may_be_written_as_a_list() {
    let mut tried = 0;
    for (adapter, _) in catalog::ADAPTERS {
        for action in catalog::actions(adapter) {
            let schema = schema::payload(adapter, action).unwrap();
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            // `data` is free, and `to` of a push is a choice: no list is taken for that.
            let objects = properties.iter().filter(|(name, schema)| {
                !matches!(name.as_str(), "data" | "to") && schema.to_string().contains("\"properties\"")
            });
            for (name, _) in objects {
                let mut payload = schema::example(adapter, action).unwrap();
                if name == "media" {
                    payload = json!({ "to": "+254712345678", "message": "m" });
                }
                payload[name] = as_list(name);
                let problem = check_payload(adapter, action, 1, &payload.to_string()).expect_err(name);
                let field = problem.field.unwrap_or_default();
                assert!(problem.code == "wrong_type" && field == format!("payload.{name}"), "{adapter} {action}: {field}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 11, "{tried}");
}
