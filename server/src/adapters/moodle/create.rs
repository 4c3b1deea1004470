//! Making a course, once.
//!
//! Moodle checks in code whether a name is taken and its index is not unique: calls that run at once make twins. So: intake lets one
//! operation of an idnumber be under way; each create has a look-up just before it; after a lost answer only look-ups follow until
//! the site has surely ended the request, and then, if there is none, the same again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tarishi_protocol::{Code, CreateCourse, CreateCourseOutcome};

use super::super::{AdapterError, Answer, Call, Disposition, Reference};
use super::{Site, course, form::Form, memo, next, succeeded, wire, wire::Stake};

/// A look-up that is older than this says nothing about now.
const FRESH: Duration = Duration::from_secs(15);

#[derive(Default, Deserialize, Serialize)]
struct Making {
    category: Option<i64>,
    /// When it was last looked up in vain, and after how many questions about a lost answer.
    looked_up: Option<(DateTime<Utc>, u32)>,
    /// Moodle said that a name is taken.
    taken: bool,
}

impl Making {
    /// Looked up just now, and no call was made since.
    fn may_create(&self, call: &Call<'_>) -> bool {
        self.looked_up.is_some_and(|(at, polls)| {
            polls == call.polls && (call.now - at).to_std().is_ok_and(|age| age < FRESH) && !self.taken
        })
    }
}

/// One step: the category, the look-up, the create.
pub(super) async fn step(call: &Call<'_>, site: &Site<'_>, wanted: &CreateCourse) -> Result<Answer, AdapterError> {
    let wanted = Wanted::of(wanted)?;
    let mut making: Making = memo(call);
    let Some(category) = making.category else {
        let category = match wanted.category {
            Some(text) => course::category(site, text).await?,
            None => site.config.category,
        };
        return Ok(next(&Making { category: Some(category), ..making }));
    };
    if making.may_create(call) {
        return create(site, &wanted, category, making).await;
    }
    let found = course::by_field(site, "idnumber", wanted.idnumber).await?;
    if let Some(answer) = judge(&found, &wanted, Disposition::Rejected)? {
        return Ok(answer);
    }
    if making.taken {
        let message = "the short name or idnumber is another course's";
        return Err(wire::refused(Code::InvalidValue, message).with_code("NAME_CONFLICT"));
    }
    making.looked_up = Some((call.now, call.polls));
    Ok(next(&making))
}

async fn create(site: &Site<'_>, wanted: &Wanted<'_>, category: i64, making: Making) -> Result<Answer, AdapterError> {
    let form = Form::new("core_course_create_courses")
        .with("courses[0][fullname]", wanted.fullname)
        .with("courses[0][shortname]", wanted.shortname)
        .with("courses[0][categoryid]", category)
        .with("courses[0][idnumber]", wanted.idnumber);
    let made = match site.ask(&form, Stake::Once).await {
        Ok(body) => wire::list(body, None, Stake::Once)?,
        Err(error) if matches!(error.code.as_deref(), Some("shortnametaken" | "courseidnumbertaken")) => {
            return Ok(next(&Making { taken: true, ..making }));
        }
        Err(error) => return Err(error),
    };
    match made.as_slice() {
        [one] => wire::id(one).map(done).ok_or_else(|| wire::strange(Stake::Once)),
        _ => Err(wire::strange(Stake::Once)),
    }
}

/// Asks what became of a create whose answer was lost: by idnumber, then by short name. Causes nothing.
pub(super) async fn recover(site: &Site<'_>, wanted: &CreateCourse) -> Result<Answer, AdapterError> {
    let wanted = Wanted::of(wanted)?;
    let found = course::by_field(site, "idnumber", wanted.idnumber).await?;
    if let Some(answer) = judge(&found, &wanted, Disposition::Ambiguous)? {
        return Ok(answer);
    }
    let found = course::by_field(site, "shortname", wanted.shortname).await?;
    let ours = |course: &&Value| wire::text(course, "idnumber").is_none_or(|known| known.trim() == wanted.idnumber);
    let ours: Vec<Value> = found.iter().filter(ours).cloned().collect();
    Ok(judge(&ours, &wanted, Disposition::Ambiguous)?.unwrap_or(Answer::NotFound))
}

/// What the courses found mean: none, ours, or what a person must look at.
fn judge(found: &[Value], wanted: &Wanted<'_>, disposition: Disposition) -> Result<Option<Answer>, AdapterError> {
    let conflict = |code: &str, message: &str| {
        // Before a create it is refused; after one nobody but a person can tell what is whose.
        let problem = if disposition == Disposition::Ambiguous { Code::OutcomeUnknown } else { Code::InvalidValue };
        AdapterError::new(disposition, message).with_problem(problem).with_code(code)
    };
    match found {
        [] => Ok(None),
        [one] => {
            let same = wire::text(one, "shortname").is_some_and(|name| name.trim().eq_ignore_ascii_case(wanted.shortname));
            let id = wire::id(one).ok_or_else(|| wire::strange(Stake::Nothing))?;
            if same {
                Ok(Some(done(id)))
            } else {
                Err(conflict("NAME_CONFLICT", "a course of another short name has this idnumber"))
            }
        }
        _ => Err(conflict("DUPLICATE_COURSES", "several courses have this idnumber: a person must remove all but one")),
    }
}

fn done(course_id: i64) -> Answer {
    succeeded(&CreateCourseOutcome { course_id }, Some(Reference::new(format!("course:{course_id}"))))
}

/// The payload without what Moodle would cut off.
struct Wanted<'a> {
    idnumber: &'a str,
    fullname: &'a str,
    shortname: &'a str,
    category: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn of(course: &'a CreateCourse) -> Result<Self, AdapterError> {
        let wanted = Self {
            idnumber: course.idnumber.trim(),
            fullname: course.fullname.trim(),
            shortname: course.shortname.trim(),
            category: course.category.as_deref(),
        };
        if [wanted.idnumber, wanted.fullname, wanted.shortname].contains(&"") {
            return Err(wire::refused(Code::InvalidValue, "a course needs an idnumber, a full name and a short name"));
        }
        Ok(wanted)
    }
}
