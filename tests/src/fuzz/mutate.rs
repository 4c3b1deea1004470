//! Makes a broken input of a good one: bytes changed, parts doubled or left out, JSON values exchanged for others.

use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};

/// Bytes of an input, at most: what is refused for its size is tried at the limits themselves.
const BYTES_MAX: usize = 64 * 1024;
/// Changes of one input, at most.
const CHANGES_MAX: u32 = 6;
/// What programs stumble over.
const WORDS: [&str; 22] = [
    "",
    "0",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "1e999",
    "-0.0",
    "null",
    "\u{0}",
    "\u{feff}",
    "💩",
    "+254712345678",
    "%",
    "%00",
    "%F0%9F%92",
    "&",
    "=",
    "[",
    "\"",
    "{}",
    "\\ud800",
    "٣",
];

fn below(rng: &mut StdRng, end: usize) -> usize {
    if end == 0 { 0 } else { rng.random_range(0..end) }
}

/// An input like this one.
pub(super) fn mutated(rng: &mut StdRng, sample: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    if rng.random_bool(0.5)
        && let Ok(mut value) = serde_json::from_slice::<Value>(&bytes)
    {
        for _ in 0..rng.random_range(1..=CHANGES_MAX) {
            change_value(rng, &mut value, 0);
        }
        bytes = value.to_string().into_bytes();
        if rng.random_bool(0.7) {
            return bytes;
        }
    }
    for _ in 0..rng.random_range(0..=CHANGES_MAX) {
        change_bytes(rng, &mut bytes, other);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn change_bytes(rng: &mut StdRng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = below(rng, bytes.len());
    let end = (at + 1 + below(rng, 32)).min(bytes.len());
    match rng.random_range(0..8) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << below(rng, 8),
        1 if !bytes.is_empty() => bytes[at] = rng.random(),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let part = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, part.repeat(1 + below(rng, 40))));
        }
        5 => drop(bytes.splice(at..at, WORDS[below(rng, WORDS.len())].bytes())),
        6 => drop(bytes.splice(at..end, WORDS[below(rng, WORDS.len())].bytes())),
        _ => {
            let from = below(rng, other.len());
            drop(bytes.splice(at..end, other[from..(from + 64).min(other.len())].iter().copied()));
        }
    }
}

fn change_value(rng: &mut StdRng, value: &mut Value, depth: usize) {
    let go_deeper = depth < 12 && rng.random_bool(0.8);
    match value {
        Value::Object(object) if go_deeper && !object.is_empty() => {
            let key = object.keys().nth(below(rng, object.len())).cloned().unwrap_or_default();
            match rng.random_range(0..10) {
                0 => drop(object.remove(&key)),
                1 => drop(object.insert(WORDS[below(rng, WORDS.len())].to_owned(), other_value(rng))),
                _ => {
                    if let Some(inner) = object.get_mut(&key) {
                        change_value(rng, inner, depth + 1);
                    }
                }
            }
        }
        Value::Array(list) if go_deeper && !list.is_empty() => {
            let at = below(rng, list.len());
            match rng.random_range(0..8) {
                0 => drop(list.remove(at)),
                1 => {
                    let one = list[at].clone();
                    list.extend(std::iter::repeat_n(one, below(rng, 150)));
                }
                _ => change_value(rng, &mut list[at], depth + 1),
            }
        }
        Value::String(text) if rng.random_bool(0.6) => {
            let mut bytes = std::mem::take(text).into_bytes();
            change_bytes(rng, &mut bytes, b"2026-11-24T08:00:00Z +254712345678 1000.00 KES");
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        _ => *value = other_value(rng),
    }
}

fn other_value(rng: &mut StdRng) -> Value {
    match rng.random_range(0..10) {
        0 => Value::Null,
        1 => json!(rng.random::<bool>()),
        2 => json!(i64::MIN),
        3 => json!(u64::MAX),
        4 => json!(rng.random::<i32>()),
        5 => json!(1e300),
        6 => json!([]),
        7 => json!({}),
        8 => json!("x".repeat(1 << below(rng, 15))),
        _ => json!(WORDS[below(rng, WORDS.len())]),
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_none_is_too_large() {
        let sample = br#"{"a": [1, {"b": "text"}], "c": "2026-11-24T08:00:00Z"}"#;
        let make = || {
            let mut rng = StdRng::seed_from_u64(7);
            (0..500).map(|_| mutated(&mut rng, sample, b"other")).collect::<Vec<_>>()
        };
        let made = make();
        assert_eq!(made, make());
        assert!(made.iter().all(|input| input.len() <= BYTES_MAX));
        let json = made.iter().filter(|input| serde_json::from_slice::<Value>(input).is_ok()).count();
        let different = made.iter().filter(|input| input.as_slice() != sample).count();
        assert!((100..490).contains(&json) && different > 400, "{json} are JSON, {different} differ");
    }
}
