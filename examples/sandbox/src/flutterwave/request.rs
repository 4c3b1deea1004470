//! Reading requests: what is missing is named, and what is wrong is refused in its own words.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::{authorise, invalid};
use crate::incoming::field;
use crate::money::hundredths;

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
        field(&self.0, path)
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
