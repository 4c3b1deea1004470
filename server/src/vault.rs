//! Everything secret: sealing at rest, tokens, and the names that must not be guessed.
//!
//! What seals is derived from a master key by HKDF-SHA256. A sealed value is `key id (1) ‖ nonce (24) ‖ XChaCha20-Poly1305`,
//! bound to its tenant and purpose: moved elsewhere it does not open. A new master key may follow ([`crate::rotation`]).
//!
//! Names (effect keys, callback tokens, cursors, the next token of a device) derive from the *root*, which never changes: a
//! payment under way must keep the name that its provider knows it by. The root is the first master key; the database holds
//! it sealed, so that the key itself can go.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

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

mod ring;

pub use ring::{FIRST, KeyRing};

/// What the root is sealed for: no tenant has this name.
const ROOT: (&str, &str) = ("", "root");
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

/// Holds the master keys and the root. `Debug` shows nothing.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    /// Where the keys are read again when one of an unknown number is met.
    file: Option<PathBuf>,
    ring: RwLock<KeyRing>,
    root: RwLock<[u8; 32]>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// A vault of this key, which is the root too.
    #[must_use]
    pub fn from_master_key(master: [u8; 32]) -> Self {
        Self::new(KeyRing::one(master), None)
    }

    /// A vault of these keys. With a file the keys are read again from there when they were changed. Until
    /// [`Vault::adopt_root`] the root is the first key.
    #[must_use]
    pub fn new(ring: KeyRing, file: Option<PathBuf>) -> Self {
        let root = ring.get(FIRST).or_else(|| ring.get(ring.current())).copied().unwrap_or_default();
        Self(Arc::new(Inner { file, ring: RwLock::new(ring), root: RwLock::new(root) }))
    }

    /// The keys as they are now.
    #[must_use]
    pub fn ring(&self) -> KeyRing {
        self.0.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Seals a value for one tenant and purpose, with the current key.
    #[must_use]
    pub fn seal(&self, tenant: &str, purpose: &str, plaintext: &[u8]) -> Vec<u8> {
        self.reload();
        let ring = self.ring();
        let key = ring.get(ring.current()).copied().unwrap_or_default();
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let aad = bound(&[tenant, purpose]);
        let sealed = cipher(&key, tenant)
            .encrypt(&XNonce::from(nonce), Payload { msg: plaintext, aad: &aad })
            .expect("a value in memory is far below the cipher's limit");
        [&[ring.current()], nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Vault::seal`] sealed for the same tenant and purpose.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open(&self, tenant: &str, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (&key_id, rest) = sealed.split_first().ok_or(VaultError::DoesNotOpen)?;
        let key = match self.ring().get(key_id) {
            Some(key) => *key,
            None => {
                self.reload();
                *self.ring().get(key_id).ok_or(VaultError::UnknownKey(key_id))?
            }
        };
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or(VaultError::DoesNotOpen)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| VaultError::DoesNotOpen)?;
        let aad = bound(&[tenant, purpose]);
        cipher(&key, tenant)
            .decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &aad })
            .map_err(|_| VaultError::DoesNotOpen)
    }

    /// The root, sealed with the current key; `None` if no key here can be the root.
    #[must_use]
    pub fn sealed_first_root(&self) -> Option<Vec<u8>> {
        let root = *self.ring().get(FIRST)?;
        Some(self.seal(ROOT.0, ROOT.1, &root))
    }

    /// Takes the root that the database holds.
    ///
    /// # Errors
    /// It was sealed with a key that is not here: this is another installation's database.
    pub fn adopt_root(&self, sealed: &[u8]) -> Result<(), VaultError> {
        let root = self.open(ROOT.0, ROOT.1, sealed)?.try_into().map_err(|_| VaultError::DoesNotOpen)?;
        *self.0.root.write().unwrap_or_else(PoisonError::into_inner) = root;
        Ok(())
    }

    /// The stored root, sealed anew with the current key.
    ///
    /// # Errors
    /// It does not open.
    pub fn reseal_root(&self, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        Ok(self.seal(ROOT.0, ROOT.1, &self.open(ROOT.0, ROOT.1, sealed)?))
    }

    /// A rotation beside this process may have written a new key. What cannot be read leaves the keys as they are.
    fn reload(&self) {
        let Some(file) = &self.0.file else { return };
        let read = std::fs::read_to_string(file).ok().and_then(|text| KeyRing::parse(&text));
        if let Some(ring) = read {
            *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        }
    }

    /// The tenant's own secret: effect keys and tokens of its operations derive from it.
    #[must_use]
    pub fn tenant_secret(&self, tenant: &str) -> [u8; 32] {
        let root = *self.0.root.read().unwrap_or_else(PoisonError::into_inner);
        derive(&root, &["tenant", tenant])
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

    /// With what a phone may say that a notification came: the notification's id and a proof. 54 characters.
    #[must_use]
    pub fn receipt_token(&self, tenant: &str, notification: Uuid) -> String {
        let mac = mac(&self.tenant_secret(tenant), &["receipt", &notification.to_string()]);
        let proof = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&mac[..CALLBACK_TOKEN_BYTES]);
        format!("{}{proof}", notification.simple())
    }

    /// The notification that a token names; whether the token is good is asked of [`Vault::receipt_token`].
    #[must_use]
    pub fn receipt_subject(token: &str) -> Option<Uuid> {
        Uuid::try_parse(token.get(..32)?).ok()
    }

    /// Are these two texts the same? In constant time.
    #[must_use]
    pub fn same_text(one: &str, other: &str) -> bool {
        one.as_bytes().ct_eq(other.as_bytes()).into()
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
}

fn cipher(master: &[u8; 32], tenant: &str) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&derive(master, &["seal", tenant]).into())
}

fn derive(master: &[u8; 32], info: &[&str]) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(b"tarishi"), master)
        .expand(&bound(info), &mut key)
        .expect("32 bytes are within what HKDF-SHA256 can give");
    key
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
mod tests;
