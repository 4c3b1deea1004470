//! Standard Webhooks' symmetric signature: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";

/// What a receiver and we know: `whsec_` and base64. `Debug` shows nothing.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// One of these bytes.
    #[must_use]
    pub fn of(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// Reads one as it is written; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text.strip_prefix(PREFIX)?).ok().filter(|bytes| !bytes.is_empty()).map(Self)
    }

    /// As it is written and shown, once.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The signature of one message.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        format!("{VERSION}{}", STANDARD.encode(self.mac(id, timestamp, body).finalize().into_bytes()))
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("an HMAC takes keys of every length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// Is one of the signatures in this header by this secret? What a receiver asks; an old timestamp is for it to refuse.
#[must_use]
pub fn is_signed(secret: &Secret, header: &str, id: &str, timestamp: &str, body: &[u8]) -> bool {
    header
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix(VERSION)?).ok())
        .any(|signature| secret.mac(id, timestamp, body).verify_slice(&signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Standard Webhooks' published vector.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: &str = "1614265330";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_published_message_gets_the_published_signature() {
        let secret = Secret::parse(SECRET).unwrap();
        assert_eq!(secret.sign(ID, AT, BODY), SIGNATURE);
        assert_eq!(secret.text(), SECRET);
    }

    #[test]
    fn one_good_signature_among_several_is_enough_and_nothing_else_passes() {
        let (secret, other) = (Secret::parse(SECRET).unwrap(), Secret::of([7; 32]));
        let both = format!("{} {SIGNATURE} v2,abc", other.sign(ID, AT, BODY));
        assert!(is_signed(&secret, &both, ID, AT, BODY) && is_signed(&other, &both, ID, AT, BODY));
        assert!(!is_signed(&other, SIGNATURE, ID, AT, BODY), "another secret");
        for (id, at, body) in [("msg", AT, BODY), (ID, "1614265331", BODY), (ID, AT, &BODY[1..])] {
            assert!(!is_signed(&secret, SIGNATURE, id, at, body));
        }
        for header in
            ["", "v1,", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]
        {
            assert!(!is_signed(&secret, header, ID, AT, BODY), "{header}");
        }
    }

    #[test]
    fn what_is_no_secret_is_not_read_as_one() {
        for text in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", Secret::of([1; 32])), "Secret");
    }
}
