//! People and their enrolment by hand, which is overwritten whole.

use serde_json::{Value, json};

use super::book::{Book, Enrolment, Person};
use super::request::Request;
use super::{Answered, Exception};
use crate::fault::Adapter;
use crate::ledger::{Effect, LedgerEntry};
use crate::world::{World, lock};

fn shown(person: Person) -> Value {
    json!({
        "id": person.id(), "username": person.username(), "fullname": format!("Learner {}", person.0), "email": person.email(),
        "idnumber": person.idnumber(),
    })
}

pub(super) fn users(request: &Request) -> Answered {
    let field = request.get("field").unwrap_or_default();
    let values: Vec<&str> =
        request.places("values").iter().filter_map(|place| request.get(&format!("values[{place}]"))).collect();
    if field == "username" && values.iter().any(|value| value.chars().any(char::is_uppercase)) {
        return Err(Exception::invalid());
    }
    let of = |person: Person| match field {
        "id" => Some(person.id().to_string()),
        "idnumber" => Some(person.idnumber()),
        "username" => Some(person.username()),
        "email" => Some(person.email()),
        _ => None,
    };
    if !matches!(field, "id" | "idnumber" | "username" | "email") {
        return Err(Exception::invalid());
    }
    Ok(Person::all().filter(|person| of(*person).is_some_and(|own| values.contains(&own.as_str()))).map(shown).collect())
}

/// All or nothing; a row is an effect only if it changes something.
pub(super) fn enrol(world: &World, request: &Request) -> Answered {
    let mut book = lock(&world.moodle);
    let mut wanted = Vec::new();
    for place in request.places("enrolments") {
        let number = |name: &str| request.at("enrolments", &place, name).map(str::parse::<i64>);
        let need = |name: &str| number(name).and_then(Result::ok).ok_or_else(Exception::invalid);
        let or_zero = |name: &str| number(name).unwrap_or(Ok(0)).map_err(|_| Exception::invalid());
        let (course, user, role) = (need("courseid")?, need("userid")?, need("roleid")?);
        let person = Person::of_id(user).ok_or_else(Exception::invalid)?;
        if book.course(course).is_none() {
            return Err(Exception::invalid());
        }
        if !matches!(role, 3..=5) {
            return Err(Exception::new("wsusercannotassign"));
        }
        wanted.push((course, person, role, or_zero("timestart")?, or_zero("timeend")?, or_zero("suspend")? == 1));
    }
    for (course, person, role, start, end, suspended) in wanted {
        let old = book.enrolments.get(&(course, person)).cloned();
        let mut roles = old.as_ref().map(|old| old.roles.clone()).unwrap_or_default();
        if !roles.contains(&role) {
            roles.push(role);
        }
        let new = Enrolment { roles, start, end, suspended };
        if old.as_ref() == Some(&new) {
            continue;
        }
        book.enrolments.insert((course, person), new);
        let path = book.course(course).map(|course| course.idnumber.clone());
        lock(&world.ledger).push(LedgerEntry {
            to: Some(person.idnumber()),
            path,
            provider_id: Some(format!("{course}:{}", person.id())),
            ..LedgerEntry::new(Adapter::Moodle, Effect::Enrolment)
        });
    }
    Ok(Value::Null)
}

pub(super) fn enrolled(book: &Book, request: &Request) -> Answered {
    let course = request.number("courseid").ok_or_else(Exception::invalid)?;
    if book.course(course).is_none() {
        return Err(Exception::new("errorcoursecontextnotvalid"));
    }
    let option = |name: &str| request.option(name).and_then(|text| text.parse::<usize>().ok());
    let (from, limit) = (option("limitfrom").unwrap_or(0), option("limitnumber").unwrap_or(0));
    let limit = if limit == 0 { usize::MAX } else { limit };
    Ok(book.people_of(course).skip(from).take(limit).map(shown).collect())
}
