//! The forms in which a text may be written.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

/// What a text looks like when it is written in another way.
pub(super) fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex = hex::encode(bytes);
    let percent: String = bytes
        .iter()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let mut all = vec![bytes.to_vec(), hex.to_ascii_uppercase().into_bytes(), hex.into_bytes()];
    all.extend([percent.to_ascii_lowercase(), percent].map(String::into_bytes));
    if let Ok(json) = std::str::from_utf8(bytes).map(|text| Value::from(text).to_string()) {
        all.push(json.as_bytes()[1..json.len() - 1].to_vec());
    }
    // In base64 what is in front shifts it; of the first and last characters only a part is its own.
    for shift in 0..3 {
        let shifted = [&vec![0; shift], bytes].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted).into_bytes();
            let (begin, end) = (if shift == 0 { 0 } else { shift + 1 }, text.len() - usize::from(shifted.len() % 3 != 0));
            all.push(text[begin..end].to_vec());
        }
    }
    all.sort();
    all.dedup();
    all
}
