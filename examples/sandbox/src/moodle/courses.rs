//! Courses and their categories.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::book::{Book, Course};
use super::request::Request;
use super::{Answered, Exception};
use crate::fault::Adapter;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, lock};

/// How long a course takes between the look whether its names are free and its row.
const CREATE_TAKES: Duration = Duration::from_millis(120);
/// The categories: id, idnumber.
const CATEGORIES: [(i64, &str); 2] = [(1, ""), (2, "FORM-1")];

pub(super) async fn create(world: &World, request: &Request) -> Answered {
    let places = request.places("courses");
    let [place] = places.as_slice() else { return Err(Exception::invalid()) };
    let field = |name: &str| request.at("courses", place, name).map(str::trim).unwrap_or_default().to_owned();
    let (fullname, shortname, idnumber) = (field("fullname"), field("shortname"), field("idnumber"));
    let category: i64 = field("categoryid").parse().map_err(|_| Exception::invalid())?;
    if fullname.is_empty() || shortname.is_empty() {
        return Err(Exception::new("errorinvalidparam"));
    }
    if !CATEGORIES.iter().any(|(id, _)| *id == category) {
        return Err(Exception::new("errorcatcontextnotvalid"));
    }
    {
        let book = lock(&world.moodle);
        if book.courses.iter().any(|course| course.shortname == shortname) {
            return Err(Exception::new("shortnametaken"));
        }
        if !idnumber.is_empty() && book.courses.iter().any(|course| course.idnumber == idnumber) {
            return Err(Exception::new("courseidnumbertaken"));
        }
    }
    sleep(CREATE_TAKES).await;
    let mut book = lock(&world.moodle);
    let id = book.add_course(&idnumber, &shortname, &fullname, category);
    lock(&world.ledger).push(LedgerEntry {
        to: Some(idnumber),
        path: Some(shortname.clone()),
        provider_id: Some(id.to_string()),
        ..LedgerEntry::new(Adapter::Moodle, Effect::Course)
    });
    Ok(json!([{ "id": id, "shortname": shortname }]))
}

pub(super) fn categories(request: &Request) -> Value {
    let wanted = request.get("criteria[0][key]").filter(|key| *key == "idnumber").and(request.get("criteria[0][value]"));
    let found = CATEGORIES.iter().filter(|(_, idnumber)| wanted.is_none_or(|wanted| wanted == *idnumber));
    found
        .map(|(id, idnumber)| json!({ "id": id, "name": format!("Category {id}"), "idnumber": idnumber, "parent": 0 }))
        .collect()
}

pub(super) fn by_field(book: &Book, request: &Request) -> Answered {
    let value = request.get("value").unwrap_or_default();
    let is = |course: &&Course| match request.get("field").unwrap_or_default() {
        "id" => course.id.to_string() == value,
        "idnumber" => course.idnumber == value,
        "shortname" => course.shortname == value,
        "category" => course.category.to_string() == value,
        _ => true,
    };
    if !matches!(request.get("field"), Some("id" | "idnumber" | "shortname" | "category") | None) {
        return Err(Exception::new("invalidparameter"));
    }
    let shown = |course: &Course| {
        json!({
            "id": course.id, "fullname": course.fullname, "shortname": course.shortname, "categoryid": course.category,
            "idnumber": course.idnumber, "summary": "", "visible": 1, "format": "topics", "enrollmentmethods": ["manual"],
        })
    };
    Ok(json!({ "courses": book.courses.iter().filter(is).map(shown).collect::<Vec<_>>(), "warnings": [] }))
}
