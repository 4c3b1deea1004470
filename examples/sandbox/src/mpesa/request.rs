//! Reading Daraja's JSON bodies: fields are text or numbers, and a bad one is named.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde_json::Value;

use super::{Refusal, token};
use crate::credentials::{MPESA_INITIATOR, MPESA_PASSKEY, MPESA_SHORTCODE};
use crate::incoming::field;
use crate::world::World;

/// Words Safaricom refuses in the path of a webhook, in any case.
const FORBIDDEN_WORDS: [&str; 7] = ["mpesa", "safaricom", "exe", "exec", "cmd", "sql", "query"];

pub(super) struct Body(Value);

impl Body {
    /// The body of an authorised request.
    pub(super) fn read(world: &World, headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Refusal> {
        token::authorise(world, headers)?;
        let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if !is_json {
            return Err(Refusal::invalid("BusinessShortCode"));
        }
        match serde_json::from_slice(bytes) {
            Ok(value @ Value::Object(_)) => Ok(Self(value)),
            Ok(_) | Err(_) => Err(Refusal::new("400.002.05", "Invalid Request Payload")),
        }
    }

    /// A field as text, if it is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        field(&self.0, name)
    }

    /// A field that must be there and pass.
    pub(super) fn need(&self, name: &str, pass: impl FnOnce(&str) -> bool) -> Result<String, Refusal> {
        self.get(name).filter(|value| pass(value)).ok_or_else(|| Refusal::invalid(name))
    }

    /// Whole shillings, at least one.
    pub(super) fn amount(&self) -> Result<u64, Refusal> {
        let amount = self.get("Amount").filter(|amount| digits(amount)).and_then(|amount| amount.parse().ok());
        amount.filter(|amount| *amount >= 1).ok_or_else(|| Refusal::invalid("Amount"))
    }

    /// The password of charge and query.
    pub(super) fn check_password(&self) -> Result<(), Refusal> {
        let shortcode = self.need("BusinessShortCode", |code| digits(code) && (5..=7).contains(&code.len()))?;
        let timestamp = self.need("Timestamp", |stamp| digits(stamp) && stamp.len() == 14)?;
        let password = self.need("Password", |password| !password.is_empty())?;
        if shortcode != MPESA_SHORTCODE {
            return Err(Refusal::new("500.001.1001", "Merchant does not exist"));
        }
        if password != STANDARD.encode(format!("{shortcode}{MPESA_PASSKEY}{timestamp}")) {
            return Err(Refusal::new("500.001.1001", "Wrong credentials"));
        }
        Ok(())
    }

    /// What reversal and status have in common; true if the initiator is the right one (Daraja says so later).
    pub(super) fn check_initiator(&self, command: &str) -> Result<bool, Refusal> {
        let initiator = self.need("Initiator", |initiator| !initiator.is_empty())?;
        self.need("SecurityCredential", |credential| !credential.is_empty())?;
        self.need("CommandID", |found| found == command)?;
        self.need("QueueTimeOutURL", is_webhook_url)?;
        Ok(initiator == MPESA_INITIATOR)
    }
}

pub(super) fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2547XXXXXXXX` or `2541XXXXXXXX`.
pub(super) fn is_phone(text: &str) -> bool {
    text.len() == 12 && digits(text) && (text.starts_with("2547") || text.starts_with("2541"))
}

/// An https address, or plain http on the loopback, without forbidden words in its path.
pub(super) fn is_webhook_url(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let path = url.path().to_ascii_lowercase();
    (url.scheme() == "https" || (url.scheme() == "http" && loopback)) && !FORBIDDEN_WORDS.iter().any(|word| path.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_address_is_https_or_loopback_and_without_forbidden_words() {
        for good in ["https://pay.example.org/k/1/ab", "http://127.0.0.1:9/k/1/ab", "http://localhost/k/1/ab"] {
            assert!(is_webhook_url(good), "{good}");
        }
        for bad in ["http://pay.example.org/k/1/ab", "https://pay.example.org/MPesa/1", "k/1/ab", "ftp://localhost/k"] {
            assert!(!is_webhook_url(bad), "{bad}");
        }
    }

    #[test]
    fn a_phone_is_twelve_digits_of_kenya() {
        assert!(is_phone("254712000001") && is_phone("254110000001"));
        assert!(!is_phone("0712000001") && !is_phone("+254712000001") && !is_phone("254212000001"));
    }
}
