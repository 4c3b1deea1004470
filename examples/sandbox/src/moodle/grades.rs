//! The gradebook: two activities in each course, of which one is locked.
//!
//! As at Moodle an update takes grades of people who are not enrolled and above the maximum, and says 0.

use serde_json::{Value, json};

use super::book::{Book, Person};
use super::request::Request;
use super::{Answered, Exception};
use crate::fault::Adapter;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, lock};

/// `cmid` of a course's activity: the course's id, then 1 (open) or 2 (locked).
fn activity(course: i64, number: i64) -> i64 {
    course * 10 + number
}

pub(super) fn update(world: &World, request: &Request) -> Answered {
    let need = |name: &str| request.number(name).ok_or_else(Exception::invalid);
    let (course, cmid, item) = (need("courseid")?, need("activityid")?, need("itemnumber")?);
    let mut book = lock(&world.moodle);
    let Some(idnumber) = book.course(course).map(|course| course.idnumber.clone()) else { return Err(Exception::invalid()) };
    if request.get("source").is_none() || item != 0 {
        return Err(Exception::invalid());
    }
    if request.get("component") != Some("mod_assign") || ![1, 2].iter().any(|number| activity(course, *number) == cmid) {
        return Err(Exception::new("invalidcoursemodule"));
    }
    if cmid == activity(course, 2) {
        return Ok(json!(4));
    }
    let mut wanted = Vec::new();
    for place in request.places("grades") {
        let student = request.at("grades", &place, "studentid").and_then(|id| id.parse().ok());
        let student = student.and_then(Person::of_id).ok_or_else(Exception::invalid)?;
        let grade = request.at("grades", &place, "grade").filter(|grade| grade.parse::<f64>().is_ok());
        wanted.push((student, grade.ok_or_else(Exception::invalid)?.to_owned()));
    }
    for (person, grade) in wanted {
        let old = book.grades.insert((cmid, person), grade.clone());
        if old.as_ref() == Some(&grade) {
            continue;
        }
        lock(&world.ledger).push(LedgerEntry {
            to: Some(person.idnumber()),
            amount: Some(grade),
            path: Some(idnumber.clone()),
            provider_id: Some(format!("{cmid}:{}", person.id())),
            ..LedgerEntry::new(Adapter::Moodle, Effect::Grade)
        });
    }
    Ok(json!(0))
}

pub(super) fn items(book: &Book, request: &Request) -> Answered {
    let course = request.number("courseid").ok_or_else(Exception::invalid)?;
    if book.course(course).is_none() {
        return Err(Exception::new("errorcoursecontextnotvalid"));
    }
    let user = request.number("userid").unwrap_or(0);
    let people = book.people_of(course).filter(|person| user == 0 || person.id() == user);
    let report = |person: Person| {
        let held = |number: i64| {
            let own = if person.is_overridden() { Some("50") } else { None };
            let held = own.or_else(|| book.grades.get(&(activity(course, number), person)).map(String::as_str));
            held.and_then(|held| held.parse::<f64>().ok()).map_or(Value::Null, Value::from)
        };
        let of = |number: i64, idnumber: &str| {
            json!({
                "id": activity(course, number) * 10, "itemname": idnumber, "itemtype": "mod", "itemmodule": "assign", "itemnumber": 0,
                "idnumber": idnumber, "cmid": activity(course, number), "graderaw": held(number), "grademin": 0, "grademax": 100,
                "gradeislocked": number == 2, "gradeisoverridden": person.is_overridden(),
            })
        };
        let total = json!({ "id": course, "itemname": null, "itemtype": "course", "idnumber": "", "graderaw": held(1), "grademin": 0, "grademax": 100 });
        json!({
            "courseid": course, "userid": person.id(), "useridnumber": person.idnumber(),
            "gradeitems": [of(1, "CAT-1"), of(2, "CAT-LOCKED"), total],
        })
    };
    Ok(json!({ "usergrades": people.map(report).collect::<Vec<_>>(), "warnings": [] }))
}
