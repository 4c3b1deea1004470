//! Whom the library's own HTTP trusts.

use core::fmt;

/// Whom the library's own HTTP trusts; by default whom the system trusts (on Android: Mozilla's list of authorities).
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Tls {
    /// Certificates (DER) of authorities, trusted beside the usual ones.
    pub roots: Vec<Vec<u8>>,
    /// SHA-256 of the `SubjectPublicKeyInfo` of the server's own certificate. If there are any, one must match, and the
    /// certificate must be good in every other way too. Give a second for the key that comes next.
    pub pins: Vec<[u8; 32]>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({} roots, {} pins)", self.roots.len(), self.pins.len())
    }
}
