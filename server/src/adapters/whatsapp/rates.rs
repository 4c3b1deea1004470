//! The operator's table of prices: Meta bills by delivered message, country and category, and tells no price. Pure.
//!
//! `USD 254/utility=0.0040, 254/*=0.0225, */*=0.05`: currency, then the first digits of the phone, the category, the price.
//! The longest digits that fit count, then the named category before `*`. Prices stay texts: no float ever holds one.

use super::super::{AdapterError, Settings};

const PRICE_CHARS_MAX: usize = 12;

/// Prices; none without the setting.
#[derive(Debug, Default)]
pub(super) struct Rates<'a> {
    currency: &'a str,
    lines: Vec<(&'a str, &'a str, &'a str)>,
}

impl<'a> Rates<'a> {
    /// Reads the setting.
    pub(super) fn of(settings: &'a Settings) -> Result<Self, AdapterError> {
        settings.get("rates").map_or_else(|| Ok(Self::default()), |text| Self::read(text).ok_or_else(wrong))
    }

    fn read(text: &'a str) -> Option<Self> {
        let (currency, lines) = text.trim().split_once(' ')?;
        let shaped = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        let lines: Option<Vec<_>> = lines.split(',').map(|line| Self::line(line.trim())).collect();
        Some(Self { currency, lines: lines? }).filter(|_| shaped)
    }

    fn line(line: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
        let (name, price) = line.split_once('=')?;
        let (country, category) = name.split_once('/')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let whole = price.split_once('.').map_or(digits(price), |(whole, part)| digits(whole) && digits(part));
        let good = (country == "*" || digits(country)) && (category == "*" || word(category));
        (good && whole && price.len() <= PRICE_CHARS_MAX).then_some((country, category, price))
    }

    /// What one message costs, with its currency.
    pub(super) fn price(&self, phone: &str, category: &str) -> Option<String> {
        let fits = |&&(country, of, _): &&(&str, &str, &str)| {
            (country == "*" || phone.starts_with(country)) && (of == "*" || of == category)
        };
        let closeness = |&&(country, of, _): &&(&str, &str, &str)| (country.trim_matches('*').len(), of != "*");
        let (_, _, price) = self.lines.iter().filter(fits).max_by_key(closeness)?;
        Some(format!("{} {price}", self.currency))
    }
}

fn wrong() -> AdapterError {
    AdapterError::misconfigured("setting rates must be as USD 254/utility=0.0040, */*=0.05")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_line_of_the_table_is_the_price() {
        let rates = Rates::read("USD 254/utility=0.0040, 254/*=0.0225, 2547/*=0.03, */marketing=0.05").unwrap();
        for (phone, category, price) in [
            ("254111000111", "utility", Some("USD 0.0040")),
            ("254111000111", "service", Some("USD 0.0225")),
            ("254711000111", "utility", Some("USD 0.03")),
            ("256711000111", "marketing", Some("USD 0.05")),
            ("256711000111", "utility", None),
        ] {
            assert_eq!(rates.price(phone, category).as_deref(), price, "{phone} {category}");
        }
        assert_eq!(Rates::default().price("254711000111", "utility"), None);
    }

    #[test]
    fn a_table_that_cannot_be_meant_is_refused() {
        for bad in
            ["USD", "usd 254/utility=1", "USD 254=1", "USD 254/utility=a", "USD 254/utility=1.", "USD +254/utility=1", "USD "]
        {
            assert!(Rates::read(bad).is_none(), "{bad}");
        }
    }
}
