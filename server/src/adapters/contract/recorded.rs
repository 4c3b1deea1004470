//! Our requests beside those recorded of official clients: every field that differs, by name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::Seen;

/// Why these differ with every client that speaks HTTP/1.
pub(in crate::adapters) const USER_AGENT: (&str, &str) = ("header.user-agent", "names the client");
pub(in crate::adapters) const ENCODINGS: (&str, &str) = ("header.accept-encoding", "what the HTTP library can unpack");

/// A request as an official client made it.
#[derive(Debug, Deserialize)]
pub(in crate::adapters) struct Recorded {
    pub(in crate::adapters) method: String,
    pub(in crate::adapters) host: String,
    pub(in crate::adapters) path: String,
    pub(in crate::adapters) headers: Vec<(String, String)>,
    pub(in crate::adapters) body: String,
}

impl Recorded {
    pub(in crate::adapters) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    /// What differs from ours: `method`, `path`, `query.x`, `header.x`, `body.x.y`. What carries a length or a host is left out.
    pub(in crate::adapters) fn differences(&self, ours: &Seen) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let mut note = |name: String, same: bool| {
            if !same {
                names.insert(name);
            }
        };
        note("method".to_owned(), self.method == ours.method);
        note("path".to_owned(), path == ours.path);
        pairs("query", query, &ours.query, &mut note);
        let theirs = self.headers.iter().filter(|(name, _)| !name.starts_with(':'));
        let theirs: BTreeMap<String, String> = theirs.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        let headers = ours.headers.iter().filter_map(|line| line.split_once(':'));
        let headers: BTreeMap<String, String> =
            headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        for name in theirs.keys().chain(headers.keys()) {
            if !matches!(name.as_str(), "host" | "content-length" | "connection") {
                note(format!("header.{name}"), theirs.get(name) == headers.get(name));
            }
        }
        match (serde_json::from_str(&self.body), serde_json::from_str(&ours.body)) {
            (Ok(theirs), Ok(ours)) => values("body", Some(&theirs), Some(&ours), &mut note),
            _ => pairs("body", &self.body, &ours.body, &mut note),
        }
        names
    }

    /// Asserts that these fields differ and no others; each with its reason.
    pub(in crate::adapters) fn assert_differs_only(&self, ours: &Seen, reasons: &[(&str, &str)]) {
        let known: BTreeSet<String> = reasons.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(self.differences(ours), known, "{} {}", self.host, self.path);
        assert!(reasons.iter().all(|(_, reason)| !reason.is_empty()));
    }
}

fn pairs(place: &str, theirs: &str, ours: &str, note: &mut impl FnMut(String, bool)) {
    let read = |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect::<BTreeMap<String, String>>();
    let (theirs, ours) = (read(theirs), read(ours));
    for name in theirs.keys().chain(ours.keys()) {
        note(format!("{place}.{name}"), theirs.get(name) == ours.get(name));
    }
}

fn values(place: &str, theirs: Option<&Value>, ours: Option<&Value>, note: &mut impl FnMut(String, bool)) {
    match (theirs, ours) {
        (Some(Value::Object(theirs)), Some(Value::Object(ours))) => {
            for name in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
                values(&format!("{place}.{name}"), theirs.get(name), ours.get(name), note);
            }
        }
        _ => note(place.to_owned(), theirs == ours),
    }
}
