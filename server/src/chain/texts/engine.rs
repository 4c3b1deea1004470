//! One text and its data in, one text out. Nothing is read from anywhere, work is bounded, and nothing panics.
//!
//! What prints must be text or a number: a list or an object shows as NUL, which no finished text may contain, so that it is an
//! error whichever way it got there. Errors tell the kind and the line, never a value of the data.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex, PoisonError, RwLock},
};

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Template, UndefinedBehavior, Value, escape_formatter, filters,
    value::{Enumerator, Kwargs, Object, ObjectRepr, ValueKind},
};
use serde_json::Map;

use super::tags;

/// What one text may use up while it is filled in: steps of the engine, each also good for 64 bytes.
pub const FUEL: u64 = 10_000;
/// A text of so many bytes without a tag is as it is, and the engine is not asked.
const PLAIN_BYTES_MAX: usize = 1_024;
/// Texts that are kept ready to be filled in, at most: one more, and all are read again.
const KEPT_MAX: usize = 256;
/// How deep the engine may call itself.
const RECURSION_MAX: usize = 50;
/// What a list or an object shows as.
const UNPRINTABLE: &str = "\0";

/// Why a text could not be filled in.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    /// For a person; with a line, without values.
    pub(super) detail: String,
    /// The variable that the data lack, if that is why: `name`, `student.name`.
    pub(super) lacks: Option<String>,
}

/// Checks a text's syntax.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn check(text: &str) -> Result<(), String> {
    tags::check(text)?;
    environment().template_from_str(text).map(drop).map_err(|error| told(&error))
}

/// The top-level names that a text asks its data for.
pub(super) fn variables(text: &str) -> BTreeSet<String> {
    undeclared(text, false)
}

fn undeclared(text: &str, nested: bool) -> BTreeSet<String> {
    if tags::check(text).is_err() {
        return BTreeSet::new();
    }
    let template = environment().template_from_str(text);
    template.map(|template| template.undeclared_variables(nested).into_iter().collect()).unwrap_or_default()
}

/// Fills a text in.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn fill(text: &str, data: &Map<String, serde_json::Value>) -> Result<String, Fault> {
    let fault = |detail| Fault { detail, lacks: None };
    if text.len() <= PLAIN_BYTES_MAX && !text.contains('{') {
        tags::check(text).map_err(fault)?;
        // As the engine does it, which leaves out the end of the last line.
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        return Ok(text.to_owned());
    }
    let kept = KEPT.read().unwrap_or_else(PoisonError::into_inner);
    if let Ok(template) = kept.get_template(text) {
        return fill_in(text, &template, data);
    }
    drop(kept);
    tags::check(text).map_err(fault)?;
    let template = environment().template_from_str(text).map_err(|error| fault(told(&error)))?;
    keep(text);
    fill_in(text, &template, data)
}

/// Texts of which many are filled in one after the other, each under itself as its name.
static KEPT: LazyLock<RwLock<Environment<'static>>> = LazyLock::new(|| RwLock::new(engine()));

fn keep(text: &str) {
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    if kept.templates().count() >= KEPT_MAX {
        kept.clear_templates();
    }
    // One that is not kept is read again the next time.
    let _ = kept.add_template_owned(text.to_owned(), text.to_owned());
}

fn fill_in(text: &str, template: &Template<'_, '_>, data: &Map<String, serde_json::Value>) -> Result<String, Fault> {
    let lacked = Arc::new(Mutex::new(None));
    let filled = template.render(Value::from_object(Fields::new(data, "", &lacked)));
    filled.map_err(|error| {
        let last = lacked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let lacks = last.filter(|_| error.kind() == ErrorKind::UndefinedError).map(|path| known(text, path));
        let detail = match &lacks {
            Some(name) => format!("needs `{name}`, which the data lack"),
            None => told(&error),
        };
        Fault { detail, lacks }
    })
}

/// A path that the text spells out, or else its first name: in `labels[kind]` a part of the path is a value.
fn known(text: &str, path: String) -> String {
    if undeclared(text, true).contains(&path) {
        return path;
    }
    path.split('.').next().unwrap_or_default().to_owned()
}

/// The engine's word for an error, and the line; its detail may quote values.
fn told(error: &Error) -> String {
    let kind = match error.kind() {
        ErrorKind::NonPrimitive => "only text and numbers can be printed".to_owned(),
        ErrorKind::OutOfFuel => "is too much work".to_owned(),
        kind => kind.to_string(),
    };
    match error.line() {
        Some(line) => format!("{kind} in line {line}"),
        None => kind,
    }
}

/// Made once: it holds no text, and making it costs more than filling a text in.
fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(engine);
    &ENVIRONMENT
}

/// The engine with what people need, and nothing else: no other texts, no functions, no escapes for HTML.
fn engine() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION_MAX);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|out, state, value| match value.kind() {
        ValueKind::String | ValueKind::Number => escape_formatter(out, state, value),
        _ => Err(Error::from(ErrorKind::NonPrimitive)),
    });
    environment.add_filter("default", filters::default);
    environment.add_filter("join", filters::join);
    environment.add_filter("length", length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("round", round);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
    environment.add_test("defined", minijinja::tests::is_defined);
    environment.add_test("undefined", minijinja::tests::is_undefined);
    environment
}

/// The engine's, which takes what is not there for empty.
fn length(value: &Value) -> Result<usize, Error> {
    if value.is_undefined() { Err(Error::from(ErrorKind::UndefinedError)) } else { filters::length(value) }
}

/// The engine's, which says "invalid operation" of what is not there; and 15.0, rounded to no decimals, is 15.
fn round(value: Value, precision: Option<i32>, method: Option<&str>, rest: Kwargs) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let whole = precision.is_none_or(|decimals| decimals <= 0) && rest.args().next().is_none();
    let rounded = filters::round(value, precision, method, rest)?;
    let integer = i64::try_from(rounded.clone()).ok().filter(|_| whole);
    Ok(integer.map_or(rounded, Value::from))
}

/// The last variable that was asked for and was not there.
type Lacked = Arc<Mutex<Option<String>>>;

/// An object of the data, which can be asked for fields and not be printed. What is null is not there.
#[derive(Debug)]
struct Fields {
    fields: BTreeMap<String, Value>,
    path: String,
    lacked: Lacked,
}

impl Fields {
    fn new(data: &Map<String, serde_json::Value>, path: &str, lacked: &Lacked) -> Self {
        let there = data.iter().filter(|(_, value)| !value.is_null());
        let fields = there.map(|(name, value)| (name.clone(), convert(value, &format!("{path}{name}"), lacked))).collect();
        Self { fields, path: path.to_owned(), lacked: Arc::clone(lacked) }
    }
}

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = self.fields.get(key).cloned();
        if found.is_none() {
            *self.lacked.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{}{key}", self.path));
        }
        found
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.fields.keys().map(Value::from).collect())
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(UNPRINTABLE)
    }
}

/// A list of the data, which can be gone through and not be printed.
#[derive(Debug)]
struct Items {
    items: Vec<Value>,
    lacked: Lacked,
}

impl Object for Items {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.items.get(key.as_usize()?).cloned();
        if found.is_none() {
            // An item is not a variable.
            *self.lacked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        found
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(UNPRINTABLE)
    }
}

fn convert(value: &serde_json::Value, path: &str, lacked: &Lacked) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::from(integer),
            (None, Some(integer)) => Value::from(integer),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text),
        Json::Array(items) => {
            let item = |(index, item)| convert(item, &format!("{path}[{index}]"), lacked);
            let items = items.iter().enumerate().map(item).collect();
            Value::from_object(Items { items, lacked: Arc::clone(lacked) })
        }
        Json::Object(fields) => Value::from_object(Fields::new(fields, &format!("{path}."), lacked)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn filled(text: &str, data: &Json) -> Result<String, Fault> {
        fill(text, data.as_object().unwrap())
    }

    fn detail(text: &str, data: &Json) -> String {
        filled(text, data).unwrap_err().detail
    }

    #[test]
    fn the_filters_do_what_people_expect() {
        let data = json!({ "name": " amina OTIENO ", "sum": 1500.75, "whole": 15.0, "list": ["a", 2], "nothing": null, "s": { "n": "x" } });
        for (text, expected) in [
            ("{{ name|trim|title }}", "Amina Otieno"),
            ("{{ name|trim|upper }}{{ name|trim|lower }}", "AMINA OTIENOamina otieno"),
            ("{{ nothing|default('-') }}{{ other|default('-') }}{{ s.m|default('-') }}", "---"),
            ("{{ name|trim|replace('amina', 'A.') }}", "A. OTIENO"),
            ("{{ sum|round }} {{ sum|round(1) }} {{ whole|round }} {{ 1.25|round(1) }}", "1501 1500.8 15 1.2"),
            ("{{ list|length }} {{ list|join(', ') }} {{ s.n }} {{ list[1] }}", "2 a, 2 x 2"),
            ("{% for one in list %}{{ loop.index }}{{ one }};{% endfor %}", "1a;22;"),
            ("{% if s.m is defined %}a{% elif sum > 1000 %}b{% endif %}", "b"),
            ("<{{ '<' }}> {% set x = 'y' %}{{ x ~ x }}", "<<> yy"),
        ] {
            assert_eq!(filled(text, &data).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_the_data_lack_is_named_and_no_value_ever_is() {
        let data = json!({ "s": { "secret": "0712345678" }, "key": "0712345678", "list": [1], "nothing": null });
        for (text, name) in [
            ("{{ name }}", "name"),
            ("{{ nothing }}", "nothing"),
            ("{{ s.name }}", "s.name"),
            ("{{ a.b }}", "a"),
            ("{{ x|default(1) }}{{ y|upper }}", "y"),
            ("{{ x|length }}", "x"),
            ("{{ x|round }}", "x"),
            ("{{ x|join(',') }}", "x"),
            ("{{ 'a' ~ x }}", "x"),
            ("{% if x %}{% endif %}", "x"),
            ("{% for a in x %}{% endfor %}", "x"),
            ("{{ s[key] }}", "s"),
        ] {
            assert_eq!(filled(text, &data).unwrap_err().lacks.as_deref(), Some(name), "{text}");
        }
        assert_eq!(filled("{{ x|default(1) }}{{ list[9] }}", &data).unwrap_err().lacks, None);
        for text in
            ["{{ key + 1 }}", "{{ key|round }}", "{{ s }}", "{{ key() }}", "{{ key.x() }}", "{{ s[key] }}", "{{ list[9] }}"]
        {
            assert!(!detail(text, &data).contains("0712"), "{text}");
        }
    }

    #[test]
    fn only_text_and_numbers_are_printed() {
        let data = json!({ "o": { "secret": "x" }, "l": ["x"], "ll": [["x"], null], "yes": true });
        for text in ["{{ o }}", "{{ l }}", "{{ yes }}", "{{ [1] }}", "{{ ll[1] }}", "a\n{{ none }}"] {
            assert!(detail(text, &data).starts_with("only text and numbers can be printed in line "), "{text}");
        }
        for text in ["{{ 'a' ~ o }}", "{{ ll|join }}", "{{ l|upper }}", "{{ o|trim }}", "{{ l|replace('a', 'b') }}"] {
            let told = filled(text, &data).unwrap_or_else(|fault| fault.detail);
            assert!(told.contains('\0') || told.starts_with("invalid operation"), "{text}: {told}");
        }
    }

    #[test]
    fn work_is_bounded() {
        let list = |items: usize| json!({ "list": vec![1; items] });
        let loops = "{% for a in list %}{% for b in list %}{% endfor %}{% endfor %}";
        assert!(filled(loops, &list(50)).is_ok());
        assert_eq!(detail(loops, &list(100)), "is too much work in line 1");
        for text in [
            "{{ 'x' * 100000000 }}",
            "{{ 'xxxxxxxx'|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx') }}",
            "{{ ('x' * 100000)|join('x' * 100) }}",
        ] {
            assert_eq!(detail(text, &json!({})), "is too much work in line 1", "{text}");
        }
    }

    #[test]
    fn a_text_that_is_kept_comes_out_as_it_did_the_first_time_whatever_it_ends_in() {
        let text = "<{{ name }}> {{ whole|default('-') }}.html";
        for name in ["a & b", "c"] {
            assert_eq!(filled(text, &json!({ "name": name })).unwrap(), format!("<{name}> -.html"));
        }
        let lacks = || filled(text, &json!({})).unwrap_err();
        assert_eq!((lacks().lacks.as_deref(), lacks().detail), (Some("name"), "needs `name`, which the data lack".to_owned()));
    }

    #[test]
    fn more_texts_than_are_kept_come_out_all_the_same() {
        for round in 0..2 {
            for number in 0..=KEPT_MAX {
                assert_eq!(
                    filled(&format!("{number} {{{{ x }}}}"), &json!({ "x": round })).unwrap(),
                    format!("{number} {round}")
                );
            }
        }
    }

    #[test]
    fn fuel_ends_to_the_unit() {
        // Raw text is one step and its bytes: 64 a step.
        let text = |steps: u64| "x".repeat(usize::try_from((steps - 2) * 64).unwrap());
        assert!(filled(&text(FUEL), &json!({})).is_ok());
        assert_eq!(detail(&text(FUEL + 1), &json!({})), "is too much work");
    }

    #[test]
    fn the_engine_is_deeper_than_any_tag_that_passes() {
        let half = tags::TAG_BYTES_MAX / 2;
        for text in [
            format!("{{{{{}1}}}}", "-".repeat(2 * half - 1)),
            format!("{{{{{}1{}}}}}", "(".repeat(half - 1), ")".repeat(half - 1)),
            format!("{{{{{}1}}}}", "1+".repeat(half - 1)),
            format!("{{{{ {}1 }}}}", "not ".repeat(60)),
            format!("{{{{ x{} }}}}", "|trim".repeat(50)),
            format!("{{{{ x{} }}}}", "[0]".repeat(80)),
            "{% if x %}".repeat(50) + &"{% endif %}".repeat(50),
            "{% if x %}".to_owned() + &"{% elif x %}".repeat(98) + "{% endif %}",
            "{% for x in x %}".repeat(50) + &"{% endfor %}".repeat(50),
            "{% for x in y recursive %}{{ loop(y) }}{% endfor %}".to_owned(),
        ] {
            let _ = (check(&text), variables(&text), filled(&text, &json!({ "x": "a", "y": [1] })));
        }
    }
}
