//! Everything secret: sealing at rest, tokens, and the names that must not be guessed.
//!
//! One master key; every tenant's secret and every purpose's key derive from it by HKDF-SHA256. A sealed value is
//! `key id (1) ‖ nonce (24) ‖ XChaCha20-Poly1305`, bound to its tenant and purpose: moved elsewhere it does not open.

use std::fmt;

use base64::Engine as _;
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tarishi_protocol::OperationId;
use uuid::Uuid;

/// The only master key there is so far; rotation adds another.
const KEY_ID: u8 = 1;
const NONCE_BYTES: usize = 24;
/// Bytes of a callback's token, before it is written as hex.
const CALLBACK_TOKEN_BYTES: usize = 16;
const CURSOR_MAC_BYTES: usize = 8;

/// Why a sealed value did not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VaultError {
    /// Sealed with a key that is not here.
    #[error("sealed with key {0}, which is not here")]
    UnknownKey(u8),
    /// Damaged, moved, or sealed with another key of the same number.
    #[error("does not open: another master key, or damaged")]
    DoesNotOpen,
}

/// Holds the master key. `Debug` shows nothing.
#[derive(Clone)]
pub struct Vault {
    master: [u8; 32],
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// A vault of this key.
    #[must_use]
    pub fn from_master_key(master: [u8; 32]) -> Self {
        Self { master }
    }

    /// Seals a value for one tenant and purpose.
    #[must_use]
    pub fn seal(&self, tenant: &str, purpose: &str, plaintext: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let aad = bound(&[tenant, purpose]);
        let sealed = self
            .cipher(tenant)
            .encrypt(&XNonce::from(nonce), Payload { msg: plaintext, aad: &aad })
            .expect("a value in memory is far below the cipher's limit");
        [&[KEY_ID], nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Vault::seal`] sealed for the same tenant and purpose.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open(&self, tenant: &str, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (&key_id, rest) = sealed.split_first().ok_or(VaultError::DoesNotOpen)?;
        if key_id != KEY_ID {
            return Err(VaultError::UnknownKey(key_id));
        }
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or(VaultError::DoesNotOpen)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| VaultError::DoesNotOpen)?;
        let aad = bound(&[tenant, purpose]);
        self.cipher(tenant)
            .decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &aad })
            .map_err(|_| VaultError::DoesNotOpen)
    }

    /// The tenant's own secret: effect keys and tokens of its operations derive from it.
    #[must_use]
    pub fn tenant_secret(&self, tenant: &str) -> [u8; 32] {
        self.derive(&["tenant", tenant])
    }

    /// The token in a callback's path: only who got the URL from us knows it.
    #[must_use]
    pub fn callback_token(&self, tenant: &str, attempt: Uuid) -> String {
        let mac = mac(&self.tenant_secret(tenant), &["callback", &attempt.to_string()]);
        hex::encode(&mac[..CALLBACK_TOKEN_BYTES])
    }

    /// Is this the token of that attempt? In constant time.
    #[must_use]
    pub fn is_callback_token(&self, tenant: &str, attempt: Uuid, token: &str) -> bool {
        self.callback_token(tenant, attempt).as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// Names one effect at the provider: the same over all tries, another after a redrive. 64 hex characters.
    #[must_use]
    pub fn effect_key(&self, tenant: &str, operation: OperationId, effect_number: u32) -> String {
        hex::encode(mac(&self.tenant_secret(tenant), &["effect", &operation.to_string(), &effect_number.to_string()]))
    }

    /// What is stored of a token: tokens have 256 random bits, so one round is enough.
    #[must_use]
    pub fn token_hash(secret: &str) -> [u8; 32] {
        Sha256::digest(secret.as_bytes()).into()
    }

    /// Are these hashes equal? In constant time.
    #[must_use]
    pub fn same_hash(a: &[u8; 32], b: &[u8; 32]) -> bool {
        a.ct_eq(b).into()
    }

    /// A new secret of 256 random bits, good in a URL.
    #[must_use]
    pub fn new_secret() -> String {
        hex::encode(rand::random::<[u8; 32]>())
    }

    /// The secret that follows this one of a device, if it is replaced at this second. A device that lost the answer and
    /// shows its old secret again is told the same one.
    #[must_use]
    pub fn next_secret(&self, tenant: &str, device: &str, secret: &str, issued_secs: u32) -> String {
        hex::encode(mac(&self.tenant_secret(tenant), &["rotation", device, secret, &issued_secs.to_string()]))
    }

    /// A page's cursor: the last id shown, bound to its tenant and list.
    #[must_use]
    pub fn cursor(&self, tenant: &str, list: &str, last: Uuid) -> String {
        let mac = mac(&self.tenant_secret(tenant), &["cursor", list, &last.to_string()]);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([last.as_bytes(), &mac[..CURSOR_MAC_BYTES]].concat())
    }

    /// The id in a cursor that [`Vault::cursor`] made for the same tenant and list.
    #[must_use]
    pub fn open_cursor(&self, tenant: &str, list: &str, cursor: &str) -> Option<Uuid> {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let last = Uuid::from_slice(bytes.get(..16)?).ok()?;
        let same: bool = self.cursor(tenant, list, last).as_bytes().ct_eq(cursor.as_bytes()).into();
        same.then_some(last)
    }

    fn cipher(&self, tenant: &str) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.derive(&["seal", tenant]).into())
    }

    fn derive(&self, info: &[&str]) -> [u8; 32] {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(b"tarishi"), &self.master)
            .expand(&bound(info), &mut key)
            .expect("32 bytes are within what HKDF-SHA256 can give");
        key
    }
}

fn mac(key: &[u8; 32], parts: &[&str]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&bound(parts));
    mac.finalize().into_bytes().into()
}

/// The parts with their lengths, so that no two lists of parts read the same.
fn bound(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> Vault {
        Vault::from_master_key([7; 32])
    }

    #[test]
    fn what_is_sealed_opens_only_where_it_belongs() {
        let sealed = vault().seal("school", "credentials:mpesa", b"secret");
        assert_eq!(vault().open("school", "credentials:mpesa", &sealed).unwrap(), b"secret");
        assert_eq!(vault().open("other", "credentials:mpesa", &sealed), Err(VaultError::DoesNotOpen));
        assert_eq!(vault().open("school", "credentials:sms", &sealed), Err(VaultError::DoesNotOpen));
        assert_eq!(Vault::from_master_key([8; 32]).open("school", "credentials:mpesa", &sealed), Err(VaultError::DoesNotOpen));
    }

    #[test]
    fn a_damaged_or_foreign_seal_is_an_error_and_no_panic() {
        let mut sealed = vault().seal("school", "x", b"secret");
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(vault().open("school", "x", &sealed), Err(VaultError::DoesNotOpen));
        sealed[0] = 9;
        assert_eq!(vault().open("school", "x", &sealed), Err(VaultError::UnknownKey(9)));
        assert_eq!(vault().open("school", "x", &[]), Err(VaultError::DoesNotOpen));
        assert_eq!(vault().open("school", "x", &[1, 2, 3]), Err(VaultError::DoesNotOpen));
    }

    #[test]
    fn a_callback_token_names_one_attempt_of_one_tenant() {
        let attempt = Uuid::from_u128(5);
        let token = vault().callback_token("school", attempt);
        assert_eq!(token.len(), 32);
        assert!(vault().is_callback_token("school", attempt, &token));
        assert!(!vault().is_callback_token("school", Uuid::from_u128(6), &token));
        assert!(!vault().is_callback_token("other", attempt, &token));
    }

    #[test]
    fn an_effect_key_stays_until_a_redrive() {
        let operation = OperationId(Uuid::from_u128(1));
        let key = vault().effect_key("school", operation, 0);
        assert_eq!(key.len(), 64);
        assert_eq!(key, vault().effect_key("school", operation, 0));
        assert_ne!(key, vault().effect_key("school", operation, 1));
        assert_ne!(key, vault().effect_key("other", operation, 0));
    }

    #[test]
    fn a_cursor_is_of_its_tenant_and_list() {
        let cursor = vault().cursor("school", "logs", Uuid::from_u128(3));
        assert_eq!(vault().open_cursor("school", "logs", &cursor), Some(Uuid::from_u128(3)));
        assert_eq!(vault().open_cursor("school", "operations", &cursor), None);
        assert_eq!(vault().open_cursor("other", "logs", &cursor), None);
        assert_eq!(vault().open_cursor("school", "logs", "AAAA"), None);
    }

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", vault()), "Vault");
        assert_ne!(Vault::new_secret(), Vault::new_secret());
    }
}
