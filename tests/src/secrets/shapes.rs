//! Tokens that are told by their shape, whoever made them.

use std::sync::OnceLock;

use super::matcher::Matcher;

/// What tokens begin with, how many characters follow at least, and whose they are: ours, or the simulated providers'.
const TOKENS: [(&str, usize, &str); 6] = [
    ("td_", 24, "a device's token"),
    ("tk_", 24, "an API key"),
    ("ya29.", 24, "an access token of Google"),
    ("1//0g", 24, "a refresh token of Google"),
    ("4/0A", 24, "an authorization code of Google"),
    ("sandboxMpesaToken", 8, "an access token of M-Pesa"),
];
/// The part of a callback's address that is a secret: 32 characters behind `/k/` and 36 of the attempt's id.
const CALLBACK: &str = "/k/";
const ATTEMPT_BYTES: usize = 36;
const CALLBACK_BYTES: usize = 32;
/// The names of the tokens in these bytes.
pub(super) fn tokens_in(bytes: &[u8]) -> Vec<&'static str> {
    static BEGINS: OnceLock<Matcher> = OnceLock::new();
    let begins = BEGINS.get_or_init(|| {
        let mut begins = Matcher::default();
        for (label, begin) in TOKENS.iter().map(|(begin, ..)| *begin).chain([CALLBACK]).enumerate() {
            begins.add(begin.as_bytes().to_vec(), label);
        }
        begins
    });
    let mut found = Vec::new();
    begins.visit(bytes, |at, label| match TOKENS.get(label) {
        Some((begin, least, name)) if is_token(&bytes[at + begin.len()..], *least) => found.push(*name),
        Some(_) => {}
        None if is_callback(&bytes[at + CALLBACK.len()..]) => found.push("the token of a callback"),
        None => {}
    });
    found
}

fn is_token(rest: &[u8], least: usize) -> bool {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    rest.iter().take_while(is_part).count() >= least
}

fn is_callback(rest: &[u8]) -> bool {
    rest.get(ATTEMPT_BYTES) == Some(&b'/')
        && rest[ATTEMPT_BYTES + 1..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count() >= CALLBACK_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_by_their_shape_whoever_made_them() {
        let (secret, attempt) = ("0123456789abcdef".repeat(3), "01980000-0000-7000-8000-000000000001");
        for text in [
            format!("td_default_7f3a_{secret}"),
            format!("Bearer tk_school_1_{secret}"),
            format!("ya29.{secret}"),
            format!("GET /k/{attempt}/{secret}/c"),
        ] {
            assert_eq!(tokens_in(text.as_bytes()).len(), 1, "{text}");
        }
        for text in ["td_…", "tk_default_1", "/k/{attempt}/{token}", "the k/v store, ya29.", &format!("/k/{attempt}")] {
            assert!(tokens_in(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
