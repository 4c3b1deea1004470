//! Signed JSON Web Tokens: RS256 for Google, ES256 for Apple. The keys are PKCS#8 in PEM.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, TimeDelta, Utc};
use ring::{
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256},
};
use serde_json::Value;

use super::super::AdapterError;

/// Signs with an RSA key, as Google's tokens are asked for.
pub(super) fn rs256(pem: &str, header: &Value, claims: &Value) -> Result<String, AdapterError> {
    let key = rsa_key(pem)?;
    let text = unsigned(header, claims);
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).map_err(|_| unusable("RSA"))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Signs with a P-256 key, as APNs wants it: the two numbers side by side, 64 bytes.
pub(super) fn es256(pem: &str, header: &Value, claims: &Value) -> Result<String, AdapterError> {
    let key = p256_key(pem)?;
    let text = unsigned(header, claims);
    let signature = key.sign(&SystemRandom::new(), text.as_bytes()).map_err(|_| unusable("P-256"))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Is it a key that can sign?
pub(super) fn check_rs256(pem: &str) -> Result<(), AdapterError> {
    rsa_key(pem).map(drop)
}

/// Is it a key that can sign?
pub(super) fn check_es256(pem: &str) -> Result<(), AdapterError> {
    p256_key(pem).map(drop)
}

/// How old a token of ours is, by its own `iat`.
pub(super) fn age(token: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(now - DateTime::from_timestamp(claims.get("iat")?.as_i64()?, 0)?)
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn rsa_key(pem: &str) -> Result<KeyPair, AdapterError> {
    KeyPair::from_pkcs8(&der(pem).ok_or_else(|| unusable("RSA"))?).map_err(|_| unusable("RSA"))
}

fn p256_key(pem: &str) -> Result<EcdsaKeyPair, AdapterError> {
    let der = der(pem).ok_or_else(|| unusable("P-256"))?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new()).map_err(|_| unusable("P-256"))
}

/// What is between the PEM's two lines. Pasted keys have lost their line breaks, or have them as `\n` in letters.
fn der(pem: &str) -> Option<Vec<u8>> {
    let text = pem.replace("\\n", "\n");
    let (_, text) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (text, _) = text.split_once("-----END PRIVATE KEY-----")?;
    STANDARD.decode(text.split_whitespace().collect::<String>()).ok()
}

fn unusable(kind: &str) -> AdapterError {
    AdapterError::misconfigured(format!("the private key is no PKCS#8 {kind} key in PEM, or cannot sign"))
}
