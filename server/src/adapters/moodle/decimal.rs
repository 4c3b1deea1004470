//! Grades as decimal text: compared as whole hundred-thousandths, never as floats.

/// Moodle keeps five places.
const PLACES: usize = 5;
const WHOLE_DIGITS_MAX: usize = 9;

/// The value in hundred-thousandths; `None` for what is no plain decimal.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // What is longer may only be longer by zeros.
    let places = match places.split_at_checked(PLACES) {
        Some((kept, zeros)) if zeros.bytes().all(|byte| byte == b'0') => kept,
        _ => places,
    };
    if !plain(whole) || !plain(places) || whole.len() > WHOLE_DIGITS_MAX || places.len() > PLACES {
        return None;
    }
    let value: i64 = format!("{whole}{places:0<PLACES$}").parse().ok()?;
    Some(if negative { -value } else { value })
}

/// As it is told: without empty places.
pub(super) fn show(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grade_is_a_plain_decimal_of_five_places() {
        let rows = [
            ("72.5", Some(7_250_000)),
            ("0", Some(0)),
            ("100.00000", Some(10_000_000)),
            ("55.0000000", Some(5_500_000)),
            ("-1.5", Some(-150_000)),
            ("72,5", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("1e2", None),
            ("1.234567", None),
            ("A", None),
            ("--1", None),
            ("1.1234é", None),
            ("1.ééé", None),
            ("1234567890", None),
        ];
        for (text, value) in rows {
            assert_eq!(parse(text), value, "{text}");
        }
        assert_eq!((show("55.00000").as_str(), show("72.50").as_str(), show("100").as_str()), ("55", "72.5", "100"));
    }
}
