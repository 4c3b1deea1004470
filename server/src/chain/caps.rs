//! What all notifications of a tenant may cost in a day: together, by one channel, to one person. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tarishi_protocol::Money;

use super::{Channel, Cost, step::Skip};

/// The part of a cap, in hundredths, at which the tenant is told.
pub const NEAR_PERCENT: i64 = 80;

/// A tenant's caps of a day (UTC). A cap holds for what is booked in its own currency.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DailyCaps {
    /// What all of a day may be booked at; absent = no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_cap: Option<Money>,
    /// What all of a day by this channel may be booked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub daily_cap_by_channel: BTreeMap<Channel, Money>,
    /// What all of a day to any one person may be booked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_cap_per_person: Option<Money>,
}

/// What a sum of a day is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope<'a> {
    /// All of the tenant's.
    All,
    /// What went by one channel.
    Channel(Channel),
    /// What went to one person.
    Person(&'a str),
}

impl<'a> Scope<'a> {
    /// What one message counts towards.
    #[must_use]
    pub fn of(channel: Channel, account: &'a str) -> [Self; 3] {
        [Self::All, Self::Channel(channel), Self::Person(account)]
    }

    /// Its name in the store.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Channel(channel) => format!("channel:{}", channel.as_str()),
            Self::Person(account) => format!("person:{account}"),
        }
    }

    /// Why a message is left out that would pass this cap.
    #[must_use]
    pub fn skip(self) -> Skip {
        match self {
            Self::All => Skip::DailyBudget,
            Self::Channel(_) => Skip::ChannelBudget,
            Self::Person(_) => Skip::PersonBudget,
        }
    }
}

impl DailyCaps {
    /// The cap of a sum.
    #[must_use]
    pub fn of(&self, scope: Scope<'_>) -> Option<&Money> {
        match scope {
            Scope::All => self.daily_cap.as_ref(),
            Scope::Channel(channel) => self.daily_cap_by_channel.get(&channel),
            Scope::Person(_) => self.daily_cap_per_person.as_ref(),
        }
    }
}

/// A message of this cost would bring a sum over its cap. What is booked in another currency does not count.
#[must_use]
pub fn passes(cap: &Money, booked_micros: i64, cost: &Cost) -> bool {
    let cap = Cost::of(cap);
    cap.currency == cost.currency && booked_micros.saturating_add(cost.micros) > cap.micros
}

/// A message of this cost brings a sum to the part of its cap at which the tenant is told.
#[must_use]
pub fn comes_near(cap: &Money, booked_micros: i64, cost: &Cost) -> bool {
    let cap = Cost::of(cap);
    let near = |micros: i64| i128::from(micros) * 100 >= i128::from(cap.micros) * i128::from(NEAR_PERCENT);
    cap.currency == cost.currency && near(booked_micros.saturating_add(cost.micros)) && !near(booked_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kes(minor_units: i64) -> Money {
        Money::from_minor_units(minor_units, "KES").unwrap()
    }

    fn cost(micros: i64) -> Cost {
        Cost { currency: "KES".to_owned(), micros }
    }

    #[test]
    fn a_cap_is_passed_by_the_first_millionth_beyond_it() {
        assert!(!passes(&kes(200), 1_200_000, &cost(800_000)));
        assert!(passes(&kes(200), 1_200_001, &cost(800_000)));
        assert!(!passes(&kes(200), i64::MAX, &Cost { currency: "USD".to_owned(), micros: 1 }));
        assert!(passes(&kes(200), i64::MAX, &cost(1)), "a sum that cannot be is no room");
    }

    #[test]
    fn a_cap_is_near_once_on_the_way_up_at_four_fifths() {
        assert!(!comes_near(&kes(1_000), 7_000_000, &cost(999_999)));
        assert!(comes_near(&kes(1_000), 7_000_000, &cost(1_000_000)));
        assert!(!comes_near(&kes(1_000), 8_000_000, &cost(1_000_000)), "that was told before");
        assert!(!comes_near(&kes(1_000), 0, &Cost { currency: "USD".to_owned(), micros: i64::MAX }));
    }

    #[test]
    fn one_message_counts_towards_three_sums() {
        let caps = DailyCaps {
            daily_cap: Some(kes(3)),
            daily_cap_by_channel: [(Channel::Sms, kes(2))].into(),
            daily_cap_per_person: Some(kes(1)),
        };
        let of = |channel| Scope::of(channel, "amina").map(|scope| (scope.name(), caps.of(scope).map(Money::minor_units)));
        let sums = |channel: &str, cap| {
            [("all".to_owned(), Some(3)), (format!("channel:{channel}"), cap), ("person:amina".to_owned(), Some(1))]
        };
        assert_eq!(of(Channel::Sms), sums("sms", Some(2)));
        assert_eq!(of(Channel::Whatsapp), sums("whatsapp", None));
    }

    #[test]
    fn caps_are_written_as_they_are_read() {
        let text = r#"{"daily_cap_by_channel":{"sms":{"amount":"100.00","currency":"KES"}}}"#;
        let caps: DailyCaps = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&caps).unwrap(), text);
        assert!(serde_json::from_str::<DailyCaps>(r#"{"daily_cap_by_channel":{"fax":null}}"#).is_err());
    }
}
