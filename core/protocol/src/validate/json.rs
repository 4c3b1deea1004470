//! What every payload must be as JSON, whatever its type.

use crate::{Code, Problem};

use super::{invalid, typed};

/// Refuses what other systems cannot hold: NUL, lone surrogates (no JSON text here), integers that lose digits as doubles.
pub(super) fn check_json(payload: &str) -> Result<serde_json::Value, Problem> {
    let value: serde_json::Value = typed(payload)?;
    if !value.is_object() {
        return Err(Problem::new(Code::WrongType, "expected an object").with_field("payload"));
    }
    walk(&value, &mut String::from("payload"))?;
    Ok(value)
}

fn walk(value: &serde_json::Value, path: &mut String) -> Result<(), Problem> {
    use serde_json::Value;
    match value {
        Value::String(text) if text.contains('\0') => Err(invalid(path.clone(), "NUL is not allowed in text")),
        Value::Number(number) => {
            const SAFE: u64 = 1 << 53;
            let wide = number.as_u64().is_some_and(|n| n > SAFE) || number.as_i64().is_some_and(|n| n.unsigned_abs() > SAFE);
            if wide { Err(invalid(path.clone(), "integers above 2^53 must be text")) } else { Ok(()) }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                nested(path, &format!("[{index}]"), item)?;
            }
            Ok(())
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                if name.contains('\0') {
                    return Err(invalid(path.clone(), "NUL is not allowed in a field's name"));
                }
                nested(path, &format!(".{name}"), item)?;
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

fn nested(path: &mut String, part: &str, value: &serde_json::Value) -> Result<(), Problem> {
    let length = path.len();
    path.push_str(part);
    walk(value, path)?;
    path.truncate(length);
    Ok(())
}

/// serde takes the list of a struct's values for the struct; the schema and other servers do not.
pub(super) fn check_objects(payload: &serde_json::Value) -> Result<(), Problem> {
    let mut names = ["amount", "template", "media", "user", "course"].into_iter();
    let grades = payload["grades"].as_array().is_some_and(|grades| grades.iter().any(serde_json::Value::is_array));
    match names.find(|name| payload[*name].is_array()).or(grades.then_some("grades")) {
        Some(name) => Err(Problem::new(Code::WrongType, "expected an object").with_field(format!("payload.{name}"))),
        None => Ok(()),
    }
}
