//! What a step gave against what it expects.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Ids by the names that steps gave them.
pub type Names = BTreeMap<String, String>;

/// Does it match? An error says where not.
///
/// # Errors
/// The first place that differs, as a path, with both sides.
pub fn matches(expected: &Value, actual: &Value, names: &Names) -> Result<(), String> {
    at("", expected, actual, names)
}

fn at(path: &str, expected: &Value, actual: &Value, names: &Names) -> Result<(), String> {
    let differs = |what: String| {
        let place = if path.is_empty() { "the result" } else { path };
        Err(format!("{place}: expected {what}, got {actual}"))
    };
    match (expected, actual) {
        (Value::Object(fields), _) if fields.keys().any(|name| name.starts_with('$')) => {
            fields.iter().try_for_each(|(name, argument)| operator(path, name, argument, actual, names))
        }
        (Value::Object(fields), Value::Object(got)) => object(path, fields, got, names),
        (Value::Array(items), Value::Array(got)) if items.len() == got.len() => items
            .iter()
            .zip(got)
            .enumerate()
            .try_for_each(|(index, (item, got))| at(&format!("{path}[{index}]"), item, got, names)),
        (Value::Array(items), _) => differs(format!("an array of {}", items.len())),
        (Value::String(text), _) if text.starts_with('$') => match names.get(&text[1..]) {
            Some(id) if actual.as_str() == Some(id) => Ok(()),
            Some(id) => differs(format!("{text} = {id}")),
            None => differs(format!("{text}, which no step named")),
        },
        _ if expected == actual => Ok(()),
        _ => differs(expected.to_string()),
    }
}

fn object(path: &str, fields: &Map<String, Value>, got: &Map<String, Value>, names: &Names) -> Result<(), String> {
    for (name, expected) in fields {
        at(&format!("{path}.{name}"), expected, got.get(name).unwrap_or(&Value::Null), names)?;
    }
    Ok(())
}

fn operator(path: &str, name: &str, argument: &Value, actual: &Value, names: &Names) -> Result<(), String> {
    let length = || match actual {
        Value::Array(items) => Some(items.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    };
    let holds = match name {
        "$any" => !actual.is_null(),
        "$contains" => match actual {
            Value::Array(items) => items.iter().any(|item| at(path, argument, item, names).is_ok()),
            Value::String(text) => argument.as_str().is_some_and(|part| text.contains(part)),
            _ => false,
        },
        "$not" => at(path, argument, actual, names).is_err(),
        "$length" => length().is_some_and(|length| argument.as_u64() == u64::try_from(length).ok()),
        "$gte" => match (argument.as_i64(), actual.as_i64()) {
            (Some(least), Some(number)) => number >= least,
            _ => false,
        },
        _ => return Err(format!("{path}: no such operator: {name}")),
    };
    if holds { Ok(()) } else { Err(format!("{path}: expected {name} {argument}, got {actual}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ok(sides: [Value; 2]) -> bool {
        let [expected, actual] = sides;
        let names = Names::from([("a".to_owned(), "id-1".to_owned())]);
        matches(&expected, &actual, &names).is_ok()
    }

    #[test]
    fn objects_match_in_part_and_null_matches_absence() {
        assert!(ok([json!({"a": 1, "b": null}), json!({"a": 1, "c": 2})]));
        assert!(ok([json!({"b": null}), json!({"b": null})]));
        assert!(!ok([json!({"a": 1}), json!({"a": 2})]));
        assert!(!ok([json!({"b": null}), json!({"b": 0})]));
        assert!(!ok([json!({}), json!(null)]));
    }

    #[test]
    fn arrays_match_whole() {
        assert!(ok([json!([1, {}]), json!([1, {"x": 1}])]));
        assert!(!ok([json!([1]), json!([1, 2])]));
        assert!(!ok([json!([]), json!(null)]));
    }

    #[test]
    fn operators_hold_together() {
        assert!(ok([json!({"$contains": 2}), json!([1, 2])]));
        assert!(ok([json!({"$contains": "bc"}), json!("abcd")]));
        assert!(ok([json!({"$not": {"$contains": "x"}}), json!("abcd")]));
        assert!(ok([json!({"$length": 2, "$contains": 1}), json!([1, 2])]));
        assert!(!ok([json!({"$length": 2, "$contains": 3}), json!([1, 2])]));
        assert!(ok([json!({"$gte": 3}), json!(3)]) && !ok([json!({"$gte": 3}), json!(2)]));
        assert!(ok([json!({"$any": true}), json!(0)]) && !ok([json!({"$any": true}), json!(null)]));
        assert!(!ok([json!({"$alike": 1}), json!(1)]));
    }

    #[test]
    fn names_stand_for_ids() {
        assert!(ok([json!("$a"), json!("id-1")]));
        assert!(!ok([json!("$a"), json!("id-2")]) && !ok([json!("$b"), json!("id-1")]));
    }
}
