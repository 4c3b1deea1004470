//! Moodle 4.5's REST web services: one address, a function in the body, HTTP 200 for nearly everything.
//!
//! As at Moodle nothing guards a course's names but a look before the insert, so calls that run at once make twins; PHP drops the
//! variables above its thousandth without a word; refusals come with HTTP 200; a request goes on when its caller has hung up.
//! People `S0001` to `S0600` exist, some of them are enrolled in two courses from the beginning.

mod book;
mod courses;
mod enrolments;
mod grades;
mod request;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response, Result};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::time::sleep;

pub(crate) use self::book::Book;
use self::request::Request;
use crate::connection::Line;
use crate::credentials::MOODLE_TOKEN;
use crate::fault::{Adapter, Call, CallbackFault, Fault, FaultKind};
use crate::world::{World, lock};
use crate::{gate, incoming};

const FUNCTIONS: [&str; 9] = [
    "core_course_create_courses",
    "core_course_get_categories",
    "core_course_get_courses_by_field",
    "core_enrol_get_enrolled_users",
    "core_grades_update_grades",
    "core_user_get_users_by_field",
    "core_webservice_get_site_info",
    "enrol_manual_enrol_users",
    "gradereport_user_get_grade_items",
];

pub(crate) fn router() -> Router<Arc<World>> {
    Router::new().route("/webservice/rest/server.php", post(serve))
}

/// A refusal: HTTP 200, and an exception within.
#[derive(Debug)]
struct Exception(String);

impl Exception {
    fn new(code: &str) -> Self {
        Self(code.to_owned())
    }

    /// Wrong type, missing field, no such object: all the same to the caller.
    fn invalid() -> Self {
        Self::new("invalidparameter")
    }
}

impl IntoResponse for Exception {
    fn into_response(self) -> Response {
        let exception = "core\\exception\\moodle_exception";
        Json(json!({ "exception": exception, "errorcode": self.0, "message": "A text of the site's language" })).into_response()
    }
}

type Answered = Result<Value, Exception>;

async fn serve(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response> {
    let is_form =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let request = Request::read(if is_form { &bytes } else { &[] });
    if request.get("wstoken") != Some(MOODLE_TOKEN) {
        return Err(Exception::new("invalidtoken").into());
    }
    if request.get("moodlewsrestformat") != Some("json") {
        return Ok("<?xml version=\"1.0\" encoding=\"UTF-8\" ?><RESPONSE></RESPONSE>".into_response());
    }
    let function = request.get("wsfunction").unwrap_or_default().to_owned();
    if !FUNCTIONS.contains(&function.as_str()) {
        return Err(Exception::new("invalidrecord").into());
    }
    let call = match function.as_str() {
        "core_course_create_courses" => Call::CreateCourse,
        "enrol_manual_enrol_users" => Call::Enroll,
        "core_grades_update_grades" => Call::SyncGrades,
        _ => Call::Query,
    };
    let host = incoming::host(&headers).to_owned();
    let fault = world.fault(Adapter::Moodle, call, request.facts());
    before(&line, fault.as_ref()).await?;
    if let Some(fault) = fault.as_ref().filter(|fault| is_late(fault)) {
        let (later, pauses) = (Arc::clone(&world), gate::webhook_pauses(Some(fault)));
        world.later(async move {
            for pause in pauses {
                sleep(pause).await;
                // Nobody is left to hear of it.
                let _ = perform(&later, &host, &function, &request).await;
            }
        });
        return Ok(gate::after(&line, Some(fault), StatusCode::GATEWAY_TIMEOUT.into_response()).await);
    }
    let answer = match perform(&world, &host, &function, &request).await {
        Ok(value) => Json(value).into_response(),
        Err(exception) => exception.into_response(),
    };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

/// The caller hangs up, and the work is done some time after that.
fn is_late(fault: &Fault) -> bool {
    fault.kind == Some(FaultKind::TimeoutAfter) && fault.callback == Some(CallbackFault::Late)
}

async fn perform(world: &World, host: &str, function: &str, request: &Request) -> Answered {
    match function {
        "core_course_create_courses" => courses::create(world, request).await,
        "core_course_get_categories" => Ok(courses::categories(request)),
        "core_course_get_courses_by_field" => courses::by_field(&lock(&world.moodle), request),
        "core_enrol_get_enrolled_users" => enrolments::enrolled(&lock(&world.moodle), request),
        "core_grades_update_grades" => grades::update(world, request),
        "core_user_get_users_by_field" => enrolments::users(request),
        "core_webservice_get_site_info" => Ok(site_info(host)),
        "enrol_manual_enrol_users" => enrolments::enrol(world, request),
        "gradereport_user_get_grade_items" => grades::items(&lock(&world.moodle), request),
        _ => Err(Exception::new("invalidrecord")),
    }
}

fn site_info(host: &str) -> Value {
    let functions: Vec<Value> = FUNCTIONS.iter().map(|name| json!({ "name": name, "version": "2024100705.01" })).collect();
    json!({
        "sitename": "Sandbox", "siteurl": format!("http://{host}/moodle"), "userid": 3, "username": "svc_sync", "release": "4.5.5+ (Build: 20250613)",
        "version": "2024100705.01", "userissiteadmin": false, "functions": functions,
    })
}

/// What a fault makes of the call before it has any effect. A `status` fault without a code is a page of HTML.
async fn before(line: &Line, fault: Option<&Fault>) -> Result<(), Response> {
    if let Some(found) = fault.filter(|fault| fault.kind == Some(FaultKind::Result)) {
        sleep(found.answer_delay()).await;
        return Err(match found.result_code.as_deref().unwrap_or_default() {
            // A number is what an update of grades says; words without a code are what PHP says when it breaks.
            number if number.parse::<u8>().is_ok() => Json(json!(number.parse::<u8>().unwrap_or_default())).into_response(),
            "php" => Json(json!({ "exception": "Error", "message": "Call to a member function on null" })).into_response(),
            code => Exception::new(code).into_response(),
        });
    }
    gate::before(line, fault, |status, code| match code {
        Some(code) => (status, Exception::new(code)).into_response(),
        None => (status, Html("<html><body>This site is just a moment away.</body></html>")).into_response(),
    })
    .await
}
