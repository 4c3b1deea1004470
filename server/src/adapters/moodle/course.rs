//! Courses and categories: found by what names them, listed category by category.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tarishi_protocol::{Code, LookUp, SyncCourses, SyncCoursesOutcome, limits};

use super::super::{AdapterError, Answer, Call};
use super::{Site, config::positive, form::Form, memo, next, not_found, succeeded, wire, wire::Stake};

/// What is told of a course; the rest is for browsers.
const FIELDS: [&str; 12] = [
    "id",
    "idnumber",
    "shortname",
    "fullname",
    "categoryid",
    "categoryname",
    "visible",
    "format",
    "startdate",
    "enddate",
    "timecreated",
    "timemodified",
];
/// The site's own front page is listed among its courses.
const FRONT_PAGE: i64 = 1;
/// Courses of one outcome, at most.
const COURSES_MAX: usize = limits::LIST_MAX as usize;

/// The courses with this value in this field.
pub(super) async fn by_field(site: &Site<'_>, field: &str, value: &str) -> Result<Vec<Value>, AdapterError> {
    let form = Form::new("core_course_get_courses_by_field").with("field", field).with("value", value);
    let found = wire::list(site.ask(&form, Stake::Nothing).await?, Some("courses"), Stake::Nothing)?;
    if found.iter().any(|course| wire::id(course).is_none()) {
        return Err(wire::strange(Stake::Nothing));
    }
    Ok(found.into_iter().filter(|course| wire::id(course) != Some(FRONT_PAGE)).collect())
}

/// The id of the one course that is meant.
pub(super) async fn find(site: &Site<'_>, course: &LookUp) -> Result<i64, AdapterError> {
    let value = course.value.trim();
    let field @ ("id" | "idnumber" | "shortname") = course.by.as_str() else {
        return Err(wire::refused(Code::InvalidValue, "a course is found by id, idnumber or shortname"));
    };
    if value.is_empty() || (field == "id" && positive(value).is_none()) {
        return Err(wire::refused(Code::InvalidValue, "the value cannot name a course"));
    }
    let found = by_field(site, field, value).await?;
    match found.as_slice() {
        [] => Err(not_found("course")),
        [one] => wire::id(one).ok_or_else(|| wire::strange(Stake::Nothing)),
        _ => Err(wire::refused(Code::InvalidValue, "several courses are named so").with_code("DUPLICATE_COURSES")),
    }
}

/// The categories: all, or those with this idnumber.
async fn categories(site: &Site<'_>, idnumber: Option<&str>) -> Result<Vec<i64>, AdapterError> {
    let form = Form::new("core_course_get_categories");
    let form = match idnumber {
        Some(idnumber) => form.with("criteria[0][key]", "idnumber").with("criteria[0][value]", idnumber),
        None => form,
    };
    let found = wire::list(site.ask(&form, Stake::Nothing).await?, None, Stake::Nothing)?;
    found.iter().map(|category| wire::id(category).ok_or_else(|| wire::strange(Stake::Nothing))).collect()
}

/// The category that a text names: by its idnumber, else by Moodle's id.
pub(super) async fn category(site: &Site<'_>, text: &str) -> Result<i64, AdapterError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(wire::refused(Code::InvalidValue, "the category is named by nothing"));
    }
    match categories(site, Some(text)).await?.as_slice() {
        [] => positive(text).ok_or_else(|| not_found("category")),
        [one] => Ok(*one),
        _ => Err(wire::refused(Code::InvalidValue, "several categories have this idnumber")),
    }
}

/// Categories still to be listed, and what the others held.
#[derive(Default, Deserialize, Serialize)]
struct Listing {
    categories: Option<Vec<i64>>,
    courses: Vec<Value>,
}

/// One step of `sync_courses`: there are no pages, so a large site is read category by category.
pub(super) async fn sync_step(call: &Call<'_>, site: &Site<'_>, courses: &SyncCourses) -> Result<Answer, AdapterError> {
    let mut listing: Listing = memo(call);
    let Some(open) = &mut listing.categories else {
        listing.categories = Some(match &courses.category {
            Some(text) => vec![category(site, text).await?],
            None => categories(site, None).await?,
        });
        return Ok(next(&listing));
    };
    let Some(category) = open.pop() else { return Ok(succeeded(&SyncCoursesOutcome { courses: listing.courses }, None)) };
    let last = open.is_empty();
    let found = by_field(site, "category", &category.to_string()).await?;
    listing.courses.extend(found.iter().map(told));
    if listing.courses.len() > COURSES_MAX {
        let message = format!("there are more than {COURSES_MAX} courses: ask for one category at a time");
        return Err(wire::refused(Code::PayloadTooLarge, message));
    }
    Ok(if last { succeeded(&SyncCoursesOutcome { courses: listing.courses }, None) } else { next(&listing) })
}

fn told(course: &Value) -> Value {
    let field = |name: &&str| Some(((*name).to_owned(), course.get(*name)?.clone()));
    Value::Object(FIELDS.iter().filter_map(field).collect::<Map<_, _>>())
}
