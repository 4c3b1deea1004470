//! Money: `{amount: "1000.00", currency: "KES"}` on the wire, whole minor units inside; never a float.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount in the minor units (cents) of one currency.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Money {
    minor_units: i64,
    currency: [u8; 3],
}

/// Why a text is no amount of money.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// The currency is not three capital letters (ISO 4217).
    #[error("currency must be three capital letters (ISO 4217)")]
    Currency,
    /// The amount is not digits with at most the currency's decimals.
    #[error("amount must be digits with at most {0} decimals, as in \"1000.00\"")]
    Amount(u32),
    /// The amount does not fit.
    #[error("amount is too large")]
    TooLarge,
}

/// ISO 4217 currencies without minor units that our providers know; all others here have two decimals.
pub(crate) const WHOLE: [&[u8; 3]; 5] = [b"UGX", b"RWF", b"BIF", b"XAF", b"XOF"];

impl Money {
    /// This many minor units (cents) of the ISO 4217 currency.
    ///
    /// # Errors
    /// [`MoneyError::Currency`] if `currency` is not three capital letters.
    pub fn from_minor_units(minor_units: i64, currency: &str) -> Result<Self, MoneyError> {
        let bytes: [u8; 3] = currency.as_bytes().try_into().map_err(|_| MoneyError::Currency)?;
        if !bytes.iter().all(u8::is_ascii_uppercase) {
            return Err(MoneyError::Currency);
        }
        Ok(Self { minor_units, currency: bytes })
    }

    /// Reads `"1000.00"` (decimals may be left out). Signs, spaces, exponents and separators are refused.
    ///
    /// # Errors
    /// Says which part is wrong.
    pub fn parse(amount: &str, currency: &str) -> Result<Self, MoneyError> {
        let zero = Self::from_minor_units(0, currency)?;
        let decimals = zero.decimals();
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let dotted = amount.contains('.');
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let bad_fraction = dotted && (fraction.is_empty() || fraction.len() > decimals as usize);
        if whole.is_empty() || !digits(whole) || !digits(fraction) || bad_fraction {
            return Err(MoneyError::Amount(decimals));
        }
        let scale = 10_i64.pow(decimals);
        let whole: i64 = whole.parse().map_err(|_| MoneyError::TooLarge)?;
        let padded = format!("{fraction:0<width$}", width = decimals as usize);
        let fraction: i64 = if padded.is_empty() { 0 } else { padded.parse().map_err(|_| MoneyError::TooLarge)? };
        let minor_units = whole.checked_mul(scale).and_then(|units| units.checked_add(fraction)).ok_or(MoneyError::TooLarge)?;
        Ok(Self { minor_units, ..zero })
    }

    /// Whole minor units (cents).
    #[must_use]
    pub fn minor_units(&self) -> i64 {
        self.minor_units
    }

    /// The ISO 4217 code.
    #[must_use]
    pub fn currency(&self) -> &str {
        core::str::from_utf8(&self.currency).expect("three ASCII capitals, checked when made")
    }

    /// Decimals of the currency: 0 or 2.
    #[must_use]
    pub fn decimals(&self) -> u32 {
        if WHOLE.contains(&&self.currency) { 0 } else { 2 }
    }

    /// The whole units, if the amount has no cents: what M-Pesa takes.
    #[must_use]
    pub fn whole_units(&self) -> Option<i64> {
        let scale = 10_i64.pow(self.decimals());
        (self.minor_units % scale == 0).then_some(self.minor_units / scale)
    }

    /// The amount as on the wire: `1000.00`.
    #[must_use]
    pub fn amount(&self) -> String {
        let decimals = self.decimals() as usize;
        if decimals == 0 {
            return self.minor_units.to_string();
        }
        let scale = 10_u64.pow(self.decimals());
        let sign = if self.minor_units < 0 { "-" } else { "" };
        let units = self.minor_units.unsigned_abs();
        format!("{sign}{}.{:0decimals$}", units / scale, units % scale)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency(), self.amount())
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    amount: String,
    currency: String,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { amount: self.amount(), currency: self.currency().to_owned() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Self::parse(&wire.amount, &wire.currency).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_without_rounding() {
        assert_eq!(Money::parse("1000.00", "KES").unwrap().minor_units(), 100_000);
        assert_eq!(Money::parse("1000", "KES").unwrap().minor_units(), 100_000);
        assert_eq!(Money::parse("0.5", "KES").unwrap().minor_units(), 50);
        assert_eq!(Money::parse("500", "UGX").unwrap().minor_units(), 500);
    }

    #[test]
    fn anything_that_is_no_plain_amount_is_refused() {
        for bad in ["", "1.", ".5", "1.005", "1e3", "-1", "+1", "1,000", " 1", "١", "1.0.0"] {
            assert!(Money::parse(bad, "KES").is_err(), "{bad:?}");
        }
        assert_eq!(Money::parse("1.0", "UGX"), Err(MoneyError::Amount(0)));
        assert_eq!(Money::parse("99999999999999999999", "KES"), Err(MoneyError::TooLarge));
        assert_eq!(Money::parse("1", "kes"), Err(MoneyError::Currency));
    }

    #[test]
    fn whole_units_exist_only_without_cents() {
        assert_eq!(Money::parse("7.00", "KES").unwrap().whole_units(), Some(7));
        assert_eq!(Money::parse("7.50", "KES").unwrap().whole_units(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(units in 0..i64::MAX) {
            let money = Money::from_minor_units(units, "KES").unwrap();
            prop_assert_eq!(Money::parse(&money.amount(), "KES").unwrap(), money);
        }
    }
}
