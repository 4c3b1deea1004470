//! Grades, to the gradebook and from it, in steps that may each be made again.
//!
//! Moodle takes a grade of anybody, enrolled or not, above the maximum or not, and says 0. So a push first reads who is enrolled and
//! what the activity takes, writes in bounded parts, and reads back whose grade a teacher holds.

use serde_json::Value;
use tarishi_protocol::{Code, Direction, SyncGrades, SyncGradesOutcome};

use super::super::{AdapterError, Answer, Call};
use super::{
    Site, course,
    form::{self, Form},
    memo, next,
    progress::{Item, Learner, Progress, pick, writable},
    succeeded, wire,
    wire::Stake,
};

/// People of one page of the enrolled.
const PAGE: usize = 200;
/// People of one course, at most.
const ENROLLED_MAX: usize = 2_000;
/// Variables of an update beside its grades.
const UPDATE_VARS: usize = 5;
/// Our name in Moodle's history of grades.
const SOURCE: &str = "tarishi";

/// One step: the course, a page of the enrolled, the activity, a part of the grades, a look at the gradebook.
pub(super) async fn step(call: &Call<'_>, site: &Site<'_>, sync: &SyncGrades) -> Result<Answer, AdapterError> {
    let mut progress: Progress = memo(call);
    let push = match sync.direction {
        Direction::Push => Some(sync.item.as_deref().ok_or_else(|| {
            wire::refused(Code::MissingField, "a push needs the item: Moodle lets nobody write a course's total")
        })?),
        Direction::Pull => None,
    };
    let Some(course) = progress.course else {
        progress.course = Some(course::find(site, &sync.course).await?);
        return Ok(next(&progress));
    };
    if !progress.roster_complete {
        roster(site, course, sync, &mut progress).await?;
        return Ok(next(&progress));
    }
    if let Some(name) = push {
        let Some(item) = progress.item.clone() else {
            let Some(first) = progress.learners.first() else { return Ok(end(progress)) };
            let items = items(site, course, Some(first.id)).await?.remove(&first.id).unwrap_or_default();
            let item = writable(&items, name)?;
            progress.check_grades(&item);
            progress.item = Some(item);
            return Ok(next(&progress));
        };
        if progress.written < progress.learners.len() {
            write(site, course, &item, &mut progress).await?;
            return Ok(if progress.learners.is_empty() { end(progress) } else { next(&progress) });
        }
    }
    read(site, course, sync, &mut progress).await?;
    Ok(if progress.read >= progress.learners.len() { end(progress) } else { next(&progress) })
}

async fn roster(site: &Site<'_>, course: i64, sync: &SyncGrades, progress: &mut Progress) -> Result<(), AdapterError> {
    let option = |form: Form, place: usize, name: &str, value: String| {
        form.with(format!("options[{place}][name]"), name).with(format!("options[{place}][value]"), value)
    };
    let form = Form::new("core_enrol_get_enrolled_users").with("courseid", course);
    let form = option(form, 0, "userfields", "id,username,email,idnumber".to_owned());
    let form = option(form, 1, "limitfrom", progress.enrolled.to_string());
    let form = option(form, 2, "limitnumber", PAGE.to_string());
    let form = option(form, 3, "sortby", "id".to_owned());
    let page = wire::list(site.ask(&form, Stake::Nothing).await?, None, Stake::Nothing)?;
    progress.enrol(&page, site.config.user_field, sync)?;
    if progress.enrolled > ENROLLED_MAX {
        return Err(wire::refused(Code::PayloadTooLarge, format!("the course has more than {ENROLLED_MAX} people")));
    }
    if page.len() < PAGE {
        progress.close_roster(site.config.user_field, sync);
    }
    Ok(())
}

/// The grade items of one learner, or of everybody, by Moodle's id.
async fn items(
    site: &Site<'_>,
    course: i64,
    user: Option<i64>,
) -> Result<std::collections::BTreeMap<i64, Vec<Value>>, AdapterError> {
    let form = Form::new("gradereport_user_get_grade_items").with("courseid", course).with("userid", user.unwrap_or(0));
    let report = wire::list(site.ask(&form, Stake::Nothing).await?, Some("usergrades"), Stake::Nothing)?;
    report
        .into_iter()
        .map(|mut of| {
            let id = of.get("userid").and_then(Value::as_i64).ok_or_else(|| wire::strange(Stake::Nothing))?;
            let items = of.get_mut("gradeitems").map(Value::take).and_then(|items| match items {
                Value::Array(items) => Some(items),
                _ => None,
            });
            Ok((id, items.ok_or_else(|| wire::strange(Stake::Nothing))?))
        })
        .collect()
}

/// Writes the next part. A number above 0 is a refusal, though it comes as a success.
async fn write(site: &Site<'_>, course: i64, item: &Item, progress: &mut Progress) -> Result<(), AdapterError> {
    let part = form::items(site.config.max_vars, UPDATE_VARS, 2);
    let until = progress.learners.len().min(progress.written + part);
    let mut form = Form::new("core_grades_update_grades")
        .with("source", SOURCE)
        .with("courseid", course)
        .with("component", &item.component)
        .with("activityid", item.activity)
        .with("itemnumber", item.number);
    for (place, learner) in progress.learners[progress.written..until].iter().enumerate() {
        form = form
            .with(format!("grades[{place}][studentid]"), learner.id)
            .with(format!("grades[{place}][grade]"), learner.grade.as_deref().unwrap_or_default());
    }
    let reason = match site.ask(&form, Stake::Repeatable).await?.as_i64() {
        Some(0) => {
            progress.written = until;
            return Ok(());
        }
        Some(1) => ("GRADE_UPDATE_FAILED", "Moodle could not write it"),
        Some(2) => ("GRADE_ITEM_AMBIGUOUS", "several grade items match"),
        Some(4) => ("GRADE_LOCKED", "the grade item is locked"),
        _ => return Err(wire::strange(Stake::Repeatable)),
    };
    progress.refused = Some(reason.0.to_owned());
    for learner in progress.learners.drain(progress.written..until).collect::<Vec<_>>() {
        progress.skip(learner.name, reason.1);
    }
    Ok(())
}

/// Reads what the gradebook holds: of all learners at once in a small course, of the next one in a large one.
async fn read(site: &Site<'_>, course: i64, sync: &SyncGrades, progress: &mut Progress) -> Result<(), AdapterError> {
    let rest: Vec<Learner> = progress.learners.get(progress.read..).unwrap_or_default().to_vec();
    let Some(first) = rest.first() else { return Ok(()) };
    let part = if progress.at_once() { rest.as_slice() } else { &rest[..1] };
    let asked = (!progress.at_once()).then_some(first.id);
    let of_all = items(site, course, asked).await?;
    for learner in part {
        let items = of_all.get(&learner.id).map(Vec::as_slice).unwrap_or_default();
        let item = pick(items, sync.item.as_deref())?;
        progress.note(learner, item);
    }
    progress.read += part.len();
    Ok(())
}

fn end(progress: Progress) -> Answer {
    let Progress { grades, skipped, refused, .. } = progress;
    match refused {
        Some(code) if grades.is_empty() => {
            let message = "Moodle wrote none of the grades: the grade item is locked, ambiguous or broken".to_owned();
            Answer::Failed { code, message }
        }
        Some(_) | None => succeeded(&SyncGradesOutcome { grades, skipped }, None),
    }
}
