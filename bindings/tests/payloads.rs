//! The examples that Kotlin's and Swift's typed operations must make, byte for byte once parsed: each is valid, and together
//! they cover every action.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work is a failed test")]

use tarishi_protocol::{
    catalog::{ADAPTERS, actions},
    check_payload,
};

fn examples() -> Vec<(String, String)> {
    let examples: Vec<serde_json::Value> = serde_json::from_str(include_str!("../payloads.json")).unwrap();
    let text = |example: &serde_json::Value| (example["name"].as_str().unwrap().to_owned(), example["payload"].to_string());
    examples.iter().map(text).collect()
}

/// `sms.send#one` is a second example of `sms.send`.
fn operation(name: &str) -> (&str, &str) {
    name.split('#').next().unwrap().split_once('.').unwrap()
}

#[test]
fn every_example_is_valid() {
    for (name, payload) in examples() {
        let (adapter, action) = operation(&name);
        if let Err(problem) = check_payload(adapter, action, 1, &payload) {
            panic!("{name}: {problem}");
        }
    }
}

#[test]
fn every_action_has_an_example() {
    let examples = examples();
    for (adapter, _) in ADAPTERS {
        for action in actions(adapter) {
            assert!(examples.iter().any(|(name, _)| operation(name) == (adapter, *action)), "{adapter}.{action}");
        }
    }
}
