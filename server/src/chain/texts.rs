//! The texts of one type of notification, by channel and locale: data that a tenant stores, checked when it is stored.
//!
//! A text is a Jinja template that can do little: print variables, choose, repeat. `engine` fills it in, `rendered` makes what a
//! channel takes of it, `tags` is what may stand between the braces.

mod check;
mod engine;
mod rendered;
mod tags;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use self::{
    check::{LOCALES_MAX, PARAMS_MAX, PUSH_DATA_MAX, SAMPLE_BYTES_MAX, TEXT_BYTES_MAX, VARIABLES_MAX, WHATSAPP_NAME_BYTES_MAX},
    engine::FUEL,
    rendered::{Encoding, PARAM_CHARS_MAX, PUSH_ROOM, Preview, Rendered, SMS_PARTS_MAX},
    tags::{FILTERS, STATEMENTS, TAG_BYTES_MAX, TAGS_MAX, TESTS},
};
use super::Channel;

/// The texts of one type of notification.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// The locale of people for whose own there is no text; every channel that has texts has it.
    #[serde(default = "english")]
    pub fallback_locale: String,
    /// By locale: `en`, `sw`, `sw-KE`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub push: BTreeMap<String, PushText>,
    /// By locale.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub whatsapp: BTreeMap<String, WhatsappText>,
    /// By locale.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sms: BTreeMap<String, SmsText>,
    /// Example data: if there are any, every text must be good with them. The preview shows them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub sample: Map<String, Value>,
}

/// What a phone shows.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PushText {
    /// The headline.
    pub title: String,
    /// The text.
    pub body: String,
    /// For the app; the values are filled in too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
}

/// A WhatsApp message: a template that Meta approved, or a text for people who wrote within the last day.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WhatsappText {
    /// The template's name at Meta.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Its language as Meta writes it, `en_US`; the locale if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What it is filled in with, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<String>,
    /// The text, without a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A text message.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SmsText {
    /// The text.
    pub text: String,
}

/// The variable that every text has: the notification's id, 32 hexadecimal digits, the same in every channel. For a link, say.
pub const ID_VARIABLE: &str = "ntf";

/// The data of one notification, whose id is there whatever they say.
#[must_use]
pub fn with_id(data: &Map<String, Value>, id: Uuid) -> Map<String, Value> {
    let mut data = data.clone();
    data.insert(ID_VARIABLE.to_owned(), Value::from(id.simple().to_string()));
    data
}

fn english() -> String {
    "en".to_owned()
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            fallback_locale: english(),
            push: BTreeMap::new(),
            whatsapp: BTreeMap::new(),
            sms: BTreeMap::new(),
            sample: Map::new(),
        }
    }
}

/// One template text, and the path that it has in its [`Texts`].
struct Source<'a> {
    path: String,
    text: &'a str,
}

impl Texts {
    /// Whether the channel has texts.
    #[must_use]
    pub fn has(&self, channel: Channel) -> bool {
        !self.locales(channel).is_empty()
    }

    /// The top-level names that the texts of these channels ask their data for; some may be optional.
    #[must_use]
    pub fn variables(&self, channels: &[Channel]) -> BTreeSet<String> {
        self.sources(channels).iter().flat_map(|source| engine::variables(source.text)).collect()
    }

    /// The first variable, `name` or `student.name`, without which some text of these channels cannot be filled in.
    ///
    /// A variable that is null is missing. One that has a default, or that only a branch not taken needs, is not.
    #[must_use]
    pub fn missing(&self, channels: &[Channel], data: &Map<String, Value>) -> Option<String> {
        let data = with_id(data, Uuid::nil());
        self.sources(channels).iter().find_map(|source| engine::fill(source.text, &data).err()?.lacks)
    }

    fn locales(&self, channel: Channel) -> Vec<&str> {
        match channel {
            Channel::Push => self.push.keys().map(String::as_str).collect(),
            Channel::Whatsapp => self.whatsapp.keys().map(String::as_str).collect(),
            Channel::Sms => self.sms.keys().map(String::as_str).collect(),
        }
    }

    /// The locale whose text a person gets: theirs, that of their language, or the fallback.
    fn pick<'a>(&'a self, channel: Channel, wanted: Option<&'a str>) -> &'a str {
        let locales = self.locales(channel);
        let language = wanted.and_then(|locale| locale.split(['-', '_']).next());
        [wanted, language].into_iter().flatten().find(|locale| locales.contains(locale)).unwrap_or(&self.fallback_locale)
    }

    fn sources(&self, channels: &[Channel]) -> Vec<Source<'_>> {
        let of = |channel: &Channel| match channel {
            Channel::Push => self.push.iter().flat_map(|(locale, text)| text.sources(locale)).collect::<Vec<_>>(),
            Channel::Whatsapp => self.whatsapp.iter().flat_map(|(locale, text)| text.sources(locale)).collect(),
            Channel::Sms => self.sms.iter().flat_map(|(locale, text)| text.sources(locale)).collect(),
        };
        channels.iter().flat_map(of).collect()
    }
}

impl PushText {
    fn sources(&self, locale: &str) -> Vec<Source<'_>> {
        let source = |name: &str, text| Source { path: format!("push.{locale}.{name}"), text };
        let data = self.data.iter().map(|(name, text)| source(&format!("data.{name}"), text.as_str()));
        [source("title", &self.title), source("body", &self.body)].into_iter().chain(data).collect()
    }
}

impl WhatsappText {
    fn sources(&self, locale: &str) -> Vec<Source<'_>> {
        let source = |name: &str, text| Source { path: format!("whatsapp.{locale}.{name}"), text };
        let params = self.params.iter().enumerate().map(|(index, text)| source(&format!("params[{index}]"), text.as_str()));
        self.text.iter().map(|text| source("text", text.as_str())).chain(params).collect()
    }
}

impl SmsText {
    fn sources(&self, locale: &str) -> Vec<Source<'_>> {
        vec![Source { path: format!("sms.{locale}.text"), text: &self.text }]
    }
}
