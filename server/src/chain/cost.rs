//! What messages cost: an amount of one currency in its millionth part, since providers bill in fractions of a cent. Exact.

use std::fmt;

use tarishi_protocol::Money;

/// Decimals that are counted.
const DECIMALS: usize = 6;

/// An amount in millionths of a currency's unit.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cost {
    /// ISO 4217.
    pub currency: String,
    /// Millionths.
    pub micros: i64,
}

impl Cost {
    /// An amount of money.
    #[must_use]
    pub fn of(money: &Money) -> Self {
        let scale = 10_i64.pow(DECIMALS as u32 - money.decimals());
        Self { currency: money.currency().to_owned(), micros: money.minor_units().saturating_mul(scale) }
    }

    /// Reads a provider's words: `KES 0.8000`. Decimals beyond the millionth are rounded up: what is spent is never understated.
    #[must_use]
    pub fn read(words: &str) -> Option<Self> {
        let (currency, amount) = words.trim().split_once(' ')?;
        let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let shaped = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if !shaped || whole.is_empty() || whole.len() > 9 || part.len() > 18 || !digits(whole) || !digits(part) {
            return None;
        }
        let (kept, rest) = part.split_at(part.len().min(DECIMALS));
        let micros: i64 = format!("{whole}{kept:0<DECIMALS$}").parse().ok()?;
        let more = i64::from(rest.bytes().any(|digit| digit != b'0'));
        Some(Self { currency: currency.to_owned(), micros: micros + more })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10_i64.pow(DECIMALS as u32);
        let part = format!("{:0DECIMALS$}", self.micros.rem_euclid(one));
        // Two decimals at least, and no more than say something.
        let shown = part.trim_end_matches('0').len().max(2);
        write!(f, "{} {}.{}", self.currency, self.micros.div_euclid(one), &part[..shown])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_s_words_are_read_and_written_without_losing_a_digit() {
        for (words, micros, written) in [
            ("KES 0.8000", 800_000, "KES 0.80"),
            ("KES 1", 1_000_000, "KES 1.00"),
            ("USD 0.004", 4_000, "USD 0.004"),
            ("USD 0.0000001", 1, "USD 0.000001"),
            ("UGX 25.125", 25_125_000, "UGX 25.125"),
        ] {
            let cost = Cost::read(words).unwrap();
            assert_eq!((cost.micros, cost.to_string().as_str()), (micros, written));
        }
        for bad in ["", "KES", "0.8", "kes 1", "KES -1", "KES 1,000", "KES 1e3", "KES .5", "free of charge"] {
            assert_eq!(Cost::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn money_is_a_cost_whatever_its_decimals() {
        let of = |units, currency| Cost::of(&Money::from_minor_units(units, currency).unwrap()).to_string();
        assert_eq!(of(80, "KES"), "KES 0.80");
        assert_eq!(of(25, "UGX"), "UGX 25.00");
    }
}
