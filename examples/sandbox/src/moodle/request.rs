//! A form as PHP reads it: brackets make lists, and what is above the thousandth variable is not there.

use std::collections::BTreeSet;

use reqwest::Url;

use crate::fault_book::Facts;

/// PHP's `max_input_vars`.
const VARS_MAX: usize = 1_000;

pub(super) struct Request(Vec<(String, String)>);

impl Request {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let Ok(mut url) = Url::parse("http://form.invalid/") else { return Self(Vec::new()) };
        url.set_query(std::str::from_utf8(bytes).ok());
        Self(url.query_pairs().take(VARS_MAX).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// The places of a list, in the order sent.
    pub(super) fn places(&self, list: &str) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let place = |name: &str| Some(name.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?.0.to_owned());
        self.0.iter().filter_map(|(name, _)| place(name)).filter(|place| seen.insert(place.clone())).collect()
    }

    /// A field of one place of a list.
    pub(super) fn at(&self, list: &str, place: &str, name: &str) -> Option<&str> {
        self.get(&format!("{list}[{place}][{name}]"))
    }

    /// An option that is sent as a pair of name and value.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        let place = self.places("options").into_iter().find(|place| self.at("options", place, "name") == Some(name))?;
        self.at("options", &place, "value")
    }

    pub(super) fn facts(&self) -> Facts {
        let named = [
            ("function", "wsfunction"),
            ("idnumber", "courses[0][idnumber]"),
            ("shortname", "courses[0][shortname]"),
            ("user", "enrolments[0][userid]"),
            ("course", "enrolments[0][courseid]"),
            ("value", "value"),
            ("activity", "activityid"),
        ];
        Facts(named.into_iter().filter_map(|(fact, name)| Some((fact, self.get(name)?.to_owned()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_make_lists_and_percent_signs_are_undone() {
        let request = Request::read(b"a%5B0%5D%5Bx%5D=1&a%5B7%5D%5Bx%5D=two+words%21&b=c");
        assert_eq!(request.places("a"), ["0", "7"]);
        assert_eq!(request.at("a", "7", "x"), Some("two words!"));
        assert_eq!(request.get("b"), Some("c"));
    }

    #[test]
    fn what_is_above_the_thousandth_variable_is_silently_gone() {
        let body: Vec<String> = (0..1_200).map(|place| format!("values%5B{place}%5D={place}")).collect();
        assert_eq!(Request::read(body.join("&").as_bytes()).places("values").len(), 1_000);
    }
}
