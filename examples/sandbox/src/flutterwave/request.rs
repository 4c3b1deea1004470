//! Reading requests: what is missing is named, amounts are decimals without floats.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::{authorise, invalid};

pub(super) struct Body(Value);

impl Body {
    pub(super) fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Response> {
        authorise(headers)?;
        match serde_json::from_slice(bytes) {
            Ok(value @ Value::Object(_)) => Ok(Self(value)),
            Ok(_) | Err(_) => Err(invalid("the body is not valid")),
        }
    }

    /// The text or number at a path of names.
    pub(super) fn get(&self, path: &str) -> Option<String> {
        let value = path.split('.').try_fold(&self.0, |value, name| value.get(name))?;
        match value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn need(&self, path: &str) -> Result<String, Response> {
        self.get(path).ok_or_else(|| invalid(&format!("{path} is required")))
    }

    /// The amount in hundredths.
    pub(super) fn amount(&self) -> Result<u64, Response> {
        let amount = hundredths(&self.need("amount")?).filter(|amount| *amount > 0);
        amount.ok_or_else(|| invalid("amount should be a number greater than 0"))
    }

    pub(super) fn currency(&self) -> Result<String, Response> {
        let currency = self.need("currency")?;
        let shaped = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if shaped { Ok(currency) } else { Err(invalid("currency is not valid")) }
    }

    pub(super) fn tx_ref(&self) -> Result<String, Response> {
        Some(self.need("tx_ref")?).filter(|text| text.len() <= 100).ok_or_else(|| invalid("tx_ref is too long"))
    }

    pub(super) fn email(&self, path: &str) -> Result<String, Response> {
        Some(self.need(path)?).filter(|email| email.contains('@')).ok_or_else(|| invalid("email must be a valid email"))
    }
}

/// `1250`, `1250.5` or `1250.50` in hundredths.
pub(crate) fn hundredths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 2 {
        return None;
    }
    format!("{whole}{fraction:0<2}").parse().ok()
}

/// As Flutterwave writes amounts: whole ones as integers, others as text that a number could be read from.
pub(crate) fn decimal(amount: u64) -> Value {
    if amount.is_multiple_of(100) { json!(amount / 100) } else { json!(text(amount)) }
}

/// With two places, as the ledger has it.
pub(crate) fn text(amount: u64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
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
