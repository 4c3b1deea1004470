//! Whom notifications are for: what a tenant says of a person, and what was learnt by trying.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tarishi_protocol::{Code, Phone, Problem, catalog};

use super::{
    quiet,
    route::{Channel, Priority},
    step::Skip,
};
use crate::store::Ms;

/// What a person wants nothing of, at most.
pub const OPT_OUTS_MAX: usize = 64;
/// Bytes of a locale, at most.
pub const LOCALE_BYTES_MAX: usize = 35;
/// How long it is believed that a number has no WhatsApp, in milliseconds: thirty days.
pub const UNREACHABLE_MS: Ms = 30 * 86_400_000;

/// A phone of which nothing was heard for so long may be lost or sold, in milliseconds: thirty days, as FCM advises.
pub const STALE_MS: Ms = 30 * 86_400_000;

/// One person of the address book. The phones that have the app register themselves.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// For SMS, and for WhatsApp where no other number is said; E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// For WhatsApp; E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whatsapp: Option<Phone>,
    /// The language of texts: `sw`, `sw-KE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// For quiet hours: an IANA name as `Africa/Nairobi`, the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What the person wants nothing of: `type:channel`, either may be `*`. A type that is urgent is sent all the same, unless
    /// the channel is named with `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opt_outs: Vec<String>,
    /// The only channels that the person wants; absent = all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<Channel>>,
}

impl Recipient {
    /// Checks what no type says.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self) -> Result<(), Problem> {
        let invalid = |field: String, detail: String| Err(Problem::new(Code::InvalidValue, detail).with_field(field));
        if let Some(locale) = &self.locale {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if !(2..=LOCALE_BYTES_MAX).contains(&locale.len()) || !locale.bytes().all(good) {
                return invalid("locale".to_owned(), "must be as sw or sw-KE".to_owned());
            }
        }
        if self.time_zone.as_deref().is_some_and(|zone| !quiet::is_zone(zone)) {
            return invalid("time_zone".to_owned(), "must be an IANA name as Africa/Nairobi".to_owned());
        }
        if self.opt_outs.len() > OPT_OUTS_MAX {
            return invalid("opt_outs".to_owned(), format!("at most {OPT_OUTS_MAX}"));
        }
        for (index, pattern) in self.opt_outs.iter().enumerate() {
            let channel = pattern.split_once(':').filter(|(kind, _)| !kind.is_empty()).map(|(_, channel)| channel);
            if !channel.is_some_and(|channel| channel == "*" || Channel::from_word(channel).is_some()) {
                return invalid(
                    format!("opt_outs[{index}]"),
                    "must be type:channel, as news:sms, *:whatsapp, news:*".to_owned(),
                );
            }
        }
        Ok(())
    }

    /// The number of a channel.
    #[must_use]
    pub fn number(&self, channel: Channel) -> Option<&Phone> {
        match channel {
            Channel::Push => None,
            Channel::Whatsapp => self.whatsapp.as_ref().or(self.phone.as_ref()),
            Channel::Sms => self.phone.as_ref(),
        }
    }

    /// Why a channel is of no use for a type, by what the person and experience say.
    #[must_use]
    pub fn closed(&self, kind: &str, priority: Priority, channel: Channel, facts: &Facts) -> Option<Skip> {
        let word = channel.as_str();
        let whole = |pattern: &String| pattern.as_str() == format!("*:{word}");
        let covered = |pattern: &String| catalog::pattern_covers(pattern, kind, word);
        let out = match priority {
            Priority::Urgent => self.opt_outs.iter().any(whole),
            Priority::Normal | Priority::Bulk => self.opt_outs.iter().any(covered),
        };
        if out || self.channels.as_ref().is_some_and(|wanted| !wanted.contains(&channel)) {
            return Some(Skip::OptedOut);
        }
        let has_address = match channel {
            Channel::Push => facts.devices > 0,
            Channel::Whatsapp | Channel::Sms => self.number(channel).is_some(),
        };
        if !has_address {
            return Some(Skip::NoAddress);
        }
        facts.unreachable.contains_key(&channel).then_some(Skip::Unreachable)
    }
}

/// What is known of a person beside what the tenant says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// Devices that take notifications.
    pub devices: u32,
    /// Of these, devices of which something was heard within [`STALE_MS`].
    pub fresh: u32,
    /// Channels that do not work, and why; those whose time is over are left out.
    pub unreachable: BTreeMap<Channel, String>,
}

/// Does a provider's code say that the person cannot be reached by this channel for a long time?
#[must_use]
pub fn is_unreachable(channel: Channel, code: &str) -> bool {
    match channel {
        Channel::Push => false,
        // The number has no WhatsApp (131026). Opt-outs of marketing are of the template, not of the person.
        Channel::Whatsapp => code == "131026",
        // Africa's Talking: the number is not valid (403).
        Channel::Sms => code == "403",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn person(text: Value) -> Recipient {
        serde_json::from_value(text).unwrap()
    }

    fn facts(devices: u32) -> Facts {
        Facts { devices, ..Facts::default() }
    }

    #[test]
    fn a_channel_without_an_address_is_closed() {
        let nobody = Recipient::default();
        for channel in Channel::ALL {
            assert_eq!(nobody.closed("news", Priority::Normal, channel, &facts(0)), Some(Skip::NoAddress));
        }
        assert_eq!(nobody.closed("news", Priority::Normal, Channel::Push, &facts(1)), None);
        let parent = person(json!({ "phone": "+254712345678" }));
        assert_eq!(parent.closed("news", Priority::Normal, Channel::Sms, &facts(0)), None);
        assert_eq!(parent.closed("news", Priority::Normal, Channel::Whatsapp, &facts(0)), None, "the phone stands for it");
    }

    #[test]
    fn what_a_person_wants_nothing_of_is_not_sent_and_urgent_types_obey_the_channel_alone() {
        let parent = person(json!({ "phone": "+254712345678", "opt_outs": ["news:sms", "*:whatsapp"] }));
        let closed = |kind: &str, priority, channel| parent.closed(kind, priority, channel, &facts(0));
        assert_eq!(closed("news", Priority::Normal, Channel::Sms), Some(Skip::OptedOut));
        assert_eq!(closed("fees", Priority::Normal, Channel::Sms), None);
        assert_eq!(closed("news", Priority::Urgent, Channel::Sms), None);
        assert_eq!(closed("news", Priority::Urgent, Channel::Whatsapp), Some(Skip::OptedOut));
        let only = person(json!({ "phone": "+254712345678", "channels": ["sms"] }));
        assert_eq!(only.closed("fees", Priority::Normal, Channel::Whatsapp, &facts(0)), Some(Skip::OptedOut));
    }

    #[test]
    fn what_was_learnt_closes_a_channel() {
        let parent = person(json!({ "phone": "+254712345678" }));
        let learnt = Facts { unreachable: [(Channel::Whatsapp, "131026".to_owned())].into(), ..Facts::default() };
        assert_eq!(parent.closed("fees", Priority::Normal, Channel::Whatsapp, &learnt), Some(Skip::Unreachable));
        assert_eq!(parent.closed("fees", Priority::Normal, Channel::Sms, &learnt), None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_field() {
        let many = |count: usize| json!({ "opt_outs": vec!["news:sms"; count] });
        assert!(person(many(OPT_OUTS_MAX)).check().is_ok());
        let long = |bytes: usize| json!({ "locale": "a".repeat(bytes) });
        assert!(person(long(LOCALE_BYTES_MAX)).check().is_ok());
        for (text, field) in [
            (many(OPT_OUTS_MAX + 1), "opt_outs"),
            (long(LOCALE_BYTES_MAX + 1), "locale"),
            (json!({ "locale": "s" }), "locale"),
            (json!({ "time_zone": "Nairobi" }), "time_zone"),
            (json!({ "opt_outs": ["sms"] }), "opt_outs[0]"),
            (json!({ "opt_outs": ["*:*", "news:fax"] }), "opt_outs[1]"),
        ] {
            assert_eq!(person(text).check().unwrap_err().field.as_deref(), Some(field));
        }
    }
}
