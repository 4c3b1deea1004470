//! Moodle, end to end: states that may be set again, and courses that must not be made twice.

mod creating;

use serde_json::{Value, json};
use tarishi_core::{Client, DeviceState, NewOperation, OperationRecord};
use tarishi_protocol::OperationId;
use tarishi_sandbox::{Adapter, Call, Effect, Fault, LedgerEntry, credentials};
use tarishi_server::{
    http::check_health,
    integrations::Change,
    store::{AttemptFilter, AttemptKind},
};

use super::world::{World, ended, enqueue, eventually, until};

fn fault(call: Call) -> Fault {
    Fault::on(Adapter::Moodle, call)
}

fn operation(action: &str, key: &str, payload: &Value) -> NewOperation {
    let mut operation = NewOperation::new("moodle".to_owned(), action.to_owned(), payload.to_string());
    operation.key = Some(key.to_owned());
    operation
}

fn enroll(key: &str, user: &str) -> NewOperation {
    let payload = json!({
        "user": { "by": "username", "value": user }, "course": { "by": "idnumber", "value": "FORM-2-MATH" },
        "start": "2026-01-05T00:00:00Z",
    });
    operation("enroll", key, &payload)
}

fn push(key: &str, course: &str, grades: &[(String, String)]) -> NewOperation {
    let grades: Vec<Value> = grades.iter().map(|(user, grade)| json!({ "user": user, "grade": grade })).collect();
    let course = json!({ "by": "idnumber", "value": course });
    operation("sync_grades", key, &json!({ "direction": "push", "course": course, "item": "CAT-1", "grades": grades }))
}

fn pull(key: &str, course: &str) -> NewOperation {
    let course = json!({ "by": "idnumber", "value": course });
    operation("sync_grades", key, &json!({ "direction": "pull", "course": course, "item": "CAT-1" }))
}

fn grades(numbers: std::ops::RangeInclusive<u32>, grade: &str) -> Vec<(String, String)> {
    numbers.map(|number| (format!("S{number:04}"), grade.to_owned())).collect()
}

fn ledger(world: &World, effect: Effect) -> Vec<LedgerEntry> {
    world.hosted.sandbox.ledger().into_iter().filter(|entry| entry.effect == effect).collect()
}

/// Calls that were made, without those that only looked something up and went on.
async fn effect_calls(world: &World, id: OperationId) -> usize {
    let filter = AttemptFilter { tenant: "default".to_owned(), operation: Some(id), limit: 500, ..AttemptFilter::default() };
    let attempts = world.hosted.server.app().store.attempts(filter).await.unwrap();
    attempts.iter().filter(|line| line.kind == AttemptKind::Effect && line.result.as_deref() != Some("next")).count()
}

async fn set(world: &World, name: &str, text: &str) {
    let settings = [(name.to_owned(), Some(text.to_owned()))].into_iter().collect();
    let change = Change { settings, ..Change::default() };
    world.hosted.server.app().change_integration("default", "moodle", change).await.unwrap();
}

/// One operation to its end.
async fn done(world: &World, new: NewOperation) -> (Client, OperationRecord) {
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, new).await;
    let record = ended(&phone, record.id).await;
    (phone, record)
}

async fn succeeded(world: &World, new: NewOperation) -> (Client, OperationRecord) {
    let (phone, record) = done(world, new).await;
    assert_eq!(record.state, DeviceState::Succeeded, "{:?}", record.problem);
    (phone, record)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_is_enrolled_once_however_often_it_is_asked_for() {
    let world = World::start().await;
    let (phone, record) = succeeded(&world, enroll("enrol-1", "S0100")).await;
    assert_eq!(record.outcome.unwrap(), json!({ "enrolled": true }));
    let again = enqueue(&phone, enroll("enrol-2", "s0100")).await;
    assert_eq!(ended(&phone, again.id).await.state, DeviceState::Succeeded);
    let ledger = ledger(&world, Effect::Enrolment);
    assert_eq!(ledger.len(), 1);
    assert_eq!((ledger[0].to.as_deref(), ledger[0].path.as_deref()), (Some("S0100"), Some("FORM-2-MATH")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_survives_every_lost_answer_and_happens_once() {
    for (fault, calls) in [
        (fault(Call::Enroll).timeout_after(), 2),
        (fault(Call::Enroll).timeout_before(), 2),
        (fault(Call::Enroll).status(502), 2),
        (fault(Call::Enroll).status(200), 2),
        (fault(Call::Enroll).result("php"), 2),
        (fault(Call::Enroll).result("dmlwriteexception"), 2),
        (fault(Call::Query).timeout_after(), 2),
        (fault(Call::Query).status(200), 2),
    ] {
        let world = World::start().await;
        world.hosted.sandbox.add_fault(fault.clone().times(1));
        let (_, record) = succeeded(&world, enroll("enrol-1", "S0100")).await;
        assert_eq!((ledger(&world, Effect::Enrolment).len(), effect_calls(&world, record.id).await), (1, calls), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_within_200_reaches_the_device_with_a_clear_problem_and_nothing_of_moodles_text() {
    for (faulty, new, code, provider_code) in [
        (Some(fault(Call::Enroll).result("wsnoinstance")), enroll("e", "S0100"), "provider_rejected", Some("wsnoinstance")),
        (Some(fault(Call::Enroll).result("nopermissions")), enroll("e", "S0100"), "misconfigured", Some("nopermissions")),
        (Some(fault(Call::Query).result("invalidtoken")), enroll("e", "S0100"), "misconfigured", Some("invalidtoken")),
        (
            Some(fault(Call::Query).result("invalidrecordunknown")),
            enroll("e", "S0100"),
            "unsupported",
            Some("invalidrecordunknown"),
        ),
        (Some(fault(Call::Query).status(403)), enroll("e", "S0100"), "misconfigured", None),
        (Some(fault(Call::Query).status(303)), enroll("e", "S0100"), "misconfigured", Some("MOODLE_BASE_URL_MISMATCH")),
        (None, enroll("e", "nobody"), "not_found", None),
        (None, push("g", "FORM-9", &grades(1..=1, "5")), "not_found", None),
    ] {
        let world = World::start().await;
        if let Some(fault) = faulty {
            world.hosted.sandbox.add_fault(fault);
        }
        let (_, record) = done(&world, new).await;
        let problem = record.problem.unwrap();
        assert_eq!(
            (record.state, problem.code.as_str(), problem.provider_code.as_deref()),
            (DeviceState::Failed, code, provider_code)
        );
        assert!(
            !problem.detail.contains("language") && !problem.detail.contains(credentials::MOODLE_TOKEN),
            "{}",
            problem.detail
        );
        assert!(world.hosted.sandbox.ledger().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_is_refused_by_the_site_and_shown_to_nobody() {
    let world = World::start().await;
    let token = "ffffffffffffffffffffffffffffffff";
    // The sandbox's own credentials stand above the operator's; a tenant's own stand above both.
    set(&world, "token", token).await;
    let (_, record) = done(&world, enroll("enrol-1", "S0100")).await;
    let problem = record.problem.unwrap();
    assert_eq!((problem.code.as_str(), problem.provider_code.as_deref()), ("misconfigured", Some("invalidtoken")));
    let filter =
        AttemptFilter { tenant: "default".to_owned(), operation: Some(record.id), limit: 9, ..AttemptFilter::default() };
    let shown = format!("{problem:?} {:?}", world.hosted.server.app().store.attempts(filter).await.unwrap());
    assert!(!shown.contains(token), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_under_maintenance_is_waited_for_and_the_whole_lane_with_it() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::Query).result("sitemaintenance").times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, enroll("enrol-1", "S0100")).await;
    until(&phone, record.id, |state| state == DeviceState::Accepted).await;
    let app = world.hosted.server.app();
    eventually("the lane is closed", async || {
        let lane = app.store.lane("default", "moodle").await.unwrap();
        lane.is_some_and(|lane| lane.not_before > app.clock.now_ms() + 60_000)
    })
    .await;
    app.store.reset_lane("default", "moodle").await.unwrap();
    assert_eq!(world.row(record.id).await.attempts, 0, "waiting costs no try");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grades_are_pushed_whole_and_pulled_back() {
    let world = World::start().await;
    let mut wanted = grades(1..=12, "71.5");
    wanted.extend([
        ("S0013".to_owned(), "80".to_owned()),
        ("S0014".to_owned(), "101".to_owned()),
        ("S0500".to_owned(), "5".to_owned()),
    ]);
    let (phone, record) = succeeded(&world, push("push-1", "FORM-2-MATH", &wanted)).await;
    let outcome = record.outcome.unwrap();
    assert_eq!(outcome["grades"].as_array().unwrap().len(), 12);
    let skipped: Vec<&str> = outcome["skipped"].as_array().unwrap().iter().map(|one| one["user"].as_str().unwrap()).collect();
    assert_eq!(skipped, ["S0500", "S0014", "S0013"], "not enrolled, too high, overridden by a teacher");
    // Moodle would have taken a grade of anybody.
    assert_eq!(ledger(&world, Effect::Grade).len(), 13);
    let pulled = enqueue(&phone, pull("pull-1", "FORM-2-MATH")).await;
    let outcome = ended(&phone, pulled.id).await.outcome.unwrap();
    let pulled = outcome["grades"].as_array().unwrap();
    assert_eq!(pulled.len(), 13);
    assert!(
        pulled.contains(&json!({ "user": "S0001", "grade": "71.5" }))
            && pulled.contains(&json!({ "user": "S0013", "grade": "50" }))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grades_survive_every_lost_answer_and_are_written_once_each() {
    for fault in [
        fault(Call::SyncGrades).timeout_after(),
        fault(Call::SyncGrades).timeout_before(),
        fault(Call::SyncGrades).status(504),
        fault(Call::SyncGrades).status(200),
        fault(Call::SyncGrades).result("dmltransactionexception"),
        fault(Call::Query).timeout_before(),
    ] {
        let world = World::start().await;
        world.hosted.sandbox.add_fault(fault.clone().times(1));
        let (_, record) = succeeded(&world, push("push-1", "FORM-2-MATH", &grades(1..=10, "64"))).await;
        assert_eq!(record.outcome.unwrap()["grades"].as_array().unwrap().len(), 10);
        assert_eq!(ledger(&world, Effect::Grade).len(), 10, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_class_is_graded_in_parts_and_a_part_that_was_lost_is_written_again() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::SyncGrades).timeout_after().times(1));
    world.hosted.sandbox.add_fault(fault(Call::SyncGrades).timeout_before().times(1));
    let wanted: Vec<(String, String)> = grades(1..=120, "64").into_iter().filter(|(user, _)| user != "S0013").collect();
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, push("push-1", "FORM-1-ALL", &wanted)).await;
    // More than 25 people: what the gradebook holds is then read one by one.
    let outcome = ended(&phone, record.id).await.outcome.unwrap();
    assert_eq!(outcome["grades"].as_array().unwrap().len(), 119);
    let ledger = ledger(&world, Effect::Grade);
    let users: std::collections::BTreeSet<String> = ledger.iter().filter_map(|entry| entry.to.clone()).collect();
    assert_eq!((ledger.len(), users.len()), (119, 119), "each was written, and once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_item_is_no_success_though_moodle_answers_like_one() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::SyncGrades).result("4"));
    let (_, record) = done(&world, push("push-1", "FORM-2-MATH", &grades(1..=3, "64"))).await;
    assert_eq!((record.state, record.problem.unwrap().provider_code.as_deref()), (DeviceState::Failed, Some("GRADE_LOCKED")));
    assert!(ledger(&world, Effect::Grade).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn courses_are_listed_whatever_is_lost_meanwhile() {
    for fault in [
        None,
        Some(fault(Call::Query).timeout_after()),
        Some(fault(Call::Query).status(200)),
        Some(fault(Call::Query).result("php")),
    ] {
        let world = World::start().await;
        if let Some(fault) = fault {
            world.hosted.sandbox.add_fault(fault.times(1));
        }
        let (phone, record) = succeeded(&world, operation("sync_courses", "all", &json!({}))).await;
        let outcome = record.outcome.unwrap();
        let mut names: Vec<&str> =
            outcome["courses"].as_array().unwrap().iter().map(|one| one["idnumber"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["FORM-1-ALL", "FORM-2-MATH"]);
        let one = enqueue(&phone, operation("sync_courses", "one", &json!({ "category": "FORM-1" }))).await;
        let outcome = ended(&phone, one.id).await.outcome.unwrap();
        assert_eq!(outcome["courses"].as_array().unwrap().len(), 1);
        assert_eq!(outcome["courses"][0]["idnumber"], "FORM-1-ALL");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_asks_the_site() {
    let world = World::start().await;
    let app = world.hosted.server.app();
    let health = check_health(app, "default", "moodle").await.unwrap().unwrap();
    assert_eq!(health.status, "ok", "{}", health.message);
}
