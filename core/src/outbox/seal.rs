//! How payloads and outcomes lie on the disk: compressed if large, sealed if the app gave a key.
//!
//! What a sealed value is bound to: this device, its operation, its column. A value copied to another row, column or
//! database does not open. What does not open is unreadable, never an error that stops the queue.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use core::fmt;
use tarishi_protocol::{OperationId, codec};

/// Compressed.
const ZIPPED: i64 = 1;
/// Sealed; the first bytes are the nonce.
const SEALED: i64 = 2;
const NONCE_BYTES: usize = 24;
/// A value above this many bytes is compressed.
const ZIP_BYTES_MIN: usize = 1_024;

/// The column a value lies in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// What the app asked.
    Payload,
    /// What came of it.
    Outcome,
}

/// Wraps and unwraps values.
pub(crate) struct Sealer {
    cipher: Option<XChaCha20Poly1305>,
    device: Vec<u8>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(sealed: {})", self.cipher.is_some())
    }
}

impl Sealer {
    pub(crate) fn new(key: Option<[u8; 32]>, device: Vec<u8>) -> Self {
        Self { cipher: key.map(|key| XChaCha20Poly1305::new(&key.into())), device }
    }

    /// The bytes to store and the form they are in.
    pub(crate) fn wrap(&self, id: OperationId, column: Column, text: &str) -> (i64, Vec<u8>) {
        let mut form = 0;
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() > ZIP_BYTES_MIN {
            let zipped = codec::gzip(&bytes);
            if zipped.len() < bytes.len() {
                form |= ZIPPED;
                bytes = zipped;
            }
        }
        if let Some(cipher) = &self.cipher {
            let nonce: [u8; NONCE_BYTES] = rand::random();
            let aad = self.aad(id, column, form);
            let sealed = cipher.encrypt(&nonce.into(), Payload { msg: &bytes, aad: &aad });
            let sealed = sealed.expect("XChaCha20-Poly1305 seals anything below 256 GiB");
            form |= SEALED;
            bytes = nonce.into_iter().chain(sealed).collect();
        }
        (form, bytes)
    }

    /// The text of stored bytes; `None` if they do not open.
    pub(crate) fn unwrap(&self, id: OperationId, column: Column, form: i64, bytes: &[u8]) -> Option<String> {
        let opened = if form & SEALED == 0 {
            bytes.to_vec()
        } else {
            let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
            let aad = self.aad(id, column, form & ZIPPED);
            self.cipher.as_ref()?.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: &aad }).ok()?
        };
        let plain = if form & ZIPPED == 0 {
            opened
        } else {
            codec::gunzip(&opened, tarishi_protocol::limits::DECODED_BYTES_MAX).ok()?
        };
        String::from_utf8(plain).ok()
    }

    fn aad(&self, id: OperationId, column: Column, form: i64) -> Vec<u8> {
        let column: &[u8] = match column {
            Column::Payload => b"payload",
            Column::Outcome => b"outcome",
        };
        let zipped = [u8::from(form & ZIPPED != 0)];
        [&self.device[..], id.as_bytes(), column, &zipped].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(key: u8) -> Sealer {
        Sealer::new(Some([key; 32]), vec![1; 16])
    }

    #[test]
    fn what_is_wrapped_is_unwrapped_in_every_form() {
        let id = OperationId::generate();
        for text in [String::new(), "{}".to_owned(), "x".repeat(5_000)] {
            for sealer in [Sealer::new(None, vec![1; 16]), sealer(1)] {
                let (form, bytes) = sealer.wrap(id, Column::Payload, &text);
                assert_eq!(sealer.unwrap(id, Column::Payload, form, &bytes).as_deref(), Some(text.as_str()));
                assert!(text.len() < ZIP_BYTES_MIN || bytes.len() < text.len());
            }
        }
    }

    #[test]
    fn a_sealed_value_opens_only_where_it_belongs() {
        let (id, sealer) = (OperationId::generate(), sealer(1));
        let (form, bytes) = sealer.wrap(id, Column::Payload, "+254712345678");
        assert!(!bytes.windows(5).any(|window| window == b"25471"));
        assert_eq!(sealer.unwrap(OperationId::generate(), Column::Payload, form, &bytes), None);
        assert_eq!(sealer.unwrap(id, Column::Outcome, form, &bytes), None);
        assert_eq!(Sealer::new(Some([1; 32]), vec![2; 16]).unwrap(id, Column::Payload, form, &bytes), None);
        assert_eq!(self::sealer(2).unwrap(id, Column::Payload, form, &bytes), None);
        assert_eq!(Sealer::new(None, vec![1; 16]).unwrap(id, Column::Payload, form, &bytes), None);
        assert_eq!(sealer.unwrap(id, Column::Payload, form, &bytes[..10]), None);
    }
}
