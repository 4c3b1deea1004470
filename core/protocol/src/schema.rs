//! JSON Schemas (2020-12) of every action's payload and outcome, from the types themselves.
//!
//! For the server alone, behind the feature `schema`: a phone links none of it. A payload that a schema takes is taken by
//! [`crate::check_payload`] too, but for what no schema says: NUL in a text, the bytes of a whole payload or notification, those of
//! a path or a name where they are more than its characters. The check has the last word.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Value, json};

use crate::{
    BalanceOutcome, Charge, ChargeOutcome, CreateCourse, CreateCourseOutcome, DownloadOutcome, Empty, Enroll, EnrollOutcome,
    FileRef, Interim, ListFiles, ListOutcome, Listed, MessageQuery, MessageSend, MessagesOutcome, Money, Notify, NotifyOutcome,
    Operation, OperationId, PaymentQuery, PaymentQueryOutcome, Phone, PushSend, Recipients, Refund, RefundOutcome, SyncCourses,
    SyncCoursesOutcome, SyncGrades, SyncGradesOutcome, Upload, UploadOutcome,
    catalog::{self, Category},
    limits, money,
};

mod examples;
mod rules;

pub use examples::example;

/// The schema of an action's payload, version 1; `None` for an action that this crate does not know.
#[must_use]
pub fn payload(adapter: &str, action: &str) -> Option<Value> {
    let category = known(adapter, action)?;
    let mut schema = match (category, action) {
        (Category::Payment, "charge") => read::<Charge>(),
        (Category::Payment, "refund") => read::<Refund>(),
        (Category::Payment, _) => read::<PaymentQuery>(),
        (Category::Messaging, "send") => read::<MessageSend>(),
        (Category::Push, "send") => read::<PushSend>(),
        (Category::Messaging, "balance") => read::<Empty>(),
        (Category::Messaging | Category::Push, _) => read::<MessageQuery>(),
        (Category::Storage, "upload") => read::<Upload>(),
        (Category::Storage, "download" | "delete") => read::<FileRef>(),
        (Category::Storage, _) => read::<ListFiles>(),
        (Category::Lms, "enroll") => read::<Enroll>(),
        (Category::Lms, "sync_grades") => read::<SyncGrades>(),
        (Category::Lms, "sync_courses") => read::<SyncCourses>(),
        (Category::Lms, _) => read::<CreateCourse>(),
        (Category::Notification, _) => read::<Notify>(),
    };
    rules::tighten(adapter, category, action, &mut schema);
    if let Some(example) = example(adapter, action) {
        schema["examples"] = json!([example]);
    }
    schema["$id"] = json!(format!("urn:tarishi:schema:{adapter}:{action}:payload:1"));
    Some(schema)
}

/// The schema of how an action ends well; `None` for an action that this crate does not know.
#[must_use]
pub fn outcome(adapter: &str, action: &str) -> Option<Value> {
    let mut schema = match (known(adapter, action)?, action) {
        (Category::Payment, "charge") => written::<ChargeOutcome>(),
        (Category::Payment, "refund") => written::<RefundOutcome>(),
        (Category::Payment, _) => written::<PaymentQueryOutcome>(),
        (Category::Messaging, "balance") => written::<BalanceOutcome>(),
        (Category::Messaging | Category::Push, _) => written::<MessagesOutcome>(),
        (Category::Storage, "upload") => written::<UploadOutcome>(),
        (Category::Storage, "download") => written::<DownloadOutcome>(),
        (Category::Storage, "delete") => written::<Empty>(),
        (Category::Storage, _) => written::<ListOutcome>(),
        (Category::Lms, "enroll") => written::<EnrollOutcome>(),
        (Category::Lms, "sync_grades") => written::<SyncGradesOutcome>(),
        (Category::Lms, "sync_courses") => written::<SyncCoursesOutcome>(),
        (Category::Lms, _) => written::<CreateCourseOutcome>(),
        (Category::Notification, _) => written::<NotifyOutcome>(),
    };
    schema["$id"] = json!(format!("urn:tarishi:schema:{adapter}:{action}:outcome:1"));
    Some(schema)
}

/// The schema of `outcome.interim` while an operation waits.
#[must_use]
pub fn interim() -> Value {
    let mut schema = written::<Interim>();
    schema["$id"] = json!("urn:tarishi:schema:interim:1");
    schema
}

fn known(adapter: &str, action: &str) -> Option<Category> {
    catalog::category(adapter).filter(|_| catalog::actions(adapter).contains(&action))
}

/// What we take.
fn read<T: JsonSchema>() -> Value {
    root::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// What we give.
fn written<T: JsonSchema>() -> Value {
    root::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// Whole in itself, without references, so that it can be handed on.
fn root<T: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.with(|settings| settings.inline_subschemas = true).into_generator().into_root_schema_for::<T>().to_value()
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let whole: Vec<&str> = money::WHOLE.iter().filter_map(|code| core::str::from_utf8(*code).ok()).collect();
        json_schema!({
            "description": "An amount in decimal digits, never a number: numbers lose cents.",
            "type": "object",
            "properties": {
                "amount": { "type": "string", "pattern": "^[0-9]{1,16}(\\.[0-9]{1,2})?$", "examples": ["1000.00"] },
                "currency": { "type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217", "examples": ["KES"] },
            },
            "required": ["amount", "currency"],
            "additionalProperties": false,
            "if": { "properties": { "currency": { "enum": whole } }, "required": ["currency"] },
            "then": { "properties": { "amount": { "pattern": "^[0-9]{1,16}$" } } },
        })
    }
}

impl JsonSchema for Phone {
    fn schema_name() -> Cow<'static, str> {
        "Phone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A phone number in E.164.",
            "type": "string",
            "pattern": "^\\+[1-9][0-9]{7,14}$",
            "examples": ["+254712345678"],
        })
    }
}

impl JsonSchema for Listed {
    fn schema_name() -> Cow<'static, str> {
        "Listed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = json!({ "type": "string", "minLength": 1, "maxLength": limits::NAME_BYTES_MAX, "pattern": rules::NAME });
        json_schema!({
            "description": "The name of a list that is kept at the server, or accounts.",
            "oneOf": [name, { "type": "array", "minItems": 1, "maxItems": limits::RECIPIENTS_MAX, "items": name }],
        })
    }
}

impl JsonSchema for OperationId {
    fn schema_name() -> Cow<'static, str> {
        "OperationId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Names one operation for good: a UUID, version 7 where a device made it.",
            "type": "string",
            "format": "uuid",
            "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        })
    }
}

impl JsonSchema for Recipients {
    fn schema_name() -> Cow<'static, str> {
        "Recipients".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let phone = generator.subschema_for::<Phone>();
        json_schema!({
            "description": "One phone or a list of different ones.",
            "oneOf": [
                phone,
                { "type": "array", "items": phone, "minItems": 1, "maxItems": limits::RECIPIENTS_MAX, "uniqueItems": true },
            ],
        })
    }
}

impl JsonSchema for Operation {
    fn schema_name() -> Cow<'static, str> {
        "Operation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<OperationId>();
        json_schema!({
            "description": "One operation of a device. Fields that are not named here are kept and passed on.",
            "type": "object",
            "properties": {
                "id": id,
                "idempotency_key": { "type": "string", "minLength": 1, "maxLength": limits::KEY_BYTES_MAX },
                "ordering_key": { "type": ["string", "null"], "minLength": 1, "maxLength": limits::ORDERING_KEY_BYTES_MAX },
                "on_failure": generator.subschema_for::<Option<crate::OnFailure>>(),
                "adapter": { "type": "string", "pattern": "^[a-z0-9_]{1,64}$" },
                "action": { "type": "string", "pattern": "^[a-z0-9_]{1,64}$" },
                "version": { "type": ["integer", "null"], "minimum": 0 },
                "payload": { "type": "object", "description": "As the action's own schema says." },
                "blobs": generator.subschema_for::<Option<Vec<crate::BlobRef>>>(),
                "after": generator.subschema_for::<Option<crate::After>>(),
                "created_at": { "type": "string", "format": "date-time" },
                "age_ms": { "type": ["integer", "null"], "minimum": 0 },
                "age_exact": { "type": ["boolean", "null"] },
                "queued_after": { "type": ["string", "null"], "format": "date-time" },
                "ttl_ms": { "type": ["integer", "null"], "minimum": 1, "maximum": limits::TTL_MS_MAX },
                "held_before": { "type": ["boolean", "null"] },
                "retry_of": generator.subschema_for::<Option<OperationId>>(),
            },
            "required": ["id", "idempotency_key", "adapter", "action", "payload", "created_at"],
        })
    }
}
