//! What the site remembers.

use std::collections::BTreeMap;

use crate::fault::Adapter;
use crate::ledger::{Effect, LedgerEntry};

/// People of the site.
const PEOPLE: i64 = 600;
/// Ids of people begin above this.
const PEOPLE_BASE: i64 = 100;

/// A person; all of them are made up by rule.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Person(pub(super) i64);

impl Person {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (1..=PEOPLE).map(Self)
    }

    pub(super) fn of_id(id: i64) -> Option<Self> {
        (PEOPLE_BASE + 1..=PEOPLE_BASE + PEOPLE).contains(&id).then(|| Self(id - PEOPLE_BASE))
    }

    pub(super) fn id(self) -> i64 {
        self.0 + PEOPLE_BASE
    }

    pub(super) fn idnumber(self) -> String {
        format!("S{:04}", self.0)
    }

    pub(super) fn username(self) -> String {
        format!("s{:04}", self.0)
    }

    /// The last two share one.
    pub(super) fn email(self) -> String {
        format!("s{:04}@school.example", if self.0 == PEOPLE { PEOPLE - 1 } else { self.0 })
    }

    /// A teacher has set this one's grades by hand.
    pub(super) fn is_overridden(self) -> bool {
        self.0 == 13
    }
}

#[derive(Clone)]
pub(super) struct Course {
    pub(super) id: i64,
    pub(super) idnumber: String,
    pub(super) shortname: String,
    pub(super) fullname: String,
    pub(super) category: i64,
}

/// The state of an enrolment by hand.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Enrolment {
    pub(super) roles: Vec<i64>,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) suspended: bool,
}

pub(crate) struct Book {
    pub(super) courses: Vec<Course>,
    pub(super) enrolments: BTreeMap<(i64, Person), Enrolment>,
    /// By activity and person.
    pub(super) grades: BTreeMap<(i64, Person), String>,
}

impl Default for Book {
    fn default() -> Self {
        let course = |id, idnumber: &str, category| Course {
            id,
            idnumber: idnumber.to_owned(),
            shortname: idnumber.to_lowercase(),
            fullname: format!("Course {idnumber}"),
            category,
        };
        let mut book = Self {
            courses: vec![course(2, "FORM-2-MATH", 1), course(3, "FORM-1-ALL", 2)],
            enrolments: BTreeMap::new(),
            grades: BTreeMap::new(),
        };
        for (course, people) in [(2, 20), (3, 450)] {
            let state = Enrolment { roles: vec![5], ..Enrolment::default() };
            book.enrolments.extend((1..=people).map(|number| ((course, Person(number)), state.clone())));
        }
        book
    }
}

impl Book {
    /// Remembers the courses of a former run.
    pub(crate) fn from_ledger(entries: &[LedgerEntry]) -> Self {
        let mut book = Self::default();
        for entry in entries.iter().filter(|entry| entry.adapter == Adapter::Moodle && entry.effect == Effect::Course) {
            let id = entry.provider_id.as_deref().and_then(|id| id.parse().ok());
            if let (Some(id), Some(idnumber), Some(shortname)) = (id, entry.to.clone(), entry.path.clone()) {
                book.courses.push(Course { id, fullname: shortname.clone(), idnumber, shortname, category: 1 });
            }
        }
        book
    }

    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn course(&self, id: i64) -> Option<&Course> {
        self.courses.iter().find(|course| course.id == id)
    }

    pub(super) fn add_course(&mut self, idnumber: &str, shortname: &str, fullname: &str, category: i64) -> i64 {
        let id = self.courses.iter().map(|course| course.id).max().unwrap_or(1) + 1;
        let (idnumber, shortname, fullname) = (idnumber.to_owned(), shortname.to_owned(), fullname.to_owned());
        self.courses.push(Course { id, idnumber, shortname, fullname, category });
        id
    }

    pub(super) fn people_of(&self, course: i64) -> impl Iterator<Item = Person> {
        self.enrolments.keys().filter(move |(of, _)| *of == course).map(|(_, person)| *person)
    }
}
