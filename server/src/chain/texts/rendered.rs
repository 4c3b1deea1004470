//! What a channel takes: texts that are filled in, within what phones and providers hold.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tarishi_protocol::{Code, Problem, limits};
use uuid::Uuid;

use super::{PushText, SmsText, Texts, WhatsappText, engine, with_id};
use crate::{adapters::sms, chain::Channel};

/// Parts of one SMS, at most.
pub const SMS_PARTS_MAX: usize = 10;
/// Characters of one parameter of a WhatsApp template, at most (Meta).
pub const PARAM_CHARS_MAX: usize = 1_024;
/// Bytes of a push that are kept for what is added to its texts: ids, a sound, the providers' own fields.
pub const PUSH_ROOM: usize = 512;

/// One notification's texts on one channel.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Rendered {
    /// Of a push.
    Push {
        /// The headline.
        title: String,
        /// The text.
        body: String,
        /// For the app.
        data: BTreeMap<String, String>,
    },
    /// The fields of a `send` beside `to`: `template` or `message`.
    Whatsapp(Value),
    /// Of a text message.
    Sms {
        /// The text.
        text: String,
        /// In how many it is sent, each of which is paid.
        parts: usize,
    },
}

/// How the letters of an SMS are sent.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Encoding {
    /// 160 letters to a part, and fewer kinds of them.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// 70 letters to a part: one letter that GSM-7 does not have is enough.
    #[serde(rename = "UCS-2")]
    Ucs2,
}

/// What the example data make of one text.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
pub struct Preview {
    /// Where.
    pub channel: Channel,
    /// For whom.
    pub locale: String,
    /// How it comes out; for an SMS with its number of parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rendered: Option<Rendered>,
    /// For an SMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Why it does not come out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

impl Texts {
    /// Fills in a channel's texts for a person of this locale.
    ///
    /// # Errors
    /// Names the text at fault, `sms.en.text`, and never shows a value of the data.
    pub fn render(&self, channel: Channel, locale: Option<&str>, data: &Map<String, Value>) -> Result<Rendered, Problem> {
        let locale = self.pick(channel, locale);
        let path = format!("{}.{locale}", channel.as_str());
        let none = || Problem::new(Code::MissingField, "there is no such text").with_field(path.as_str());
        match channel {
            Channel::Push => self.push.get(locale).ok_or_else(none)?.render(&path, data),
            Channel::Whatsapp => self.whatsapp.get(locale).ok_or_else(none)?.render(&path, locale, data),
            Channel::Sms => self.sms.get(locale).ok_or_else(none)?.render(&path, data),
        }
    }

    /// Every text as the example data fill it in.
    #[must_use]
    pub fn preview(&self) -> Vec<Preview> {
        let of = |channel| self.locales(channel).into_iter().map(move |locale| self.preview_one(channel, locale));
        Channel::ALL.into_iter().flat_map(of).collect()
    }

    fn preview_one(&self, channel: Channel, locale: &str) -> Preview {
        let (rendered, problem) = match self.render(channel, Some(locale), &with_id(&self.sample, Uuid::nil())) {
            Ok(rendered) => (Some(rendered), None),
            Err(problem) => (None, Some(problem)),
        };
        let encoding = match &rendered {
            Some(Rendered::Sms { text, .. }) if sms::is_gsm7(text) => Some(Encoding::Gsm7),
            Some(Rendered::Sms { .. }) => Some(Encoding::Ucs2),
            Some(Rendered::Push { .. } | Rendered::Whatsapp(_)) | None => None,
        };
        Preview { channel, locale: locale.to_owned(), rendered, encoding, problem }
    }
}

impl PushText {
    fn render(&self, path: &str, data: &Map<String, Value>) -> Result<Rendered, Problem> {
        let title = full(&self.title, &format!("{path}.title"), data)?;
        let body = full(&self.body, &format!("{path}.body"), data)?;
        let fill = |(name, text): (&String, &String)| Ok((name.clone(), fill(text, &format!("{path}.data.{name}"), data)?));
        let data = self.data.iter().map(fill).collect::<Result<BTreeMap<_, _>, Problem>>()?;
        let bytes = json!({ "title": title, "body": body, "data": data }).to_string().len();
        let most = limits::PUSH_BYTES_MAX - PUSH_ROOM;
        if bytes > most {
            return Err(invalid(path, format!("takes {bytes} bytes, at most {most} are allowed")));
        }
        Ok(Rendered::Push { title, body, data })
    }
}

impl WhatsappText {
    fn render(&self, path: &str, locale: &str, data: &Map<String, Value>) -> Result<Rendered, Problem> {
        if let Some(name) = &self.template {
            let language = self.language.clone().unwrap_or_else(|| locale.replace('-', "_"));
            let param = |(index, text): (usize, &String)| param(text, &format!("{path}.params[{index}]"), data);
            let params = self.params.iter().enumerate().map(param).collect::<Result<Vec<_>, _>>()?;
            return Ok(Rendered::Whatsapp(json!({ "template": { "name": name, "language": language, "params": params } })));
        }
        let field = format!("{path}.text");
        let text = full(self.text.as_deref().unwrap_or_default(), &field, data)?;
        at_most(limits::MESSAGE_CHARS_MAX, &text, &field)?;
        Ok(Rendered::Whatsapp(json!({ "message": text })))
    }
}

impl SmsText {
    fn render(&self, path: &str, data: &Map<String, Value>) -> Result<Rendered, Problem> {
        let field = format!("{path}.text");
        let text = full(&self.text, &field, data)?;
        let parts = sms::parts(&text);
        if parts > SMS_PARTS_MAX {
            return Err(invalid(field, format!("takes {parts} parts, at most {SMS_PARTS_MAX} are allowed")));
        }
        Ok(Rendered::Sms { text, parts })
    }
}

/// A parameter of a template: Meta refuses line breaks, tabs and more than four spaces in a row, so every gap is one space.
fn param(text: &str, field: &str, data: &Map<String, Value>) -> Result<String, Problem> {
    let text = full(text, field, data)?.split_whitespace().collect::<Vec<_>>().join(" ");
    at_most(PARAM_CHARS_MAX, &text, field)?;
    Ok(text)
}

/// A text that has something in it.
fn full(text: &str, field: &str, data: &Map<String, Value>) -> Result<String, Problem> {
    let text = fill(text, field, data)?;
    if text.is_empty() { Err(invalid(field, "is empty once filled in")) } else { Ok(text) }
}

/// A text without spaces around it; its only control characters are line breaks.
fn fill(text: &str, field: &str, data: &Map<String, Value>) -> Result<String, Problem> {
    let filled = engine::fill(text, data).map_err(|fault| {
        let code = if fault.lacks.is_some() { Code::MissingField } else { Code::InvalidValue };
        Problem::new(code, fault.detail).with_field(field)
    })?;
    let filled = filled.replace("\r\n", "\n").replace('\r', "\n").replace('\t', " ");
    if filled.chars().any(|letter| letter.is_control() && letter != '\n') {
        return Err(invalid(field, "a control character, a list or an object is printed"));
    }
    Ok(filled.trim().to_owned())
}

fn at_most(chars_max: usize, text: &str, field: &str) -> Result<(), Problem> {
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(invalid(field, format!("has {chars} characters once filled in, at most {chars_max} are allowed")));
    }
    Ok(())
}

fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidValue, detail).with_field(field)
}
