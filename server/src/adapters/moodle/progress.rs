//! What is known of a `sync_grades` between its steps. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tarishi_protocol::{Code, Grade, SkippedGrade, SyncGrades};

use super::super::{AdapterError, Disposition};
use super::{
    config::{UserField, positive},
    decimal, not_found, wire,
};

/// Learners whose grades are asked for at once; more are read one by one, since an answer has no pages.
const AT_ONCE_MAX: usize = 25;

/// The activity that grades are written to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Item {
    pub(super) component: String,
    pub(super) activity: i64,
    pub(super) number: i64,
    least: Option<String>,
    greatest: Option<String>,
}

/// One learner and what is to be written, or was read.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Learner {
    pub(super) id: i64,
    /// As the school calls them.
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) grade: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Progress {
    pub(super) course: Option<i64>,
    /// Enrolled people read so far.
    pub(super) enrolled: usize,
    pub(super) roster_complete: bool,
    pub(super) learners: Vec<Learner>,
    pub(super) item: Option<Item>,
    pub(super) written: usize,
    pub(super) read: usize,
    pub(super) grades: Vec<Grade>,
    pub(super) skipped: Vec<SkippedGrade>,
    /// The last code by which Moodle did not write a part.
    pub(super) refused: Option<String>,
}

impl Progress {
    pub(super) fn skip(&mut self, user: impl Into<String>, reason: impl Into<String>) {
        self.skipped.push(SkippedGrade { user: user.into(), reason: reason.into() });
    }

    /// Takes up one page of the enrolled. For a push only those who are wanted; of a name that two bear, none.
    pub(super) fn enrol(&mut self, page: &[Value], field: UserField, wanted: &SyncGrades) -> Result<(), AdapterError> {
        let named: Option<BTreeMap<String, &Grade>> =
            wanted.grades.as_ref().map(|grades| grades.iter().map(|grade| (field.plain(&grade.user), grade)).collect());
        for person in page {
            let id = wire::id(person).ok_or_else(|| wire::strange(wire::Stake::Nothing))?;
            let name = wire::text(person, field.as_str()).map(|name| field.plain(&name)).filter(|name| !name.is_empty());
            self.enrolled += 1;
            match (name, &named) {
                (Some(name), Some(named)) => {
                    if let Some(grade) = named.get(&name) {
                        let (name, grade) = (grade.user.clone(), Some(grade.grade.trim().to_owned()));
                        self.learners.push(Learner { id, name, grade });
                    }
                }
                (Some(name), None) => self.learners.push(Learner { id, name, grade: None }),
                (None, None) => self.skip(format!("id {id}"), format!("has no {}", field.as_str())),
                (None, Some(_)) => {}
            }
        }
        Ok(())
    }

    /// The roster is whole: who is named twice, or not enrolled, is left out.
    pub(super) fn close_roster(&mut self, field: UserField, wanted: &SyncGrades) {
        self.roster_complete = true;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for learner in &self.learners {
            *counts.entry(field.plain(&learner.name)).or_default() += 1;
        }
        let (once, several): (Vec<_>, Vec<_>) = std::mem::take(&mut self.learners)
            .into_iter()
            .partition(|learner| counts.get(&field.plain(&learner.name)) == Some(&1));
        self.learners = once;
        let mut told = Vec::new();
        for learner in several {
            if !told.contains(&learner.name) {
                told.push(learner.name.clone());
                self.skip(learner.name, "several enrolled people are named so");
            }
        }
        let mut asked: BTreeMap<String, usize> = BTreeMap::new();
        for grade in wanted.grades.iter().flatten() {
            let name = field.plain(&grade.user);
            let seen = asked.entry(name.clone()).or_default();
            *seen += 1;
            if *seen == 2 {
                self.learners.retain(|learner| field.plain(&learner.name) != name);
                self.skip(grade.user.clone(), "named more than once");
            } else if *seen == 1 && !counts.contains_key(&name) {
                self.skip(grade.user.clone(), "not enrolled in the course");
            }
        }
    }

    /// Leaves out what the activity cannot take.
    pub(super) fn check_grades(&mut self, item: &Item) {
        let bound = |text: &Option<String>| text.as_deref().and_then(decimal::parse);
        let (least, greatest) = (bound(&item.least), bound(&item.greatest));
        for learner in std::mem::take(&mut self.learners) {
            let value = learner.grade.as_deref().and_then(decimal::parse);
            let reason = match value {
                None => Some("not a plain decimal number".to_owned()),
                Some(value) if greatest.is_some_and(|greatest| value > greatest) => {
                    Some(format!("above the greatest grade, {}", decimal::show(item.greatest.as_deref().unwrap_or_default())))
                }
                Some(value) if least.is_some_and(|least| value < least) => {
                    Some(format!("below the least grade, {}", decimal::show(item.least.as_deref().unwrap_or_default())))
                }
                Some(_) => None,
            };
            match reason {
                Some(reason) => self.skip(learner.name, reason),
                None => self.learners.push(learner),
            }
        }
    }

    /// Everybody's grades may be asked for in one request.
    pub(super) fn at_once(&self) -> bool {
        self.enrolled <= AT_ONCE_MAX
    }

    /// What the gradebook says of one learner.
    pub(super) fn note(&mut self, learner: &Learner, item: Option<&Value>) {
        let Some(item) = item else {
            // A push wrote it; that the gradebook hides it from us says nothing against that.
            match &learner.grade {
                Some(grade) => self.grades.push(Grade { user: learner.name.clone(), grade: grade.clone() }),
                None => self.skip(&*learner.name, "has no such grade, or it may not be seen"),
            }
            return;
        };
        let held = wire::text(item, "graderaw");
        match (&learner.grade, held) {
            (Some(_), _) if item.get("gradeisoverridden").and_then(Value::as_bool) == Some(true) => {
                self.skip(&*learner.name, "a teacher has overridden the grade, and theirs stays");
            }
            (Some(grade), _) => self.grades.push(Grade { user: learner.name.clone(), grade: grade.clone() }),
            (None, Some(held)) => self.grades.push(Grade { user: learner.name.clone(), grade: decimal::show(&held) }),
            (None, None) => self.skip(&*learner.name, "not graded yet"),
        }
    }
}

/// The one item that is meant: by its ID number, else by the activity's own number; without a name the course total.
pub(super) fn pick<'a>(items: &'a [Value], name: Option<&str>) -> Result<Option<&'a Value>, AdapterError> {
    let is = |item: &&Value, field: &str, value: &str| wire::text(item, field).is_some_and(|known| known.trim() == value);
    let found: Vec<&Value> = match name.map(str::trim) {
        None => items.iter().filter(|item| is(item, "itemtype", "course")).collect(),
        Some(name) => {
            let by_number: Vec<&Value> = items.iter().filter(|item| is(item, "idnumber", name)).collect();
            let by_activity =
                || positive(name).map_or_else(Vec::new, |_| items.iter().filter(|item| is(item, "cmid", name)).collect());
            if by_number.is_empty() { by_activity() } else { by_number }
        }
    };
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(wire::refused(Code::InvalidValue, "several grade items of the course are named so")),
    }
}

/// Where a push goes: an activity, never a column or total that a function cannot write.
pub(super) fn writable(items: &[Value], name: &str) -> Result<Item, AdapterError> {
    let found = pick(items, Some(name))?.ok_or_else(|| not_found("grade item"))?;
    let module =
        wire::text(found, "itemmodule").filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    let activity = found.get("cmid").and_then(Value::as_i64).filter(|id| *id > 0);
    let is_activity = wire::text(found, "itemtype").as_deref() == Some("mod");
    let (Some(module), Some(activity), true) = (module.filter(|name| !name.is_empty()), activity, is_activity) else {
        let message = "Moodle lets nobody write this grade item from outside: only those of activities";
        return Err(AdapterError::new(Disposition::Unsupported, message));
    };
    Ok(Item {
        component: format!("mod_{module}"),
        activity,
        number: found.get("itemnumber").and_then(Value::as_i64).unwrap_or(0),
        least: wire::text(found, "grademin"),
        greatest: wire::text(found, "grademax"),
    })
}
