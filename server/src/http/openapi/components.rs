//! The document's schemas: of wire types, of each action's payload and outcome, of answers.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use tarishi_protocol::{Cancellation, Problem, SyncRequest, SyncResponse, schema};

use super::answers;
use crate::{
    adapters::registry,
    chain::{DailyCaps, Recipient, Route, Texts},
    http::{
        devices::{Enrol, PushToken},
        integrations::ChangeBody,
        notifications::NotificationReceived,
        operations::Decision,
        recipients::List,
        subscriptions::Subscribe,
    },
};

/// Adds all of them.
pub(super) fn add(document: &mut Value) {
    let mut all = Map::new();
    let mut taken = generator(SchemaSettings::draft2020_12().for_deserialize());
    register::<SyncRequest>(&mut taken, &mut all, "SyncRequest");
    register::<Enrol>(&mut taken, &mut all, "Enrol");
    register::<PushToken>(&mut taken, &mut all, "PushToken");
    register::<ChangeBody>(&mut taken, &mut all, "IntegrationChange");
    register::<Decision>(&mut taken, &mut all, "Decision");
    register::<Subscribe>(&mut taken, &mut all, "Subscribe");
    register::<Route>(&mut taken, &mut all, "Route");
    register::<Texts>(&mut taken, &mut all, "Texts");
    register::<Recipient>(&mut taken, &mut all, "Recipient");
    register::<DailyCaps>(&mut taken, &mut all, "DailyCaps");
    register::<NotificationReceived>(&mut taken, &mut all, "NotificationReceived");
    register::<List>(&mut taken, &mut all, "List");
    all.extend(taken.take_definitions(true));
    let mut given = generator(SchemaSettings::draft2020_12().for_serialize());
    register::<SyncResponse>(&mut given, &mut all, "SyncResponse");
    register::<Problem>(&mut given, &mut all, "Problem");
    register::<Cancellation>(&mut given, &mut all, "Cancellation");
    register::<tarishi_protocol::State>(&mut given, &mut all, "State");
    register::<tarishi_protocol::OperationId>(&mut given, &mut all, "OperationId");
    all.extend(given.take_definitions(true));
    let (mut payloads, mut outcomes) = (Vec::new(), vec![answers::one("Interim"), json!({ "type": "null" })]);
    for (name, adapter) in registry() {
        for action in adapter.descriptor().actions {
            let parts = (schema::payload(name, action.name), schema::outcome(name, action.name));
            let (Some(payload), Some(outcome)) = parts else { continue };
            let of = format!("{name}.{}", action.name);
            payloads.push(answers::one(&of));
            outcomes.push(answers::one(&format!("{of}.outcome")));
            all.insert(format!("{of}.outcome"), nameless(outcome));
            all.insert(of, nameless(payload));
        }
    }
    all.insert("Payload".to_owned(), json!({ "description": "What the action asks for.", "anyOf": payloads }));
    all.insert("Outcome".to_owned(), json!({ "description": "How the action ended.", "anyOf": outcomes }));
    all.insert("Interim".to_owned(), interim());
    all.extend(answers::all());
    document["components"]["schemas"] = Value::Object(all);
}

fn generator(settings: SchemaSettings) -> SchemaGenerator {
    settings.with(|settings| settings.definitions_path = "/components/schemas".into()).into_generator()
}

/// Under this name, whatever the type calls itself.
fn register<T: JsonSchema>(generator: &mut SchemaGenerator, all: &mut Map<String, Value>, name: &str) {
    let schema = generator.subschema_for::<T>().to_value();
    if T::schema_name() != name {
        all.insert(name.to_owned(), schema);
    }
}

fn interim() -> Value {
    json!({
        "description": "What may be shown while the operation waits.",
        "type": "object",
        "properties": { "interim": nameless(schema::interim()) },
        "required": ["interim"],
    })
}

/// Inside the document its place is its name.
fn nameless(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$id");
        schema.remove("$schema");
    }
    schema
}
