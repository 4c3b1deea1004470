//! The master keys of one installation: the current one, and older ones that still open what they sealed.
//!
//! Written as `ID:BASE64`, the current key first, others behind commas or on lines of their own. A key without a number is
//! number 1, as every installation begins with.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The number of the key that an installation begins with.
pub const FIRST: u8 = 1;
const KEY_BYTES: usize = 32;
/// Keys at once, at most.
const KEYS_MAX: usize = 8;

/// The keys by number. `Debug` shows the numbers alone.
#[derive(Clone, Eq, PartialEq)]
pub struct KeyRing {
    current: u8,
    keys: BTreeMap<u8, [u8; KEY_BYTES]>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("current", &self.current).field("keys", &self.keys.keys()).finish()
    }
}

impl KeyRing {
    /// A ring of the first key alone.
    #[must_use]
    pub fn one(key: [u8; KEY_BYTES]) -> Self {
        Self { current: FIRST, keys: BTreeMap::from([(FIRST, key)]) }
    }

    /// The ring of this text; `None` if it is none: no key, a number twice, something that is not 32 bytes in base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut current = None;
        let mut keys = BTreeMap::new();
        for part in text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty()) {
            let (id, key) = part.split_once(':').map_or(Some((FIRST, part)), |(id, key)| Some((id.parse().ok()?, key)))?;
            let key = STANDARD.decode(key).ok()?.try_into().ok()?;
            if id == 0 || keys.insert(id, key).is_some() || keys.len() > KEYS_MAX {
                return None;
            }
            current = current.or(Some(id));
        }
        current.map(|current| Self { current, keys })
    }

    /// What [`KeyRing::parse`] reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let older = self.keys.keys().filter(|id| **id != self.current).rev();
        let lines = std::iter::once(&self.current).chain(older).filter_map(|id| Some((id, self.keys.get(id)?)));
        lines.map(|(id, key)| format!("{id}:{}\n", STANDARD.encode(key))).collect()
    }

    /// The number of the key that seals.
    #[must_use]
    pub fn current(&self) -> u8 {
        self.current
    }

    /// The key of this number.
    #[must_use]
    pub fn get(&self, id: u8) -> Option<&[u8; KEY_BYTES]> {
        self.keys.get(&id)
    }

    /// Every number, lowest first.
    pub fn ids(&self) -> impl Iterator<Item = u8> {
        self.keys.keys().copied()
    }

    /// Is there a key beside the current one?
    #[must_use]
    pub fn has_older(&self) -> bool {
        self.keys.len() > 1
    }

    /// With a new current key; the others stay. The number is one that was not in use.
    #[must_use]
    pub fn with_new(&self, key: [u8; KEY_BYTES]) -> Self {
        let after = (self.current..=u8::MAX).chain(FIRST..self.current);
        let current = after.into_iter().find(|id| !self.keys.contains_key(id)).unwrap_or(FIRST);
        let mut keys = self.keys.clone();
        keys.insert(current, key);
        Self { current, keys }
    }

    /// The current key alone.
    #[must_use]
    pub fn without_older(&self) -> Self {
        let keys = self.keys.iter().filter(|(id, _)| **id == self.current).map(|(id, key)| (*id, *key)).collect();
        Self { current: self.current, keys }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: u8) -> String {
        STANDARD.encode([key; KEY_BYTES])
    }

    #[test]
    fn a_key_without_a_number_is_the_first() {
        let ring = KeyRing::parse(&format!(" {}\n", text(5))).unwrap();
        assert_eq!(ring, KeyRing::one([5; KEY_BYTES]));
        assert!(!ring.has_older());
    }

    #[test]
    fn the_first_key_of_a_list_is_the_current_one() {
        let ring = KeyRing::parse(&format!("2:{},1:{}", text(6), text(5))).unwrap();
        assert_eq!((ring.current(), ring.ids().collect::<Vec<_>>()), (2, vec![1, 2]));
        assert_eq!(KeyRing::parse(&ring.to_text()), Some(ring.clone()));
        assert_eq!(ring.without_older().ids().collect::<Vec<_>>(), [2]);
        assert!(!format!("{ring:?}").contains('6'));
    }

    #[test]
    fn a_new_key_takes_a_number_that_is_free() {
        let ring = KeyRing::one([5; KEY_BYTES]).with_new([6; KEY_BYTES]);
        assert_eq!((ring.current(), ring.get(1), ring.get(2)), (2, Some(&[5; KEY_BYTES]), Some(&[6; KEY_BYTES])));
        let last = KeyRing::parse(&format!("255:{},1:{}", text(6), text(5))).unwrap();
        assert_eq!(last.with_new([7; KEY_BYTES]).current(), 2);
    }

    #[test]
    fn what_is_no_ring_is_refused() {
        for bad in ["", ",", "c2hvcnQ=", "no base64!", "0:", "x:y"] {
            assert_eq!(KeyRing::parse(bad), None, "{bad}");
        }
        let key = text(5);
        assert_eq!(KeyRing::parse(&format!("0:{key}")), None);
        assert_eq!(KeyRing::parse(&format!("256:{key}")), None);
        assert_eq!(KeyRing::parse(&format!("1:{key},{key}")), None);
    }
}
