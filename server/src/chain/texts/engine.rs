//! One text and its data in, one text out. Nothing is read from anywhere, work is bounded, and nothing panics.
//!
//! What prints must be text or a number: a list or an object shows as NUL, which no finished text may contain, so that it is an
//! error whichever way it got there. Errors tell the kind and the line, never a value of the data.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
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
    let kept = keep(text).map_err(|error| fault(told(&error)))?;
    let template = kept.get_template(text).map_err(|error| fault(told(&error)))?;
    fill_in(text, &template, data)
}

/// Texts of which many are filled in one after the other, each under itself as its name.
static KEPT: LazyLock<RwLock<Environment<'static>>> = LazyLock::new(|| RwLock::new(engine()));

/// Reads a text and keeps it.
fn keep(text: &str) -> Result<RwLockReadGuard<'static, Environment<'static>>, Error> {
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    if kept.templates().count() >= KEPT_MAX {
        kept.clear_templates();
    }
    kept.add_template_owned(text.to_owned(), text.to_owned())?;
    Ok(RwLockWriteGuard::downgrade(kept))
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
mod tests;
