//! The initiator's password, sealed for Safaricom.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{Pkcs1v15Encrypt, RsaPublicKey, pkcs8::DecodePublicKey as _, rand_core::OsRng};
use x509_cert::{
    Certificate,
    der::{Decode as _, DecodePem as _, Encode as _},
};

use super::super::AdapterError;

/// Encrypts the password with the certificate's key (PKCS#1 v1.5, base64).
///
/// Only the key counts: the certificates in use have long expired, so neither validity nor chain is looked at.
pub(super) fn seal(password: &str, certificate: &[u8]) -> Result<String, AdapterError> {
    let wrong = |message| AdapterError::misconfigured(message);
    let key = public_key(certificate).ok_or_else(|| wrong("certificate_path names no X.509 certificate with an RSA key"))?;
    let sealed = key.encrypt(&mut OsRng, Pkcs1v15Encrypt, password.as_bytes());
    let sealed = sealed.map_err(|_| wrong("initiator_password is too long for the certificate's key"))?;
    Ok(STANDARD.encode(sealed))
}

fn public_key(certificate: &[u8]) -> Option<RsaPublicKey> {
    let certificate = Certificate::from_pem(certificate).or_else(|_| Certificate::from_der(certificate)).ok()?;
    let key = certificate.tbs_certificate.subject_public_key_info.to_der().ok()?;
    RsaPublicKey::from_public_key_der(&key).ok()
}
