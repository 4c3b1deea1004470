//! What makes two operations the same: SHA-256 over the RFC 8785 bytes of (adapter, action, payload).

use core::fmt;

use sha2::{Digest, Sha256};

/// Computed once, at `enqueue`; spelling (spaces, order of fields, escapes) does not change it.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of an operation.
    ///
    /// # Errors
    /// The payload is not JSON.
    pub fn of(adapter: &str, action: &str, payload: &str) -> Result<Self, serde_json::Error> {
        let payload: serde_json::Value = serde_json::from_str(payload)?;
        let whole = serde_json::json!({ "action": action, "adapter": adapter, "payload": payload });
        let bytes = serde_json_canonicalizer::to_vec(&whole)?;
        Ok(Self(Sha256::digest(bytes).into()))
    }

    /// The fingerprint of these 32 stored bytes; `None` if there are not 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_change_the_fingerprint() {
        let a = Fingerprint::of("sms", "send", r#"{"to":"+254711000111","message":"\u0041é"}"#).unwrap();
        let b = Fingerprint::of("sms", "send", "{ \"message\" : \"A\\u00e9\", \"to\":\"+254711000111\" }").unwrap();
        assert_eq!(a, b);
    }

    #[test]
    fn every_part_changes_the_fingerprint() {
        let base = Fingerprint::of("sms", "send", "{}").unwrap();
        assert_ne!(base, Fingerprint::of("sms", "query", "{}").unwrap());
        assert_ne!(base, Fingerprint::of("whatsapp", "send", "{}").unwrap());
        assert_ne!(base, Fingerprint::of("sms", "send", r#"{"a":1}"#).unwrap());
    }
}
