//! A message as it was posted, checked as Meta checks it.

use serde_json::Value;

use super::LANGUAGES;
use crate::fault_book::Facts;
use crate::world::hex_sha256;

/// Letters of a free text, at most.
const TEXT_CHARS_MAX: usize = 4_096;

pub(super) struct Message {
    /// Digits only.
    pub(super) to: String,
    /// What the caller wants back with every status.
    pub(super) callback_data: Option<String>,
    /// What the person reads: the text, the words below a file, or `template|parameter|parameter`.
    text: String,
    template: Option<String>,
}

impl Message {
    /// Reads a body, or gives Meta's code of what is wrong with it.
    pub(super) fn read(body: &Value) -> Result<Self, u32> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        if text(body, "messaging_product").as_deref() != Some("whatsapp") {
            return Err(100);
        }
        let to = text(body, "to").ok_or(131_008_u32)?.trim_start_matches('+').to_owned();
        if !(7..=15).contains(&to.len()) || !to.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(131_009);
        }
        let kind = text(body, "type").ok_or(131_008_u32)?;
        let content = body.get(&kind).ok_or(131_008_u32)?;
        let (words, template) = match kind.as_str() {
            "text" => {
                let words = text(content, "body").filter(|words| !words.is_empty()).ok_or(131_008_u32)?;
                if words.chars().count() > TEXT_CHARS_MAX {
                    return Err(131_009);
                }
                (words, None)
            }
            "template" => {
                let name = text(content, "name").ok_or(131_008_u32)?;
                let language = content.get("language").and_then(|language| text(language, "code"));
                if !language.is_some_and(|code| LANGUAGES.contains(&code.as_str())) {
                    return Err(132_001);
                }
                let mut words = name.clone();
                for parameter in parameters(content) {
                    if parameter.contains(['\n', '\t']) {
                        return Err(132_012);
                    }
                    words = format!("{words}|{parameter}");
                }
                (words, Some(name))
            }
            "image" | "video" | "document" => {
                text(content, "link").ok_or(131_008_u32)?;
                (text(content, "caption").unwrap_or_default(), None)
            }
            _ => return Err(131_051),
        };
        Ok(Self { to, callback_data: text(body, "biz_opaque_callback_data"), text: words, template })
    }

    pub(super) fn is_template(&self) -> bool {
        self.template.is_some()
    }

    pub(super) fn sha256(&self) -> String {
        hex_sha256(self.text.as_bytes())
    }

    pub(super) fn facts(&self) -> Facts {
        let mut facts = vec![("phone", self.to.clone()), ("to", self.to.clone()), ("text", self.text.clone())];
        facts.extend(self.template.clone().map(|name| ("template", name)));
        Facts(facts)
    }
}

/// The texts that fill a template's body.
fn parameters(template: &Value) -> impl Iterator<Item = String> + '_ {
    let components = template.get("components").and_then(Value::as_array).into_iter().flatten();
    let bodies = components.filter(|part| part["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("body")));
    let parameters = bodies.flat_map(|part| part.get("parameters").and_then(Value::as_array).into_iter().flatten());
    parameters.filter_map(|parameter| parameter.get("text")?.as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_meta_would_refuse_is_refused_with_its_code() {
        let text = |to: &str, body: &str| json!({ "messaging_product": "whatsapp", "to": to, "type": "text", "text": { "body": body } });
        let template = |language: &str, parameter: &str| {
            let body = json!({ "type": "BODY", "parameters": [{ "type": "text", "text": parameter }] });
            let template = json!({ "name": "order", "language": { "code": language }, "components": [body] });
            json!({ "messaging_product": "whatsapp", "to": "254711000111", "type": "template", "template": template })
        };
        assert_eq!(Message::read(&text("+254711000111", "Hello")).unwrap().to, "254711000111");
        assert_eq!(Message::read(&template("sw", "Amina")).unwrap().text, "order|Amina");
        for (body, code) in [
            (json!({}), 100),
            (text("Amina", "Hello"), 131_009),
            (text("254711000111", ""), 131_008),
            (text("254711000111", &"a".repeat(4_097)), 131_009),
            (template("am", "Amina"), 132_001),
            (template("sw", "Amina\n"), 132_012),
            (json!({ "messaging_product": "whatsapp", "to": "254711000111", "type": "poll", "poll": {} }), 131_051),
        ] {
            assert_eq!(Message::read(&body).err(), Some(code), "{body}");
        }
    }
}
