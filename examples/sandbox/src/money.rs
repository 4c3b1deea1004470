//! Amounts in hundredths, read and written without floats.

use serde_json::{Value, json};

/// `1250`, `1250.5` or `1250.50` in hundredths.
pub(crate) fn hundredths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 2 {
        return None;
    }
    format!("{whole}{fraction:0<2}").parse().ok()
}

/// As JSON: whole ones as integers, others as text that a number could be read from.
pub(crate) fn decimal(amount: u64) -> Value {
    if amount.is_multiple_of(100) { json!(amount / 100) } else { json!(text(amount)) }
}

/// With two places, as the ledger has it.
pub(crate) fn text(amount: u64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

/// Whole ones without their cents, as faults are matched by.
pub(crate) fn fact(amount: u64) -> String {
    if amount.is_multiple_of(100) { (amount / 100).to_string() } else { text(amount) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_without_loss() {
        for (given, hundredths_of, written) in [("1250", 125_000, "1250.00"), ("12.5", 1_250, "12.50"), ("0.07", 7, "0.07")] {
            assert_eq!(hundredths(given), Some(hundredths_of));
            assert_eq!(text(hundredths_of), written);
        }
        for bad in ["", "-1", "1.005", "1e3", ".5"] {
            assert_eq!(hundredths(bad), None, "{bad}");
        }
        assert_eq!((decimal(125_000), decimal(1_250)), (json!(1250), json!("12.50")));
    }
}
