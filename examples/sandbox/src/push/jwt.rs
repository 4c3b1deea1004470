//! Signed JSON Web Tokens, verified.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value;

use crate::credentials::{APNS_PUBLIC_KEY, FCM_PUBLIC_KEY};

/// A token's two parts.
pub(super) struct Token {
    pub(super) header: Value,
    pub(super) claims: Value,
}

/// Signed by the service account?
pub(super) fn google(text: &str) -> Option<Token> {
    read(text, "RS256", &RSA_PKCS1_2048_8192_SHA256, FCM_PUBLIC_KEY)
}

/// Signed by the APNs key?
pub(super) fn apple(text: &str) -> Option<Token> {
    read(text, "ES256", &ECDSA_P256_SHA256_FIXED, APNS_PUBLIC_KEY)
}

fn read(text: &str, algorithm: &str, verification: &'static dyn VerificationAlgorithm, key: &str) -> Option<Token> {
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let part = |text: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    let token = Token { header: part(header)?, claims: part(claims)? };
    let key = UnparsedPublicKey::new(verification, STANDARD.decode(key).ok()?);
    let genuine = key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).is_ok();
    (genuine && token.header["alg"] == algorithm).then_some(token)
}
