//! Phone numbers in E.164. `Debug` and logs never show one.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A phone number in E.164: `+`, then 8 to 15 digits of which the first is not 0.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Phone(String);

/// The text is no E.164 number.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("phone must be in E.164, as in \"+254712345678\"")]
pub struct PhoneError;

impl Phone {
    /// The number as on the wire, with `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without `+`, as Daraja wants them.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// A Kenyan mobile number, `+2547…` or `+2541…`. The operator cannot be told from the prefix.
    #[must_use]
    pub fn is_kenyan_mobile(&self) -> bool {
        let digits = self.digits();
        digits.len() == 12 && (digits.starts_with("2547") || digits.starts_with("2541"))
    }
}

impl FromStr for Phone {
    type Err = PhoneError;

    fn from_str(text: &str) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').ok_or(PhoneError)?;
        let good = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if good { Ok(Self(text.to_owned())) } else { Err(PhoneError) }
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}

impl Serialize for Phone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_e164_is_a_phone() {
        assert!("+254712345678".parse::<Phone>().unwrap().is_kenyan_mobile());
        assert!(!"+256712345678".parse::<Phone>().unwrap().is_kenyan_mobile());
        for bad in ["0712345678", "254712345678", "+0712345678", "+25471234567x", "+1234567", "+1234567890123456", ""] {
            assert!(bad.parse::<Phone>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_no_number() {
        assert_eq!(format!("{:?}", "+254712345678".parse::<Phone>().unwrap()), "Phone(…)");
    }
}
