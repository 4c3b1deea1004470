//! Durations as people write them: a whole number and a unit.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    /// No number or no known unit.
    #[error("expected a duration like 500ms, 25s, 10m, 2h or 7d")]
    Shape,
    /// More than fits.
    #[error("the duration is too long")]
    TooLong,
}

/// Parses `500ms`, `25s`, `10m`, `2h`, `7d`.
pub(crate) fn parse(text: &str) -> Result<Duration, Error> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(Error::Shape);
    }
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 3_600 * 1_000,
        "d" => 24 * 3_600 * 1_000,
        _ => return Err(Error::Shape),
    };
    let number: u64 = number.parse().map_err(|_| Error::TooLong)?;
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or(Error::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_duration() {
        for (text, millis) in [
            ("0s", 0),
            ("500ms", 500),
            ("25s", 25_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("007d", 604_800_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "s", "25", "-1s", "+1s", "1.5h", "1 s", " 1s", "1s ", "1S", "1w", "1µs", "٣s"] {
            assert_eq!(parse(text), Err(Error::Shape), "{text}");
        }
    }

    #[test]
    fn a_duration_beyond_all_time_is_refused() {
        for text in ["18446744073709551616s", "18446744073709551615s", "99999999999999d"] {
            assert_eq!(parse(text), Err(Error::TooLong), "{text}");
        }
        assert!(parse("18446744073709551615ms").is_ok());
    }
}
