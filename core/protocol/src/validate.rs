//! The checks that a device runs at `enqueue` and a server runs at intake: the same code, the same words.

use base64::Engine as _;
use serde::de::DeserializeOwned;

use crate::{
    Code, FileRef, MessageQuery, MessageSend, Operation, Payload, Problem, SyncGrades, Upload,
    catalog::{self, Category},
    limits,
};

mod json;
mod payments;
pub(crate) mod push;

use json::{check_json, check_objects};
use payments::{check_charge, check_payment_query, check_refund};

/// Digits of a field's name, at most: fewer than a phone number has.
const NAME_DIGITS_MAX: usize = 4;

/// Checks the payload of one action and gives it its type.
///
/// # Errors
/// A [`Problem`] that names the field: `unknown_adapter`, `unknown_action`, `version_unsupported`, `payload_too_large`,
/// `unknown_field`, `missing_field`, `wrong_type`, or what is wrong with a value.
pub fn check_payload(adapter: &str, action: &str, version: u32, payload: &str) -> Result<Payload, Problem> {
    check_name("adapter", adapter)?;
    check_name("action", action)?;
    if payload.len() > limits::PAYLOAD_BYTES_MAX {
        let detail = format!("payload has {} bytes, at most {} are allowed", payload.len(), limits::PAYLOAD_BYTES_MAX);
        return Err(Problem::new(Code::PayloadTooLarge, detail).with_field("payload"));
    }
    let value = check_json(payload)?;
    let Some(category) = catalog::category(adapter) else {
        return Ok(Payload::Free(value));
    };
    if !catalog::actions(adapter).contains(&action) {
        let known = catalog::actions(adapter).join(", ");
        return Err(Problem::new(Code::UnknownAction, format!("{adapter} has {known}")).with_field("action"));
    }
    if version != 1 {
        return Err(Problem::new(Code::VersionUnsupported, "only version 1 is known here").with_field("version"));
    }
    let payload = match (category, action) {
        (Category::Payment, "charge") => Payload::Charge(check_charge(adapter, typed(payload)?)?),
        (Category::Payment, "refund") => Payload::Refund(check_refund(adapter, typed(payload)?)?),
        (Category::Payment, _) => Payload::PaymentQuery(check_payment_query(typed(payload)?)?),
        (Category::Messaging, "send") => Payload::MessageSend(check_message(adapter, typed(payload)?)?),
        (Category::Push, "send") => Payload::PushSend(push::check(typed(payload)?)?),
        (Category::Messaging, "balance") => Payload::Balance(typed(payload)?),
        (Category::Messaging | Category::Push, _) => Payload::MessageQuery(check_message_query(typed(payload)?)?),
        (Category::Storage, "upload") => Payload::Upload(check_upload(typed(payload)?)?),
        (Category::Storage, "download") => Payload::Download(check_file_ref(typed(payload)?)?),
        (Category::Storage, "delete") => Payload::Delete(check_file_ref(typed(payload)?)?),
        (Category::Storage, _) => Payload::List(check_list(typed(payload)?)?),
        (Category::Lms, "enroll") => Payload::Enroll(typed(payload)?),
        (Category::Lms, "sync_grades") => Payload::SyncGrades(check_grades(typed(payload)?)?),
        (Category::Lms, "sync_courses") => Payload::SyncCourses(typed(payload)?),
        (Category::Lms, _) => Payload::CreateCourse(typed(payload)?),
        (Category::Notification, _) => Payload::Notify(push::check_notify(typed(payload)?)?),
    };
    check_objects(&value)?;
    Ok(payload)
}

/// Checks everything of an operation but its payload: names, keys, sizes, times.
///
/// # Errors
/// A [`Problem`] that names the field.
pub fn check_envelope(operation: &Operation) -> Result<(), Problem> {
    check_key(&operation.idempotency_key)?;
    if let Some(key) = &operation.ordering_key {
        check_ordering_key(key)?;
    }
    check_name("adapter", &operation.adapter)?;
    check_name("action", &operation.action)?;
    if operation.blobs.len() > limits::BLOBS_MAX {
        return Err(invalid("blobs", format!("at most {} blobs", limits::BLOBS_MAX)));
    }
    if let Some(ttl_ms) = operation.ttl_ms
        && !(1..=limits::TTL_MS_MAX).contains(&ttl_ms)
    {
        return Err(invalid("ttl_ms", format!("must be 1 to {}", limits::TTL_MS_MAX)));
    }
    if operation.after.is_some_and(|after| after.operation_id == operation.id) {
        return Err(invalid("after.operation_id", "an operation cannot wait for itself"));
    }
    Ok(())
}

/// Checks an idempotency key: 1 to [`limits::KEY_BYTES_MAX`] bytes, no control characters.
///
/// # Errors
/// `invalid_value`, naming `idempotency_key`.
pub fn check_key(key: &str) -> Result<(), Problem> {
    check_text("idempotency_key", key, limits::KEY_BYTES_MAX)
}

/// Checks an ordering key: 1 to [`limits::ORDERING_KEY_BYTES_MAX`] bytes, no control characters.
///
/// # Errors
/// `invalid_value`, naming `ordering_key`.
pub fn check_ordering_key(key: &str) -> Result<(), Problem> {
    check_text("ordering_key", key, limits::ORDERING_KEY_BYTES_MAX)
}

/// Checks the id of a notification: 1 to [`limits::NAME_BYTES_MAX`] bytes, no control characters.
///
/// # Errors
/// `invalid_value`, naming `id`.
pub fn check_notification_id(id: &str) -> Result<(), Problem> {
    check_text("id", id, limits::NAME_BYTES_MAX)
}

fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), Problem> {
    if text.is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
        return Err(invalid(field, format!("must have 1 to {bytes_max} bytes and no control characters")));
    }
    Ok(())
}

fn check_name(field: &str, name: &str) -> Result<(), Problem> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let shaped = !name.is_empty() && name.len() <= limits::NAME_BYTES_MAX && name.bytes().all(good);
    if shaped && !catalog::RESERVED.contains(&name) {
        return Ok(());
    }
    let code = if field == "adapter" { Code::UnknownAdapter } else { Code::UnknownAction };
    Err(Problem::new(code, "names are lower-case letters, digits and _").with_field(field))
}

fn typed<T: DeserializeOwned>(payload: &str) -> Result<T, Problem> {
    let deserializer = &mut serde_json::Deserializer::from_str(payload);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = format!("payload.{}", error.path());
        let field = known_path(&path);
        let text = error.inner().to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        if field.len() < path.len() && text.starts_with("unknown field") {
            let expected = text.rsplit_once("expected ").map_or_else(String::new, |(_, names)| format!("; expected {names}"));
            return Problem::new(Code::UnknownField, format!("a field has no name of ours{expected}")).with_field(field);
        }
        describe(&field, text)
    })
}

/// Turns serde's words into a code: they are the only place where it says what kind of error it was.
fn describe(field: &str, text: &str) -> Problem {
    if text.starts_with("unknown field") {
        return Problem::new(Code::UnknownField, text).with_field(field);
    }
    if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return Problem::new(Code::MissingField, text).with_field(format!("{field}.{name}"));
    }
    let code = if text.starts_with("phone ") {
        Code::InvalidPhone
    } else if text.starts_with("amount ") || text.starts_with("currency ") {
        Code::InvalidAmount
    } else if text.starts_with("invalid type") || text.starts_with("unknown variant") {
        Code::WrongType
    } else {
        Code::InvalidValue
    };
    // serde quotes the offending value in `invalid type: string "…"`; values may be private.
    let detail = match code {
        Code::WrongType => {
            text.rsplit_once("expected ").map_or_else(|| "wrong type".to_owned(), |(_, rest)| format!("expected {rest}"))
        }
        _ => text.to_owned(),
    };
    Problem::new(code, detail).with_field(field)
}

/// A field's path, `payload.to[0].user`, up to the first part that does not look like a name: what stands in a name's place may
/// be private, a phone number for instance.
#[must_use]
pub fn known_path(path: &str) -> String {
    let parts = path.split('.').take_while(|part| is_name(part.split('[').next().unwrap_or_default()));
    parts.collect::<Vec<_>>().join(".")
}

fn is_name(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=limits::NAME_BYTES_MAX).contains(&part.len()) && digits <= NAME_DIGITS_MAX && part.bytes().all(good)
}

fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidValue, detail).with_field(field)
}

fn one_of(a: (&str, bool), b: (&str, bool)) -> Result<(), Problem> {
    if a.1 != b.1 {
        return Ok(());
    }
    let (left, right) = (a.0, b.0);
    Err(invalid(format!("payload.{left}"), format!("give exactly one of {left} and {right}")))
}

fn short(field: &str, text: &str, chars_max: usize) -> Result<(), Problem> {
    let chars = text.chars().count();
    if chars == 0 || chars > chars_max {
        return Err(invalid(format!("payload.{field}"), format!("must have 1 to {chars_max} characters")));
    }
    Ok(())
}

fn check_message_query(query: MessageQuery) -> Result<MessageQuery, Problem> {
    one_of(("operation_id", query.operation_id.is_some()), ("message_id", query.message_id.is_some()))?;
    Ok(query)
}

fn check_message(adapter: &str, send: MessageSend) -> Result<MessageSend, Problem> {
    let count = send.to.0.len();
    if count == 0 || count > limits::RECIPIENTS_MAX {
        return Err(invalid("payload.to", format!("1 to {} recipients", limits::RECIPIENTS_MAX)));
    }
    let mut seen = send.to.0.clone();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() != count {
        return Err(invalid("payload.to", "a recipient is named twice"));
    }
    if adapter == "sms" && (send.template.is_some() || send.media.is_some()) {
        let field = if send.template.is_some() { "payload.template" } else { "payload.media" };
        return Err(Problem::new(Code::UnknownField, "SMS carries a message only").with_field(field));
    }
    one_of(("message", send.message.is_some()), ("template", send.template.is_some()))?;
    if let Some(text) = &send.message {
        short("message", text, limits::MESSAGE_CHARS_MAX)?;
    }
    Ok(send)
}

fn check_upload(upload: Upload) -> Result<Upload, Problem> {
    check_path("payload.destination", &upload.destination, false)?;
    one_of(("content_base64", upload.content_base64.is_some()), ("blob", upload.blob.is_some()))?;
    if let Some(text) = &upload.content_base64 {
        let field = "payload.content_base64";
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .map_err(|_| invalid(field, "must be base64 (standard alphabet, padded)"))?;
        if bytes.len() > limits::INLINE_FILE_BYTES_MAX {
            let detail = format!("at most {} bytes inline; send larger files as a blob", limits::INLINE_FILE_BYTES_MAX);
            return Err(Problem::new(Code::PayloadTooLarge, detail).with_field(field));
        }
    }
    Ok(upload)
}

fn check_file_ref(file: FileRef) -> Result<FileRef, Problem> {
    one_of(("file_id", file.file_id.is_some()), ("path", file.path.is_some()))?;
    if let Some(path) = &file.path {
        check_path("payload.path", path, false)?;
    }
    Ok(file)
}

fn check_list(list: crate::ListFiles) -> Result<crate::ListFiles, Problem> {
    check_path("payload.path", &list.path, true)?;
    if list.limit.is_some_and(|limit| limit == 0 || limit > limits::LIST_MAX) {
        return Err(invalid("payload.limit", format!("must be 1 to {}", limits::LIST_MAX)));
    }
    Ok(list)
}

/// A relative path of plain parts: no root, no `..`, no backslash, no control characters.
fn check_path(field: &str, path: &str, may_be_empty: bool) -> Result<(), Problem> {
    if path.is_empty() && may_be_empty {
        return Ok(());
    }
    let bad_part = |part: &str| part.is_empty() || part == "." || part == ".." || part.len() > 255;
    let bad_char = |c: char| c.is_control() || c == '\\';
    if path.len() > limits::PATH_BYTES_MAX || path.split('/').any(bad_part) || path.chars().any(bad_char) {
        let detail = "a relative path of named parts, without . and .., backslashes or control characters";
        return Err(Problem::new(Code::InvalidPath, detail).with_field(field));
    }
    Ok(())
}

fn check_grades(grades: SyncGrades) -> Result<SyncGrades, Problem> {
    let count = grades.grades.as_ref().map_or(0, Vec::len);
    if count > limits::GRADES_MAX {
        return Err(invalid("payload.grades", format!("at most {} grades", limits::GRADES_MAX)));
    }
    if (grades.direction == crate::Direction::Push) != (count > 0) {
        return Err(invalid("payload.grades", "push needs grades, pull takes none"));
    }
    Ok(grades)
}

#[cfg(test)]
mod tests;
