//! Moodle's table and observed answers, row by row, and whole actions against a scripted site.

mod creating;
mod enrolling;
mod forms;
mod grading;
mod listing;
mod tables;

use std::sync::Arc;

use serde_json::{Value, json};
use tarishi_protocol::{CreateCourse, Direction, Enroll, Grade, LookUp, Payload, SyncCourses, SyncGrades};

use super::super::{
    Adapter as _, AdapterError, Answer, Reference, Settings,
    contract::{Provider, Sample, Script, Seen, Stage, Subject, now},
};
use super::Moodle;

pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

pub(in crate::adapters) fn subject() -> Subject {
    Subject {
        adapter: Arc::new(Moodle::default()),
        settings: settings(),
        calls: vec![
            // Nothing but `null` is what this function says.
            Sample::new("enroll", Payload::Enroll(enroll())).after(json!({ "user": 101, "course": 7 })).done_by("null"),
            Sample::new("sync_grades", Payload::SyncGrades(push(&[("S0001", "72.5")]))).after(json!({
                "course": 7, "enrolled": 1, "roster_complete": true, "written": 0, "read": 0, "grades": [], "skipped": [], "refused": null,
                "learners": [{ "id": 101, "name": "S0001", "grade": "72.5" }],
                "item": { "component": "mod_assign", "activity": 71, "number": 0, "least": "0", "greatest": "100" },
            })),
            Sample::new("sync_courses", Payload::SyncCourses(SyncCourses { category: Some("2026".to_owned()) })),
            Sample::new("create_course", Payload::CreateCourse(course()))
                .after(json!({ "category": 1, "looked_up": [now(), 0], "taken": false })),
        ],
        speaks_http: true,
        effects: &[
            "wsfunction=enrol_manual_enrol_users",
            "wsfunction=core_grades_update_grades",
            "wsfunction=core_course_create_courses",
        ],
        known: Reference::new("course:7"),
        folder: None,
    }
}

fn settings() -> Settings {
    Settings::of(&[
        ("token", TOKEN),
        ("base_url", "https://lms.school.example/moodle"),
        ("role_ids", "teacher=4, editingteacher=3"),
    ])
}

fn look_up(by: &str, value: &str) -> LookUp {
    LookUp { by: by.to_owned(), value: value.to_owned() }
}

fn enroll() -> Enroll {
    Enroll {
        user: look_up("username", "Amina"),
        course: look_up("idnumber", "MATH-4B"),
        role: None,
        start: "2024-01-01T00:00:00Z".parse().ok(),
        end: None,
        suspend: None,
    }
}

fn push(grades: &[(&str, &str)]) -> SyncGrades {
    let grade = |(user, grade): &(&str, &str)| Grade { user: (*user).to_owned(), grade: (*grade).to_owned() };
    SyncGrades {
        direction: Direction::Push,
        course: look_up("idnumber", "MATH-4B"),
        item: Some("CAT-1".to_owned()),
        grades: Some(grades.iter().map(grade).collect()),
    }
}

fn pull(item: Option<&str>) -> SyncGrades {
    SyncGrades { direction: Direction::Pull, item: item.map(str::to_owned), grades: None, ..push(&[]) }
}

fn course() -> CreateCourse {
    CreateCourse {
        idnumber: "MATH-4B".to_owned(),
        fullname: "Mathematics 4B".to_owned(),
        shortname: "MATH4B".to_owned(),
        category: None,
    }
}

fn ok(body: &Value) -> Script {
    Script::text(200, &body.to_string())
}

fn exception(code: &str) -> Script {
    ok(
        &json!({ "exception": "core\\exception\\moodle_exception", "errorcode": code, "message": "Amina Otieno, +254712000001" }),
    )
}

fn courses(list: &Value) -> Script {
    ok(&json!({ "courses": list, "warnings": [] }))
}

/// The fields of a request.
fn form(seen: &Seen) -> Vec<(String, String)> {
    form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect()
}

fn field(seen: &Seen, name: &str) -> Option<String> {
    form(seen).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn function(seen: &Seen) -> String {
    field(seen, "wsfunction").unwrap_or_default()
}

/// One action from its beginning against a site that answers so; as the dispatcher does it, and what the site was asked.
async fn run(action: &str, payload: Payload, script: Vec<Script>) -> (Result<Answer, AdapterError>, Vec<Seen>) {
    let provider = Provider::start(script).await;
    let mut stage = stage(payload, provider.url());
    loop {
        match Moodle::default().execute(&stage.call(action)).await {
            Ok(Answer::Next { memo }) => stage.memo = Some(memo),
            end => return (end, provider.seen()),
        }
    }
}

fn stage(payload: Payload, url: &str) -> Stage {
    Stage::at(url, payload, settings())
}

fn outcome(answer: Result<Answer, AdapterError>) -> Value {
    match answer {
        Ok(Answer::Succeeded { outcome, .. }) => outcome,
        other => panic!("{other:?}"),
    }
}
