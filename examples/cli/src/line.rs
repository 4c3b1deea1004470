//! One line of an import file: `{adapter, action, payload, key?, ordering_key?, on_failure?, priority?, ttl?, after?}`.
//!
//! Read field by field, so that a problem names its field and the payload keeps its bytes.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tarishi_core::{
    NewOperation, Priority,
    protocol::{After, Code, OnFailure, Problem},
};

use crate::{args, duration};

/// Reads one line.
///
/// # Errors
/// A problem that names the field. It never repeats what the line holds.
pub(crate) fn parse(line: &[u8]) -> Result<NewOperation, Problem> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(line).map_err(|error| {
        Problem::new(Code::Malformed, format!("expected one JSON object, see column {}", error.column())).with_field("line")
    })?;
    let fields = &mut fields;
    let adapter: String = required(fields, "adapter")?;
    let action: String = required(fields, "action")?;
    let payload = fields.remove("payload").ok_or_else(|| missing("payload"))?;
    let mut operation = NewOperation::new(adapter, action, payload.get());
    operation.key = optional(fields, "key")?;
    operation.ordering_key = optional(fields, "ordering_key")?;
    if let Some(word) = optional::<String>(fields, "on_failure")? {
        operation.on_failure =
            OnFailure::from_word(&word).ok_or_else(|| invalid("on_failure", "must be continue or halt".to_owned()))?;
    }
    if let Some(word) = optional::<String>(fields, "priority")? {
        operation.priority = match word.as_str() {
            "high" => Priority::High,
            "normal" => Priority::Normal,
            _ => return Err(invalid("priority", "must be high or normal".to_owned())),
        };
    }
    if let Some(text) = optional::<String>(fields, "ttl")? {
        operation.ttl = Some(duration::parse(&text).map_err(|error| invalid("ttl", error.to_string()))?);
    }
    operation.after = after(fields)?;
    match fields.keys().next() {
        Some(name) => Err(Problem::new(Code::UnknownField, "no field of an operation").with_field(name.as_str())),
        None => Ok(operation),
    }
}

/// `"ID:succeeded"` as on the command line, or the object of the wire.
fn after(fields: &mut BTreeMap<String, Box<RawValue>>) -> Result<Option<After>, Problem> {
    if fields.get("after").is_some_and(|raw| raw.get().starts_with('"')) {
        let text: Option<String> = optional(fields, "after")?;
        return text.map(|text| args::parse_after(&text).map_err(|error| invalid("after", error))).transpose();
    }
    optional(fields, "after")
}

fn required<T: DeserializeOwned>(fields: &mut BTreeMap<String, Box<RawValue>>, name: &str) -> Result<T, Problem> {
    optional(fields, name)?.ok_or_else(|| missing(name))
}

/// Absent and `null` are the same.
fn optional<T: DeserializeOwned>(fields: &mut BTreeMap<String, Box<RawValue>>, name: &str) -> Result<Option<T>, Problem> {
    let Some(raw) = fields.remove(name) else { return Ok(None) };
    serde_json::from_str(raw.get()).map_err(|_| Problem::new(Code::WrongType, "has the wrong type").with_field(name))
}

fn missing(name: &str) -> Problem {
    Problem::new(Code::MissingField, "is missing").with_field(name)
}

fn invalid(name: &str, detail: String) -> Problem {
    Problem::new(Code::InvalidValue, detail).with_field(name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tarishi_core::protocol::{AfterOn, OperationId};

    use super::*;

    #[test]
    fn every_field_is_read_and_the_payload_kept_verbatim() {
        let id = OperationId::generate();
        let line = format!(
            r#"{{"adapter":"sms","action":"send","payload":{{ "to" : "+254711000111","message":"a" }},"key":"k","ordering_key":"o",
                "on_failure":"halt","priority":"high","ttl":"7d","after":"{id}:succeeded"}}"#
        );

        let operation = parse(line.as_bytes()).unwrap();

        assert_eq!((operation.adapter.as_str(), operation.action.as_str()), ("sms", "send"));
        assert_eq!(operation.payload, r#"{ "to" : "+254711000111","message":"a" }"#);
        assert_eq!((operation.key.as_deref(), operation.ordering_key.as_deref()), (Some("k"), Some("o")));
        assert_eq!((operation.on_failure, operation.priority), (OnFailure::Halt, Priority::High));
        assert_eq!(operation.ttl, Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(operation.after.map(|after| (after.operation_id, after.on)), Some((id, AfterOn::Succeeded)));
    }

    #[test]
    fn after_may_be_an_object_and_null_is_nothing() {
        let id = OperationId::generate();
        let line = format!(
            r#"{{"adapter":"sms","action":"send","payload":{{}},"key":null,"after":{{"operation_id":"{id}","on":"ended"}}}}"#
        );
        let operation = parse(line.as_bytes()).unwrap();
        assert_eq!((operation.key, operation.after.map(|after| after.on)), (None, Some(AfterOn::Ended)));
    }

    #[test]
    fn a_bad_line_names_its_field() {
        for (line, field, code) in [
            ("", "line", Code::Malformed),
            ("[]", "line", Code::Malformed),
            (r#"{"adapter":"sms"} x"#, "line", Code::Malformed),
            (r#"{"action":"send","payload":{}}"#, "adapter", Code::MissingField),
            (r#"{"adapter":"sms","payload":{}}"#, "action", Code::MissingField),
            (r#"{"adapter":"sms","action":"send"}"#, "payload", Code::MissingField),
            (r#"{"adapter":1,"action":"send","payload":{}}"#, "adapter", Code::WrongType),
            (r#"{"adapter":"sms","action":"send","payload":{},"ttl":7}"#, "ttl", Code::WrongType),
            (r#"{"adapter":"sms","action":"send","payload":{},"ttl":"7"}"#, "ttl", Code::InvalidValue),
            (r#"{"adapter":"sms","action":"send","payload":{},"priority":"low"}"#, "priority", Code::InvalidValue),
            (r#"{"adapter":"sms","action":"send","payload":{},"on_failure":"stop"}"#, "on_failure", Code::InvalidValue),
            (r#"{"adapter":"sms","action":"send","payload":{},"after":"x"}"#, "after", Code::InvalidValue),
            (r#"{"adapter":"sms","action":"send","payload":{},"after":{}}"#, "after", Code::WrongType),
            (r#"{"adapter":"sms","action":"send","payload":{},"phone":"x"}"#, "phone", Code::UnknownField),
        ] {
            let problem = parse(line.as_bytes()).unwrap_err();
            assert_eq!((problem.field.as_deref(), problem.code.as_str()), (Some(field), code.as_str()), "{line}");
        }
    }

    #[test]
    fn a_problem_never_repeats_the_line() {
        let problem = parse(br#"{"adapter":"sms","action":"send","payload":{},"key":["+254711000111"]}"#).unwrap_err();
        assert!(!problem.to_string().contains("254"));
    }
}
