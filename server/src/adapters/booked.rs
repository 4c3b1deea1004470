//! What messages have cost, by our own books. Sums of decimal texts, exact: no float ever holds one.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};

/// Decimals that are counted; no provider tells more.
const DECIMALS: usize = 8;
/// Decimals that are shown at least.
const SHOWN: usize = 2;

/// What was spent on messages since a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Booked {
    since: DateTime<Utc>,
    /// By currency: the sum, and how many decimals its parts had at most.
    sums: BTreeMap<String, (u128, usize)>,
    priced: u64,
    unpriced: u64,
}

impl Booked {
    /// Adds up costs as the books hold them (`USD 0.0040`), each with how often it stands there. A cost that is missing or
    /// cannot be read is counted as without a price.
    #[must_use]
    pub fn of(since: DateTime<Utc>, costs: impl IntoIterator<Item = (Option<String>, u64)>) -> Self {
        let mut booked = Self { since, sums: BTreeMap::new(), priced: 0, unpriced: 0 };
        for (cost, count) in costs {
            match cost.as_deref().and_then(read) {
                Some((currency, amount, decimals)) => {
                    let sum = booked.sums.entry(currency.to_owned()).or_default();
                    sum.0 = sum.0.saturating_add(amount.saturating_mul(u128::from(count)));
                    sum.1 = sum.1.max(decimals);
                    booked.priced += count;
                }
                None => booked.unpriced += count,
            }
        }
        booked
    }
}

/// Currency, amount in the smallest part that is counted, decimals as written.
fn read(cost: &str) -> Option<(&str, u128, usize)> {
    let (currency, amount) = cost.split_once(' ')?;
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 15 || part.len() > DECIMALS || !digits(whole) || !digits(part) {
        return None;
    }
    let amount = format!("{whole}{part:0<DECIMALS$}").parse().ok()?;
    Some((currency, amount, part.len()))
}

impl fmt::Display for Booked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {}: ", self.since.format("%Y-%m-%d"))?;
        if self.sums.is_empty() {
            f.write_str("nothing")?;
        }
        let one = 10_u128.pow(DECIMALS as u32);
        for (index, (currency, (sum, decimals))) in self.sums.iter().enumerate() {
            let part = format!("{:0DECIMALS$}", sum % one);
            let between = if index > 0 { " and " } else { "" };
            write!(f, "{between}{currency} {}.{}", sum / one, &part[..(*decimals).max(SHOWN)])?;
        }
        if self.priced > 0 {
            write!(f, " for {} message{}", self.priced, if self.priced == 1 { "" } else { "s" })?;
        }
        if self.unpriced > 0 {
            write!(f, ", {} without a price", self.unpriced)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_added_up_without_losing_a_digit() {
        let since = "2026-11-01T00:00:00Z".parse().unwrap();
        let of = |costs: &[(&str, u64)]| {
            Booked::of(since, costs.iter().map(|(cost, count)| (Some((*cost).to_owned()), *count))).to_string()
        };
        assert_eq!(of(&[("KES 0.8000", 3), ("KES 0.8", 1)]), "since 2026-11-01: KES 3.2000 for 4 messages");
        assert_eq!(of(&[("USD 0.1", 1), ("USD 0.2", 1)]), "since 2026-11-01: USD 0.30 for 2 messages");
        assert_eq!(of(&[("KES 0.80", 1)]), "since 2026-11-01: KES 0.80 for 1 message");
        assert_eq!(of(&[("free", 2), ("USD -1", 1)]), "since 2026-11-01: nothing, 3 without a price");
        assert_eq!(of(&[]), "since 2026-11-01: nothing");
    }
}
