//! How many parts a text is sent in, which is what it costs. Pure.

const GSM_BASIC: &str = concat!(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
/// Sent as an escape and a letter.
const GSM_EXTENDED: &str = "€{}[]~^\\|\u{c}";

/// The number of parts, at least one. One letter outside GSM-7 turns the whole text to UCS-2.
pub(crate) fn count(text: &str) -> usize {
    match text.chars().map(septets).collect::<Option<Vec<_>>>() {
        Some(widths) => fill(&widths, 160, 153),
        None => fill(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

/// Whether every letter is in GSM-7.
pub(crate) fn is_gsm7(text: &str) -> bool {
    text.chars().all(|letter| septets(letter).is_some())
}

/// What a letter costs in GSM-7, if it is in it.
fn septets(letter: char) -> Option<usize> {
    if GSM_BASIC.contains(letter) {
        return Some(1);
    }
    GSM_EXTENDED.contains(letter).then_some(2)
}

/// One part if all fits, else parts with less room, none of which ends within a letter.
fn fill(widths: &[usize], alone: usize, each: usize) -> usize {
    if widths.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut parts, mut used) = (1, 0);
    for width in widths {
        if used + width > each {
            parts += 1;
            used = 0;
        }
        used += width;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn parts_are_counted_as_three_independent_libraries_count_them() {
        let vectors = [
            ("a", 160, 1),
            ("a", 161, 2),
            ("a", 306, 2),
            ("a", 307, 3),
            ("€", 80, 1),
            ("€", 81, 2),
            ("Ж", 70, 1),
            ("Ж", 71, 2),
            ("Ж", 134, 2),
            ("Ж", 135, 3),
            ("😀", 35, 1),
            ("😀", 36, 2),
        ];
        for (letter, times, parts) in vectors {
            assert_eq!(count(&letter.repeat(times)), parts, "{times} times {letter}");
        }
    }

    #[test]
    fn an_escaped_letter_is_never_split_at_a_border() {
        assert_eq!(count(&format!("{}€{}", "a".repeat(152), "a".repeat(7))), 2);
        // 152 + (1 lost) + 2 + 151 fill two parts; one more letter needs a third.
        assert_eq!(count(&format!("{}€{}", "a".repeat(152), "a".repeat(151))), 2);
        assert_eq!(count(&format!("{}€{}", "a".repeat(152), "a".repeat(152))), 3);
    }

    #[test]
    fn one_foreign_letter_changes_the_whole_text() {
        assert_eq!(count(&"a".repeat(71)), 1);
        assert_eq!(count(&format!("{}’", "a".repeat(70))), 2);
        assert_eq!(count(""), 1);
    }
}
