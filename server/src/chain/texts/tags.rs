//! Which words a text may use in its tags. The engine would refuse an unknown filter only when it meets it, at night. Pure.
//!
//! Long tags and many tags are refused too: the engine reads them by recursion, which must end before the stack does.

/// Bytes between the braces of one tag, at most.
pub const TAG_BYTES_MAX: usize = 256;
/// Tags of one text, at most.
pub const TAGS_MAX: usize = 100;
/// What may be done with a value, behind `|`.
pub const FILTERS: [&str; 9] = ["default", "join", "length", "lower", "replace", "round", "title", "trim", "upper"];
/// What may be asked of a value, behind `is`.
pub const TESTS: [&str; 2] = ["defined", "undefined"];
/// What may stand behind `{%`.
pub const STATEMENTS: [&str; 7] = ["if", "elif", "else", "endif", "for", "endfor", "set"];
/// Words that a bracket may follow without being a call.
const OPERATORS: [&str; 6] = ["and", "or", "not", "in", "if", "else"];

/// Checks the tags of a text; the rest of its syntax is the engine's to check.
///
/// # Errors
/// What is wrong, and in which line. A word of the text is repeated only if it is one of letters and `_`.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut rest = text;
    for count in 1.. {
        let Some((start, end)) = next_tag(rest) else { return Ok(()) };
        let line = text[..text.len() - rest.len() + start].matches('\n').count() + 1;
        if count > TAGS_MAX {
            return Err(format!("has more than {TAGS_MAX} tags"));
        }
        let (inner, after) = split_tag(&rest[start..], end).map_err(|wrong| format!("{wrong} in line {line}"))?;
        if inner.len() > TAG_BYTES_MAX {
            return Err(format!("a tag has more than {TAG_BYTES_MAX} bytes in line {line}"));
        }
        if end != "#}" {
            check_words(inner, end == "%}").map_err(|wrong| format!("{wrong} in line {line}"))?;
        }
        rest = after;
    }
    Ok(())
}

/// Where the next tag begins, and how it will end.
fn next_tag(text: &str) -> Option<(usize, &'static str)> {
    [("{{", "}}"), ("{%", "%}"), ("{#", "#}")].into_iter().filter_map(|(open, end)| Some((text.find(open)?, end))).min()
}

/// What stands in the tag, and what behind it.
fn split_tag<'a>(tag: &'a str, end: &str) -> Result<(&'a str, &'a str), &'static str> {
    let inner = &tag[2..];
    if end == "#}" {
        return inner.split_once(end).ok_or("a comment does not end");
    }
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in inner.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(mark) if letter == mark => quote = None,
            Some(_) => {}
            None if inner[at..].starts_with(end) => return Ok((&inner[..at], &inner[at + 2..])),
            None if matches!(letter, '{' | '}') => return Err("a brace stands within a tag"),
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None => {}
        }
    }
    Err("a tag does not end")
}

/// Checks the words of a tag that begin a statement or follow `|` and `is`, and that nothing is called.
fn check_words(inner: &str, statement: bool) -> Result<(), String> {
    let mut before = if statement { "%" } else { "" };
    let mut own_name = false;
    for word in words(inner) {
        let (kind, known): (&str, &[&str]) = match before {
            "%" if matches!(word, "-" | "+") => continue,
            "%" => ("statement", &STATEMENTS),
            "|" => ("filter", &FILTERS),
            "is" if word == "not" => continue,
            "is" => ("test", &TESTS),
            _ if own_name && word == "(" => return Err("there are no functions, only filters".to_owned()),
            _ => {
                own_name =
                    word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') && !OPERATORS.contains(&word);
                before = if before == "." { "" } else { word };
                continue;
            }
        };
        if !known.contains(&word) {
            let plain = word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            let named = if plain { format!(" `{word}`") } else { String::new() };
            return Err(format!("there is no {kind}{named}, only {}", known.join(", ")));
        }
        (before, own_name) = (word, false);
    }
    Ok(())
}

/// The names and signs of a tag, without its spaces; a quoted text is its opening quote.
fn words(inner: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = inner.trim_start();
    while let Some(letter) = rest.chars().next() {
        let name = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let length = if name == 0 { letter.len_utf8() } else { name };
        words.push(&rest[..length]);
        rest = if matches!(letter, '"' | '\'') { behind_quote(rest, letter) } else { &rest[length..] };
        rest = rest.trim_start();
    }
    words
}

fn behind_quote(text: &str, mark: char) -> &str {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, letter)| {
        let ends = !escaped && *letter == mark;
        escaped = !escaped && *letter == '\\';
        ends
    });
    end.map_or("", |(at, letter)| &text[at + letter.len_utf8()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_pass_wherever_they_stand() {
        for good in [
            "",
            "no tag, 50% off {or} so }} %}",
            "{{ name }} {{name|upper}} {{ a | default('x|nofilter is nothing }}') }}",
            "{%- if a is defined and b is not undefined -%}{{ a }}{% elif b %}{% else %}{% endif %}",
            "{% for a in list %}{{ a.is.fine }}{% endfor %}{% set x = 1 %}",
            "{% if (a or (b)) and not (c) %}{{ (a) if (b) else (c) }}{% elif (a in (b)) %}{% endif %}{{ a|round(1) }}",
            "{# any | thing is {{ here #}{{ \"a\\\"|b\" }}",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn unknown_words_are_named_with_their_line() {
        for (bad, wrong) in [
            (
                "a\nb {{ x|uper }}",
                "there is no filter `uper`, only default, join, length, lower, replace, round, title, trim, upper in line 2",
            ),
            ("{{ x | trim |  safe }}", "there is no filter `safe`"),
            ("{{ x is number }}", "there is no test `number`, only defined, undefined in line 1"),
            ("{{ x is not odd }}", "there is no test `odd`"),
            ("{% include 'a' %}", "there is no statement `include`"),
            ("{%- raw %}{% endraw %}", "there is no statement `raw`"),
            ("{{ x|0712345678 }}", "there is no filter, only"),
            ("{{ {'a': 1} }}", "a brace stands within a tag in line 1"),
            ("{{ f(x) }}", "there are no functions, only filters in line 1"),
            ("{{ x.upper () }}", "there are no functions, only filters in line 1"),
            ("{{ x", "a tag does not end in line 1"),
            ("{{ 'x }}", "a tag does not end in line 1"),
            ("{# x", "a comment does not end in line 1"),
        ] {
            let told = check(bad).unwrap_err();
            assert!(told.starts_with(wrong), "{told}");
        }
    }

    #[test]
    fn tags_are_bounded_in_length_and_number() {
        let long = |bytes: usize| format!("{{{{{}}}}}", "x".repeat(bytes));
        assert_eq!(check(&long(TAG_BYTES_MAX)), Ok(()));
        assert_eq!(check(&long(TAG_BYTES_MAX + 1)).unwrap_err(), "a tag has more than 256 bytes in line 1");
        assert_eq!(check(&"{{x}}".repeat(TAGS_MAX)), Ok(()));
        assert_eq!(check(&"{{x}}".repeat(TAGS_MAX + 1)).unwrap_err(), "has more than 100 tags");
    }
}
