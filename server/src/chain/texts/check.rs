//! What is checked when texts are stored, so that nothing but the data can be wrong at night.

use std::collections::BTreeSet;

use tarishi_protocol::{Code, Problem, limits};
use uuid::Uuid;

use super::{Source, Texts, WhatsappText, engine, with_id};
use crate::chain::Channel;

/// Bytes of one text before it is filled in, at most.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Locales of one channel, at most.
pub const LOCALES_MAX: usize = 32;
/// Top-level variables of all texts together, at most.
pub const VARIABLES_MAX: usize = 64;
/// Fields of a push's data, at most.
pub const PUSH_DATA_MAX: usize = 16;
/// Parameters of a WhatsApp template, at most.
pub const PARAMS_MAX: usize = 32;
/// Bytes of a WhatsApp template's name, at most (Meta).
pub const WHATSAPP_NAME_BYTES_MAX: usize = 512;
/// Bytes of the example data as JSON, at most: those of a payload.
pub const SAMPLE_BYTES_MAX: usize = limits::PAYLOAD_BYTES_MAX;
/// Bytes of a locale, at most.
const LOCALE_BYTES_MAX: usize = 16;

impl Texts {
    /// Checks everything but the data that will come: names, sizes, syntax; with example data, every text as it comes out.
    ///
    /// # Errors
    /// Names the field at fault: `sms.en.text`.
    pub fn check(&self) -> Result<(), Problem> {
        if !is_locale(&self.fallback_locale) {
            return Err(invalid("fallback_locale", "must be a locale such as en or sw-KE"));
        }
        if !Channel::ALL.into_iter().any(|channel| self.has(channel)) {
            return Err(missing("push", "at least one of push, whatsapp and sms needs texts"));
        }
        Channel::ALL.into_iter().try_for_each(|channel| self.check_locales(channel))?;
        self.push.iter().try_for_each(|(locale, text)| {
            let field = format!("push.{locale}.data");
            if text.data.len() > PUSH_DATA_MAX {
                return Err(invalid(field, format!("has more than {PUSH_DATA_MAX} fields")));
            }
            text.data.keys().try_for_each(|name| check_data_name(name, &field))
        })?;
        self.whatsapp.iter().try_for_each(|(locale, text)| text.check(&format!("whatsapp.{locale}")))?;
        self.check_sources()?;
        self.check_sample()
    }

    fn check_locales(&self, channel: Channel) -> Result<(), Problem> {
        let (name, locales) = (channel.as_str(), self.locales(channel));
        if locales.len() > LOCALES_MAX {
            return Err(invalid(name, format!("has more than {LOCALES_MAX} locales")));
        }
        if !locales.iter().all(|locale| is_locale(locale)) {
            return Err(invalid(name, "has a name that is no locale such as en or sw-KE"));
        }
        if !locales.is_empty() && !locales.contains(&self.fallback_locale.as_str()) {
            let detail = "the fallback locale needs a text where another locale has one";
            return Err(missing(format!("{name}.{}", self.fallback_locale), detail));
        }
        Ok(())
    }

    fn check_sources(&self) -> Result<(), Problem> {
        let mut variables = BTreeSet::new();
        for Source { path, text } in self.sources(&Channel::ALL) {
            if text.len() > TEXT_BYTES_MAX {
                return Err(invalid(path, format!("has {} bytes, at most {TEXT_BYTES_MAX} are allowed", text.len())));
            }
            if text.trim().is_empty() && !path.contains(".data.") {
                return Err(invalid(path, "is empty"));
            }
            engine::check(text).map_err(|wrong| invalid(path.as_str(), wrong))?;
            variables.extend(engine::variables(text));
            if variables.len() > VARIABLES_MAX {
                return Err(invalid(path, format!("with it there are more than {VARIABLES_MAX} variables")));
            }
        }
        Ok(())
    }

    fn check_sample(&self) -> Result<(), Problem> {
        if self.sample.is_empty() {
            return Ok(());
        }
        if serde_json::to_string(&self.sample).map_or(0, |text| text.len()) > SAMPLE_BYTES_MAX {
            return Err(invalid("sample", format!("has more than {SAMPLE_BYTES_MAX} bytes")));
        }
        if let Some(name) = self.missing(&Channel::ALL, &self.sample) {
            return Err(missing(format!("sample.{name}"), "a text needs it"));
        }
        let every =
            Channel::ALL.into_iter().flat_map(|channel| self.locales(channel).into_iter().map(move |locale| (channel, locale)));
        let sample = with_id(&self.sample, Uuid::nil());
        every.into_iter().try_for_each(|(channel, locale)| self.render(channel, Some(locale), &sample).map(drop))
    }
}

impl WhatsappText {
    fn check(&self, path: &str) -> Result<(), Problem> {
        let field = |name: &str| format!("{path}.{name}");
        let Some(name) = &self.template else {
            return match (&self.text, &self.language, self.params.is_empty()) {
                (None, ..) => Err(missing(field("template"), "give a template or a text")),
                (_, Some(_), _) => Err(invalid(field("language"), "belongs to a template")),
                (_, _, false) => Err(invalid(field("params"), "belong to a template")),
                (Some(_), None, true) => Ok(()),
            };
        };
        if self.text.is_some() {
            return Err(invalid(field("text"), "give a template or a text, not both"));
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=WHATSAPP_NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
            let detail = format!("must be 1 to {WHATSAPP_NAME_BYTES_MAX} lower-case letters, digits and _");
            return Err(invalid(field("template"), detail));
        }
        if self.language.as_deref().is_some_and(|language| !is_locale(language)) {
            return Err(invalid(field("language"), "must be a language such as en or en_US"));
        }
        if self.params.len() > PARAMS_MAX {
            return Err(invalid(field("params"), format!("has more than {PARAMS_MAX}")));
        }
        Ok(())
    }
}

/// A language of two or three letters, and parts of two to eight letters and digits: `en`, `sw-KE`, `zh_Hant`.
fn is_locale(name: &str) -> bool {
    let mut parts = name.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    let lower = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    let part = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    lower && name.len() <= LOCALE_BYTES_MAX && parts.all(part)
}

/// A name that the app can read and the providers do not keep for themselves, which the protocol knows.
fn check_data_name(name: &str, field: &str) -> Result<(), Problem> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !(1..=limits::NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(good) {
        let detail = format!("names are 1 to {} letters, digits and _", limits::NAME_BYTES_MAX);
        return Err(invalid(field, detail));
    }
    let push = serde_json::json!({ "to": { "user": "u" }, "title": "t", "body": "b", "data": { name: "" } });
    tarishi_protocol::check_payload("push", "send", 1, &push.to_string())
        .map(drop)
        .map_err(|problem| Problem { field: Some(format!("{field}.{name}")), ..problem })
}

fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidValue, detail).with_field(field)
}

fn missing(field: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(Code::MissingField, detail).with_field(field)
}
