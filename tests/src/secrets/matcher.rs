//! Finds many texts in many bytes in one pass.

use std::collections::HashMap;

/// Bytes by which a text is looked up.
const PREFIX: usize = 3;

/// The texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    /// A bit for each beginning that some text has.
    beginnings: Vec<u64>,
    texts: HashMap<[u8; PREFIX], Vec<(Vec<u8>, usize)>>,
}

impl Matcher {
    /// One more text, with what is told when it is found. Those shorter than what is looked up are left out.
    pub(super) fn add(&mut self, text: Vec<u8>, label: usize) {
        let Some(prefix) = prefix(&text) else { return };
        if self.beginnings.is_empty() {
            self.beginnings = vec![0; 1 << (8 * PREFIX - 6)];
        }
        let at = index(prefix);
        self.beginnings[at / 64] |= 1 << (at % 64);
        let texts = self.texts.entry(prefix).or_default();
        if !texts.iter().any(|(known, _)| *known == text) {
            texts.push((text, label));
        }
    }

    /// Takes the other's texts in, with labels that are so much higher.
    pub(super) fn take(&mut self, other: Self, higher: usize) {
        for (text, label) in other.texts.into_values().flatten() {
            self.add(text, label + higher);
        }
    }

    /// The labels of all that is in these bytes.
    pub(super) fn found_in(&self, bytes: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        self.visit(bytes, |_, label| found.push(label));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Each place where a text begins, and its label.
    pub(super) fn visit(&self, bytes: &[u8], mut found: impl FnMut(usize, usize)) {
        if self.beginnings.is_empty() {
            return;
        }
        for at in 0..bytes.len().saturating_sub(PREFIX - 1) {
            let prefix = [bytes[at], bytes[at + 1], bytes[at + 2]];
            let bit = index(prefix);
            if self.beginnings[bit / 64] >> (bit % 64) & 1 == 1 {
                let texts = self.texts.get(&prefix).into_iter().flatten();
                texts.filter(|(text, _)| bytes[at..].starts_with(text)).for_each(|(_, label)| found(at, *label));
            }
        }
    }
}

fn prefix(text: &[u8]) -> Option<[u8; PREFIX]> {
    text.first_chunk().copied()
}

fn index(prefix: [u8; PREFIX]) -> usize {
    usize::from(prefix[0]) << 16 | usize::from(prefix[1]) << 8 | usize::from(prefix[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_wherever_it_lies_and_nothing_else() {
        let mut matcher = Matcher::default();
        for (label, text) in ["needle", "needles", "edl", "ab", "zzz-end"].into_iter().enumerate() {
            matcher.add(text.as_bytes().to_vec(), label);
        }

        assert_eq!(matcher.found_in(b"a needle"), [0, 2]);
        assert_eq!(matcher.found_in(b"needlesneedle zzz-end"), [0, 1, 2, 4]);
        assert_eq!(matcher.found_in(b"\xff\x00needl"), [2]);
        assert!(matcher.found_in(b"ab").is_empty() && matcher.found_in(b"").is_empty());
        assert!(Matcher::default().found_in(b"needle").is_empty());
    }
}
