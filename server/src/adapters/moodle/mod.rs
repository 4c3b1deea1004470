//! Moodle through its REST web services: enrolment, grades, courses.
//!
//! Setting a state is safe to repeat, making a course is not, and Moodle itself guards nothing: its checks for a taken name race. So
//! a course is looked up before it is made and after an answer was lost, and intake lets one operation at a time make a course of one
//! idnumber. A step makes one request; what it found out is committed before the next.

mod config;
mod course;
mod create;
mod decimal;
mod enroll;
mod form;
mod grades;
mod progress;
#[cfg(test)]
pub(super) mod tests;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tarishi_protocol::{Code, Payload, catalog::Category};

use self::{config::Config, form::Form, wire::Stake};
use super::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Disposition, Health, HealthCall, Outbound, Recovery,
    Reference, Settings,
};

const PATH: &str = "/webservice/rest/server.php";
const READ_DEADLINE: Duration = Duration::from_secs(60);
const WRITE_DEADLINE: Duration = Duration::from_secs(115);
const CALL_DEADLINE: Duration = Duration::from_secs(120);
/// Setting the same state again is harmless for this long; later a person should look whether it is still wanted.
const WINDOW: Duration = Duration::from_secs(24 * 3_600);

/// The functions that the service must offer.
const FUNCTIONS: &[&str] = &[
    "core_course_create_courses",
    "core_course_get_categories",
    "core_course_get_courses_by_field",
    "core_enrol_get_enrolled_users",
    "core_grades_update_grades",
    "core_user_get_users_by_field",
    "enrol_manual_enrol_users",
    "gradereport_user_get_grade_items",
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "moodle",
    category: Category::Lms,
    actions: &[
        ActionSpec { name: "enroll", call_deadline: CALL_DEADLINE, needs_token: false, has_effect: true },
        ActionSpec { name: "sync_grades", call_deadline: CALL_DEADLINE, needs_token: false, has_effect: true },
        ActionSpec { name: "sync_courses", call_deadline: CALL_DEADLINE, needs_token: false, has_effect: false },
        ActionSpec { name: "create_course", call_deadline: CALL_DEADLINE, needs_token: false, has_effect: true },
    ],
    settings: config::SETTINGS,
    env_prefix: "MOODLE_",
    slots: 2,
    webhooks: false,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct Moodle {}

#[async_trait]
impl Adapter for Moodle {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, action: &str, settings: &Settings) -> Recovery {
        match action {
            "create_course" => Recovery::Query { settle_after: config::settle_after_or_default(settings) },
            _ => Recovery::ResendSameKey { window: WINDOW },
        }
    }

    fn look_for(&self, action: &str) -> &'static str {
        match action {
            "create_course" => "search the site for the course's idnumber and short name; of several remove all but one",
            "enroll" => "look at the course's participants",
            _ => "look at the gradebook of the course",
        }
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        Config::read(settings).map(drop)
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let site = Site { config: Config::read(call.settings)?, outbound: call.outbound };
        match (call.action, call.payload) {
            ("enroll", Payload::Enroll(enroll)) => enroll::step(call, &site, enroll).await,
            ("sync_grades", Payload::SyncGrades(grades)) => grades::step(call, &site, grades).await,
            ("sync_courses", Payload::SyncCourses(courses)) => course::sync_step(call, &site, courses).await,
            ("create_course", Payload::CreateCourse(course)) => create::step(call, &site, course).await,
            _ => Err(unsupported()),
        }
    }

    async fn recover(&self, call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        let site = Site { config: Config::read(call.settings)?, outbound: call.outbound };
        match call.payload {
            Payload::CreateCourse(course) => create::recover(&site, course).await,
            _ => Err(AdapterError::new(Disposition::Ambiguous, "there is nothing to ask; doing it again gives the same")),
        }
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        match site_health(call).await {
            Ok((true, message)) => Health::degraded(message),
            Ok((false, message)) => Health::good(message),
            Err(error) => Health::bad(error.message),
        }
    }
}

fn unsupported() -> AdapterError {
    AdapterError::new(Disposition::Unsupported, "Moodle has enroll, sync_grades, sync_courses and create_course")
}

/// One site and the way to it.
struct Site<'a> {
    config: Config<'a>,
    outbound: &'a Outbound,
}

impl Site<'_> {
    /// One request of one function. The token travels in the body alone.
    async fn ask(&self, form: &Form, stake: Stake) -> Result<Value, AdapterError> {
        let body = form.encode(self.config.token, self.config.max_vars)?;
        let request = self
            .outbound
            .request(reqwest::Method::POST, &format!("{}{PATH}", self.config.base_url))
            .header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(reqwest::header::ACCEPT, "application/json")
            .body(body);
        let deadline = if stake == Stake::Nothing { READ_DEADLINE } else { WRITE_DEADLINE };
        let answer = self.outbound.send(request, deadline).await.map_err(|error| match (stake, error.disposition) {
            // Certainly nothing was done: it only asked.
            (Stake::Nothing, Disposition::Ambiguous) => AdapterError { disposition: Disposition::Transient, ..error },
            _ => error,
        })?;
        wire::read(&answer, stake)
    }
}

async fn site_health(call: &HealthCall<'_>) -> Result<(bool, String), AdapterError> {
    let site = Site { config: Config::read(call.settings)?, outbound: call.outbound };
    let info = site.ask(&Form::new("core_webservice_get_site_info"), Stake::Nothing).await?;
    judge_site(&info, &site.config.base_url)
}

/// Whether the site is the one we mean, offers what we need and knows us as no more than we should be. Pure.
fn judge_site(info: &Value, base_url: &str) -> Result<(bool, String), AdapterError> {
    let url = wire::text(info, "siteurl").ok_or_else(|| wire::strange(Stake::Nothing))?;
    if url.trim_end_matches('/') != base_url {
        let message = "base_url is not the site's wwwroot: most calls would be redirected and lost";
        return Err(AdapterError::misconfigured(message).with_code("MOODLE_BASE_URL_MISMATCH"));
    }
    let offered = info.get("functions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let offers = |name: &str| offered.iter().any(|function| function.get("name").and_then(Value::as_str) == Some(name));
    let missing: Vec<&str> = FUNCTIONS.iter().copied().filter(|name| !offers(name)).collect();
    if !missing.is_empty() {
        return Ok((true, format!("the service lacks {}", missing.join(", "))));
    }
    if info.get("userissiteadmin").and_then(Value::as_bool) == Some(true) {
        return Ok((true, "the token is a site administrator's: far more than is needed".to_owned()));
    }
    Ok((false, "the site knows us and offers all that is needed".to_owned()))
}

/// What an earlier step left; the beginning if there is none that can be read.
fn memo<T: DeserializeOwned + Default>(call: &Call<'_>) -> T {
    call.memo.and_then(|memo| T::deserialize(memo).ok()).unwrap_or_default()
}

fn next(memo: &impl Serialize) -> Answer {
    Answer::Next { memo: json!(memo) }
}

fn succeeded(outcome: &impl Serialize, reference: Option<Reference>) -> Answer {
    Answer::Succeeded { outcome: json!(outcome), reference, receipt: None }
}

fn not_found(what: &str) -> AdapterError {
    wire::refused(Code::NotFound, format!("Moodle has no such {what}, or the service user may not see it"))
}
