//! Pictures, films and documents by their address. Pure.

use serde_json::{Value, json};
use tarishi_protocol::Media;

use super::super::AdapterError;
use super::wire::invalid;

/// Letters below a picture, at most.
const CAPTION_CHARS_MAX: usize = 1_024;

/// What WhatsApp shows it as, by the ending of its address: everything that is no picture or film is a document.
fn kind(url: &reqwest::Url) -> &'static str {
    let ending = url.path().rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "jpg" | "jpeg" | "png" => "image",
        "mp4" | "3gp" => "video",
        _ => "document",
    }
}

fn address(media: &Media) -> Result<reqwest::Url, AdapterError> {
    let url = reqwest::Url::parse(&media.url).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    url.ok_or_else(|| invalid("media.url must be a web address that Meta can fetch"))
}

/// The file itself, with its name if it is a document.
fn file(media: &Media) -> Result<(&'static str, Value), AdapterError> {
    let url = address(media)?;
    let kind = kind(&url);
    let mut file = json!({ "link": media.url });
    let name = url.path_segments().and_then(|mut parts| parts.next_back()).filter(|name| !name.is_empty());
    if let Some(name) = name.filter(|_| kind == "document") {
        file["filename"] = json!(name);
    }
    Ok((kind, file))
}

/// A message that is a file; its text stands below it.
pub(super) fn message(media: &Media, text: &str) -> Result<(&'static str, Value), AdapterError> {
    if media.caption.as_ref().is_some_and(|caption| caption != text) {
        return Err(invalid("the message stands below the media: leave out media.caption, or give the same text"));
    }
    if text.chars().count() > CAPTION_CHARS_MAX {
        return Err(invalid(format!("the text below media has at most {CAPTION_CHARS_MAX} characters")));
    }
    let (kind, mut file) = file(media)?;
    file["caption"] = json!(text);
    Ok((kind, file))
}

/// The parameter of a template's header.
pub(super) fn header(media: &Media) -> Result<Value, AdapterError> {
    if media.caption.is_some() {
        return Err(invalid("a template's media has no caption: its text is the template's"));
    }
    let (kind, file) = file(media)?;
    Ok(json!({ "type": kind, kind: file }))
}
