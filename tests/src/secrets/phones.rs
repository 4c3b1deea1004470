//! Phone numbers, told from other digits by their shape: the tests use many, and one that nobody listed counts as well.

/// Digits of a number with its country, at least and at most.
const DIGITS: std::ops::RangeInclusive<usize> = 9..=15;
/// Countries whose numbers are written without `+` too, with twelve digits.
const COUNTRIES: [&[u8]; 5] = [b"254", b"255", b"256", b"250", b"233"];
const DIGITS_BARE: usize = 12;
/// A number as it is dialled in Kenya.
const DIGITS_LOCAL: usize = 10;

/// Is there a phone number in these bytes?
pub(super) fn is_in(bytes: &[u8]) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length > 0 && is_phone(bytes, at, length) {
            return true;
        }
        at += length.max(1);
    }
    false
}

fn is_phone(bytes: &[u8], at: usize, length: usize) -> bool {
    let (before, digits) = (&bytes[..at], &bytes[at..at + length]);
    let behind = bytes.get(at + length).copied();
    if behind.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.' && is_digit(bytes.get(at + length + 1))) {
        return false;
    }
    let with_plus = [b"+".as_slice(), b"%2B", b"%2b", b"\\u002b", b"\\u002B"].iter().any(|plus| before.ends_with(plus));
    // A letter behind a backslash is a line's end.
    let escaped = [b"\\n".as_slice(), b"\\r", b"\\t"].iter().any(|end| before.ends_with(end));
    if with_plus && DIGITS.contains(&length) && digits[0] != b'0' {
        return true;
    }
    // `\u0022` and `%22` end in what looks like a part of the number.
    let alone = with_plus
        || escaped
        || !before.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let bare = length == DIGITS_BARE && COUNTRIES.iter().any(|country| digits.starts_with(country));
    let local = length == DIGITS_LOCAL && digits[0] == b'0' && matches!(digits[1], b'7' | b'1');
    alone && (bare || local)
}

fn is_digit(byte: Option<&u8>) -> bool {
    byte.is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_other_digits() {
        for phone in [
            "+254712345678",
            "to=254712345678&",
            "\"0712345678\"",
            "%2B254110000001",
            "+255700000001.",
            "x +447700900123",
            r"Hi\n254712345678",
            r"\u002b254712345678",
        ] {
            assert!(is_in(phone.as_bytes()), "{phone}");
        }
        for other in [
            "1764000000000",
            "0198b2547123456789",
            "+00:00",
            "2026-11-24T08:00:00+03:00",
            "0.0712345678",
            "f254712345678",
            "254712345678a",
            "20261124080000",
            "ws_CO_254712345678",
            "",
        ] {
            assert!(!is_in(other.as_bytes()), "{other}");
        }
    }
}
